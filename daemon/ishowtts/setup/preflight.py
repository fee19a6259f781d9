"""Before anything is changed: which JetPack, is this Python served, is there room. Reading here, judging in `judge`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ishowtts.device import nodes, sysfs
from ishowtts.device.nodes import Roots
from ishowtts.doctor.check import Check, fail, ok, warn
from ishowtts.places import Places
from ishowtts.setup import runtime

SPARE_BYTES = 300_000_000  # beside what is brought: the system must go on writing its logs
LOW_MEMORY_BYTES = 3_500_000_000  # torch with CUDA, 1.4 GB of weights read, and the system: less is tight


@dataclass(frozen=True)
class Machine:
    """What was read; None or empty: it could not be."""

    l4t: str | None
    jetpack: str | None
    abi: str
    served_abis: tuple[str, ...]
    free_bytes: int
    memory_bytes: int | None


def read(places: Places) -> Machine:
    board = sysfs.read(Roots(Path("/sys"), places.root / "etc", Path("/proc"), places.root / "var/lib"))
    l4t = board.l4t or _l4t_of_dpkg()
    vendor = places.program / "vendor"
    return Machine(
        l4t=l4t,
        jetpack=board.jetpack if board.l4t else sysfs.jetpack_of(l4t) if l4t else None,
        abi=runtime.abi(),
        served_abis=tuple(sorted(folder.name for folder in nodes.children(vendor, "cp*"))),
        free_bytes=shutil.disk_usage(places.state).free,
        memory_bytes=_memory(nodes.text(Path("/proc/meminfo")) or ""),
    )


def judge(machine: Machine, needed_bytes: int) -> list[Check]:
    """Pure; a fail stops setup."""
    return [_board(machine), _python(machine), _disk(machine, needed_bytes), _memory_check(machine)]


def _board(machine: Machine) -> Check:
    if machine.l4t is None:
        return ok("board", "no Jetson: this is a trial; speech needs whatever torch this machine has")
    return ok("board", f"JetPack {machine.jetpack or 'unknown'} (L4T {machine.l4t})")


def _python(machine: Machine) -> Check:
    text = f"Python {sys.version_info.major}.{sys.version_info.minor} ({machine.abi})"
    if machine.abi in machine.served_abis:
        return ok("python", text)
    served = ", ".join(machine.served_abis) or "none"
    return fail("python", f"{text} is not served by this package, which has {served}", "Install a newer package.")


def _disk(machine: Machine, needed_bytes: int) -> Check:
    text = f"{machine.free_bytes / 1e9:.1f} GB free"
    if machine.free_bytes < needed_bytes + SPARE_BYTES:
        needed = (needed_bytes + SPARE_BYTES) / 1e9
        return fail("disk", f"{text}, {needed:.1f} GB are needed", "Make room: `sudo apt clean`, then run setup again.")
    return ok("disk", text)


def _memory_check(machine: Machine) -> Check:
    if machine.memory_bytes is None:
        return warn("memory", "/proc/meminfo cannot be read", "None: the smoke test will show whether it suffices.")
    text = f"{machine.memory_bytes / 1e9:.1f} GB of memory"
    if machine.memory_bytes < LOW_MEMORY_BYTES:
        return warn("memory", f"{text} is tight for the F5-TTS models", "End other programs, or `--model demo`.")
    return ok("memory", text)


def _memory(meminfo: str) -> int | None:
    for line in meminfo.splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if name == "MemTotal" and words and words[0].isdecimal():
            return int(words[0]) * 1024
    return None


def _l4t_of_dpkg() -> str | None:
    """Where /etc/nv_tegra_release is missing: `36.4.3` of nvidia-l4t-core's version 36.4.3-20250107174145."""
    try:
        asked = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Version}", "nvidia-l4t-core"], capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout.partition("-")[0].strip() or None if asked.returncode == 0 else None
