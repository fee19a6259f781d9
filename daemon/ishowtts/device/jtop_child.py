"""Asks jtop for one fresh sample and prints it as one line of JSON. Run by path, with any Python 3.8+ that has jtop.

jtop's client can wait for ever, hands out a first sample as old as the last session, loads TensorRT and cuDNN into its
process and joins that at its close. So: this process has an alarm, takes the first sample made after its own start, and
leaves by _exit. It imports nothing of ours and is never imported.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

LIMIT_S = 10  # beyond the parent's own limit: for the case that the parent is gone
SAMPLES = 8


def uptime_s() -> float:
    return float(Path("/proc/uptime").read_text().split()[0])


def khz_to_hz(value: Any) -> int | None:
    return None if value is None else int(value) * 1000


def name_of(error: BaseException) -> str:
    """The failures that jtop tells by its exception's text (jetson-stats 4.2 to 7.2)."""
    text = str(error)
    if isinstance(error, ImportError):
        return "not_installed"
    if "is not active" in text:
        return "absent"
    if "can't access" in text or isinstance(error, PermissionError):
        return "not_permitted"
    if "Mismatch" in text:
        return "version"
    if isinstance(error, (EOFError, BrokenPipeError, ConnectionError)) or "Lost connection" in text:
        return "died"
    return "failed"


def sample() -> dict[str, Any]:
    begun_s = uptime_s()
    import jtop

    client = jtop.jtop(interval=0.5)
    client.start()
    for _ in range(SAMPLES):
        if not client.ok():
            return {"error": "died", "detail": "jtop.service stopped sending"}
        if client.uptime.total_seconds() >= begun_s:
            return view(jtop, client)
    return {"error": "stale", "detail": "jtop.service sends only old samples"}


def view(jtop: Any, client: Any) -> dict[str, Any]:
    gpus = list(client.gpu.values())
    gpu = gpus[0]["freq"] if gpus else {}
    emc = client.memory.get("EMC") or {}
    mode, clocks = client.nvpmodel, client.jetson_clocks
    return {
        "version": str(jtop.__version__),
        "mode_name": None if mode is None else str(mode.name),
        "clocks": None if clocks is None else str(clocks.status),
        "gpu_cur_hz": khz_to_hz(gpu.get("cur")),
        "gpu_min_hz": khz_to_hz(gpu.get("min")),
        "gpu_max_hz": khz_to_hz(gpu.get("max")),
        "emc_cur_hz": khz_to_hz(emc.get("cur")),
        "emc_max_hz": khz_to_hz(emc.get("max")),
        "uptime_s": client.uptime.total_seconds(),
    }


def main() -> None:
    signal.alarm(LIMIT_S)
    try:
        answer = sample()
    except BaseException as error:  # noqa: BLE001 (whatever jtop does, one line says it)
        detail = (str(error).strip() or type(error).__name__).splitlines()[0]
        answer = {"error": name_of(error), "detail": detail[:200]}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
