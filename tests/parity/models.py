"""Stock f5-tts models with random weights, and ours filled from their state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from f5_tts.model import CFM
from f5_tts.model import DiT as StockDiT
from torch import Tensor

from ishowtts.engine.arch import DiTConfig
from ishowtts.engine.checkpoints import fill
from ishowtts.engine.model import DiT
from ishowtts.engine.untrained import randomize

VOCAB = 60
MEL = {"n_fft": 1024, "hop_length": 256, "win_length": 1024, "n_mel_channels": 100, "target_sample_rate": 24000}
BASE: dict[str, Any] = {
    "dim": 64,
    "depth": 3,
    "heads": 2,
    "dim_head": 32,
    "ff_mult": 2,
    "text_dim": 48,
    "conv_layers": 2,
}
# Every switch of upstream's DiT that changes the result, alone and together.
VARIANTS: dict[str, dict[str, Any]] = {
    "v1_base": {"text_mask_padding": True},
    "v0_base": {"text_mask_padding": False, "pe_attn_head": 1},
    "qk_norm": {"qk_norm": "rms_norm"},
    "average_upsampling": {"text_embedding_average_upsampling": True},
    "long_skip": {"long_skip_connection": True},
    "no_conv": {"conv_layers": 0},
    "no_conv_unmasked": {"conv_layers": 0, "text_mask_padding": False},
    "defaults": {"text_dim": None, "ff_mult": 4, "heads": 3},
    "all": {
        "qk_norm": "rms_norm",
        "text_embedding_average_upsampling": True,
        "long_skip_connection": True,
        "pe_attn_head": 1,
    },
}


def build(variant: str) -> tuple[CFM, DiT]:
    """The same network twice."""
    args = {**BASE, **VARIANTS[variant]}
    stock = randomize(StockDiT(**args, text_num_embeds=VOCAB, mel_dim=100), seed=5)
    cfm = CFM(transformer=stock, mel_spec_kwargs={**MEL, "mel_spec_type": "vocos"}).eval()
    with torch.device("meta"):
        ours = DiT(DiTConfig(**args, text_num_embeds=VOCAB))
    state = {key: value for key, value in stock.state_dict().items() if key != "rotary_embed.inv_freq"}
    return cfm, fill(ours, state, Path("stock"), "", "").fuse()


def relative_l2(ours: Tensor, theirs: Tensor) -> float:
    assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
    return float((ours - theirs).norm() / theirs.norm())
