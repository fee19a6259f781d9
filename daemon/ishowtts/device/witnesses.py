"""The second witnesses: jtop, and the memory clock that mostly only root can read. Pure.

jtop absent is a note. jtop and sysfs in disagreement is a rejection with both values: one of them is wrong, and nobody
knows which. jtop's own "running" proves little (it stays through thermal caps and a GPU pinned at 306 MHz).
"""

from __future__ import annotations

from ishowtts.device.checks import LOCK, TOLERANCE_HZ, Findings, mhz
from ishowtts.device.snapshot import Clock, JtopFailure, JtopView, Snapshot

_RESTART = "sudo systemctl restart jtop.service, then look again"


def memory_clock(snapshot: Snapshot, found: Findings) -> None:
    emc = _emc(snapshot)
    if emc is not None and emc.cur_hz is not None and emc.max_hz is not None and emc.cur_hz < emc.max_hz:
        found.notes.append(f"memory clock {mhz(emc.cur_hz)} of {mhz(emc.max_hz)} MHz: `{LOCK}` holds it at its maximum")


def jtop(snapshot: Snapshot, found: Findings) -> None:
    view = snapshot.jtop
    if isinstance(view, JtopFailure):
        found.notes.append(f"jtop: {view.detail} ({view.name})")
    elif view is not None:
        _mode(view, snapshot, found)
        _gpu(view, snapshot, found)
        _clocks(view, snapshot, found)


def _mode(view: JtopView, snapshot: Snapshot, found: Findings) -> None:
    ours = snapshot.mode.name if snapshot.mode else None
    if view.mode_name is not None and ours is not None and view.mode_name != ours:
        found.reject(f"jtop says power mode {view.mode_name}, nvpmodel's status file says {ours}", _RESTART)


def _gpu(view: JtopView, snapshot: Snapshot, found: Findings) -> None:
    if snapshot.gpu is None:
        return
    clock = snapshot.gpu.clock
    for name, theirs, ours in (("min", view.gpu_min_hz, clock.min_hz), ("max", view.gpu_max_hz, clock.max_hz)):
        if theirs is not None and ours is not None and abs(theirs - ours) > TOLERANCE_HZ:
            found.reject(f"jtop says GPU {name} {mhz(theirs)} MHz, sysfs says {mhz(ours)} MHz", _RESTART)


def _clocks(view: JtopView, snapshot: Snapshot, found: Findings) -> None:
    """jetson_clocks `running` or not, against what we see. Two false alarms of jtop are known, and told as notes."""
    if view.clocks is None or snapshot.gpu is None or snapshot.gpu.clock.pinned is None or not snapshot.cpus:
        return
    if any(cpu.min_hz is None or cpu.max_hz is None for cpu in snapshot.cpus):
        return
    pinned = snapshot.gpu.clock.pinned and all(cpu.min_hz == cpu.max_hz for cpu in snapshot.cpus)
    if pinned == (view.clocks == "running"):
        return
    if pinned and snapshot.gpu.clock.governor == "performance":
        found.notes.append(f"jtop says jetson_clocks {view.clocks}: it does not know the governor `performance`")
    elif pinned and _is_low(_emc(snapshot)):
        found.notes.append(f"jtop says jetson_clocks {view.clocks}: the memory clock is not locked")
    else:
        ours = "GPU and CPUs are locked" if pinned else "they are not all locked"
        found.reject(f"jtop says jetson_clocks {view.clocks}, sysfs says {ours}", _RESTART)


def _emc(snapshot: Snapshot) -> Clock | None:
    """Ours, or jtop's: its service is root."""
    if snapshot.emc is None and isinstance(snapshot.jtop, JtopView):
        return Clock("emc", snapshot.jtop.emc_cur_hz, None, snapshot.jtop.emc_max_hz)
    return snapshot.emc


def _is_low(emc: Clock | None) -> bool:
    return emc is not None and emc.cur_hz is not None and emc.max_hz is not None and emc.cur_hz < emc.max_hz
