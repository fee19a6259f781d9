"""Looks at the board every few seconds, beside the event loop, and keeps the newest verdict.

A look is some milliseconds of small reads. The witnesses (jtop, NVML) are children that take up to 6 s, and jtop's
makes its service work: they are asked when nobody is being spoken for, and then seldom or when the board has changed.
"""

from __future__ import annotations

import asyncio
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ishowtts import config
from ishowtts.device import jtop_witness, probe, report, sysfs
from ishowtts.device.judge import Verdict, judge
from ishowtts.device.nodes import Roots
from ishowtts.device.snapshot import JtopFailure, JtopView, Snapshot

JTOP_S, NVML_S = 300.0, 60.0


class BoardWatch:
    """``idle`` says whether the witnesses may be asked now."""

    def __init__(
        self, settings: config.Board, idle: Callable[[], bool], log: Callable[..., None], roots: Roots | None = None
    ) -> None:
        self._idle, self._log = idle, log
        self._roots = roots or Roots.real()
        self.configure(settings)
        self._snapshot: Snapshot | None = None
        self._verdict = Verdict("unknown")
        self._report = report.not_looked_at()
        self._asked_s = float("-inf")

    def configure(self, settings: config.Board) -> None:
        """From the next look on."""
        self._settings = settings
        self._jtop_python = jtop_witness.pick_python(settings.jtop_python)

    async def run(self) -> None:
        """Until cancelled. A look that fails is a bug of ours: it is logged, and the daemon speaks on."""
        while True:
            try:
                await self.look()
            except Exception:  # noqa: BLE001
                self._log("bug", level="error", trace=traceback.format_exc())
            await asyncio.sleep(self._settings.poll_s)

    async def look(self, *, ask: bool = False) -> Snapshot:
        """A fresh snapshot, which is also judged and kept. ``ask``: the witnesses too, whatever else is going on."""
        may_ask = ask or self._idle()
        snapshot = await _beside_the_loop(lambda: self._take(may_ask=may_ask, must_ask=ask))
        verdict = judge(snapshot, expected_gpu_mhz=self._settings.expected_gpu_mhz)
        if self._snapshot is None or verdict.state != self._verdict.state:
            level = "warning" if verdict.state == "rejected" else "info"
            mend = verdict.reasons[0].mend if verdict.reasons else ""
            self._log("board", level=level, sentence=report.sentence(snapshot, verdict), mend=mend)
        self._snapshot, self._verdict = snapshot, verdict
        self._report = report.board(snapshot, verdict, self._settings.accept_unknown, snapshot.taken_s)
        return snapshot

    def status(self) -> dict[str, Any]:
        """The `board` of the status, at once: what the last look found."""
        if self._snapshot is None:
            return self._report
        return {**self._report, "age_s": round(time.monotonic() - self._snapshot.taken_s, 1)}

    def _take(self, *, may_ask: bool, must_ask: bool) -> Snapshot:
        """In the thread."""
        fresh, last = sysfs.read(self._roots), self._snapshot
        if last is None or _facts(last) != _facts(fresh):
            last, self._asked_s = None, float("-inf")
        every_s = NVML_S if fresh.soc is None else JTOP_S
        if must_ask or (may_ask and fresh.taken_s - self._asked_s >= every_s):
            self._asked_s = fresh.taken_s
            return self._ask(fresh)
        return _with_witnesses_of(last, fresh) if last is not None else fresh

    def _ask(self, fresh: Snapshot) -> Snapshot:
        if not self._settings.jtop or fresh.soc is None:
            return probe.ask_witnesses(fresh, None)
        if not jtop_witness.SOCKET.exists():  # no child is started in vain
            return replace(fresh, jtop=JtopFailure("absent", "jtop.service does not run"))
        return probe.ask_witnesses(fresh, self._jtop_python)


def _facts(snapshot: Snapshot) -> tuple[Any, ...]:
    """What jtop's view is compared with: once it has changed, an older view would contradict it wrongly."""
    clock = snapshot.gpu.clock if snapshot.gpu else None
    locked = [cpu.min_hz == cpu.max_hz for cpu in snapshot.cpus]
    return snapshot.mode, clock and (clock.min_hz, clock.max_hz, clock.governor), locked


def _with_witnesses_of(last: Snapshot, fresh: Snapshot) -> Snapshot:
    jtop = last.jtop
    if isinstance(jtop, JtopView):
        jtop = replace(jtop, age_s=round(jtop.age_s + fresh.taken_s - last.taken_s, 2))
    return replace(fresh, jtop=jtop, nvml=last.nvml)


async def _beside_the_loop(work: Callable[[], Snapshot]) -> Snapshot:
    """In a daemon thread: unlike an executor's, it holds up no exit of the process."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Snapshot] = loop.create_future()

    def tell(set_: Callable[[Any], None], value: object) -> None:
        if not done.done():
            set_(value)

    def run() -> None:
        try:
            result: object = work()
            set_: Callable[[Any], None] = done.set_result
        except Exception as error:  # noqa: BLE001 (raised again in the loop)
            result, set_ = error, done.set_exception
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell, set_, result)

    threading.Thread(target=run, name="board", daemon=True).start()
    return await done
