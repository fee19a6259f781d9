"""Asks NVML about the GPUs of this machine and prints one line of JSON. Run by path; imports nothing of ours.

In a process of its own: a broken driver can hang or crash whoever calls it.
Constants and signatures: NVIDIA's nvml.h (driver 450 and newer).
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from typing import Any

LIMIT_S = 10
CLOCK_SM, SENSOR_GPU, THRESHOLD_SLOWDOWN = 1, 0, 1
SLOWDOWNS = {
    0x04: "software power cap",
    0x08: "hardware slowdown",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "power brake",
}


def main() -> None:
    signal.alarm(LIMIT_S)
    try:
        found = gpus(ctypes.CDLL("libnvidia-ml.so.1"))
    except OSError:
        found = None
    sys.stdout.write(json.dumps({"gpus": found}) + "\n")
    sys.stdout.flush()
    os._exit(0)


def gpus(nvml: Any) -> list[dict[str, Any]] | None:
    if nvml.nvmlInit_v2() != 0:
        return None
    count = number(nvml.nvmlDeviceGetCount_v2, ctypes.c_uint)
    found = []
    for index in range(count or 0):
        handle = ctypes.c_void_p()
        if nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(handle)) == 0:
            found.append(gpu(nvml, handle))
    return found


def gpu(nvml: Any, handle: Any) -> dict[str, Any]:
    name = ctypes.create_string_buffer(96)
    nvml.nvmlDeviceGetName(handle, name, ctypes.c_uint(len(name)))
    mask = number(nvml.nvmlDeviceGetCurrentClocksThrottleReasons, ctypes.c_ulonglong, handle)
    return {
        "name": name.value.decode("utf-8", "replace") or "GPU",
        "clock_mhz": number(nvml.nvmlDeviceGetClockInfo, ctypes.c_uint, handle, ctypes.c_uint(CLOCK_SM)),
        "max_mhz": number(nvml.nvmlDeviceGetMaxClockInfo, ctypes.c_uint, handle, ctypes.c_uint(CLOCK_SM)),
        "temp_c": number(nvml.nvmlDeviceGetTemperature, ctypes.c_uint, handle, ctypes.c_uint(SENSOR_GPU)),
        "slowdown_c": number(
            nvml.nvmlDeviceGetTemperatureThreshold, ctypes.c_uint, handle, ctypes.c_uint(THRESHOLD_SLOWDOWN)
        ),
        "slowdowns": None if mask is None else [text for bit, text in SLOWDOWNS.items() if mask & bit],
    }


def number(function: Any, kind: Any, *arguments: Any) -> int | None:
    """What the function writes to its last argument; None where this GPU cannot say."""
    value = kind()
    return int(value.value) if function(*arguments, ctypes.byref(value)) == 0 else None


if __name__ == "__main__":
    main()
