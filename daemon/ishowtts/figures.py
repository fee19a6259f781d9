"""What the lane has seen of the last requests: for the status, and to estimate how long one will wait. Pure."""

from __future__ import annotations

from statistics import median

KEPT = 200


class Figures:
    def __init__(self) -> None:
        self._rtfs: list[float] = []
        self._seconds_per_char: list[float] = []
        self._front_lags_s: list[float] = []

    def spoke(self, compute_s: float, chars: int) -> None:
        _keep(self._seconds_per_char, compute_s / max(chars, 1))

    def ended(self, rtf: float) -> None:
        _keep(self._rtfs, rtf)

    def delivered(self, lag_s: float) -> None:
        """From the engine having audio to the first of it having left."""
        _keep(self._front_lags_s, max(lag_s, 0.0))

    def wait_s(self, chars: int) -> float | None:
        """For ``chars`` characters of others; None before anything was spoken."""
        return chars * median(self._seconds_per_char) if self._seconds_per_char else None

    @property
    def rtf_median(self) -> float | None:
        return round(median(self._rtfs), 4) if self._rtfs else None

    @property
    def rtf_last(self) -> float | None:
        return round(self._rtfs[-1], 4) if self._rtfs else None

    @property
    def front_lag_p99_ms(self) -> float | None:
        lags = sorted(self._front_lags_s)
        return round(1000 * lags[int(0.99 * (len(lags) - 1))], 2) if lags else None


def _keep(window: list[float], value: float) -> None:
    window.append(value)
    del window[:-KEPT]
