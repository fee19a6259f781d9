"""Requests against what the last round measured."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ishowtts.tuner.drift import ENOUGH, Watch

POINTS = ((3.0, 0.7), (8.0, 1.6), (14.0, 2.8))


def truth_s(audio_s: float) -> float:
    """On the lines through POINTS, and on beyond them."""
    return 0.7 + (audio_s - 3) * 0.18 if audio_s < 8 else 1.6 + (audio_s - 8) * 0.2


def feed(watch: Watch, factor: float, n: int = 3 * ENOUGH, nfe: int = 7) -> list[bool]:
    rng = random.Random(1)
    lengths = [rng.uniform(2.0, 20.0) for _ in range(n)]
    return [watch.add(nfe, audio_s, factor * truth_s(audio_s) * rng.gauss(1, 0.02)) for audio_s in lengths]


def test_as_fast_as_measured_is_no_news_at_any_length() -> None:
    watch = Watch(7, POINTS)
    assert not any(feed(watch, 1.0))
    assert (watch.slow, watch.warning) == (False, "")
    assert watch.ratio == pytest.approx(1.0, abs=0.02)


def test_slower_is_told_once_and_taken_back_when_it_is_over() -> None:
    watch = Watch(7, POINTS)
    assert feed(watch, 1.3).count(True) == 1
    assert watch.warning == f"requests take {watch.ratio - 1:.0%} longer than the last round measured."  # type: ignore[operator]
    assert not any(feed(watch, 1.1))
    assert watch.slow, "not yet as before"
    assert not any(feed(watch, 1.0))
    assert (watch.slow, watch.warning) == (False, "")
    assert feed(watch, 1.3).count(True) == 1


def test_a_few_slow_ones_say_nothing() -> None:
    watch = Watch(7, POINTS)
    feed(watch, 3.0, ENOUGH - 1)
    assert (watch.ratio, watch.slow) == (None, False)


def test_what_cannot_be_compared_does_not_count() -> None:
    watch = Watch(7, POINTS)
    feed(watch, 3.0, nfe=8)
    for _ in range(2 * ENOUGH):
        watch.add(7, 0.5, 9.0)
    assert watch.ratio is None
    for few in ((), POINTS[:1]):
        assert not any(feed(Watch(7, few), 3.0))


@given(
    st.lists(st.tuples(st.floats(0.1, 60), st.floats(0.0, 60)), max_size=5),
    st.lists(st.tuples(st.floats(0.0, 600), st.floats(0.0, 600)), max_size=60),
)
def test_no_figures_of_an_engine_break_it(points: list[tuple[float, float]], spoken: list[tuple[float, float]]) -> None:
    watch = Watch(7, points)
    for audio_s, compute_s in spoken:
        watch.add(7, audio_s, compute_s)


def test_buckets_of_one_length_are_one_point() -> None:
    """With a long clip the voice says no more than some seconds at once: medium and long have the same text."""
    watch = Watch(7, ((3.0, 0.7), (7.0, 1.5), (7.02, 1.9)))
    for _ in range(ENOUGH):
        watch.add(7, 14.0, 2.9)
    assert watch.ratio == pytest.approx(1.0)
