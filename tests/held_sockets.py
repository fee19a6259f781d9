"""What systemd does for ishowttsd.socket: it holds the listening sockets and hands them to each start of the daemon."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.daemon import Daemon

# As sd_listen_fds(3) wants it: from descriptor 3 on, for exactly this process.
HAND_OVER = """
import fcntl, os, sys
names, fds, args = sys.argv[1], sys.argv[2].split(","), sys.argv[3:]
for number, fd in enumerate([fcntl.fcntl(int(fd), fcntl.F_DUPFD, 20) for fd in fds], start=3):
    os.dup2(fd, number)
    os.close(fd)
os.environ.update(LISTEN_FDS=str(len(fds)), LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=names)
os.execv(sys.executable, [sys.executable, "-m", "ishowtts", *args])
"""
FAKE = {"engine": {"kind": "fake"}}


class Held:
    """Two listening sockets and the daemons that serve them, one after the other."""

    def __init__(self, folder: Path, names: str = "user:admin", kind: int = socket.SOCK_STREAM) -> None:
        self.folder, self.names = folder, names
        self.runtime = folder / "run"
        self.runtime.mkdir()
        self.sockets = [self._listen("tts.sock", kind), self._listen("admin.sock", kind)]
        self.daemons: list[Daemon] = []

    def _listen(self, name: str, kind: int) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, kind)
        listener.bind(str(self.runtime / name))
        (self.runtime / name).chmod(0o666)
        if kind == socket.SOCK_STREAM:
            listener.listen(64)
        return listener

    @property
    def endpoint(self) -> str:
        return f"ipc://{self.runtime}/tts.sock"

    def start(self, settings: dict[str, Any] = FAKE, limits: Callable[[], None] | None = None) -> Daemon:
        folder = self.folder / f"start{len(self.daemons)}"  # for its log
        folder.mkdir()
        fds = [listener.fileno() for listener in self.sockets]
        program = ("-c", HAND_OVER, self.names, ",".join(map(str, fds)))
        self.daemons.append(Daemon(folder, settings, program=program, fds=fds, limits=limits))
        self.daemons[-1].runtime = self.runtime
        return self.daemons[-1]

    def close(self) -> None:
        for daemon in self.daemons:
            daemon.stop()
        for listener in self.sockets:
            listener.close()
