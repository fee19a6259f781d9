"""Medians, how sure they are, and the line through NFE and time."""

from __future__ import annotations

import math
import random
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ishowtts.tuner import stats

RUNS = st.lists(st.floats(0.01, 10), min_size=1, max_size=30).map(tuple)


@given(RUNS)
def test_a_summary_is_of_all_runs_and_their_middle(runs: tuple[float, ...]) -> None:
    summary = stats.summarise(runs, 8.0)
    assert summary.runs == runs
    assert min(runs) <= summary.median <= max(runs)
    assert sum(run < summary.median for run in runs) <= len(runs) / 2 >= sum(run > summary.median for run in runs)
    assert 0 <= summary.mad <= max(runs) - min(runs)


def test_one_slow_run_is_not_news() -> None:
    summary = stats.summarise((0.2, 0.2, 0.2, 0.2, 0.9), 8.0)
    assert (summary.median, summary.mad, summary.spread) == (0.2, 0.0, 0.0)


@pytest.mark.parametrize("n", [3, 4, 5, 8, 10])
def test_the_interval_holds_the_truth_as_often_as_it_says(n: int) -> None:
    """99 of 100 medians of normal runs; not so wide that it says nothing."""
    rng, truth = random.Random(n), 0.2
    drawn = [stats.summarise(tuple(rng.gauss(truth, 0.01) for _ in range(n)), 8.0) for _ in range(2000)]
    held = sum(abs(summary.median - truth) <= stats.half_width(summary) for summary in drawn)
    assert held >= 0.985 * len(drawn)
    least = NormalDist().inv_cdf(0.995) * 0.01 / math.sqrt(n)
    assert sorted(map(stats.half_width, drawn))[1000] < 8 * least


def test_few_or_equal_runs_prove_nothing() -> None:
    assert stats.half_width(stats.summarise((0.1, 0.1), 8.0)) == math.inf
    assert stats.half_width(stats.summarise((0.2,) * 4, 8.0)) > 0
    assert not stats.decided(stats.summarise((0.2,) * 4, 8.0), (0.2005,))
    assert stats.decided(stats.summarise((0.2,) * 4, 8.0), (0.3, 0.1))


def test_runs_that_jump_between_two_values_are_not_sure() -> None:
    jumping = stats.summarise((0.19, 0.19, 0.19, 0.25, 0.25), 8.0)
    assert jumping.mad == 0.0
    assert not stats.decided(jumping, (0.2,))


@given(st.floats(0.0, 5.0), st.floats(0.001, 2.0), st.lists(st.integers(3, 64), min_size=2, max_size=8, unique=True))
def test_the_line_is_found_again(fixed_s: float, per_nfe_s: float, nfes: list[int]) -> None:
    limit_s = fixed_s + 10.5 * per_nfe_s
    fit = stats.fit([(nfe, fixed_s + per_nfe_s * nfe) for nfe in nfes], limit_s)
    assert fit is not None
    assert (fit.fixed_s, fit.per_nfe_s) == (pytest.approx(fixed_s, abs=1e-6), pytest.approx(per_nfe_s, rel=1e-6))
    assert fit.r2 == pytest.approx(1.0)
    assert fit.nfe_max == 10


def test_the_largest_nfe_is_one_that_meets_the_target_exactly() -> None:
    assert stats.fit([(6, 0.6), (8, 0.8)], 0.7).nfe_max == 7  # type: ignore[union-attr]
    assert stats.fit([(6, 1.6), (8, 1.8)], 0.7).nfe_max == 0  # type: ignore[union-attr]


@pytest.mark.parametrize("times", [[], [(7, 1.0)], [(7, 1.0), (7, 1.1)], [(6, 2.0), (8, 1.0)], [(6, 1.0), (8, 1.0)]])
def test_what_is_no_line_is_not_fitted(times: list[tuple[int, float]]) -> None:
    assert stats.fit(times, 1.0) is None
