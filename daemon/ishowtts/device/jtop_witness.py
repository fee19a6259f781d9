"""jetson-stats as a second witness: asked in a child, believed only if its sample is younger than the question.

jetson-stats is AGPL-3.0 and never in our process; the interpreter is configurable, for client and service must be of
the same version (and the service's jtop is mostly the system's).
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ishowtts.device.child import ChildFailed, ask
from ishowtts.device.snapshot import JtopFailure, JtopView

SOCKET = Path("/run/jtop.sock")
SYSTEM_PYTHON = "/usr/bin/python3"
LIMIT_S = 6.0  # measured 0.5 s where all is well; a fresh sample can take three intervals of the service
_CHILD = Path(__file__).with_name("jtop_child.py")
_CHILD_FAILURES = ("absent", "not_installed", "not_permitted", "version", "died", "stale", "failed")
_WORDS = ("version", "mode_name", "clocks")
_NUMBERS = ("gpu_cur_hz", "gpu_min_hz", "gpu_max_hz", "emc_cur_hz", "emc_max_hz")
_SANE_HZ = 10**11


def pick_python(configured: str) -> str:
    """The interpreter to ask with: the configured one, ours if it has jtop, else the system's."""
    if configured:
        return str(Path(configured).expanduser())
    return sys.executable if find_spec("jtop") else SYSTEM_PYTHON


def witness(python: str, limit_s: float = LIMIT_S) -> JtopView | JtopFailure:
    """What jtop says now. Blocks ``limit_s`` at most and never raises for what jtop does."""
    try:
        asked_s = _uptime_s()
        answer = ask([python, "-I", str(_CHILD)], limit_s)
        return _read(answer, asked_s, _uptime_s())
    except ChildFailed as failure:
        name = "not_installed" if failure.name == "not_started" else failure.name
        return JtopFailure(name, str(failure))
    except (OSError, ValueError, IndexError):
        return JtopFailure("failed", "/proc/uptime cannot be read")


def _read(answer: dict[str, Any], asked_s: float, now_s: float) -> JtopView | JtopFailure:
    """The child's answer, not believed beyond its form and its time. ``_s``: seconds since the board's start."""
    if "error" in answer:
        name, detail = answer["error"], answer.get("detail")
        if name not in _CHILD_FAILURES or not isinstance(detail, str):
            return JtopFailure("garbage", "its answer has an unknown form")
        return JtopFailure(name, " ".join(detail.split())[:200])
    sample_s = answer.get("uptime_s")
    words = {key: answer.get(key) for key in _WORDS}
    numbers = {key: answer.get(key) for key in _NUMBERS}
    good_words = all(word is None or (isinstance(word, str) and len(word) < 100) for word in words.values())
    good_numbers = all(value is None or (type(value) is int and 0 <= value <= _SANE_HZ) for value in numbers.values())
    if not good_words or not good_numbers or not isinstance(sample_s, float | int):
        return JtopFailure("garbage", "its answer has an unknown form")
    if not asked_s <= sample_s <= now_s + 1:
        return JtopFailure("stale", "its sample was not made after the question")
    values: dict[str, Any] = {**words, **numbers}
    return JtopView(**values, age_s=round(max(now_s - sample_s, 0.0), 2))


def _uptime_s() -> float:
    return float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
