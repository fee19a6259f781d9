"""One node of sysfs at a time: its text, its number, or None. A root can stand in front, for emulated boards.

None means missing, unreadable or garbage; a verdict that needs the node is then `unknown`. No root, no subprocess.
"""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from pathlib import Path

NODE_MAX_BYTES = 65536  # sysfs shows a page; nvpmodel.conf has some 20 KiB
_NUMBER = re.compile(r"-?[0-9]{1,18}\Z")


@dataclass(frozen=True)
class Roots:
    """Where the board's trees are."""

    sys: Path
    etc: Path
    proc: Path
    varlib: Path

    @classmethod
    def real(cls) -> Roots:
        return cls(Path("/sys"), Path("/etc"), Path("/proc"), Path("/var/lib"))

    @classmethod
    def under(cls, folder: Path) -> Roots:
        """A tree of `sys/ etc/ proc/ varlib/`, as tests/boards builds it."""
        return cls(folder / "sys", folder / "etc", folder / "proc", folder / "varlib")


class PoweredOff(Exception):
    """The node belongs to a part of the chip that has no power now."""


def text(path: Path) -> str | None:
    """The node's text, one trailing NUL or white space taken off. None also for an empty one and for bytes that are
    no text."""
    try:
        return _read(path)
    except OSError:
        return None


def number(path: Path, low: int = 0, high: int = 10**18) -> int | None:
    """The node's one decimal number, if it is within ``low`` and ``high``."""
    return _number(text(path), low, high)


def number_or_off(path: Path, low: int, high: int) -> int | None:
    """As `number`; raises PoweredOff where the kernel answers EAGAIN, as the thermal zones of unpowered domains do."""
    try:
        return _number(_read(path), low, high)
    except OSError as error:
        if error.errno == errno.EAGAIN:
            raise PoweredOff from None
        return None


def numbers(path: Path) -> list[int] | None:
    """All numbers of a node that holds several; None when any of its words is none."""
    words = (text(path) or "").split()
    found = [_number(word, 0, 10**18) for word in words]
    whole = [value for value in found if value is not None]
    return whole if whole and len(whole) == len(found) else None


def word(path: Path) -> str | None:
    """The node's one word: a letter, then letters, digits and `_-.,:@+`."""
    found = text(path)
    return found if found is not None and re.fullmatch(r"[A-Za-z][\w.,:@+-]{0,79}", found, re.ASCII) else None


def children(folder: Path, pattern: str) -> list[Path]:
    """Sorted; none where the folder cannot be read."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def _read(path: Path) -> str | None:
    node = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # half the time of a buffered file, and there are 300 of them
    try:
        data = os.read(node, NODE_MAX_BYTES)
    finally:
        os.close(node)
    try:
        return data.decode("utf-8").strip("\0 \t\r\n") or None
    except UnicodeDecodeError:
        return None


def _number(found: str | None, low: int, high: int) -> int | None:
    if found is None or not _NUMBER.match(found):
        return None
    value = int(found)
    return value if low <= value <= high else None
