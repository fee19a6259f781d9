"""Few numbers about few runs. The median and its MAD: one slow run says nothing about an engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median


def percentile(values: Sequence[float], share: float) -> float:
    """Linear between the two nearest ranks; ``share`` from 0 to 1."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def spread(values: Sequence[float]) -> float:
    """Median absolute deviation over median: 0.01 is a steady machine, 0.1 is none."""
    middle = median(values)
    return median(abs(value - middle) for value in values) / middle
