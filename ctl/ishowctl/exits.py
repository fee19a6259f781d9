"""Exit statuses: what a script can rely on."""

from __future__ import annotations

from typing import Any, TextIO

DONE, USAGE, UNREACHABLE, REFUSED, BUSY, FAILED = 0, 2, 3, 4, 5, 6
INTERRUPTED = 130

TABLE = """\
exit status:
  0  done
  2  the command line is wrong
  3  no daemon there, or no permission
  4  the daemon refused: bad text, unknown voice, not set up
  5  busy: try again later
  6  failed: the engine, the daemon or the disk broke; doctor found what must be mended
  130  interrupted with Ctrl-C
"""


def is_terminal(stream: TextIO | None) -> bool:
    """A program may be started with its standard streams closed: then they are None."""
    return stream is not None and stream.isatty()


class OutputError(Exception):
    """The audio cannot go where it should (or the text cannot be read); one sentence with what to do."""

    def __init__(self, sentence: str, status: int = FAILED) -> None:
        super().__init__(sentence)
        self.status = status


_BY_REASON = {
    "ADMIN_ONLY": UNREACHABLE,
    "SETUP_REQUIRED": REFUSED,
    "DRAINING": BUSY,
    "ENGINE_RESTART": FAILED,
    "MAX_WAIT": BUSY,
    "UNREACHABLE": BUSY,
}
_BY_CODE = {
    "INVALID_ARGUMENT": REFUSED,
    "UNIMPLEMENTED": REFUSED,
    "NOT_FOUND": REFUSED,
    "ALREADY_EXISTS": REFUSED,
    "FAILED_PRECONDITION": REFUSED,
    "PERMISSION_DENIED": UNREACHABLE,
    "RESOURCE_EXHAUSTED": BUSY,
    "UNAVAILABLE": BUSY,
}


def of(error: dict[str, Any]) -> int:
    """The exit status for an error of the daemon; one this client does not know is a failure."""
    return _BY_REASON.get(str(error.get("reason")), _BY_CODE.get(str(error.get("code")), FAILED))
