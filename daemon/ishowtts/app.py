"""Builds everything and runs it: the only module that knows all names. No rules live here."""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from ishowtts import __version__, admission, configure, files, ipc, places, reload, voices, watchdog
from ishowtts.board import BoardWatch
from ishowtts.config import Config, ConfigError
from ishowtts.device.nodes import Roots
from ishowtts.engine_port import Defaults, EngineState
from ishowtts.history import HistoryError
from ishowtts.logs import Log
from ishowtts.notify import Notifier
from ishowtts.requests import Peer
from ishowtts.server import Server
from ishowtts.service import Ports, Service
from ishowtts.status import Identity
from ishowtts.supervisor import Plan, Supervisor
from ishowtts.tuning import NoTuning, Tuning
from ishowtts.wire import messages as m
from ishowtts.wire.errors import Reason, Refusal

BUSY_TICK_S, IDLE_TICK_S = 0.05, 0.5
STOP_S = 15.0  # more than the last words and the engine's end take together


class StartError(Exception):
    """The daemon cannot start here; one sentence for a person."""


class App:
    """``read`` gives the configuration, at the start and at each reload; it raises ConfigError.

    ``base``: the folder that relative paths in it start from. ``roots``: where the board is read.
    """

    def __init__(self, read: Callable[[], Config], base: Path, roots: Roots | None = None) -> None:
        config = read()
        self._read, self._base = read, base
        self._config = self._started_with = config
        self._log = Log(config.log.level)
        self._notifier = Notifier()
        self._trouble = ""
        self._stop = asyncio.Event()
        self._runtime = files.resolve(config.server.runtime_dir, base)
        clips = voices.load(config.voices, base)
        self._server = Server(
            {"user": self._runtime / "tts.sock", "admin": self._runtime / "admin.sock"},
            {"user": config.server.user_group, "admin": config.server.admin_group},
            self._received,
        )
        self._supervisor = Supervisor(self._plan(config, clips), self._engine_said, self._engine_died, self._log)
        self._board = BoardWatch(config.board, self._may_ask_witnesses, self._log, roots)
        self._service = Service(
            Ports(
                send=self._server.send,
                engine=self._supervisor,
                restart_engine=self._supervisor.restart,
                renew_engine=self._supervisor.renew,
                reload=self._reload,
                log=self._log,
                random_seed=lambda: secrets.randbelow(2**32),
                board=self._board.status,
                tune=lambda: self._tuning.status(),
                steer=self._steer,
            ),
            Identity(version=__version__, boot=secrets.token_hex(4), pid=os.getpid(), started_s=self._now()),
            *_rules(config, clips),
        )
        self._tuning: Tuning | NoTuning = NoTuning("the daemon is starting.")
        self._steered: set[asyncio.Task[None]] = set()

    async def run(self) -> int:
        """Serve until told to stop; the exit status. Raises StartError."""
        with self._only_instance():
            self._tuning = self._make_tuning(self._config)  # here: the history is one daemon's alone
            try:
                self._server.open()
            except (OSError, LookupError) as error:
                await self._server.close()
                self._tuning.close()
                raise StartError(f"the sockets cannot be opened: {error}.") from None
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, self._told_to_stop)
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._told_to_reload)
            self._supervisor.start()
            self._notifier.ready()
            self._log("daemon.ready", version=__version__, pid=os.getpid(), endpoint=self._server.endpoint)
            watches = [
                asyncio.create_task(work) for work in (self._server.watch(), self._board.run(), self._tuning.run())
            ]
            try:
                await self._tick_until_stopped(watches)
            finally:
                self._notifier.stopping()
                await self._supervisor.stop()
                await self._server.close()
                for watch in watches:
                    watch.cancel()
                self._tuning.close()
        self._log("daemon.stopped")
        return 0

    async def _tick_until_stopped(self, watches: Sequence[asyncio.Task[None]]) -> None:
        service, give_up_s, due_s = self._service, None, self._now()
        while not (service.draining and (service.idle or self._now() >= (give_up_s or float("inf")))):
            late_s = self._now() - due_s
            if service.draining and give_up_s is None:
                self._notifier.stopping()
                give_up_s = self._now() + self._config.server.drain_s
            service.tick(self._now())
            self._supervisor.check(self._now())
            self._tuning.tick(self._now())
            for watch in watches:
                if watch.done():
                    watch.result()
            status = service.status(self._now())
            self._notifier.status(f"{status['state']}: {status['detail']} {status['mend']}".rstrip(": "))
            self._pet(late_s)
            tick_s = IDLE_TICK_S if service.idle else BUSY_TICK_S
            due_s = self._now() + tick_s
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stop.wait(), tick_s)
                self._stop.clear()
        service.give_up("the daemon is shutting down and could not finish this in time: send it again.")

    def _pet(self, late_s: float) -> None:
        trouble = watchdog.trouble(late_s, self._supervisor.killed_for_s(self._now()))
        if not trouble:
            self._notifier.alive(self._now(), stopping_s=STOP_S if self._service.draining else 0.0)
        elif trouble != self._trouble:
            self._log("watchdog.withheld", level="error", why=trouble)
        self._trouble = trouble

    def _told_to_stop(self) -> None:
        """The first signal drains, the second ends at once."""
        if self._service.draining:
            self._service.give_up("the daemon was stopped.")
        self._service.drain("signal")
        self._stop.set()

    def _told_to_reload(self) -> None:
        with suppress(Refusal):  # which is in the log
            self._reload()

    def _reload(self) -> reload.Outcome:
        """Read the configuration again and take it over. Raises Refusal for a bad one, and all stays as it was."""
        self._notifier.reloading()
        try:
            new = self._read()
            clips = voices.load(new.voices, self._base)
            plan = self._plan(new, clips)
        except (ConfigError, files.BadPath) as error:
            self._log("reload.refused", level="error", why=error)
            raise Refusal(Reason.CONFIGURATION, f"{error}; the daemon goes on with what it had.") from None
        finally:
            self._notifier.ready()
        renew = plan != self._supervisor.plan or self._service.lane.state is EngineState.SETUP_REQUIRED
        outcome = reload.compare(self._started_with, self._config, new, engine=renew)
        self._config, self._supervisor.plan = new, plan
        self._log.set_level(new.log.level)
        self._board.configure(new.board)
        self._tuning.configure(new)
        self._service.configure(*_rules(new, clips), renew=renew)
        self._log("reload", outcome=outcome.sentence)
        return outcome

    def _received(self, peer: Peer, frames: Sequence[bytes]) -> None:
        self._service.receive(peer, frames, self._now())
        if self._service.draining:
            self._stop.set()

    def _steer(self, peer: Peer, message: m.Message) -> None:
        """The answer waits for the disk: it comes from a task."""

        async def answer() -> None:
            try:
                result: m.Message | Refusal = await self._tuning.answer(message, peer.uid)
            except Refusal as refusal:
                result = refusal
            self._service.answer(peer, result, message.id)

        task = asyncio.create_task(answer())
        self._steered.add(task)
        task.add_done_callback(self._steered.discard)

    def _make_tuning(self, config: Config) -> Tuning | NoTuning:
        try:
            path = files.resolve(config.tuner.history, self._base)
            return Tuning(config, path, self._service, self._board, self._log)
        except HistoryError as error:
            self._log("tune.history", level="error", why=error)
            return NoTuning(str(error))

    def _may_ask_witnesses(self) -> bool:
        return self._service.idle and not self._service.lane.guest.running

    def _engine_said(self, event: ipc.FromEngine, pcm: bytes) -> None:
        if isinstance(event, ipc.Ready):
            self._tuning.engine_ready(event)
        self._service.engine(event, pcm, self._now())

    def _engine_died(self, why: str) -> None:
        self._service.engine_died(why, self._now())

    def _plan(self, config: Config, clips: dict[str, voices.Voice]) -> Plan:
        engine = config.engine
        message = configure.engine(engine, clips.values(), self._base)
        return Plan(places.engine_python(engine.python, self._base), message, engine.start_s, engine.hang_s)

    def _only_instance(self) -> _Lock:
        return _Lock(self._runtime)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _rules(config: Config, clips: dict[str, voices.Voice]) -> tuple[admission.Limits, Defaults, dict[str, str], str]:
    """What the service goes by."""
    return (
        admission.Limits(config.limits.queue, config.limits.per_user, config.limits.queued_chars),
        Defaults(config.synthesis.nfe, config.synthesis.cfg),
        {name: voice.text for name, voice in clips.items()},
        config.voices.default,
    )


class _Lock:
    """A second daemon on the same folder would silently take the sockets away from the first."""

    def __init__(self, runtime: Path) -> None:
        self._runtime = runtime
        self._fd = -1

    def __enter__(self) -> None:
        try:
            self._runtime.mkdir(mode=0o750, parents=True, exist_ok=True)
            self._fd = os.open(self._runtime / "ishowttsd.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartError(f"another ishowttsd already serves {self._runtime}: stop it first.") from None
        except OSError as error:
            raise StartError(f"{error.filename or self._runtime}: {error.strerror}.") from None

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
