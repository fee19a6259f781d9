"""Tokens to one vector a frame: f5-tts's TextEmbedding (f5_tts/model/backbones/dit.py).

Its global response normalisation sums over the length, so frames beyond an item's own are kept out of that sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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

    def forward(self, x: Tensor, outside: Tensor | None) -> Tensor:
        counted = x if outside is None else x.masked_fill(outside, 0.0)
        energy = torch.linalg.vector_norm(counted, dim=1, keepdim=True)
        share = energy / (energy.mean(dim=-1, keepdim=True) + 1e-6)
        return torch.addcmul(self.beta, x, self.gamma * share + 1)  # gamma * share * x + beta + x


class _ConvNeXtV2(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv1d(dim, dim, kernel_size=7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.pwconv1 = nn.Linear(dim, 2 * dim)
        self.grn = _GRN(2 * dim)
        self.pwconv2 = nn.Linear(2 * dim, dim)

    def forward(self, x: Tensor, outside: Tensor | None) -> Tensor:
        hidden = self.norm(self.dwconv(x.transpose(1, 2)).transpose(1, 2))
        out: Tensor = x + self.pwconv2(self.grn(F.gelu(self.pwconv1(hidden)), outside))
        return out


@dataclass(frozen=True)
class Text:
    """The texts of some items, as long as their frames: b items, n frames."""

    ids: Tensor  # int32 [b, n]: token + 1, then 0, the filler
    tokens: Tensor  # int32 [b]: how many of them are tokens
    source: Tensor  # int32 [b, n]: the token that stands over each frame; used with average upsampling
    lengths: Tensor | None  # int32 [b]: frames of each item, or None where all have n

    @staticmethod
    def size(items: int, frames: int) -> int:
        """Of the memory that ids, tokens and source take together."""
        return items * (2 * frames + 1)

    @staticmethod
    def over(flat: Tensor, items: int, frames: int, lengths: Tensor | None) -> Text:
        """Views of ``flat``, so that all can be copied at once."""
        ids, source = flat[: 2 * items * frames].view(2, items, frames)
        return Text(ids, flat[2 * items * frames :][:items], source, lengths)

    def write(self, tokens: Sequence[Sequence[int]], lengths: Sequence[int], *, spread: bool) -> None:
        """On the CPU: the tokens of each item and, for average upsampling (``spread``), where they stand."""
        self.ids.zero_()
        self.source.zero_()
        for i, (item, length) in enumerate(zip(tokens, lengths, strict=True)):
            count = min(len(item), length)
            self.ids[i, :count] = torch.tensor(item[:count]) + 1
            self.tokens[i] = count
            if spread:
                self.source[i, :length] = _spread(count, length)


def _spread(tokens: int, frames: int) -> Tensor:
    """Each frame's token when ``tokens`` are spread evenly over ``frames``; the last ones get the remainder."""
    if not tokens:
        return torch.zeros(frames, dtype=torch.long)
    each, more = divmod(frames, tokens)
    plain = (tokens - more) * each
    at = torch.arange(frames)
    return torch.where(at < plain, at // max(each, 1), tokens - more + (at - plain) // (each + 1))


class TextEmbedding(nn.Module):
    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.dim = config.text_width
        self.mask_padding = config.text_mask_padding
        self.average = config.text_embedding_average_upsampling
        self.text_embed = nn.Embedding(config.text_num_embeds + 1, self.dim)  # 0 is the filler
        self.text_blocks = nn.ModuleList([_ConvNeXtV2(self.dim) for _ in range(config.conv_layers)])

    def forward(self, text: Text, *, guided: bool) -> Tensor:
        """[b or 2 b, n, text width]: the items, then (``guided``) the same lengths without their text."""
        n = text.ids.shape[1]
        frames = torch.arange(n, device=text.ids.device)[None, :, None]
        outside = None if text.lengths is None else frames >= text.lengths[:, None, None]
        hidden = frames >= text.tokens[:, None, None] if self.mask_padding else outside
        ids = text.ids
        if guided:
            ids = torch.cat((ids, torch.zeros_like(ids)))
            outside, hidden = (None if x is None else torch.cat((x, x)) for x in (outside, hidden))
        x: Tensor = self.text_embed(ids)
        if len(self.text_blocks):
            x = x + self._positions(n, x)
            x = x if hidden is None else x.masked_fill(hidden, 0.0)
            for block in self.text_blocks:
                x = block(x, outside)
                x = x if hidden is None else x.masked_fill(hidden, 0.0)
        return self._upsample(x, text) if self.average else x

    def _positions(self, frames: int, like: Tensor) -> Tensor:
        """Rotary angles used as an additive embedding (precompute_freqs_cis): cos half, then sin half."""
        exponents = torch.arange(0, self.dim, 2, device=like.device)[: self.dim // 2].float() / self.dim
        angles = torch.outer(torch.arange(frames, device=like.device).float(), 1.0 / 10000**exponents)
        return torch.cat((angles.cos(), angles.sin()), dim=-1).to(like.dtype)

    @staticmethod
    def _upsample(x: Tensor, text: Text) -> Tensor:
        """Every frame takes its token's vector; an item without tokens is all zeros."""
        copies = len(x) // len(text.ids)
        source = text.source.long().repeat(copies, 1)[..., None].expand_as(x)
        empty = (text.tokens == 0).repeat(copies)[:, None, None]
        return x.gather(1, source).masked_fill(empty, 0.0)
