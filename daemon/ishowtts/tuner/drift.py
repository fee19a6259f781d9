"""Are users' requests as fast as what was measured? Pure.

Each chunk that was spoken alone in the tuned voice is compared with the time that the last round's measurements predict
for its length. The median of the last ones says whether the machine has become slower.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from statistics import median

ENOUGH = 20
SLOWER, AS_BEFORE = 1.15, 1.05
APART = 1.2  # points nearer in length than this say nothing about the slope between them


class Watch:
    """``points``: (seconds of speech, seconds of work), measured with the NFE ``nfe``."""

    def __init__(self, nfe: int, points: Sequence[tuple[float, float]]) -> None:
        self._nfe, self._points = nfe, _apart(points)
        self._ratios: deque[float] = deque(maxlen=2 * ENOUGH)
        self.slow = False

    def add(self, nfe: int, audio_s: float, compute_s: float) -> bool:
        """True when this one makes it plain that requests have become slower."""
        if nfe != self._nfe or len(self._points) < 2 or audio_s < self._points[0][0] / 2:
            return False
        self._ratios.append(compute_s / self._expected_s(audio_s))
        was_slow, ratio = self.slow, self.ratio
        if ratio is not None:
            self.slow = ratio > (AS_BEFORE if was_slow else SLOWER)
        return self.slow and not was_slow

    @property
    def ratio(self) -> float | None:
        """Real time over predicted time, the median; None while there are too few."""
        return median(self._ratios) if len(self._ratios) >= ENOUGH else None

    @property
    def warning(self) -> str:
        if not self.slow or self.ratio is None:
            return ""
        return f"requests take {self.ratio - 1:.0%} longer than the last round measured."

    def _expected_s(self, audio_s: float) -> float:
        """On the line through the two measured points nearest in length."""
        upper = next((i for i, point in enumerate(self._points) if point[0] >= audio_s), len(self._points) - 1)
        (x0, y0), (x1, y1) = self._points[max(upper, 1) - 1], self._points[max(upper, 1)]
        return max(y0 + (y1 - y0) * (audio_s - x0) / (x1 - x0), 0.1 * y0, 1e-6)


def _apart(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """By length, without those near the one before: where a voice's clip is long, two buckets have the same text."""
    kept: list[tuple[float, float]] = []
    for point in sorted(points):
        if not kept or point[0] >= APART * kept[-1][0]:
            kept.append(point)
    return kept
