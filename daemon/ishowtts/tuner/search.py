"""A better grid for these weights: coordinate search on the same-noise distance. Ask/tell, pure.

The inner points of a grid are moved one at a time by a step that halves, on the line before sway; a move that brings
the mels nearer to NFE 64's stays. Every checkpoint has its own best grid; the published ones were found for one.
Searched on half of the quality set and judged on the other half, so that what is kept is no accident of a few words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, median

from ishowtts import schedules
from ishowtts.schedules import Schedule
from ishowtts.tuner.plan import QUALITY_ITEMS

FIRST_STEP, LAST_STEP = 2 / 32, 1 / 64
WINS_BY = 0.03  # relative, on sentences that the search has not seen
SEEN, UNSEEN = tuple(range(0, QUALITY_ITEMS, 2)), tuple(range(1, QUALITY_ITEMS, 2))

Points = tuple[float, ...]


@dataclass(frozen=True)
class Evaluate:
    """Compare ``schedule`` with NFE 64 on these items."""

    schedule: Schedule
    items: tuple[int, ...]


@dataclass(frozen=True)
class Found:
    """``schedule`` is the start's where nothing better was found; ``gain`` on the unseen items, relative."""

    schedule: Schedule
    gain: float
    evaluations: int

    @property
    def wins(self) -> bool:
        return self.gain >= WINS_BY


class Search:
    def __init__(self, nfe: int) -> None:
        self.start = schedules.pick(nfe)
        self._points = schedules.points(nfe)
        self.best_db: float | None = None  # of the mean distance on the seen items
        self._moves = self._all_moves(FIRST_STEP)
        self._step, self._improved = FIRST_STEP, False
        self._trying: Points = self._points
        self._judging: list[float] = []
        self._seen: set[Points] = {self._points}
        self.evaluations = 0

    def ask(self) -> Evaluate | Found:
        if self._trying:
            return Evaluate(_grid(self._trying), SEEN)
        found = _grid(self._points)
        if found.times == self.start.times:
            return Found(self.start, 0.0, self.evaluations)
        if len(self._judging) < 2:
            return Evaluate((self.start, found)[len(self._judging)], UNSEEN)
        before, after = self._judging
        return Found(found, 1 - after / before if before else 0.0, self.evaluations)

    def tell(self, distances: Sequence[float]) -> None:
        """The distances of the items that were asked for, in dB."""
        value = mean(distances)
        self.evaluations += 1
        if not self._trying:
            self._judging.append(median(distances))
            return
        if self.best_db is None or value < self.best_db:
            self._improved = self._improved or self.best_db is not None
            self._points, self.best_db = self._trying, value
        self._trying = self._next()

    def _next(self) -> Points:
        """The next grid worth trying; none when no move of the smallest step helps."""
        while True:
            while self._moves:
                place, delta = self._moves.pop(0)
                moved = self._moved(place, delta)
                if moved and moved not in self._seen:
                    self._seen.add(moved)
                    return moved
            if not self._improved:
                self._step /= 2
                if self._step < LAST_STEP:
                    return ()
            self._moves, self._improved = self._all_moves(self._step), False

    def _all_moves(self, step: float) -> list[tuple[int, float]]:
        return [(place, sign * step) for place in range(1, self.start.nfe) for sign in (1, -1)]

    def _moved(self, place: int, delta: float) -> Points:
        points = [*self._points]
        points[place] = round(points[place] + delta, 6)
        rising = points[place - 1] + LAST_STEP / 2 < points[place] < points[place + 1] - LAST_STEP / 2
        return tuple(points) if rising else ()


def _grid(points: Points) -> Schedule:
    times = schedules.sway(points)
    mark = hashlib.sha256(repr(points).encode()).hexdigest()[:4]
    usual = schedules.pick(len(points) - 1)
    return usual if times == usual.times else Schedule(f"found-{len(points) - 1}-{mark}", times)
