"""The order of runs and the bookkeeping of memory, with subjects whose every act is known."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ishowtts.bench.measure import Stopwatch
from ishowtts.bench.rows import Made
from ishowtts.bench.subject import LeftOut


class World:
    """A device and a clock that move only when a subject runs."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.used = self.peak = 0
        self.ran: list[str] = []

    def wait(self) -> None:
        pass

    def begin(self) -> None:
        self.peak = self.used

    def peak_bytes(self) -> int:
        return self.peak

    def used_bytes(self) -> int:
        return self.used


class Speaker:
    """Holds ``weights`` bytes once loaded, takes ``scratch`` more while it runs, ``run_s`` longer each time."""

    def __init__(self, world: World, name: str, run_s: float, weights: int, scratch: int) -> None:
        self.world, self.name, self.run_s, self.weights, self.scratch = world, name, run_s, weights, scratch
        self.error: Exception | None = None

    def prepare(self) -> None:
        self.world.now_s += 5
        self.world.used += self.weights
        self.world.peak = max(self.world.peak, self.world.used)

    def run(self, texts: Sequence[str], nfe: int) -> Made:
        self.world.ran.append(self.name)
        if self.error is not None:
            raise self.error
        self.world.now_s += self.run_s
        self.run_s += 1
        self.world.peak = max(self.world.peak, self.world.used + self.scratch)
        return Made(1.0 * len(texts), (nfe,) * len(texts))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def stock(world: World) -> Speaker:
    return Speaker(world, "stock", 100, weights=1000, scratch=50)


@pytest.fixture
def ours(world: World) -> Speaker:
    return Speaker(world, "ishowtts", 10, weights=300, scratch=7)


def stopwatch(world: World) -> Stopwatch:
    return Stopwatch(world, lambda: world.now_s)


def test_runs_take_turns_and_warm_ups_do_not_count(world: World, stock: Speaker, ours: Speaker) -> None:
    timings, failed = stopwatch(world).interleave([stock, ours], ["a", "b"], 7, warm_ups=2, runs=3)
    assert world.ran == ["stock", "ishowtts"] * 5
    assert timings["stock"].runs_s == [102, 103, 104]
    assert timings["ishowtts"].runs_s == [12, 13, 14]
    assert timings["ishowtts"].made == Made(2.0, (7, 7))
    assert failed == {}


def test_memory_is_each_subjects_own(world: World, stock: Speaker, ours: Speaker) -> None:
    watch = stopwatch(world)
    assert watch.prepare(stock) == watch.prepare(ours) == 5
    timings, _ = watch.interleave([stock, ours], ["a"], 7, warm_ups=0, runs=2)
    assert timings["stock"].peak_bytes == 1050
    assert timings["ishowtts"].peak_bytes == 307


def test_what_stock_cannot_do_does_not_stop_ours(world: World, stock: Speaker, ours: Speaker) -> None:
    stock.error = LeftOut("not here.")
    timings, failed = stopwatch(world).interleave([stock, ours], ["a"], 7, warm_ups=1, runs=2)
    assert list(timings) == ["ishowtts"]
    assert str(failed["stock"]) == "not here."
    assert world.ran.count("stock") == 1


def test_a_cell_that_ours_cannot_do_ends_at_once(world: World, stock: Speaker, ours: Speaker) -> None:
    ours.error = RuntimeError("CUDA error")
    timings, failed = stopwatch(world).interleave([stock, ours], ["a"], 7, warm_ups=3, runs=10)
    assert timings == {}
    assert "RuntimeError: CUDA error" in str(failed["ishowtts"])
    assert world.ran == ["stock", "ishowtts"]
