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
from ishowtts.tuner.events import (
    Ask,
    Commit,
    Committing,
    Event,
    Fired,
    Looked,
    Paused,
    Resting,
    TakeLook,
    Wait,
    Working,
)
from ishowtts.tuner.model import Look, Memory, Order
from ishowtts.tuner.plan import Compare, Trial
from ishowtts.tuner.policy import Policy

FIRST_S = 60.0  # after the start: users who waited for it come first
LATE_S = 5.0  # an alarm further off than this means that the wall clock was set
NEVER_S = float("inf")


@dataclass(frozen=True)
class Ports:
    """The outside world. ``try_out`` gives work to the engine, ``withdraw`` takes it back without an outcome."""

    try_out: TryOut
    withdraw: Callable[[], None]
    look: Callable[[Look | None], Awaitable[Look]]
    bench: Callable[[], Bench | None]
    switch: Callable[[int], None]
    publish: Callable[[dict[str, Any]], None]
    log: Callable[..., None]
    clock: Callable[[], float]


class AutoTune:
    """``active``: the NFE to begin with where the history knows none."""

    def __init__(self, policy: Policy, active: int, book: Book, history: History, ports: Ports) -> None:
        self._ports, self._history, self._book, self._default = ports, history, book, active
        first_s = ports.clock() + FIRST_S
        self.tuner = Tuner(policy, history.memory(), book.pick, active, first_s, history.distances())
        self.watch = drift.Watch(active, ())
        self.last = next(iter(history.decisions(1)), None)
        self.searching = 0  # the NFE
        self.writing = asyncio.Lock()  # held from reading the tuner's memory to acting on what was kept of it
        self._trials = Trials(ports.bench, ports.try_out)
        self._timer = Timer(lambda: self._ring(self._due()))
        self._orders: asyncio.Queue[Order | tuple[int, ...]] = asyncio.Queue()  # rings, and searches
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
                    self._tell(event)
        finally:
            self._timer.stop()

    # --- what the daemon tells ------------------------------------------------------------------------------------

    def engine_ready(self, bench: Bench, mode: str | None) -> None:
        """Perhaps with other weights: take up what was best for them in this power mode (None: in any)."""
        self.tuner.active = self.tuner.memory.recall(mode, bench.key) or self.tuner.active
        self._ports.switch(self.tuner.active)
        self._book.found = {}
        try:
            self._book.found = self._history.grids(bench.quality_key)
            measured = self._history.last_measured(mode or "", bench.key, self.tuner.active)
            self._watch(measured, self.tuner.active)
        except HistoryError as error:
            self._ports.log("tune.history", level="error", why=error)

    def configure(self, policy: Policy, default: int, *, known: bool) -> None:
        """``default``: the NFE to speak with unless ``known`` says that the history has one for here."""
        anew = policy != self.tuner.policy or (default != self._default and not known)
        if default != self._default and not known:
            self.tuner.active = default
            self._ports.switch(default)
        self._default = default
        if anew:
            self.tuner.configure(policy, self._ports.clock())
            self._publish_progress()
            self._steered()
            self.changed()

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
        if isinstance(order, tuple):
            self.searching = order[0]
            self._orders.put_nowait(order)
        else:
            self._tell(Fired(order))
            self._steered()

    def stop(self) -> None:
        """End what is under way."""
        if self.searching:
            self._ports.publish({"kind": "stopped", "sentence": "the search was stopped by an operator."})
        self.searching = 0
        while not self._orders.empty():
            self._orders.get_nowait()
        self._tell(events.Stopped())
        self._steered()

    async def override(self, record: dict[str, Any], memory: Memory, active: int) -> None:
        """Keep an operator's decision, then follow it; with ``writing`` held. Raises HistoryError."""
        await self._keep(record, memory)
        self.tuner.override(memory, active, self._ports.clock())
        self._ports.switch(active)
        self._publish_progress()
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
        if self.searching and order.reason != "changed":
            return  # the alarm is set again after the search
        if self.tuner.policy.auto or order.asked or isinstance(self.tuner.state, Paused):
            self._orders.put_nowait(order)

    def _tell(self, event: Event) -> None:
        self.tuner.tell(event, self._ports.clock())
        self._publish_progress()

    def _steered(self) -> None:
        """What is being done is no longer wanted; what is being written to the disk, and a search, go on."""
        if self.searching or isinstance(self.tuner.state, Committing):
            return
        self._ports.withdraw()
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
                    async with self.writing:
                        await self._keep(record, memory)
                        self._ports.switch(decision.after.nfe)
                        self._tell(events.Committed())  # before anybody else may write
                    return None
        except Interrupted:
            return events.Interrupted()
        except (NoResult, HistoryError) as error:
            self._ports.log("tune.failed", level="warning", why=error)
            return events.Failed(str(error).rstrip("."))

    async def _wait(self, until_s: float) -> Event | None:
        self._forget_rings()
        self._arm(until_s)
        wanted = await self._orders.get()
        self._alarm_s = NEVER_S
        self._timer.disarm()
        if isinstance(wanted, tuple):
            await self._search(wanted)
            return None
        return None if self._too_early(wanted, until_s) else Fired(wanted)

    def _forget_rings(self) -> None:
        """What rang during a round is answered by it, unless the round was about another machine."""
        for one in dict.fromkeys(self._orders.get_nowait() for _ in range(self._orders.qsize())):
            if isinstance(one, tuple) or one.reason == "changed":
                self._orders.put_nowait(one)

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

        def keep() -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
            number = self._history.commit(whole, memory)
            measured = self._history.last_measured(record["mode"] or "", record["fingerprint"], record["after"]["nfe"])
            return self._history.decision(number), measured

        self.last, measured = await asyncio.to_thread(keep)
        self._watch(measured, record["after"]["nfe"])
        number = self.last and self.last["id"]
        self._ports.log("tune.decision", id=number, outcome=record["outcome"], sentence=record["sentence"])
        self._ports.publish({"kind": "decision", "decision": self.last})

    def _watch(self, measured: dict[str, Any] | None, nfe: int) -> None:
        self.watch = drift.Watch(nfe, records.points(measured or {}, nfe))

    async def _search(self, nfes: tuple[int, ...]) -> None:
        try:
            for nfe in nfes:
                self.searching = nfe
                await gridsearch.find(nfe, self._trials, self._history, self._book, self._ports.publish)
        except (NoResult, HistoryError) as error:
            self._ports.log("tune.failed", level="warning", why=error)
            self._ports.publish({"kind": "stopped", "sentence": f"the search failed: {str(error).rstrip('.')}."})
        finally:
            self.searching = 0

    def _first_look(self) -> Look | None:
        return self.tuner.state.round.first if isinstance(self.tuner.state, Working) else None

    def _publish_progress(self) -> None:
        self._ports.publish(report.event(self.tuner, self._ports.clock()))
