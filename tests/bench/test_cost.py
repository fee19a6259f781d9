"""The cost model against what others counted."""

from __future__ import annotations

import pytest

from ishowtts.bench import cost
from ishowtts.bench.models import SIZES

BASE = SIZES["F5TTS_v1_Base"]
# ../shared/reference/speed-and-quality.md, section 3: reference s, speech s -> frames, GFLOP of one step (NFE), of
# the text embedding, of Vocos. Frames at 93.75 a second, rounded up.
TABLE = [
    (3, 3, 562, 483, 9.5, 7.6),
    (3, 5, 750, 670, 12.6, 12.7),
    (3, 10, 1219, 1192, 20.5, 25.3),
    (5, 3, 750, 670, 12.6, 7.6),
    (5, 5, 938, 870, 15.8, 12.7),
    (5, 10, 1406, 1422, 23.7, 25.3),
    (10, 3, 1219, 1192, 20.5, 7.6),
    (10, 5, 1406, 1422, 23.7, 12.7),
    (10, 10, 1875, 2055, 31.6, 25.3),
]


@pytest.mark.parametrize(("reference_s", "speech_s", "frames", "step", "text", "vocos"), TABLE)
def test_the_published_table(
    reference_s: int, speech_s: int, frames: int, step: float, text: float, vocos: float
) -> None:
    assert cost.step_flop(BASE.dit, frames) / 1e9 == pytest.approx(step, rel=2e-3)
    assert cost.text_flop(BASE.dit, frames) / 1e9 == pytest.approx(text, rel=1e-2)
    assert cost.vocos_flop(BASE.vocos, 100, round(93.75 * speech_s)) / 1e9 == pytest.approx(vocos, rel=1e-2)


def test_the_step_as_torch_counts_it() -> None:
    """FlopCounter on upstream's model at 875 frames: 801.6 GFLOP (speed-and-quality.md)."""
    assert cost.step_flop(BASE.dit, 875) / 1e9 == pytest.approx(801.6, rel=1e-3)


def test_a_request_is_its_steps_and_its_two_ends() -> None:
    one = cost.request_flop(BASE, [938], 469, 7)
    assert one / 1e12 == pytest.approx(6.12, rel=5e-3)  # the table's total, with text and Vocos
    assert cost.request_flop(BASE, [938, 938], 469, 7) == 2 * one
    assert cost.request_flop(BASE, [938], 469, 14) - one == pytest.approx(7 * cost.step_flop(BASE.dit, 938))


def test_the_roofline_of_the_headline() -> None:
    """5.8 s on an H200: issue 4 says 9.1 ms, for the transformer's blocks alone."""
    made_ms = cost.roofline_ms(cost.request_flop(BASE, [1049], 499, 7), cost.Peak(750.0, ""))
    assert made_ms == pytest.approx(9.1, rel=0.03)
    assert made_ms > 9.1


def test_a_device_is_known_by_name_size_and_floats() -> None:
    h200 = cost.known_peak("NVIDIA H200", 132, "fp16")
    assert h200 is not None
    assert h200.tflops == 750.0
    assert cost.known_peak("NVIDIA H200", 132, "fp32") is None
    assert cost.known_peak("Orin", 16, "bf16") is not None
    assert cost.known_peak("Orin", 8, "fp16") is None, "an Orin NX has half the multiprocessors under the same name"
