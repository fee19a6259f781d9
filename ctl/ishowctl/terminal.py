"""A person at the terminal: what they are told on the way, and their Ctrl-C."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ishowctl import exits


@contextmanager
def interruptible() -> Iterator[list[int]]:
    """Ctrl-C, SIGTERM and a closed terminal end it alike: the daemon is told. The signals that came are in the list.

    An import that is interrupted may turn the KeyboardInterrupt into an error of its own: the list still tells.
    """
    came: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def note(text: str, *, passing: bool = False) -> None:
    """To a person at a terminal, nothing to a pipe. A passing note is written over by the next."""
    if exits.is_terminal(sys.stderr):
        print(f"\r\x1b[K{text}", end="" if passing else "\n", file=sys.stderr, flush=True)
