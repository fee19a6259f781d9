"""On a GPU: the engine's own precision there against fp32, and the same bytes for the same seed."""

from __future__ import annotations

import pytest
import torch
from msgspec import structs

from ishowtts import ipc, schedules
from ishowtts.engine.arch import DiTConfig
from ishowtts.engine.model import DiT
from ishowtts.engine.native import NativeEngine, pick_ops
from ishowtts.engine.sampler import Sampler
from ishowtts.engine.step import Item
from ishowtts.engine.untrained import randomize

from .test_native import JOB, ignore

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")

FP16_TOLERANCE = 1e-2  # relative L2 of the mel against fp32 on the same schedule
V1_BASE = DiTConfig(dim=1024, depth=22, heads=16, ff_mult=2, text_dim=512, conv_layers=4, text_num_embeds=2545)


def mel_of(device: str, dtype: torch.dtype) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    cond = torch.randn(300, 100, generator=generator) - 2.5
    tokens = torch.randint(0, 2545, (120,), generator=generator).tolist()
    ops = pick_ops(V1_BASE, torch.device(device), dtype)
    dit = randomize(DiT(V1_BASE), seed=2).to(device, dtype).fuse(ops)
    mel = Sampler(dit).sample([Item(cond.to(device), tokens, 700, 3)], schedules.pick(7), 2.0, ignore)[0]
    return mel[300:].cpu()


def test_fp16_is_close_to_fp32_at_full_size() -> None:
    exact = mel_of("cuda", torch.float32)
    half = mel_of("cuda", torch.float16)
    error = float((half - exact).norm() / exact.norm())
    print(f"relative error of fp16: {error:.1e}")
    assert error <= FP16_TOLERANCE


def test_the_engine_on_the_gpu(configure: ipc.Configure) -> None:
    engine = NativeEngine(structs.replace(configure, device="auto"), lambda _what: None)
    ready = engine.ready()
    assert (ready.device.split()[0], ready.dtype) == ("cuda", "fp16")
    first = engine.speak(JOB, ignore)
    assert engine.speak(JOB, ignore).pcm == first.pcm
    on_cpu = NativeEngine(configure, lambda _what: None).speak(JOB, ignore)
    assert first.audio_s == on_cpu.audio_s
    assert first.peak == pytest.approx(on_cpu.peak, rel=0.2)


def test_too_little_memory_is_one_error(configure: ipc.Configure) -> None:
    from ishowtts.engine.base import OutOfMemory

    engine = NativeEngine(structs.replace(configure, device="cuda"), lambda _what: None)
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-5)
    try:
        with pytest.raises(OutOfMemory):
            engine.speak(structs.replace(JOB, text="word " * 150), ignore)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert engine.speak(JOB, ignore).peak > 0
