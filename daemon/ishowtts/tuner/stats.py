"""Medians and what can be said of them: robust on purpose, one slow run is not news."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import median

from ishowtts.tuner.model import Fit, Summary

# Two-sided 99 % quantiles of Student's t for n - 1 degrees of freedom, n = 3 to 10; beyond, the normal's is near.
_T99 = {3: 9.92, 4: 5.84, 5: 4.60, 6: 4.03, 7: 3.71, 8: 3.50, 9: 3.36, 10: 3.25}
_MEDIAN_OF_MEAN = math.sqrt(math.pi / 2)  # how much less sure a median is than a mean
_LEAST_NOISE = 0.003  # relative: a few equal runs do not prove that there is none


@lru_cache(maxsize=64)  # asked again after every trial
def summarise(runs: tuple[float, ...], audio_s: float) -> Summary:
    middle = median(runs)
    return Summary(runs, middle, median(abs(run - middle) for run in runs), audio_s)


def half_width(summary: Summary) -> float:
    """Of the 99 % confidence interval of the median; infinite for fewer than three runs.

    From the standard deviation, not the MAD: of five runs that jump between two values the MAD is zero.
    """
    n = len(summary.runs)
    if n < 3:
        return math.inf
    mean = sum(summary.runs) / n
    sigma = math.sqrt(sum((run - mean) ** 2 for run in summary.runs) / (n - 1))
    sigma = max(sigma, _LEAST_NOISE * summary.median)
    return _T99.get(n, 3.0) * _MEDIAN_OF_MEAN * sigma / math.sqrt(n)


def decided(summary: Summary, limits: Sequence[float]) -> bool:
    """Is it plain on which side of each limit the median lies?"""
    width = half_width(summary)
    return all(abs(summary.median - limit) > width for limit in limits)


def fit(times: Sequence[tuple[int, float]], limit_s: float) -> Fit | None:
    """Least squares through (NFE, seconds) of at least two NFEs: time is linear in NFE. ``limit_s``: the target's."""
    n = len(times)
    if n < 2:
        return None
    mean_x, mean_y = sum(x for x, _ in times) / n, sum(y for _, y in times) / n
    xx = sum((x - mean_x) ** 2 for x, _ in times)
    xy = sum((x - mean_x) * (y - mean_y) for x, y in times)
    yy = sum((y - mean_y) ** 2 for _, y in times)
    if xx <= 0 or xy <= 0:
        return None
    slope = xy / xx
    fixed = mean_y - slope * mean_x
    return Fit(fixed, slope, xy * xy / (xx * yy), max(int((limit_s - fixed) / slope + 1e-9), 0))
