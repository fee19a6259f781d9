"""A tuner and answers for it, without a world."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ishowtts import schedules
from ishowtts.tuner.core import Tuner
from ishowtts.tuner.events import Commit, Committed, Compared, Event, Fired, Looked, Measured, TakeLook, Wait
from ishowtts.tuner.model import Decision, Distance, Look, Memory, Order
from ishowtts.tuner.plan import Compare, Trial
from ishowtts.tuner.policy import Policy

GOOD = Look(usable=True, mode="MAXN", hottest_c=50.0, idle_s=1000.0, key="k", quality_key="q", board={})
SEEDS_RTF = {6: 0.184, 7: 0.213, 8: 0.243, 9: 0.271, 10: 0.298}  # an AGX Orin's, measured by hand in 2025
BETTER_WITH_MORE = {6: 2.4, 7: 2.0, 8: 1.7, 9: 1.6, 10: 1.5}


def tuner(active: int = 7, memory: Memory | None = None, **policy: Any) -> Tuner:
    return Tuner(Policy(**policy), memory or Memory(), schedules.pick, active, first_s=0.0)


class Driver:
    """Answers everything a tuner asks; ``now_s`` moves by a second a question. ``rtf`` and ``db`` by NFE."""

    def __init__(self, tuner: Tuner, rtf: Mapping[int, float], db: Mapping[int, float] = BETTER_WITH_MORE) -> None:
        self.tuner, self.rtf, self.db = tuner, dict(rtf), dict(db)
        self.look: Callable[[], Look] = lambda: GOOD
        self.now_s = 0.0
        self.asked: list[Any] = []

    def answer(self) -> Event:
        ask = self.tuner.ask()
        self.asked.append(ask)
        match ask:
            case Wait(until_s):
                self.now_s = max(self.now_s, until_s)
                return Fired(getattr(self.tuner.state, "order", Order("timer")))
            case TakeLook():
                return Looked(self.look())
            case Compare(schedule=schedule):
                return Compared(Distance(self.db.get(schedule.nfe, 0.3), 3.0), 1.0, self.look())
            case Trial(schedule=schedule):
                return Measured(self.rtf[schedule.nfe], 8.0, 1.0, self.look())
            case Commit():
                return Committed()

    def step(self, event: Event | None = None) -> None:
        event = event or self.answer()
        self.now_s += 1.0
        self.tuner.tell(event, self.now_s)

    def until(self, *kinds: type) -> Any:
        """Go on until it asks for one of ``kinds``, which is returned, not answered."""
        for _ in range(10_000):
            ask = self.tuner.ask()
            if isinstance(ask, kinds):
                return ask
            self.step()
        raise AssertionError(f"it never asks for {kinds}")

    def round(self, order: Order | None = None) -> Decision:
        """One round to its commit."""
        self.until(Wait)
        self.step(Fired(order) if order else None)
        commit = self.until(Commit)
        self.step()
        decision: Decision = commit.decision
        return decision

    def rounds(self, n: int) -> Decision:
        return [self.round() for _ in range(n)][-1]


def hot(celsius: float) -> Look:
    return replace(GOOD, hottest_c=celsius)
