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
from ishowtts.engine.text_encoder import TextEmbedding

EPS = 1e-6


@dataclass(frozen=True)
class Modulation:
    """AdaLN shifts, scales and gates of one ODE step: they depend on the time alone, so a table serves a schedule."""

    blocks: Tensor  # [depth, 6, d]: shift, scale, gate of the attention, then of the feed-forward
    final: Tensor  # [2, d]: scale, shift


@dataclass(frozen=True)
class Rotary:
    """cos and sin of the rotary angles, [h or 1, n, dim_head / 2]; heads that do not rotate have cos 1, sin 0."""

    cos: Tensor
    sin: Tensor


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
    def __init__(self, dim: int, kernel: int = 31, groups: int = 16) -> None:
        super().__init__()
        convs = [nn.Conv1d(dim, dim, kernel, groups=groups, padding=kernel // 2) for _ in range(2)]
        self.conv1d = nn.Sequential(convs[0], nn.Mish(), convs[1], nn.Mish())

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """[b, n, d] -> [b, n, d]; frames where ``mask`` [b, n] is False stay zero between the layers."""
        x = x.transpose(1, 2)
        hidden = None if mask is None else ~mask[:, None]
        if hidden is not None:
            x = x.masked_fill(hidden, 0.0)
        for layer in self.conv1d:
            x = layer(x)
            if hidden is not None and isinstance(layer, nn.Conv1d):
                x = x.masked_fill(hidden, 0.0)
        return x.transpose(1, 2)


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

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight, EPS)


class _Attention(nn.Module):
    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.heads, inner = config.heads, config.heads * config.dim_head
        self.to_q, self.to_k, self.to_v = (nn.Linear(config.dim, inner) for _ in range(3))
        self.to_out = nn.ModuleList([nn.Linear(inner, config.dim)])
        normed = config.qk_norm == "rms_norm"
        self.q_norm = _RMSNorm(config.dim_head) if normed else nn.Identity()
        self.k_norm = _RMSNorm(config.dim_head) if normed else nn.Identity()
        self.qkv: nn.Linear | None = None

    def fuse(self) -> None:
        """Put the three projections into one product; their own parameters are given up."""
        parts = (self.to_q, self.to_k, self.to_v)
        weight, bias = torch.cat([p.weight for p in parts]), torch.cat([p.bias for p in parts])
        self.qkv = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
        self.qkv.weight = nn.Parameter(weight, requires_grad=False)
        self.qkv.bias = nn.Parameter(bias, requires_grad=False)
        del self.to_q, self.to_k, self.to_v

    def forward(self, x: Tensor, rotary: Rotary, keys: Tensor | None) -> Tensor:
        assert self.qkv is not None, "fuse() first"
        b, n, _ = x.shape
        q, k, v = self.qkv(x).view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k = _rotate(self.q_norm(q), rotary), _rotate(self.k_norm(k), rotary)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=keys)
        out: Tensor = self.to_out[0](attended.transpose(1, 2).reshape(b, n, -1))
        return out


class _FeedForward(nn.Module):
    def __init__(self, dim: int, mult: int) -> None:
        super().__init__()
        inner = int(dim * mult)
        # Upstream has a dropout between the two: the gap in the numbering keeps its parameter names.
        first = nn.Sequential(nn.Linear(dim, inner), nn.GELU(approximate="tanh"))
        self.ff = nn.Sequential(first, nn.Identity(), nn.Linear(inner, dim))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.ff(x)
        return out


class _Block(nn.Module):
    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.attn_norm = _Modulate(config.dim, 6)
        self.attn = _Attention(config)
        self.ff = _FeedForward(config.dim, config.ff_mult)

    def forward(self, x: Tensor, modulation: Tensor, rotary: Rotary, keys: Tensor | None) -> Tensor:
        shift, scale, gate, ff_shift, ff_scale, ff_gate = modulation.unbind(0)
        x = x + gate * self.attn(_norm(x) * (1 + scale) + shift, rotary, keys)
        out: Tensor = x + ff_gate * self.ff(_norm(x) * (1 + ff_scale) + ff_shift)
        return out


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

    def fuse(self) -> DiT:
        """Make it ready for inference, once, after loading."""
        for block in self._blocks:
            block.attn.fuse()
        return self.eval().requires_grad_(False)

    def modulations(self, times: Tensor) -> list[Modulation]:
        """The table of a schedule: one Modulation for each of ``times`` [t]."""
        time = self.time_embed(times)
        d = self.config.dim
        blocks = torch.stack([block.attn_norm(time).view(-1, 6, d) for block in self._blocks], dim=1)
        final = self.norm_out(time).view(-1, 2, d)
        return [Modulation(blocks[i], final[i]) for i in range(len(times))]

    def rotary(self, frames: int) -> Rotary:
        """Angles are built in fp32: in fp16 they are off by 0.3 rad at 875 frames."""
        config = self.config
        device, dtype = self.proj_out.weight.device, self.proj_out.weight.dtype
        exponents = torch.arange(0, config.dim_head, 2, device=device).float() / config.dim_head
        angles = torch.outer(torch.arange(frames, device=device).float(), 1.0 / 10000**exponents)
        cos, sin = angles.cos()[None], angles.sin()[None]
        if config.pe_attn_head is not None:
            still = (config.heads - config.pe_attn_head, *angles.shape)
            cos = torch.cat((cos.expand(config.pe_attn_head, -1, -1), torch.ones(still, device=device)))
            sin = torch.cat((sin.expand(config.pe_attn_head, -1, -1), torch.zeros(still, device=device)))
        return Rotary(cos.to(dtype), sin.to(dtype))

    def velocity(
        self, y: Tensor, constant: Tensor, modulation: Modulation, rotary: Rotary, mask: Tensor | None
    ) -> Tensor:
        """dy/dt of one ODE step.

        y [b / copies, n, mel] is shared by the conditional and unconditional rows of ``constant`` [b, n, d];
        ``mask`` [b, n] is True on the frames of each row, or None where all rows are full. Returns [b, n, mel].
        """
        noise = self.input_embed.noise(y)
        x = noise.repeat(constant.shape[0] // y.shape[0], 1, 1) + constant
        x = self.input_embed.conv_pos_embed(x, mask) + x
        first, keys = x, None if mask is None else mask[:, None, None]
        for i, block in enumerate(self._blocks):
            x = block(x, modulation.blocks[i], rotary, keys)
        if self.long_skip_connection is not None:
            x = self.long_skip_connection(torch.cat((x, first), dim=-1))
        scale, shift = modulation.final.unbind(0)
        out: Tensor = self.proj_out(_norm(x) * (1 + scale) + shift)
        return out


def _norm(x: Tensor) -> Tensor:
    return F.layer_norm(x, (x.shape[-1],), eps=EPS)


def _rotate(x: Tensor, rotary: Rotary) -> Tensor:
    """Rotary embedding on interleaved pairs, as in x_transformers: [b, h, n, dim_head]."""
    even, odd = x[..., 0::2], x[..., 1::2]
    cos, sin = rotary.cos, rotary.sin
    return torch.stack((even * cos - odd * sin, odd * cos + even * sin), dim=-1).flatten(-2)
