"""One line of the doctor: what was looked at, how it is, what mends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Check:
    """``mend`` is empty only where nothing need be done. warn: it works, but not as well as it could."""

    name: str
    level: Literal["ok", "warn", "fail"]
    text: str
    mend: str = ""


def ok(name: str, text: str) -> Check:
    return Check(name, "ok", text)


def warn(name: str, text: str, mend: str) -> Check:
    return Check(name, "warn", text, mend)


def fail(name: str, text: str, mend: str) -> Check:
    return Check(name, "fail", text, mend)
