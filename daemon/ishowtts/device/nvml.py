"""NVIDIA desktop GPUs: clock, temperature and what slows them down, by NVML in a child. None where there is no NVML."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ishowtts.device.child import ChildFailed, ask
from ishowtts.device.snapshot import NvmlGpu

LIMIT_S = 6.0  # a driver without persistence takes seconds to wake its GPUs
_DRIVER = Path("/proc/driver/nvidia/version")
_CHILD = Path(__file__).with_name("nvml_child.py")


def read(python: str = sys.executable, limit_s: float = LIMIT_S) -> tuple[NvmlGpu, ...] | None:
    """The GPUs of this machine. Never raises; starts nothing where no NVIDIA driver is loaded."""
    if not _DRIVER.exists():
        return None
    return ask_child([python, "-I", str(_CHILD)], limit_s)


def ask_child(command: list[str], limit_s: float) -> tuple[NvmlGpu, ...] | None:
    try:
        gpus = ask(command, limit_s).get("gpus")
    except ChildFailed:
        return None
    if not isinstance(gpus, list):
        return None
    return tuple(_gpu(entry) for entry in gpus if isinstance(entry, dict)) or None


def _gpu(entry: dict[str, Any]) -> NvmlGpu:
    slowdowns = entry.get("slowdowns")
    return NvmlGpu(
        name=str(entry.get("name"))[:96],
        clock_hz=_hz(entry.get("clock_mhz")),
        max_hz=_hz(entry.get("max_mhz")),
        temp_c=_celsius(entry.get("temp_c")),
        slowdown_c=_celsius(entry.get("slowdown_c")),
        slowdowns=tuple(str(text)[:60] for text in slowdowns) if isinstance(slowdowns, list) else None,
    )


def _hz(mhz: Any) -> int | None:
    return mhz * 1_000_000 if type(mhz) is int and 0 <= mhz < 100_000 else None


def _celsius(value: Any) -> float | None:
    return float(value) if type(value) is int and 0 <= value < 200 else None
