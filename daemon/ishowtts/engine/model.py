"""The F5-TTS diffusion transformer (DiT), inference only.

Same parameters under the same names as f5-tts's (f5_tts/model/backbones/dit.py, modules.py), so its checkpoints load
unchanged; the forward is arranged for sampling: what does not change from step to step is computed once per request.
Shapes: b rows (conditional rows first, then unconditional), n frames, d model width, h heads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ishowtts.engine.arch import DiTConfig
from ishowtts.engine.ops import POSITION_GROUPS, POSITION_KERNEL, Norms, Ops, TorchOps
from ishowtts.engine.text_encoder import TextEmbedding


@dataclass(frozen=True)
class Batch:
    """What stays the same from step to step. Rows: the conditional ones, then (when guided) the unconditional ones."""

    constant: Tensor  # [b, n, d]: what reference and text add to the input projection
    turns: Tensor  # [n, h or 1, dim_head / 2], complex: the rotary embedding
    lengths: Tensor | None  # int32 [b], or None where every row has n frames


class _TimeEmbedding(nn.Module):
    def __init__(self, dim: int, width: int = 256) -> None:
        super().__init__()
        self.width = width
        self.time_mlp = nn.Sequential(nn.Linear(width, dim), nn.SiLU(), nn.Linear(dim, dim))

    @property
    def dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype

    def forward(self, times: Tensor) -> Tensor:
        """[t] -> [t, d]. Sinusoids as in DDPM with the time scaled by 1000."""
        half = self.width // 2
        step = math.log(10000) / (half - 1)
        rates = torch.exp(torch.arange(half, device=times.device, dtype=torch.float32) * -step)
        angles = 1000 * times[:, None].float() * rates[None]
        hidden = torch.cat((angles.sin(), angles.cos()), dim=-1)
        out: Tensor = self.time_mlp(hidden.to(self.dtype))
        return out


class _ConvPositionEmbedding(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        convs = [
            nn.Conv1d(dim, dim, POSITION_KERNEL, groups=POSITION_GROUPS, padding=POSITION_KERNEL // 2) for _ in range(2)
        ]
        # Upstream has a Mish after each: the gap in the numbering keeps its parameter names.
        self.conv1d = nn.ModuleList([convs[0], nn.Identity(), convs[1]])
        self.weights: list[Tensor] = []

    def fuse(self, ops: Ops) -> None:
        self.weights = [ops.convolution(conv) for conv in self._convs]

    @property
    def _convs(self) -> list[nn.Conv1d]:
        return [cast("nn.Conv1d", self.conv1d[i]) for i in (0, 2)]

    def forward(self, x: Tensor, lengths: Tensor | None, ops: Ops) -> Tensor:
        """[b, n, d] -> [b, n, d]"""
        for conv, weight in zip(self._convs, self.weights, strict=True):
            x = ops.conv_mish(x, weight, cast("Tensor", conv.bias), lengths)
        return x


class _InputEmbedding(nn.Module):
    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.mel_dim = config.mel_dim
        self.proj = nn.Linear(2 * config.mel_dim + config.text_width, config.dim)
        self.conv_pos_embed = _ConvPositionEmbedding(config.dim)

    def constant(self, cond: Tensor, text: Tensor) -> Tensor:
        """What reference and text add to every step: [b, n, mel] and [b, n, text] -> [b, n, d]."""
        return F.linear(torch.cat((cond, text), dim=-1), self.proj.weight[:, self.mel_dim :], self.proj.bias)

    def noise(self, y: Tensor) -> Tensor:
        """The part of the ODE's state: [b, n, mel] -> [b, n, d]."""
        return F.linear(y, self.proj.weight[:, : self.mel_dim])


class _Modulate(nn.Module):
    def __init__(self, dim: int, parts: int) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, parts * dim)

    def forward(self, time: Tensor) -> Tensor:
        out: Tensor = self.linear(F.silu(time))
        return out


class _RMSNorm(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))


class _Attention(nn.Module):
    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.heads, inner = config.heads, config.heads * config.dim_head
        self.to_q, self.to_k, self.to_v = (nn.Linear(config.dim, inner) for _ in range(3))
        self.to_out = nn.ModuleList([nn.Linear(inner, config.dim)])
        normed = config.qk_norm == "rms_norm"
        self.q_norm = _RMSNorm(config.dim_head) if normed else None
        self.k_norm = _RMSNorm(config.dim_head) if normed else None
        self.qkv: nn.Linear | None = None

    def fuse(self) -> None:
        """Put the three projections into one product; their own parameters are given up."""
        parts = (self.to_q, self.to_k, self.to_v)
        weight, bias = torch.cat([p.weight for p in parts]), torch.cat([p.bias for p in parts])
        self.qkv = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
        self.qkv.weight = nn.Parameter(weight, requires_grad=False)
        self.qkv.bias = nn.Parameter(bias, requires_grad=False)
        del self.to_q, self.to_k, self.to_v

    def forward(self, x: Tensor, batch: Batch, ops: Ops) -> Tensor:
        assert self.qkv is not None, "fuse() first"
        norms = Norms(self.q_norm.weight, self.k_norm.weight) if self.q_norm and self.k_norm else None
        qkv = self.qkv(x).view(*x.shape[:-1], 3, self.heads, -1)
        out: Tensor = self.to_out[0](ops.attend(qkv, batch.turns, norms, batch.lengths))
        return out


