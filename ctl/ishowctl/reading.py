"""Reading the daemon's answers, of which any part may be missing or null, into what a person reads. Pure."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

UNKNOWN = "–"


def at(tree: Any, path: str) -> Any:
    """What stands at ``path`` ("board.after.gpu_c"); None where there is no such part."""
    for key in path.split("."):
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def entries(tree: Any, path: str) -> list[dict[str, Any]]:
    """The objects of the list at ``path``."""
    found = at(tree, path)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def number(value: Any) -> float | None:
    """A finite number, or None: infinity, NaN and truths are no figures."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value - value != 0:
        return None
    return float(value)


def figure(value: Any, digits: int = 3, unit: str = "") -> str:
    known = number(value)
    return UNKNOWN if known is None else f"{known:.{digits}f}{unit}"


def percent(share: Any, digits: int = 1, *, signed: bool = False) -> str:
    known = number(share)
    return UNKNOWN if known is None else f"{100 * known:{'+' if signed else ''}.{digits}f} %"


def words(value: Any) -> str:
    """A text in one line without control characters: a note of somebody else must not steer this terminal."""
    if value is None or value == "":
        return UNKNOWN
    return " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())


def moment(text: Any) -> datetime | None:
    """A time of the wire (ISO 8601, UTC), or None."""
    try:
        read = datetime.fromisoformat(str(text).replace("Z", "+00:00"))  # Python 3.10 does not read the Z
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=timezone.utc)


def local_time(text: Any, form: str = "%Y-%m-%d %H:%M") -> str:
    """In this machine's time zone, as the journal shows it."""
    read = moment(text)
    return words(text) if read is None else read.astimezone().strftime(form)


def utc_time(text: Any, form: str = "%Y-%m-%d %H:%M") -> str:
    """For what is read on other machines."""
    read = moment(text)
    return words(text) if read is None else read.astimezone(timezone.utc).strftime(form)
