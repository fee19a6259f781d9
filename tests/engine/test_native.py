"""Our engine on a small seeded checkpoint: determinism, formats, batches, cancelling, refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec import structs

from ishowtts import ipc, schedules
from ishowtts.engine.base import Cancelled
from ishowtts.engine.model import DiT
from ishowtts.engine.native import NativeEngine
from ishowtts.engine.sampler import Sampler
from ishowtts.engine.step import Item
from ishowtts.engine.untrained import SMALL, SMALL_VOCOS, VOCAB, randomize, write
from ishowtts.wire.errors import Reason, Refusal

BATCH_TOLERANCE = 1e-5  # relative L2 of the mel; the sums are the same, their order is not
JOB = ipc.Speak(
    job=1, text="Hello world, this is a test.", voice="slt", seed=9, nfe=6, cfg=2.0, speed=1.0,
    sample_format="pcm_s16le", rate=24000,
)  # fmt: skip


def ignore(_done: int, _total: int) -> None:
    pass


def test_ready_says_what_was_loaded(engine: NativeEngine) -> None:
    ready = engine.ready()
    assert (ready.device, ready.dtype, ready.pinyin) == ("cpu", "fp32", False)
    assert [voice.name for voice in ready.voices] == ["slt"]
    assert 2.5 <= ready.voices[0].seconds <= 4


def test_a_random_model_follows_from_its_seed_alone() -> None:
    one, other = (randomize(DiT(SMALL), seed=3).state_dict() for _ in range(2))
    assert [key for key in one if not torch.equal(one[key], other[key])] == []


def test_an_untrained_model_says_so(configure: ipc.Configure, tmp_path: Path) -> None:
    write(tmp_path, SMALL, SMALL_VOCOS, VOCAB, seed=1)
    paths = {"model_config": "model.yaml", "checkpoint": "model.safetensors", "vocab": "vocab.txt", "vocoder": "vocos"}
    small = structs.replace(configure, **{key: str(tmp_path / name) for key, name in paths.items()})
    assert "untrained" in NativeEngine(small, lambda _what: None).ready().note


def test_the_same_seed_gives_the_same_bytes(engine: NativeEngine) -> None:
    first = engine.speak(JOB, ignore)
    assert engine.speak(JOB, ignore).pcm == first.pcm
    assert engine.speak(structs.replace(JOB, seed=10), ignore).pcm != first.pcm
    assert engine.speak(structs.replace(JOB, nfe=7), ignore).pcm != first.pcm


def test_length_follows_text_and_speed(engine: NativeEngine) -> None:
    whole = engine.speak(JOB, ignore).audio_s
    reference = engine.references["slt"]
    assert whole == pytest.approx(len(JOB.text) * reference.seconds / len(reference.text), rel=0.1)
    assert engine.speak(structs.replace(JOB, speed=2.0), ignore).audio_s == pytest.approx(whole / 2, rel=0.05)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
def test_rates_and_formats(engine: NativeEngine, rate: int) -> None:
    at_24k = engine.speak(JOB, ignore).audio_s
    speech = engine.speak(structs.replace(JOB, rate=rate, sample_format="pcm_f32le"), ignore)
    samples = np.frombuffer(speech.pcm, "<f4")
    assert len(samples) / rate == pytest.approx(at_24k, abs=0.001)
    assert float(np.abs(samples).max()) == pytest.approx(speech.peak)


def test_both_formats_hold_the_same_wave(engine: NativeEngine) -> None:
    ints = np.frombuffer(engine.speak(JOB, ignore).pcm, "<i2") / 32767
    floats = np.frombuffer(engine.speak(structs.replace(JOB, sample_format="pcm_f32le"), ignore).pcm, "<f4")
    assert np.abs(ints - floats.clip(-1, 1)).max() <= 0.51 / 32767


@pytest.mark.parametrize("cfg", [0.0, 2.0])
def test_a_batch_equals_each_alone(engine: NativeEngine, cfg: float) -> None:
    cond = engine.references["slt"].mel[:60]
    items = [
        Item(cond[:length], engine.vocabulary.encode("some words here"[:chars]), frames, seed)
        for seed, (length, chars, frames) in enumerate([(60, 15, 140), (30, 5, 70), (60, 9, 141), (1, 1, 20)])
    ]
    together = Sampler(engine.dit).sample(items, schedules.pick(7), cfg, ignore)
    for item, mel in zip(items, together, strict=True):
        alone = Sampler(engine.dit).sample([item], schedules.pick(7), cfg, ignore)[0]
        assert mel.shape == alone.shape == (item.frames, 100)
        assert float((mel - alone).norm() / alone.norm()) <= BATCH_TOLERANCE


@pytest.mark.parametrize("at", [1, 3, 6])
def test_it_stops_between_two_steps(engine: NativeEngine, at: int) -> None:
    seen = []

    def stop(done: int, total: int) -> None:
        seen.append((done, total))
        if done == at:
            raise Cancelled

    with pytest.raises(Cancelled):
        engine.speak(JOB, stop)
    assert seen == [(i, 6) for i in range(1, at + 1)]


@pytest.mark.parametrize(("text", "named"), [("你好 world", "你 好"), ("naïve", "ï"), ("a\u0416b", "\u0416")])
def test_unsupported_text_is_named(engine: NativeEngine, text: str, named: str) -> None:
    with pytest.raises(Refusal) as refused:
        engine.speak(structs.replace(JOB, text=text), ignore)
    assert refused.value.reason is Reason.UNSUPPORTED_TEXT
    if "你" not in text:
        assert refused.value.msg.endswith(f": {named}")


@pytest.mark.parametrize("text", ["Hi.", "Go on", "x" * 250])
def test_short_and_long_pieces_become_sound(engine: NativeEngine, text: str) -> None:
    speech = engine.speak(structs.replace(JOB, text=text), ignore)
    assert speech.audio_s > 0.1
    assert speech.peak > 1e-3


def test_nan_weights_are_seen(configure: ipc.Configure) -> None:
    engine = NativeEngine(configure, lambda _what: None)
    engine.dit.proj_out.bias.data[3] = float("nan")
    assert np.isnan(engine.speak(JOB, ignore).peak)


def test_memory_does_not_grow_with_requests(engine: NativeEngine) -> None:
    """References, tables and graphs are kept once: nothing of a request outlives it."""
    engine.speak(JOB, ignore)
    before = sum(1 for _ in _live_tensors())
    for seed in range(5):
        engine.speak(structs.replace(JOB, seed=seed, text="More " * (seed + 2)), ignore)
    assert sum(1 for _ in _live_tensors()) <= before


def _live_tensors() -> list[torch.Tensor]:
    import gc

    gc.collect()
    return [thing for thing in gc.get_objects() if type(thing) is torch.Tensor]
