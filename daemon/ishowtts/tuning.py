"""Puts the tuner together with the service, the board and the history, for App. No rules live here."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ishowtts import __version__, config, ipc
from ishowtts.autotune import AutoTune, Ports
from ishowtts.board import BoardWatch
from ishowtts.device import report
from ishowtts.device.judge import judge
from ishowtts.device.snapshot import Snapshot
from ishowtts.guest import Outcome, Work
from ishowtts.history import History
from ishowtts.requests import Request
from ishowtts.service import Service
from ishowtts.steering import Steering
from ishowtts.text import chunks, normalize
from ishowtts.trials import Bench
from ishowtts.tuner import workload
from ishowtts.tuner.model import Look, Refusal
from ishowtts.wire import errors
from ishowtts.wire import messages as m


class Tuning:
    """``path``: of the history. Raises HistoryError when it cannot be opened."""

    def __init__(
        self, settings: config.Config, path: Path, service: Service, board: BoardWatch, log: Callable[..., None]
    ) -> None:
        self._settings, self._service, self._board = settings, service, board
        self._lane = service.lane
        self._history = History(path)
        if self._history.set_aside:
            log("tune.history", level="error", why=f"{path} was no database: it is {self._history.set_aside} now.")
        self._ready: ipc.Ready | None = None
        self._bench: Bench | None = None
        self._seen: tuple[str, str] | None = None
        ports = Ports(
            try_out=self._try_out,
            withdraw=self._withdraw,
            look=self._look,
            bench=self._bench_now,
            switch=self._switch,
            publish=lambda data: service.subscriptions.publish("tune", data),
            log=log,
            clock=time.monotonic,
        )
        self._auto = AutoTune(settings.tuner, settings.synthesis.nfe, self._lane.grids, self._history, ports)
        self._steering = Steering(self._auto, self._lane.grids, self._history, self._where)
        self._lane.observe = self._observe

    async def run(self) -> None:
        """Until cancelled."""
        await self._auto.run()

    def close(self) -> None:
        self._history.close()

    def configure(self, settings: config.Config) -> None:
        """Take over a new configuration."""
        self._settings = settings
        self._bench = self._make_bench(self._ready)
        here = self._where()
        known = here is not None and self._auto.tuner.memory.recall(*here) is not None
        self._auto.configure(settings.tuner, settings.synthesis.nfe, known=known)

    def engine_ready(self, ready: ipc.Ready) -> None:
        """Before anybody is spoken for: the choice that was best for these weights holds from the first request on."""
        self._ready, self._bench = ready, self._make_bench(ready)
        snapshot = self._board.snapshot
        if self._bench:
            self._auto.engine_ready(self._bench, _mode(snapshot) if snapshot else None)

    def tick(self, now_s: float) -> None:
        """Notice another engine or another power mode."""
        here = self._where()
        if here is not None and here != self._seen:
            before, self._seen = self._seen, here
            assert self._bench
            self._auto.engine_ready(self._bench, here[0])
            if before is not None:
                self._auto.changed()
        self._auto.tick(now_s)

    async def answer(self, message: m.Message, uid: int) -> m.Message:
        """Raises Refusal."""
        return await self._steering.answer(message, uid)

    def status(self) -> dict[str, Any]:
        return self._auto.status()

    # --- what AutoTune asks of the daemon ---------------------------------------------------------------------------

    async def _try_out(self, work: Work) -> tuple[Outcome, bytes]:
        ended: asyncio.Future[tuple[Outcome, bytes]] = asyncio.get_running_loop().create_future()

        def on_end(outcome: Outcome, pcm: bytes) -> None:
            if not ended.done():
                ended.set_result((outcome, pcm))

        self._lane.guest.offer(work, on_end)
        self._lane.pump(time.monotonic())
        return await ended

    def _withdraw(self) -> None:
        self._lane.guest.withdraw()

    def _switch(self, nfe: int) -> None:
        self._lane.tuned = nfe

    async def _look(self, since: Look | None) -> Look:
        """A look at the board; with the one the round began with, the verdict is on everything in between."""
        board = self._settings.board
        first: Snapshot | None = since.snapshot if since else None
        snapshot = await self._board.look(ask=first is None)
        expected = board.expected_gpu_mhz
        verdict = judge(first, snapshot, expected) if first else judge(snapshot, expected_gpu_mhz=expected)
        bench = self._bench_now()
        usable = verdict.usable(board.accept_unknown) and bench is not None
        why_not = [Refusal("board", reason.text, reason.mend) for reason in verdict.reasons]
        if bench is None:
            why_not = [Refusal("engine", "the engine is not ready", "see `ishowctl status`")]
        temperatures = [zone.temp_c for zone in snapshot.zones if zone.temp_c is not None]
        return Look(
            usable=usable,
            why_not=tuple(why_not),
            mode=_mode(snapshot),
            hottest_c=max(temperatures, default=None),
            idle_s=self._service.idle_s(time.monotonic()),
            key=bench.key if bench else "",
            quality_key=bench.quality_key if bench else "",
            board=_summary(snapshot, verdict.state, report.sentence(snapshot, verdict)),
            snapshot=snapshot,
        )

    def _observe(self, request: Request, spoken: ipc.Spoken) -> None:
        self._auto.spoke(request.nfe, request.voice, spoken.audio_s, spoken.compute_s)

    def _where(self) -> tuple[str, str] | None:
        snapshot, bench = self._board.snapshot, self._bench_now()
        return (_mode(snapshot), bench.key) if bench and snapshot else None

    def _bench_now(self) -> Bench | None:
        return self._bench if self._lane.ready else None

    def _make_bench(self, ready: ipc.Ready | None) -> Bench | None:
        settings = self._settings
        name = settings.tuner.voice or settings.voices.default
        voices = ready.voices if ready else []
        voice = next((voice for voice in voices if voice.name == name and not voice.problem), None)
        if ready is None or voice is None or not ready.fingerprint:
            return None
        longest = chunks.max_bytes(voice.text_bytes, voice.seconds, 1.0)
        made = workload.make(name, settings.synthesis.cfg, voice.seconds, voice.text_bytes, longest)
        if ready.characters:
            characters = frozenset(ready.characters)
            made = workload.fit(made, lambda text: normalize.fit(text, characters, pinyin=ready.pinyin))
        sound = [ready.fingerprint, voice.fingerprint, made.fingerprint, ready.dtype]
        return Bench(
            workload=made,
            key=_hash(*sound, ready.torch, ready.device, ready.kernels),
            quality_key=_hash(*sound, settings.tuner.recogniser),
            recogniser=settings.tuner.recogniser,
            machine={
                "model": ready.model,
                "device": ready.device,
                "dtype": ready.dtype,
                "torch": ready.torch,
                "daemon": __version__,
            },
        )


class NoTuning:
    """In place of Tuning where the history cannot be opened: the daemon speaks, and says what is wrong."""

    def __init__(self, problem: str) -> None:
        self._problem = problem

    async def run(self) -> None:
        await asyncio.Event().wait()

    def close(self) -> None: ...

    def configure(self, settings: config.Config) -> None: ...

    def engine_ready(self, ready: ipc.Ready) -> None: ...

    def tick(self, now_s: float) -> None: ...

    async def answer(self, message: m.Message, uid: int) -> m.Message:  # noqa: ARG002
        raise errors.Refusal(errors.Reason.HISTORY, self._problem)

    def status(self) -> dict[str, Any]:
        return {"state": "off", "sentence": self._problem, "refusals": [], "warning": self._problem}


def _mode(snapshot: Snapshot) -> str:
    mode = snapshot.mode
    return (mode.name or str(mode.id)) if mode else ""


def _summary(snapshot: Snapshot, state: str, sentence: str) -> dict[str, Any]:
    """Of a decision's evidence."""
    clock = snapshot.gpu.clock if snapshot.gpu else None
    gpu_c = next((zone.temp_c for zone in snapshot.zones if zone.name and zone.name.lower().startswith("gpu")), None)
    return {
        "state": state,
        "sentence": sentence,
        "mode": _mode(snapshot) or None,
        "gpu_c": gpu_c,
        "gpu_mhz": round(clock.cur_hz / 1e6, 1) if clock and clock.cur_hz else None,
        "clocks_locked": clock.pinned if clock else None,
        "snapshot": snapshot.as_json(),
    }


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
