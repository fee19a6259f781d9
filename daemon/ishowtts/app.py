"""Builds everything and runs it: the only module that knows all names. No rules live here."""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ishowtts import __version__, admission, configure, files, ipc, places, voices
from ishowtts.board import BoardWatch
from ishowtts.config import Config
from ishowtts.device.nodes import Roots
from ishowtts.lane import Defaults
from ishowtts.logs import Log
from ishowtts.notify import Notifier
from ishowtts.requests import Peer
from ishowtts.server import Server
from ishowtts.service import Ports, Service
from ishowtts.status import Identity
from ishowtts.supervisor import Plan, Supervisor

BUSY_TICK_S, IDLE_TICK_S = 0.05, 0.5


class StartError(Exception):
    """The daemon cannot start here; one sentence for a person."""


class App:
    """``base``: the folder that relative paths of the configuration start from. ``roots``: where the board is read."""

    def __init__(self, config: Config, base: Path, roots: Roots | None = None) -> None:
        self._config, self._base = config, base
        self._log = Log(config.log.level)
        self._notifier = Notifier()
        self._stop = asyncio.Event()
        self._runtime = files.resolve(config.server.runtime_dir, base)
        self._voices = voices.load(config.voices, base)
        self._server = Server(
            {"user": self._runtime / "tts.sock", "admin": self._runtime / "admin.sock"},
            {"user": config.server.user_group, "admin": config.server.admin_group},
            self._received,
        )
        self._supervisor = Supervisor(self._plan(), self._engine_said, self._engine_died, self._log)
        self._board = BoardWatch(config.board, lambda: self._service.idle, self._log, roots)
        self._service = Service(
            Ports(
                send=self._server.send,
                engine=self._supervisor,
                restart_engine=self._supervisor.restart,
                log=self._log,
                random_seed=lambda: secrets.randbelow(2**32),
                board=self._board.status,
            ),
            Identity(version=__version__, boot=secrets.token_hex(4), pid=os.getpid(), started_s=self._now()),
            admission.Limits(config.limits.queue, config.limits.per_user, config.limits.queued_chars),
            Defaults(config.synthesis.nfe, config.synthesis.cfg),
            {name: voice.text for name, voice in self._voices.items()},
            config.voices.default,
        )

    async def run(self) -> int:
        """Serve until told to stop; the exit status. Raises StartError."""
        with self._only_instance():
            try:
                self._server.open()
            except (OSError, LookupError) as error:
                await self._server.close()
                raise StartError(f"the sockets cannot be opened: {error}.") from None
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, self._told_to_stop)
            self._supervisor.start()
            self._notifier.ready()
            self._log("daemon.ready", version=__version__, pid=os.getpid(), endpoint=f"ipc://{self._runtime}/tts.sock")
            watches = [asyncio.create_task(self._server.watch()), asyncio.create_task(self._board.run())]
            try:
                await self._tick_until_stopped(watches)
            finally:
                self._notifier.stopping()
                await self._supervisor.stop()
                await self._server.close()
                for watch in watches:
                    watch.cancel()
        self._log("daemon.stopped")
        return 0

    async def _tick_until_stopped(self, watches: Sequence[asyncio.Task[None]]) -> None:
        service, give_up_s = self._service, None
        while not (service.draining and (service.idle or self._now() >= (give_up_s or float("inf")))):
            if service.draining and give_up_s is None:
                give_up_s = self._now() + self._config.server.drain_s
            service.tick(self._now())
            self._supervisor.check(self._now())
            for watch in watches:
                if watch.done():
                    watch.result()
            status = service.status(self._now())
            self._notifier.status(f"{status['state']}: {status['detail']} {status['mend']}".rstrip(": "))
            self._notifier.alive()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stop.wait(), IDLE_TICK_S if service.idle else BUSY_TICK_S)
                self._stop.clear()
        service.give_up("the daemon is shutting down and could not finish this in time: send it again.")

    def _told_to_stop(self) -> None:
        """The first signal drains, the second ends at once."""
        if self._service.draining:
            self._service.give_up("the daemon was stopped.")
        self._service.drain("signal")
        self._stop.set()

    def _received(self, peer: Peer, frames: Sequence[bytes]) -> None:
        self._service.receive(peer, frames, self._now())
        if self._service.draining:
            self._stop.set()

    def _engine_said(self, event: ipc.FromEngine, pcm: bytes) -> None:
        self._service.engine(event, pcm, self._now())

    def _engine_died(self, why: str) -> None:
        self._service.engine_died(why, self._now())

    def _plan(self) -> Plan:
        engine = self._config.engine
        message = configure.engine(engine, self._voices.values(), self._base)
        return Plan(places.engine_python(engine.python, self._base), message, engine.start_s, engine.hang_s)

    def _only_instance(self) -> _Lock:
        return _Lock(self._runtime)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


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
