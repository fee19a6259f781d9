"""Comparing two mels of one text, with the real engine on the demo model."""

from __future__ import annotations

import math

import pytest
import torch

from ishowtts import ipc, schedules
from ishowtts.engine.compare import compare
from ishowtts.engine.native import NativeEngine

pytestmark = pytest.mark.torch
TEXT = "The kettle is on."
FAR = schedules.uniform(32).times


def ask(engine: NativeEngine, schedule: schedules.Schedule, reference: tuple[float, ...] = FAR) -> float:
    voice = engine.ready().voices[0].name
    job = ipc.Compare(job=1, text=TEXT, voice=voice, seed=7, cfg=2.0, times=schedule.times, reference=reference)
    found = engine.compare(job, lambda _done, _total: None)
    assert found.problem == ""
    assert found.mcd_db < 10
    assert len(found.pcm) > 24_000
    return found.log_mel_db


def test_a_grid_is_at_no_distance_from_itself_and_more_steps_are_nearer(engine: NativeEngine) -> None:
    assert ask(engine, schedules.pick(7), schedules.pick(7).times) == 0.0
    assert ask(engine, schedules.uniform(24)) < ask(engine, schedules.pick(7)) < ask(engine, schedules.uniform(3))


def test_it_can_be_stopped_between_steps(engine: NativeEngine) -> None:
    class Enough(Exception):
        pass

    def stop(done: int, total: int) -> None:
        assert total == 32 + 7
        if done == 3:
            raise Enough

    voice = engine.ready().voices[0].name
    times = schedules.pick(7).times
    job = ipc.Compare(job=1, text="Another one.", voice=voice, seed=8, cfg=2.0, times=times, reference=FAR)
    with pytest.raises(Enough):
        engine.compare(job, stop)


def speechlike() -> torch.Tensor:
    """[frames, mels] of natural logs: louder and quieter frames."""
    torch.manual_seed(1)
    return torch.randn(200, 100) - 2 + torch.linspace(-1, 1, 200)[:, None]


WAVE = torch.sin(torch.arange(24_000) * 0.05) * 0.3


def test_a_known_distance() -> None:
    mel = speechlike()
    found = compare(mel + 1.0, mel, WAVE)  # e times louder everywhere: 8.686 dB, and no other colour
    assert found.log_mel_db == pytest.approx(20 / math.log(10), abs=1e-3)
    assert found.mcd_db == pytest.approx(0.0, abs=1e-3)
    tilted = compare(mel + torch.cos(torch.pi / 100 * (torch.arange(100) + 0.5)), mel, WAVE)
    assert tilted.mcd_db == pytest.approx(10 / math.log(10) * math.sqrt(2), abs=1e-3)  # c1 = 1


@pytest.mark.parametrize(
    ("mel", "wave", "problem"),
    [
        (speechlike(), WAVE * 1e-6, "silence"),
        (speechlike(), (WAVE * 10).clamp(-1, 1), "clipped"),
        (speechlike() * float("nan"), WAVE, "no audio"),
        (torch.cat((speechlike()[:100], torch.full((100, 100), -11.5))), WAVE, "instead of"),
    ],
)
def test_what_is_no_speech(mel: torch.Tensor, wave: torch.Tensor, problem: str) -> None:
    assert problem in compare(mel, speechlike(), wave).problem
