"""The engine child as the daemon starts it, from nothing to its first speech: cold, then with what it kept."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import IO

from ishowtts import children, ipc
from ishowtts.bench.subject import LeftOut

START_S, JOB_S = 300.0, 120.0  # no engine may take longer to be ready, or to speak one sentence
LEAVE_S = 10.0
LATER_REQUESTS = 5


@dataclass(frozen=True)
class Start:
    """``ready_s`` from the birth of the process; ``peak_rss_mib`` of host memory after the requests."""

    ready: ipc.Ready
    ready_s: float
    first_s: float
    later_s: float
    peak_rss_mib: float


def engine_start(python: str, configure: ipc.Configure, job: ipc.Speak, environment: Mapping[str, str]) -> Start:
    """Start the child, have it speak ``job`` a few times, end it. Raises LeftOut."""
    begun_s = time.perf_counter()
    ours, theirs = socket.socketpair()
    with ours, tempfile.TemporaryFile() as said:
        with theirs:
            child = subprocess.Popen(
                children.command(python, "ishowtts.engine", str(theirs.fileno())),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env={**os.environ, **environment},
            )
        try:
            line = _Line(ours)
            ready = line.ready(configure)
            ready_s = time.perf_counter() - begun_s
            first_s, *later_s = (line.speak(job) for _ in range(1 + LATER_REQUESTS))
            return Start(ready, ready_s, first_s, median(later_s), _peak_rss_mib(child.pid))
        except (EOFError, OSError) as error:
            raise LeftOut(f"the engine's process ended: {_last_line(said) or error}") from None
        finally:
            ours.close()  # the child leaves when its socket does
            _end(child)


def _last_line(said: IO[bytes]) -> str:
    said.seek(0)
    return (said.read().decode(errors="replace").strip().splitlines() or [""])[-1]


class _Line:
    """Messages to and from the child."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._unpacker = ipc.Unpacker()

    def ready(self, configure: ipc.Configure) -> ipc.Ready:
        self._connection.sendall(ipc.pack(configure))
        answer = self._await((ipc.Ready, ipc.Unavailable), START_S, "be ready")
        if isinstance(answer, ipc.Unavailable):
            raise LeftOut(f"{answer.what} {answer.mend}")
        assert isinstance(answer, ipc.Ready)
        return answer

    def speak(self, job: ipc.Speak) -> float:
        """Seconds from the job's sending to its speech."""
        begun_s = time.perf_counter()
        self._connection.sendall(ipc.pack(job))
        answer = self._await((ipc.Spoken, ipc.Failed), JOB_S, "speak")
        if isinstance(answer, ipc.Failed):
            raise LeftOut(answer.msg)
        return time.perf_counter() - begun_s

    def _await(self, kinds: tuple[type[ipc.FromEngine], ...], patience_s: float, what: str) -> ipc.FromEngine:
        until_s = time.monotonic() + patience_s
        while (left_s := until_s - time.monotonic()) > 0:
            self._connection.settimeout(left_s)
            try:
                data = self._connection.recv(1 << 20)
            except TimeoutError:
                break
            if not data:
                raise EOFError("without a word.")
            for header, _ in self._unpacker.feed(data):
                message = ipc.read_from_engine(header)
                if isinstance(message, kinds):
                    return message
        raise LeftOut(f"the engine did not {what} within {patience_s:.0f} s.")


def _end(child: subprocess.Popen[bytes]) -> None:
    try:
        child.wait(LEAVE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _peak_rss_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    return int(found[1]) / 1024 if found else float("nan")
