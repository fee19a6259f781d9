"""Speech made equally loud: of two samples the louder one sounds better, whatever its quality. Pure.

PCM is 16 bit, mono, at any rate: ``array("h")``. Levels are dB relative to full scale, of the RMS.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from math import log10
from operator import mul

FULL_SCALE = 32768.0
FRAME_S = 0.02
# The two gates of ITU-R BS.1770-4, so that pauses do not count: below -70 dB, and 10 dB below the mean of the rest.
SILENCE_DBFS, BELOW_MEAN_DB = -70.0, 10.0
WANTED_DBFS = -20.0
PEAK_DBFS = -1.0

Pcm = array  # of "h"


def active_dbfs(pcm: Pcm[int], rate: int) -> float | None:
    """The level of the parts where somebody speaks; None for silence."""
    size = max(int(FRAME_S * rate), 1)
    frames = (pcm[i : i + size] for i in range(0, len(pcm), size))
    powers = [sum(map(mul, frame, frame)) / len(frame) / FULL_SCALE**2 for frame in frames]
    loud = [power for power in powers if power > 10 ** (SILENCE_DBFS / 10)]
    if not loud:
        return None
    gate = sum(loud) / len(loud) / 10 ** (BELOW_MEAN_DB / 10)
    active = [power for power in loud if power > gate]
    return 10 * log10(sum(active) / len(active))


def peak_dbfs(pcm: Pcm[int]) -> float | None:
    """Of the largest sample; None where all are zero."""
    peak = max(max(pcm, default=0), -min(pcm, default=0))
    return 20 * log10(peak / FULL_SCALE) if peak else None


def common_dbfs(samples: Iterable[tuple[Pcm[int], int]]) -> float:
    """The level that all of these (PCM, rate) can have without one of them clipping; at most ``WANTED_DBFS``."""
    levels = [WANTED_DBFS]
    for pcm, rate in samples:
        active, peak = active_dbfs(pcm, rate), peak_dbfs(pcm)
        if active is not None and peak is not None:
            levels.append(active + PEAK_DBFS - peak)
    return min(levels)


def levelled(pcm: Pcm[int], rate: int, wanted_dbfs: float) -> tuple[Pcm[int], float]:
    """The PCM at that level and the gain in dB it took. Silence stays as it is."""
    active = active_dbfs(pcm, rate)
    if active is None:
        return pcm, 0.0
    gain_db = wanted_dbfs - active
    factor = 10 ** (gain_db / 20)
    return array("h", (round(sample * factor) for sample in pcm)), gain_db
