"""The time grids on which the flow-matching ODE is integrated. Pure numbers: no torch here.

A schedule, not an integer, is what the tuner chooses between: the same number of function evaluations (NFE) sounds
different on another grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# In 32nds. Empirically pruned step sampling (EPSS, arXiv 2505.19931) as published in f5-tts, model/utils.py.
_EPSS: dict[int, tuple[int, ...]] = {
    5: (0, 2, 4, 8, 16, 32),
    6: (0, 2, 4, 6, 8, 16, 32),
    7: (0, 2, 4, 6, 8, 16, 24, 32),
    10: (0, 2, 4, 6, 8, 12, 16, 20, 24, 28, 32),
    12: (0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32),
    16: (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32),
}
# Ours, where f5-tts falls to a uniform grid whose first step is four times as long: 7's early steps, finer late ones.
_OWN: dict[int, tuple[int, ...]] = {
    8: (0, 2, 4, 6, 8, 12, 16, 24, 32),
    9: (0, 2, 4, 6, 8, 12, 16, 20, 24, 32),
}
SWAY = -1.0


@dataclass(frozen=True)
class Schedule:
    """``times`` are NFE + 1 rising numbers from 0 (noise) to 1 (speech), sway applied."""

    name: str
    times: tuple[float, ...]

    @property
    def nfe(self) -> int:
        return len(self.times) - 1


def points(nfe: int) -> tuple[float, ...]:
    """The usual grid for ``nfe`` before sway: rising from 0 to 1."""
    if nfe in _EPSS or nfe in _OWN:
        return tuple(x / 32 for x in (_EPSS.get(nfe) or _OWN[nfe]))
    return tuple(i / nfe for i in range(nfe + 1))


def pick(nfe: int, *, own_grids: bool = True) -> Schedule:
    """The grid for ``nfe`` steps: EPSS where published, ours for 8 and 9, uniform for any other.

    ``own_grids=False`` gives what f5-tts does for 8 and 9 (uniform), for comparison with it.
    """
    if nfe < 1:
        raise ValueError(f"a schedule needs at least one step, not {nfe}")
    if nfe in _EPSS:
        return Schedule(f"epss-{nfe}", sway(tuple(x / 32 for x in _EPSS[nfe])))
    if own_grids and nfe in _OWN:
        return Schedule(f"own-{nfe}", sway(tuple(x / 32 for x in _OWN[nfe])))
    return uniform(nfe)


class Book:
    """The grid for each NFE: one that was found for these weights, else the usual one."""

    def __init__(self) -> None:
        self.found: dict[int, Schedule] = {}

    def pick(self, nfe: int) -> Schedule:
        return self.found.get(nfe) or pick(nfe)


def given(times: tuple[float, ...], nfe: int) -> Schedule:
    """``times`` as they are, or where there are none the grid for ``nfe``."""
    return Schedule("given", times) if times else pick(nfe)


def uniform(nfe: int) -> Schedule:
    return Schedule(f"uniform-{nfe}", sway(tuple(i / nfe for i in range(nfe + 1))))


def sway(times: tuple[float, ...], coefficient: float = SWAY) -> tuple[float, ...]:
    """Sway sampling, F5-TTS (arXiv 2410.06885) eq. 9: t + s (cos(pi t / 2) - 1 + t); s = -1 leans towards the noise."""
    swayed = [t + coefficient * (math.cos(math.pi / 2 * t) - 1 + t) for t in times]
    return (*swayed[:-1], times[-1])  # the end is exact: rounding must not move it
