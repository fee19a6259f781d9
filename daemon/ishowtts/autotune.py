"""Carries out what the tuner asks for: looks at the board, has the engine measure, writes the history, then switches.

The only place where the tuner meets the world. It runs in the event loop; for the disk it waits in a thread.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ishowtts import gridsearch
from ishowtts.history import History, HistoryError
from ishowtts.schedules import Book
from ishowtts.timer import Timer
from ishowtts.trials import Bench, Interrupted, NoResult, Trials, TryOut
from ishowtts.tuner import drift, events, quiet, records, report
from ishowtts.tuner.core import Tuner
from ishowtts.tuner.events import Ask, Commit, Event, Fired, Looked, Paused, Resting, TakeLook, Wait, Working
from ishowtts.tuner.model import Look, Memory, Order
from ishowtts.tuner.plan import Compare, Trial
from ishowtts.tuner.policy import Policy

FIRST_S = 60.0  # after the start: users who waited for it come first
LATE_S = 5.0  # an alarm further off than this means that the wall clock was set
NEVER_S = float("inf")


@dataclass(frozen=True)
class Ports:
    """The outside world. ``try_out`` gives work to the engine, ``withdraw`` takes it back without an outcome.

    ``switch``: speak with this NFE, or with the configured one.
    """

    try_out: TryOut
    withdraw: Callable[[], None]
    look: Callable[[Look | None], Awaitable[Look]]
    bench: Callable[[], Bench | None]
    switch: Callable[[int | None], None]
    publish: Callable[[dict[str, Any]], None]
    log: Callable[..., None]
    clock: Callable[[], float]


class AutoTune:
    """``active``: the NFE to begin with where the history knows none."""

    def __init__(self, policy: Policy, active: int, book: Book, history: History, ports: Ports) -> None:
        self._ports, self._history, self._book = ports, history, book
        first_s = ports.clock() + FIRST_S
        self.tuner = Tuner(policy, history.memory(), book.pick, active, first_s, history.distances())
        self.watch = drift.Watch(active, ())
        self.last = next(iter(history.decisions(1)), None)
        self.searching = 0  # the NFE
        self.configured = active
        self._trials = Trials(ports.bench, ports.try_out)
        self._timer = Timer(lambda: self._ring(self._due()))
        self._orders: asyncio.Queue[Order | tuple[int, ...]] = asyncio.Queue()
        self._work: asyncio.Task[Event | None] | None = None
        self._alarm_s = NEVER_S

    async def run(self) -> None:
        """Until cancelled."""
        self._timer.start()
        try:
            while True:
                state = self.tuner.state
                event = await self._unless_steered(self._carry_out(self.tuner.ask()))
                if event is not None and self.tuner.state is state:
                    self.tuner.tell(event, self._ports.clock())
                    self._publish_progress()
        finally:
            self._timer.stop()

    # --- what the daemon tells ------------------------------------------------------------------------------------

    def engine_ready(self, bench: Bench, mode: str | None) -> None:
        """Perhaps with other weights: take up what was best for them in this power mode (None: in any)."""
        self._book.found = self._history.grids(bench.quality_key)
        memory = self.tuner.memory
        here = [nfe for (its, key), nfe in memory.choices.items() if key == bench.key and mode in (its, None)]
        known = [memory.pinned] if memory.pinned else here
        self.tuner.active = known[-1] if known else self.configured
        self._ports.switch(self.tuner.active if known else None)
        measured = self._history.last_measured(mode or "", bench.key) or {}
        self.watch = drift.Watch(self.tuner.active, records.points(measured))

    def configure(self, policy: Policy, nfe: int, *, chosen: bool) -> None:
        """Take over a new configuration. ``chosen``: the tuner's choice goes before the configured ``nfe``."""
        self.tuner.policy, self.configured = policy, nfe
        if not chosen:
            self.tuner.active = nfe

    def changed(self) -> None:
        """The power mode, the model or the voice is another than it was."""
        self._ring(Order("changed"))

    def spoke(self, nfe: int, voice: str, audio_s: float, compute_s: float) -> None:
        """A chunk for a user, alone in the engine."""
        bench = self._ports.bench()
        if bench and voice == bench.workload.voice and self.watch.add(nfe, audio_s, compute_s):
            self._ports.log("tune.drift", level="warning", warning=self.watch.warning)
            self._ring(Order("drift"))

    def tick(self, now_s: float) -> None:
        """APScheduler goes by the wall clock: one that was set back must not hold the alarm back."""
        if now_s > self._alarm_s + LATE_S:
            self._ring(self._due())

    # --- what an operator wants -----------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        return bool(self.searching) or not isinstance(self.tuner.state, Resting)

    def begin(self, order: Order | tuple[int, ...]) -> None:
        """A round, or a search for grids for these NFEs; not while ``busy``."""
        self._orders.put_nowait(order)

    def stop(self) -> None:
        """End what is under way."""
        if self.searching:
            self._ports.publish({"kind": "stopped", "sentence": "the search was stopped by an operator."})
        self.tuner.tell(events.Stopped(), self._ports.clock())
        self._publish_progress()
        self._steered()

    async def override(self, record: dict[str, Any], memory: Memory, active: int) -> None:
        """Keep an operator's decision, then follow it. Raises HistoryError."""
        await self._keep(record, memory)
        self.tuner.override(memory, active, self._ports.clock())
        self._ports.switch(active)
        self._steered()

    def status(self) -> dict[str, Any]:
        bench, now_s = self._ports.bench(), self._ports.clock()
        found = report.status(self.tuner, bench.workload if bench else None, now_s)
        last = self.last and {key: self.last[key] for key in ("id", "at", "outcome", "sentence")}
        if self.searching:
            found |= {"state": "searching", "sentence": f"looking for a better grid for NFE {self.searching}."}
        return found | {"warning": self.watch.warning, "last": last}

    # --- within ---------------------------------------------------------------------------------------------------

    def _due(self) -> Order:
        return self.tuner.state.order if isinstance(self.tuner.state, Resting) else Order("timer")

    def _ring(self, order: Order) -> None:
        if (self.tuner.policy.auto or order.asked or isinstance(self.tuner.state, Paused)) and not self.searching:
            self._orders.put_nowait(order)

    def _steered(self) -> None:
        self._ports.withdraw()
        self.searching = 0
        if self._work is not None:
            self._work.cancel()

    async def _unless_steered(self, work: Any) -> Event | None:
        self._work = asyncio.create_task(work)
        try:
            await asyncio.wait([self._work])
            return None if self._work.cancelled() else self._work.result()
        finally:
            self._work.cancel()
            self._work = None

    async def _carry_out(self, ask: Ask) -> Event | None:
        try:
            match ask:
                case Wait(until_s):
                    return await self._wait(until_s)
                case TakeLook(since):
                    return Looked(await self._ports.look(since))
                case Trial():
                    spoken = await self._trials.speak(ask)
                    look = await self._ports.look(self._first_look())
                    return events.Measured(spoken.compute_s / spoken.audio_s, spoken.audio_s, spoken.compute_s, look)
                case Compare():
                    return await self._compare(ask)
                case Commit(decision, memory):
                    record = records.decision(decision, self.tuner.policy)
                    await self._keep(record, memory)
                    self._ports.switch(decision.after.nfe)
                    self.watch = drift.Watch(decision.after.nfe, records.points(record))
                    return events.Committed()
        except Interrupted:
            return events.Interrupted()
        except (NoResult, HistoryError) as error:
            self._ports.log("tune.failed", level="warning", why=error)
            return events.Failed(str(error).rstrip("."))

    async def _wait(self, until_s: float) -> Event | None:
        while not self._orders.empty():  # what rang during a round is answered by it
            self._orders.get_nowait()
        self._arm(until_s)
        wanted = await self._orders.get()
        self._alarm_s = NEVER_S
        self._timer.disarm()
        if isinstance(wanted, tuple):
            await self._search(wanted)
            return None
        return None if self._too_early(wanted, until_s) else Fired(wanted)

    def _too_early(self, order: Order, until_s: float) -> bool:
        """The wall clock was set forward, or it is a quiet hour: the alarm is set anew."""
        if order.asked or not isinstance(self.tuner.state, Resting):
            return False
        now_s, now = self._ports.clock(), datetime.now()  # local: the hours of the people around it
        quiet_s = quiet.left_s(self.tuner.policy.quiet_hours, now.hour, now.minute)
        if quiet_s:
            self.tuner.postpone(now_s + quiet_s)
        return bool(quiet_s) or (order == self._due() and now_s < until_s - LATE_S)

    def _arm(self, until_s: float) -> None:
        state, policy = self.tuner.state, self.tuner.policy
        if not (policy.auto or isinstance(state, Paused) or self._due().asked):
            return
        by_itself = isinstance(state, Resting) and state.order == Order("timer")
        delay_s = max(until_s - self._ports.clock(), 0.0) + (random.uniform(0, policy.jitter_s) if by_itself else 0.0)
        self._alarm_s = self._ports.clock() + delay_s
        self._timer.arm(delay_s)

    async def _compare(self, task: Compare) -> Event:
        distance, gpu_s = await self._trials.compare(task.schedule, task.item)
        look = await self._ports.look(self._first_look())
        name, key = task.schedule.name, look.quality_key
        await asyncio.to_thread(lambda: self._history.keep_distance(key, name, task.item, distance))
        return events.Compared(distance, gpu_s, look)

    async def _keep(self, record: dict[str, Any], memory: Memory) -> None:
        """On disk first: whoever is killed before the switch finds the new choice at the next start."""
        bench = self._ports.bench()
        whole = {**record, **(bench.machine if bench else {})}
        number = await asyncio.to_thread(lambda: self._history.commit(whole, memory))
        self.last = next(iter(self._history.decisions(1)), None)
        self._ports.log("tune.decision", id=number, outcome=record["outcome"], sentence=record["sentence"])
        self._ports.publish({"kind": "decision", "decision": self.last})

    async def _search(self, nfes: tuple[int, ...]) -> None:
        for nfe in nfes:
            self.searching = nfe
            try:
                await gridsearch.find(nfe, self._trials, self._history, self._book, self._ports.publish)
            finally:
                self.searching = 0

    def _first_look(self) -> Look | None:
        return self.tuner.state.round.first if isinstance(self.tuner.state, Working) else None

    def _publish_progress(self) -> None:
        """Also the ends of rounds that decide nothing."""
        tuner = self.tuner
        data: dict[str, Any] = {"kind": report.word(tuner.state), "progress": report.progress(tuner)}
        if isinstance(tuner.state, Resting):
            refusals = [{"code": one.code, "text": one.text, "mend": one.mend} for one in tuner.refusals]
            data |= {"outcome": tuner.outcome, "sentence": tuner.verdict, "refusals": refusals}
            data |= {"due": tuner.state.order.reason, "next_s": round(tuner.state.due_s - self._ports.clock(), 1)}
        self._ports.publish(data)
