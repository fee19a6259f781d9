"""The two sizes of the DiT, how one begins, and the pieces that training leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from recipe import VOCAB
from safetensors.torch import load_file, save_file
from torch import Tensor

from ishowtts.engine.arch import DiTConfig
from ishowtts.engine.model import DiT

COMMON: dict[str, Any] = {
    "ff_mult": 2,
    "text_num_embeds": len(VOCAB),
    "text_embedding_average_upsampling": True,
    "qk_norm": "rms_norm",
}
CONFIG = DiTConfig(dim=256, depth=10, heads=4, text_dim=256, conv_layers=4, **COMMON)
TINY = DiTConfig(dim=64, depth=2, heads=1, text_dim=64, conv_layers=2, **COMMON)
PIECES = 2  # files of at most 16 MiB


def initialize(dit: DiT) -> None:
    """As upstream: AdaLN and the output start at zero; linear layers by torch's default."""
    for block in dit._blocks:
        torch.nn.init.zeros_(block.attn_norm.linear.weight)
        torch.nn.init.zeros_(block.attn_norm.linear.bias)
    for layer in (dit.norm_out.linear, dit.proj_out):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)


def save(dit_state: dict[str, Tensor], out: Path) -> None:
    half = {key: value.detach().half().cpu().contiguous() for key, value in dit_state.items()}
    parts: list[dict[str, Tensor]] = [{} for _ in range(PIECES)]
    for key in sorted(half, key=lambda key: (-half[key].numel(), key)):
        min(parts, key=lambda part: sum(value.numel() for value in part.values()))[key] = half[key]
    for i, part in enumerate(parts):
        save_file(part, out / f".dit-{i}.safetensors")
    for i in range(PIECES):
        (out / f".dit-{i}.safetensors").rename(out / f"dit-{i}.safetensors")


def load(out: Path) -> dict[str, Tensor]:
    return {k: v.float() for i in range(PIECES) for k, v in load_file(out / f"dit-{i}.safetensors").items()}