class _FeedForward(nn.Module):
    def __init__(self, dim: int, mult: int) -> None:
        super().__init__()
        inner = int(dim * mult)
        # Upstream has a GELU and a dropout between the two: the nesting and the gap keep its parameter names.
        self.ff = nn.ModuleList([nn.ModuleList([nn.Linear(dim, inner)]), nn.Identity(), nn.Linear(inner, dim)])

    def forward(self, x: Tensor, ops: Ops) -> Tensor:
        first, second = cast("nn.ModuleList", self.ff[0])[0], self.ff[2]
        hidden = ops.linear_gelu(x, cast("nn.Linear", first))
        out: Tensor = second(hidden)
        return out


class _Block(nn.Module):
    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.attn_norm = _Modulate(config.dim, 6)
        self.attn = _Attention(config)
        self.ff = _FeedForward(config.dim, config.ff_mult)


class DiT(nn.Module):
    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.config = config
        self.time_embed = _TimeEmbedding(config.dim)
        self.text_embed = TextEmbedding(config)
        self.input_embed = _InputEmbedding(config)
        self.transformer_blocks = nn.ModuleList([_Block(config) for _ in range(config.depth)])
        skip = config.long_skip_connection
        self.long_skip_connection = nn.Linear(2 * config.dim, config.dim, bias=False) if skip else None
        self.norm_out = _Modulate(config.dim, 2)
        self.proj_out = nn.Linear(config.dim, config.mel_dim)

    @property
    def _blocks(self) -> list[_Block]:
        """The transformer blocks, for the type checker."""
        return cast("list[_Block]", self.transformer_blocks)

    def fuse(self, ops: Ops | None = None) -> DiT:
        """Make it ready for inference, once, after loading and on its device."""
        self.ops = ops or TorchOps()
        for block in self._blocks:
            block.attn.fuse()
        self.input_embed.conv_pos_embed.fuse(self.ops)
        return self.eval().requires_grad_(False)

    @property
    def dtype(self) -> torch.dtype:
        return self.proj_out.weight.dtype

    @property
    def device(self) -> torch.device:
        return self.proj_out.weight.device

    def modulations(self, times: Tensor) -> Tensor:
        """The AdaLN table of a schedule, [t, 6 * depth + 2, d] for ``times`` [t]: it depends on the time alone.

        A block has shift, scale and gate of its attention, then of its feed-forward; the last two are scale and shift
        of the final norm. Scales are stored as 1 + scale, the way they are used.
        """
        time = self.time_embed(times)
        parts = [block.attn_norm(time).view(-1, 6, self.config.dim) for block in self._blocks]
        table = torch.cat([*parts, self.norm_out(time).view(-1, 2, self.config.dim)], dim=1)
        depth = self.config.depth
        scales = [6 * i + j for i in range(depth) for j in (1, 4)] + [6 * depth]
        table[:, scales] += 1
        return table

    def turns(self, frames: int) -> Tensor:
        """Rotary angles as cos + i sin [frames, h or 1, dim_head / 2].

        In fp32, always: built in fp16 they are off by 0.3 rad at 875 frames. Heads that do not turn (pe_attn_head)
        have 1.
        """
        config = self.config
        exponents = torch.arange(0, config.dim_head, 2, device=self.device).float() / config.dim_head
        angles = torch.outer(torch.arange(frames, device=self.device).float(), 1.0 / 10000**exponents)[:, None]
        if config.pe_attn_head is not None:
            angles = angles.repeat(1, config.heads, 1)
            angles[:, config.pe_attn_head :] = 0
        return torch.polar(torch.ones_like(angles), angles)

    def velocity(self, y: Tensor, batch: Batch, modulation: Tensor) -> Tensor:
        """dy/dt of one ODE step: [b, n, mel].

        y [b / copies, n, mel] is shared by the conditional and the unconditional rows of the batch; ``modulation``
        [6 * depth + 2, d] is one row of the table.
        """
        ops, blocks = self.ops, self._blocks
        copies = batch.constant.shape[0] // y.shape[0]
        x = (self.input_embed.noise(y)[None] + batch.constant.view(copies, *y.shape[:-1], -1)).flatten(0, 1)
        x = self.input_embed.conv_pos_embed(x, batch.lengths, ops) + x
        first = x.clone() if self.long_skip_connection is not None else None
        rows = modulation.unbind(0)
        h = ops.norm(x, rows[1], rows[0])
        for i, block in enumerate(blocks):
            _, _, gate, ff_shift, ff_scale, ff_gate = rows[6 * i : 6 * i + 6]
            x, h = ops.add_norm(x, block.attn(h, batch, ops), gate, ff_scale, ff_shift)
            last = i + 1 == len(blocks)
            scale, shift = (rows[-2], rows[-1]) if last else (rows[6 * i + 7], rows[6 * i + 6])
            x, h = ops.add_norm(x, block.ff(h, ops), ff_gate, scale, shift)
        if self.long_skip_connection is not None and first is not None:
            h = ops.norm(self.long_skip_connection(torch.cat((x, first), dim=-1)), rows[-2], rows[-1])
        out: Tensor = self.proj_out(h)
        return out
