"""How much arithmetic a request is, and how fast a device could do it at best. Pure numbers.

FLOP = 2 multiply-adds. tests/bench holds it to a count of torch's FlopCounter and to the table of
docs/orin.md. Counted: what every engine has to do. Not counted: element-wise work, the AdaLN modulations (constants of
a schedule), padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ishowtts.bench.models import ModelSize, VocosSize
from ishowtts.engine.arch import DiTConfig

_POSITION_KERNEL, _POSITION_GROUPS, _POSITION_LAYERS = 31, 16, 2  # f5_tts/model/modules.py, ConvPositionEmbedding
_TEXT_KERNEL, _TEXT_MULT = 7, 2  # ConvNeXtV2Block of the text embedding
_VOCOS_KERNEL = 7
_GUIDED_ROWS = 2  # classifier-free guidance: conditional and unconditional


@dataclass(frozen=True)
class Peak:
    """Matrix-product TFLOP/s, and where the figure is from."""

    tflops: float
    source: str


# (part of the device's name, its multiprocessors, Peak) for 16 bit floats. Measured ones only: a data sheet's figure
# is out of reach for any shape. A device that is not here is measured (probe.py).
PEAKS = (
    ("H200", 132, Peak(750.0, "table: 8192^3 fp16 product measured on one H200, issue 4")),
    ("Orin", 16, Peak(33.4, "table: BF16 product measured elsewhere on an AGX Orin at 1300 MHz, ApxInf PR #74")),
)


def known_peak(device: str, multiprocessors: int, dtype: str) -> Peak | None:
    """The table's figure for a device of that name and size, for 16 bit floats."""
    for part, count, peak in PEAKS:
        if part in device and count == multiprocessors and dtype in ("fp16", "bf16"):
            return peak
    return None


def step_flop(dit: DiTConfig, frames: int) -> float:
    """One ODE step (NFE) of one guided sequence of ``frames``: both rows."""
    inner = dit.heads * dit.dim_head
    linear = dit.depth * (4 * 2 * dit.dim * inner + 2 * 2 * dit.dim * int(dit.dim * dit.ff_mult))
    attention = dit.depth * 4 * frames * inner
    position = _POSITION_LAYERS * 2 * dit.dim * (dit.dim // _POSITION_GROUPS) * _POSITION_KERNEL
    ends = 2 * (2 * dit.mel_dim + dit.text_width) * dit.dim + 2 * dit.dim * dit.mel_dim
    return float(_GUIDED_ROWS * frames * (linear + attention + position + ends))


def text_flop(dit: DiTConfig, frames: int) -> float:
    """The text embedding's ConvNeXt blocks, once for each sequence: both rows."""
    width = dit.text_width
    block = 2 * width * _TEXT_KERNEL + 2 * 2 * width * _TEXT_MULT * width
    return float(_GUIDED_ROWS * frames * dit.conv_layers * block)


def vocos_flop(vocos: VocosSize, mels: int, frames: int) -> float:
    """Mel to spectrum for the generated ``frames``; the inverse FFT is not counted."""
    embed = 2 * mels * vocos.dim * _VOCOS_KERNEL
    block = 2 * vocos.dim * _VOCOS_KERNEL + 2 * 2 * vocos.dim * vocos.intermediate_dim
    return float(frames * (embed + vocos.num_layers * block + 2 * vocos.dim * (vocos.n_fft + 2)))


def request_flop(size: ModelSize, sequences: Sequence[int], reference_frames: int, nfe: int) -> float:
    """A whole request: ``sequences`` are the frames (reference and speech) of each piece or batch item."""
    total = 0.0
    for frames in sequences:
        total += nfe * step_flop(size.dit, frames) + text_flop(size.dit, frames)
        total += vocos_flop(size.vocos, size.dit.mel_dim, frames - reference_frames)
    return total


def roofline_ms(flop: float, peak: Peak) -> float:
    """The least time for ``flop`` at the peak rate, as if nothing else took any."""
    return flop / peak.tflops / 1e9
