"""A question to a short-lived child: one line of JSON out of a process that may hang, crash, or bring children itself.

The child gets a session of its own and a hard limit; whatever it started is killed with it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Any

LINE_MAX_BYTES = 65536
# Nothing of ours may leak into a foreign interpreter, and no child speaks to systemd in our name.
_WITHHELD = ("NOTIFY_SOCKET", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP")


class ChildFailed(Exception):
    """``name``: not_started, no_answer, died or garbage; the text is one line."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(detail)
        self.name = name


def ask(command: Sequence[str], limit_s: float) -> dict[str, Any]:
    """The JSON object on the first line that ``command`` prints. Raises ChildFailed. Blocks ``limit_s`` at most."""
    env = {key: value for key, value in os.environ.items() if key not in _WITHHELD}
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            start_new_session=True, env=env,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ChildFailed("not_started", f"{command[0]} cannot be started: {reason}") from None
    assert process.stdout is not None
    try:
        line = _first_line(process.stdout, limit_s)
    finally:
        # Before the leader is reaped: until then its id, and so the group's, cannot belong to anybody else.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()
        process.wait()
    return _parse(line)


def _first_line(stream: IO[bytes], limit_s: float) -> bytes:
    """Up to the first line break; raises ChildFailed when it does not come."""
    until_s, line = time.monotonic() + limit_s, b""
    while b"\n" not in line:
        left_s = until_s - time.monotonic()
        if left_s <= 0 or not select.select([stream], [], [], left_s)[0]:
            raise ChildFailed("no_answer", f"no answer in {limit_s:g} s")
        data = os.read(stream.fileno(), LINE_MAX_BYTES)
        line += data
        if not data:
            raise ChildFailed("died" if not line else "garbage", "it ended without an answer")
        if len(line) > LINE_MAX_BYTES:
            raise ChildFailed("garbage", f"it said more than {LINE_MAX_BYTES} bytes")
    return line.partition(b"\n")[0]


def _parse(line: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        raise ChildFailed("garbage", "what it said is no JSON") from None
    if not isinstance(answer, dict):
        raise ChildFailed("garbage", "what it said is no JSON object")
    return answer
