"""The DiT's forward on whole batches without padding, on the parameters of the engine's own module.

Utterances are chosen so that all samples of a batch have one number of frames; what only inference needs is left out.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ishowtts.engine.model import DiT

BACKEND = os.environ.get("DEMO_COMPILER", "inductor")


def norm(x: Tensor) -> Tensor:
    return F.layer_norm(x, (x.shape[-1],), eps=1e-6)


def rms(x: Tensor, weight: Tensor) -> Tensor:
    x32 = x.float()
    return (x32 * torch.rsqrt(x32.square().mean(-1, keepdim=True) + 1e-6) * weight).to(x.dtype)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, odd * cos + even * sin), dim=-1).flatten(-2).to(x.dtype)


def block_forward(heads: int, x: Tensor, time_: Tensor, cos: Tensor, sin: Tensor, p: list[Tensor]) -> Tensor:
    """_Block: [b, n, d]; ``time_`` is silu(time embedding) [b, d]."""
    mod_w, mod_b, wq, bq, wk, bk, wv, bv, wo, bo, qn, kn, w1, b1, w2, b2 = p
    b, n, _d = x.shape
    shift, scale, gate, ff_shift, ff_scale, ff_gate = F.linear(time_, mod_w, mod_b)[:, None].chunk(6, dim=-1)
    h = (norm(x) * (1 + scale) + shift).to(x.dtype)
    qkv = F.linear(h, torch.cat((wq, wk, wv)), torch.cat((bq, bk, bv)))
    q, k, v = qkv.view(b, n, 3, heads, -1).permute(2, 0, 3, 1, 4)
    q, k = rotate(rms(q, qn), cos, sin), rotate(rms(k, kn), cos, sin)
    h = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, -1)
    x = (x + gate * F.linear(h, wo, bo)).to(x.dtype)
    h = (norm(x) * (1 + ff_scale) + ff_shift).to(x.dtype)
    h = F.linear(F.gelu(F.linear(h, w1, b1), approximate="tanh"), w2, b2)
    return (x + ff_gate * h).to(x.dtype)


def block_parameters(block: Any) -> list[Tensor]:
    a, ff, m = block.attn, block.ff.ff, block.attn_norm.linear
    return [
        m.weight, m.bias, a.to_q.weight, a.to_q.bias, a.to_k.weight, a.to_k.bias, a.to_v.weight, a.to_v.bias,
        a.to_out[0].weight, a.to_out[0].bias, a.q_norm.weight, a.k_norm.weight,
        ff[0][0].weight, ff[0][0].bias, ff[2].weight, ff[2].bias,
    ]  # fmt: skip


def text_block(x: Tensor, valid: Tensor, rest: Tensor, p: list[Tensor]) -> Tensor:
    """_ConvNeXtV2 on [b, m, d], whose last row stands for all ``rest`` further filler rows: they are all alike."""
    dw, db, nw, nb, w1, b1, gamma, beta, w2, b2 = p
    m = x.shape[1]
    padded = F.pad(x, (0, 0, 3, 3))
    h = db + sum(padded[:, i : i + m] * dw[:, 0, i] for i in range(7))
    h = F.gelu(F.linear(F.layer_norm(h, (h.shape[-1],), nw, nb, 1e-6), w1, b1)).float()
    square = h.square()
    energy = (square.sum(1, keepdim=True) + rest[:, None, None] * square[:, -1:] + 1e-12).sqrt()
    h = gamma * (h * (energy / (energy.mean(-1, keepdim=True) + 1e-6))) + beta + h
    return (x + F.linear(h, w2, b2)) * valid


def text_parameters(block: Any) -> list[Tensor]:
    return [
        block.dwconv.weight, block.dwconv.bias, block.norm.weight, block.norm.bias, block.pwconv1.weight,
        block.pwconv1.bias, block.grn.gamma, block.grn.beta, block.pwconv2.weight, block.pwconv2.bias,
    ]  # fmt: skip


def grouped_conv(x: Tensor, weight: Tensor, bias: Tensor, groups: int) -> Tensor:
    """Conv1d with groups on [b, n, d] as one batched matrix product: block-Toeplitz over chunks of ``q`` frames.

    cuDNN's grouped convolutions of 16 channels leave tensor cores idle. n must be a multiple of q.
    """
    b, n, d = x.shape
    k, c, q = weight.shape[2], d // groups, 24
    side, width, count = k // 2, q + k - 1, n // q
    x = x.view(b, count, q, d)
    before, after = F.pad(x[:, :-1, q - side :], (0, 0, 0, 0, 1, 0)), F.pad(x[:, 1:, :side], (0, 0, 0, 0, 0, 1))
    pieces = torch.cat((before, x, after), dim=2).view(b * count, width, groups, c)
    pieces = pieces.permute(2, 0, 1, 3).reshape(groups, b * count, width * c)
    # Row q of the Toeplitz matrix is the kernel moved by q: repeat it with period width + 1 and cut to width.
    rows = F.pad(weight.to(x.dtype), (0, q)).repeat(1, 1, q)[..., : q * width].reshape(groups, c, c, q, width)
    matrix = rows.permute(0, 4, 2, 3, 1).reshape(groups, width * c, q * c)
    out = torch.bmm(pieces, matrix).view(groups, b, count, q, c)
    return out.permute(1, 2, 3, 0, 4).reshape(b, n, d) + bias.to(out.dtype)


class Forward:
    """The forward of one batch shape after the other, on the parameters of ``dit``."""

    def __init__(self, dit: DiT, device: torch.device, *, compiled: bool) -> None:
        self.dit, self.device, self.config = dit, device, dit.config
        self.toeplitz = device.type == "cuda"
        self.use(compiled)
        dim = self.config.text_width
        exponents = torch.arange(0, dim, 2, device=device).float() / dim
        angles = torch.outer(torch.arange(1024, device=device).float(), 1.0 / 10000**exponents)
        self.positions = torch.cat((angles.cos(), angles.sin()), dim=-1)
        turns = dit.turns(1024)[:, 0]
        self.cos, self.sin = turns.real.contiguous(), turns.imag.contiguous()

    def use(self, compiled: bool) -> None:
        """Compiled once for the first shape and once, with what differs dynamic, for all others."""
        wrap = partial(torch.compile, fullgraph=True, backend=BACKEND) if compiled else lambda function: function
        self.block, self.text_block = wrap(partial(block_forward, self.config.heads)), wrap(text_block)

    def text(self, tokens: Tensor, count: Tensor, frames: int, drop: Tensor) -> Tensor:
        """[b, m] padded tokens, ``count`` of them, to [b, frames, d]; ``drop`` [b] leaves the text's length only."""
        embed = self.dit.text_embed
        m = tokens.shape[1]
        valid = torch.arange(m, device=self.device)[None] < count[:, None]
        ids = torch.where(valid & ~drop[:, None], tokens + 1, 0)
        table = embed.text_embed.weight  # a product, since an embedding's backward may wait for the device
        x = (ids[..., None] == torch.arange(len(table), device=self.device)).to(table.dtype) @ table
        mask = valid[..., None].float()
        x = (x + self.positions[:m]) * mask
        rest = torch.full_like(count, frames - m).float()
        for block in embed.text_blocks:
            x = self.text_block(x, mask, rest, text_parameters(block))
        base = frames // count
        cut = (count - (frames - base * count)) * base  # frames of the tokens before the longer ones
        f = torch.arange(frames, device=self.device)[None]
        head = f // base[:, None]
        tail = cut[:, None] // base[:, None] + (f - cut[:, None]) // (base + 1)[:, None]
        at = torch.where(f < cut[:, None], head, tail)
        return torch.gather(x, 1, at[..., None].expand(-1, -1, x.shape[-1]))

    def velocity(self, x: Tensor, cond: Tensor, text: Tensor, times: Tensor) -> Tensor:
        dit = self.dit
        time_ = F.silu(dit.time_embed(times))
        h = F.linear(torch.cat((x, cond, text), dim=-1), dit.input_embed.proj.weight, dit.input_embed.proj.bias)
        y = h
        for layer in (dit.input_embed.conv_pos_embed.conv1d[0], dit.input_embed.conv_pos_embed.conv1d[2]):
            if self.toeplitz:
                y = F.mish(grouped_conv(y, layer.weight, layer.bias, layer.groups))
            else:
                y = F.mish(layer(y.transpose(1, 2)).transpose(1, 2))
        h = h + y
        n = x.shape[1]
        for block in dit._blocks:
            h = self.block(h, time_, self.cos[:n], self.sin[:n], block_parameters(block))
        scale, shift = dit.norm_out.linear(time_)[:, None].chunk(2, dim=-1)
        return dit.proj_out(norm(h) * (1 + scale) + shift).float()
