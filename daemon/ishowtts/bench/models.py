"""The sizes that can be measured. The cost of a forward does not depend on its weights, so they are random."""

from __future__ import annotations

from dataclasses import dataclass

from ishowtts.engine.arch import DiTConfig


@dataclass(frozen=True)
class VocosSize:
    dim: int
    intermediate_dim: int
    num_layers: int
    n_fft: int = 1024


@dataclass(frozen=True)
class ModelSize:
    name: str
    dit: DiTConfig
    vocos: VocosSize


def _sizes(*sizes: ModelSize) -> dict[str, ModelSize]:
    return {size.name: size for size in sizes}


SIZES = _sizes(
    # f5_tts/configs/F5TTS_v1_Base.yaml, its vocabulary of 2545, and charactr/vocos-mel-24khz.
    ModelSize(
        "F5TTS_v1_Base",
        DiTConfig(dim=1024, depth=22, heads=16, ff_mult=2, text_dim=512, conv_layers=4, text_num_embeds=2545),
        VocosSize(512, 1536, 8),
    ),
    # packaging/demo-model: what `make demo` can speak with on a CPU.
    ModelSize(
        "demo",
        DiTConfig(
            dim=256, depth=10, heads=4, ff_mult=2, text_dim=256, conv_layers=4,
            text_embedding_average_upsampling=True, qk_norm="rms_norm",
        ),
        VocosSize(256, 768, 6),
    ),
    # For the harness's own tests.
    ModelSize(
        "tiny", DiTConfig(dim=64, depth=2, heads=1, ff_mult=2, text_dim=64, conv_layers=1), VocosSize(64, 128, 1)
    ),
)  # fmt: skip
