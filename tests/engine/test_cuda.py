"""On a GPU: the engine's own precision there, the same bytes for the same seed, graphs, batches and flat memory."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from msgspec import structs
from torch.nn.attention import SDPBackend, sdpa_kernel

from ishowtts import ipc, schedules
from ishowtts.engine import native
from ishowtts.engine.arch import DiTConfig
from ishowtts.engine.base import Cancelled, OutOfMemory
from ishowtts.engine.model import DiT
from ishowtts.engine.native import NativeEngine, pick_ops
from ishowtts.engine.sampler import Sampler
from ishowtts.engine.step import KEPT, Item
from ishowtts.engine.untrained import randomize

from .test_native import JOB, ignore

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")

FP16_TOLERANCE = 1e-2  # relative L2 of the mel against fp32 on the same schedule
ARGS: dict[str, Any] = {"dim": 1024, "depth": 22, "heads": 16, "ff_mult": 2, "text_dim": 512, "conv_layers": 4}
V1_BASE = DiTConfig(**ARGS, text_num_embeds=2545)
REF, FRAMES = 300, 700


def difference(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).norm() / b.norm())


def inputs() -> tuple[torch.Tensor, list[int]]:
    generator = torch.Generator().manual_seed(0)
    cond = torch.randn(REF, 100, generator=generator) - 2.5
    return cond, torch.randint(0, 2545, (120,), generator=generator).tolist()


def mel_of(dtype: torch.dtype) -> torch.Tensor:
    cond, tokens = inputs()
    ops = pick_ops(V1_BASE, torch.device("cuda"), dtype)
    dit = randomize(DiT(V1_BASE), seed=2).to("cuda", dtype).fuse(ops)
    mel = Sampler(dit).sample([Item(cond.to("cuda"), tokens, FRAMES, 3)], schedules.pick(7), 2.0, ignore)[0]
    return mel[REF:].cpu()


def stock_mel_of(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> torch.Tensor:
    """The same weights, text and noise through stock f5-tts; skips where that is not installed."""
    from ishowtts.bench.stand_ins import stand_ins

    with stand_ins():
        try:
            from f5_tts.model import CFM
            from f5_tts.model import DiT as StockDiT
        except ImportError as error:
            pytest.skip(f"stock f5-tts cannot be imported here: {error}")
    cond, tokens = inputs()
    dit = StockDiT(**ARGS, text_num_embeds=2545, mel_dim=100)
    dit.load_state_dict(randomize(DiT(V1_BASE), seed=2).state_dict(), strict=False)
    model = CFM(transformer=dit, mel_spec_kwargs={"mel_spec_type": "vocos"}).to("cuda", dtype).eval()
    noise = torch.randn(FRAMES, 100, generator=torch.Generator().manual_seed(3))
    with monkeypatch.context() as patch:  # stock draws it on the GPU, in the model's precision: other numbers each time
        patch.setattr(torch, "randn", lambda *_shape, **_more: noise.to("cuda", dtype))
        made, _ = model.sample(
            cond[None].to("cuda", dtype), torch.tensor([tokens], device="cuda"), FRAMES, steps=7, cfg_strength=2.0,
            sway_sampling_coef=-1.0, seed=3,
        )  # fmt: skip
    return made[0, REF:].float().cpu()


def test_fp16_is_close_to_fp32_and_not_further_than_stock(monkeypatch: pytest.MonkeyPatch) -> None:
    # What torch calls fp32 has 10 bits of mantissa in cuDNN's convolutions and in its memory-efficient attention.
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    with sdpa_kernel(SDPBackend.MATH):
        exact, stock_exact = mel_of(torch.float32), stock_mel_of(torch.float32, monkeypatch)
    print(f"ours against stock's in fp32: {difference(exact, stock_exact):.1e}")
    ours = difference(mel_of(torch.float16), exact)
    print(f"relative error of fp16: {ours:.1e}")
    stock = difference(stock_mel_of(torch.float16, monkeypatch), stock_exact)
    print(f"stock f5-tts's: {stock:.1e}")
    assert ours <= FP16_TOLERANCE
    assert difference(exact, stock_exact) <= 1e-4
    assert ours <= stock


@pytest.fixture(scope="module")
def engine(configure: ipc.Configure) -> NativeEngine:
    return NativeEngine(structs.replace(configure, device="auto", capture_s=8.0), lambda _what: None)


def test_the_engine_on_the_gpu(engine: NativeEngine, configure: ipc.Configure) -> None:
    ready = engine.ready()
    assert (ready.device.split()[0], ready.dtype, ready.kernels) == ("cuda", "fp16", "triton")
    first = engine.speak(JOB, ignore)
    assert engine.speak(JOB, ignore).pcm == first.pcm
    on_cpu = NativeEngine(configure, lambda _what: None).speak(JOB, ignore)
    assert first.audio_s == on_cpu.audio_s
    assert first.peak == pytest.approx(on_cpu.peak, rel=0.2)


def test_unguided_requests_find_their_kernels_compiled(engine: NativeEngine) -> None:
    assert engine.speak(structs.replace(JOB, cfg=0.0), ignore).peak > 0
    assert engine.counters().recompiles == 0
    assert engine.speak(JOB, ignore).peak > 0


def test_a_request_that_was_given_up_leaves_nothing_behind(engine: NativeEngine) -> None:
    def give_up(_done: int, _total: int) -> None:
        raise Cancelled

    expected = engine.speak(JOB, ignore).pcm
    for _ in range(20):
        with pytest.raises(Cancelled):
            engine.speak(structs.replace(JOB, seed=1, text="other words of another length. " * 8), give_up)
        assert engine.speak(JOB, ignore).pcm == expected


def mels(engine: NativeEngine, items: Sequence[Item]) -> list[torch.Tensor]:
    return engine.sampler.sample(items, schedules.pick(7), 2.0, ignore)


def test_a_batch_equals_each_alone(engine: NativeEngine) -> None:
    cond = engine.references["slt"].mel
    tokens = engine.vocabulary.encode("some words that are spoken here and now")
    items = [Item(cond[:200], tokens[: 10 + i], 300 + 29 * i, i) for i in range(5)]
    for item, together in zip(items, mels(engine, items), strict=True):
        assert difference(together, mels(engine, [item])[0]) <= FP16_TOLERANCE


def test_without_triton_there_are_still_graphs(
    engine: NativeEngine, configure: ipc.Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native.importlib.util, "find_spec", lambda _name: None)
    plain = NativeEngine(structs.replace(configure, device="cuda"), lambda _what: None)
    assert plain.ready().kernels == "torch"
    speech = plain.speak(JOB, ignore)
    assert plain.counters().graphs > 0
    assert speech.audio_s == engine.speak(JOB, ignore).audio_s
    item = Item(engine.references["slt"].mel, engine.vocabulary.encode("hello there"), 400, 1)
    assert difference(mels(engine, [item])[0], mels(plain, [item])[0]) <= FP16_TOLERANCE


def test_two_thousand_requests_leave_memory_and_compilers_alone(engine: NativeEngine) -> None:
    rng = random.Random(0)

    def request() -> None:
        text = "word " * rng.randint(1, 40)
        engine.speak(structs.replace(JOB, text=text, speed=rng.uniform(0.7, 1.4), nfe=rng.choice((6, 7, 8))), ignore)

    for _ in range(300):  # every length there is has been seen once
        request()
    before, reserved = torch.cuda.memory_allocated(), torch.cuda.memory_reserved()
    for _ in range(2000):
        request()
    counters = engine.counters()
    print(f"after 2300 requests: {counters}")
    assert counters.recompiles == 0
    assert counters.graphs <= KEPT
    assert torch.cuda.memory_allocated() - before < 16 << 20
    assert torch.cuda.memory_reserved() - reserved < 256 << 20


def test_too_little_memory_is_one_error(engine: NativeEngine) -> None:
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-5)
    try:
        with pytest.raises(OutOfMemory):
            engine.speak(structs.replace(JOB, text="word " * 150), ignore)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert engine.speak(JOB, ignore).peak > 0
