"""Tokens to one vector a frame: f5-tts's TextEmbedding (f5_tts/model/backbones/dit.py), for one item at a time.

One at a time because its global response normalisation sums over the length: padding would change the result.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ishowtts.engine.arch import DiTConfig


class _GRN(nn.Module):
    """Global response normalisation, ConvNeXt V2 (arXiv 2301.00808)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, dim))
        self.beta = nn.Parameter(torch.zeros(1, 1, dim))

    def forward(self, x: Tensor) -> Tensor:
        energy = torch.linalg.vector_norm(x, dim=1, keepdim=True)
        out: Tensor = self.gamma * (x * (energy / (energy.mean(dim=-1, keepdim=True) + 1e-6))) + self.beta + x
        return out


class _ConvNeXtV2(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv1d(dim, dim, kernel_size=7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.pwconv1 = nn.Linear(dim, 2 * dim)
        self.grn = _GRN(2 * dim)
        self.pwconv2 = nn.Linear(2 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.norm(self.dwconv(x.transpose(1, 2)).transpose(1, 2))
        out: Tensor = x + self.pwconv2(self.grn(F.gelu(self.pwconv1(hidden))))
        return out


class TextEmbedding(nn.Module):
    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.dim = config.text_width
        self.mask_padding = config.text_mask_padding
        self.average = config.text_embedding_average_upsampling
        self.text_embed = nn.Embedding(config.text_num_embeds + 1, self.dim)  # 0 is the filler
        self.text_blocks = nn.Sequential(*[_ConvNeXtV2(self.dim) for _ in range(config.conv_layers)])

    def forward(self, tokens: Tensor, frames: int, *, drop: bool) -> Tensor:
        """[tokens] -> [frames, text width]; ``drop`` gives the unconditional branch of the same text length."""
        ids = F.pad(tokens[:frames] + 1, (0, max(frames - len(tokens), 0)))[None]
        filler = (ids == 0)[..., None]
        x: Tensor = self.text_embed(torch.zeros_like(ids) if drop else ids)
        if len(self.text_blocks):
            x = x + self._positions(frames, x)
            x = x.masked_fill(filler, 0.0) if self.mask_padding else x
            for block in self.text_blocks:
                x = block(x)
                x = x.masked_fill(filler, 0.0) if self.mask_padding else x
        x = x[0]
        return self._upsample(x, int((~filler).sum()), frames) if self.average else x

    def _positions(self, frames: int, like: Tensor) -> Tensor:
        """Rotary angles used as an additive embedding (precompute_freqs_cis): cos half, then sin half."""
        exponents = torch.arange(0, self.dim, 2, device=like.device)[: self.dim // 2].float() / self.dim
        angles = torch.outer(torch.arange(frames, device=like.device).float(), 1.0 / 10000**exponents)
        return torch.cat((angles.cos(), angles.sin()), dim=-1).to(like.dtype)

    @staticmethod
    def _upsample(x: Tensor, length: int, frames: int) -> Tensor:
        """Spread ``length`` token vectors evenly over ``frames``; the last ones get the remainder."""
        if not length:
            return torch.zeros_like(x)
        repeats = torch.full((length,), frames // length, device=x.device)
        repeats[length - frames % length :] += 1
        return x[:length].repeat_interleave(repeats, dim=0)
