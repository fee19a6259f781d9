"""What each part of a snapshot says about the verdict: one function a part, each adds to `Findings`. Pure.

Every reason is a piece of a sentence with figures, and what mends it: a command where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ishowtts.device.snapshot import Snapshot, Zone

LOCK = "sudo jetson_clocks"
ACCEPT = "set board.accept_unknown: true to measure on this machine all the same"
COOL = "let it cool down: `sudo jetson_clocks --fan`, free the air's way"
MARGIN_C = 5.0  # nearer to a trip than this, a trial of some seconds can cross it
TOLERANCE_HZ = 1_000_000  # clock steps are 50 MHz and more apart; people write 1300 for 1300.5
OVER_CURRENT = ("oc1", "oc2", "oc3")
# cur_freq of an idle GPU is 0 on Thor, also while its power status says active (board.md 2.2).
_IDLE_READS_ZERO = ("gpu-gpc-0",)


@dataclass(frozen=True)
class Reason:
    text: str
    mend: str


@dataclass
class Findings:
    bad: list[Reason] = field(default_factory=list)
    unknown: list[Reason] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def reject(self, text: str, mend: str) -> None:
        self.bad.append(Reason(text, mend))

    def doubt(self, text: str, mend: str) -> None:
        self.unknown.append(Reason(text, mend))


def mhz(hz: int) -> str:
    return f"{hz / 1e6:.2f}".rstrip("0").rstrip(".")


def celsius(temp_c: float) -> str:
    return f"{temp_c:.1f}".removesuffix(".0")


def no_jetson(snapshot: Snapshot, found: Findings) -> None:
    found.doubt("this is no Jetson: nothing here proves that its clocks hold", ACCEPT)
    for gpu in snapshot.nvml or ():
        if gpu.slowdowns is None:
            found.doubt(f"{gpu.name}: NVML does not say what slows it down", "update the NVIDIA driver")
        elif gpu.slowdowns:
            mend = "let it cool down, check its power supply, or lock lower clocks: `sudo nvidia-smi -lgc MIN,MAX`"
            found.reject(f"{gpu.name} is slowed down: {', '.join(gpu.slowdowns)}", mend)
        if gpu.temp_c is not None and gpu.slowdown_c is not None and gpu.temp_c > gpu.slowdown_c - MARGIN_C:
            text = f"cooling: {gpu.name} {celsius(gpu.temp_c)} C, slows down at {celsius(gpu.slowdown_c)} C"
            found.reject(text, "let it cool down: free the air's way")


def power_mode(snapshot: Snapshot, found: Findings) -> bool:
    """True when the mode caps the GPU, so that a low ceiling is no further news."""
    mode, best = snapshot.mode, snapshot.uncapped_mode
    switch = (
        f"sudo nvpmodel -m {best.id}" if best else "sudo nvpmodel -p --verbose (choose the one with GPU MAX_FREQ -1)"
    )
    if mode is None:
        found.doubt("the power mode cannot be read (/var/lib/nvpmodel/status)", switch)
        return False
    name = mode.name or f"with id {mode.id}"
    if mode.gpu_uncapped is None:
        found.doubt(f"/etc/nvpmodel.conf does not say whether power mode {name} caps the GPU", switch)
    elif not mode.gpu_uncapped:
        found.reject(f"power mode {name} caps the GPU" + (f"; {best.name} does not" if best else ""), switch)
        return True
    return False


def gpu_clock(snapshot: Snapshot, expected_gpu_mhz: float | None, capped: bool, found: Findings) -> None:
    look = "wake the GPU (say something), then look at /sys/class/devfreq"
    if snapshot.gpu is None:
        found.doubt("the GPU's clock node is not there: it may never have been powered since the start", look)
        return
    clock = snapshot.gpu.clock
    for name, value in (("min_freq", clock.min_hz), ("max_freq", clock.max_hz), ("cur_freq", clock.cur_hz)):
        if value is None:
            found.doubt(f"the GPU's {name} cannot be read (/sys/class/devfreq/{clock.name})", look)
    if clock.table_max_hz is None:
        found.doubt(f"the GPU's available_frequencies cannot be read (/sys/class/devfreq/{clock.name})", look)
    if not capped:
        _ceiling(snapshot, expected_gpu_mhz, found)
    if clock.pinned is False and clock.min_hz is not None and clock.max_hz is not None:
        found.reject(f"GPU clock not locked ({mhz(clock.min_hz)} to {mhz(clock.max_hz)} MHz)", LOCK)
    elif clock.pinned is None and clock.min_hz is not None and clock.max_hz is not None:
        found.doubt(f"the GPU's governor cannot be read (/sys/class/devfreq/{clock.name})", LOCK)
    elif clock.pinned:
        _running(snapshot, found)


def _ceiling(snapshot: Snapshot, expected_gpu_mhz: float | None, found: Findings) -> None:
    assert snapshot.gpu is not None
    max_hz, table_max_hz = snapshot.gpu.clock.max_hz, snapshot.gpu.clock.table_max_hz
    if max_hz is None:
        return
    mode = snapshot.mode or snapshot.uncapped_mode
    again = f"sudo nvpmodel -m {mode.id} && sudo jetson_clocks" if mode else LOCK
    mend = (
        COOL if any(c.state and (c.slows_down or c.is_gpu_cap) for c in snapshot.cooling) else f"{again}, or restart it"
    )
    if expected_gpu_mhz is not None and abs(max_hz - expected_gpu_mhz * 1e6) > TOLERANCE_HZ:
        if table_max_hz is not None and table_max_hz < expected_gpu_mhz * 1e6 - TOLERANCE_HZ:
            mend = (
                f"its clock table ends at {mhz(table_max_hz)} MHz: update its firmware, or mend board.expected_gpu_mhz"
            )
        found.reject(f"GPU ceiling {mhz(max_hz)} MHz, expected {expected_gpu_mhz:g} MHz", mend)
    elif table_max_hz is not None and max_hz < table_max_hz:
        found.reject(f"GPU ceiling {mhz(max_hz)} MHz, the hardware's maximum is {mhz(table_max_hz)} MHz", mend)
    elif table_max_hz is not None and max_hz > table_max_hz:
        text = f"GPU ceiling {mhz(max_hz)} MHz is beyond its clock table, which ends at {mhz(table_max_hz)} MHz"
        found.doubt(text, "restart the board")


def _running(snapshot: Snapshot, found: Findings) -> None:
    """A pinned GPU that runs slower is throttled; one without power has no clock."""
    assert snapshot.gpu is not None
    clock, power = snapshot.gpu.clock, snapshot.gpu.power
    if clock.cur_hz is None or clock.max_hz is None or clock.cur_hz == clock.max_hz:
        return
    if power in ("suspended", "suspending", "resuming") or (clock.cur_hz == 0 and clock.name in _IDLE_READS_ZERO):
        found.notes.append("the GPU is idle: its clock was not seen at work")
    elif power != "active":
        found.doubt("the GPU's power/runtime_status cannot be read, so its clock says nothing", "restart the board")
    elif clock.cur_hz == 0:
        found.doubt("the GPU says 0 MHz although it is powered", LOCK)
    else:
        text = f"GPU runs at {mhz(clock.cur_hz)} MHz although locked at {mhz(clock.max_hz)} MHz"
        found.reject(text, "it is throttled: let it cool down, check its power supply")


def cpu_clocks(snapshot: Snapshot, found: Findings) -> None:
    if not snapshot.cpus:
        found.doubt("the CPUs' clocks cannot be read", "look at /sys/devices/system/cpu")
        return
    unread = [cpu.name for cpu in snapshot.cpus if cpu.min_hz is None or cpu.max_hz is None]
    loose = [cpu for cpu in snapshot.cpus if cpu.min_hz and cpu.max_hz and cpu.min_hz != cpu.max_hz]
    if loose:
        first = loose[0]
        span = f"{first.name}: {mhz(first.min_hz or 0)} to {mhz(first.max_hz or 0)} MHz"
        found.reject(f"CPU clocks not locked ({span})", LOCK)
    if unread:
        found.doubt(f"the clock of {unread[0]} cannot be read", f"look at /sys/devices/system/cpu/{unread[0]}/cpufreq")


def throttling(snapshot: Snapshot, found: Findings) -> None:
    active = [device.name or "?" for device in snapshot.cooling if device.slows_down and device.state]
    if active:
        found.reject(f"throttled by {', '.join(active)}", COOL)
    capping = [device.name or "?" for device in snapshot.cooling if device.is_gpu_cap and device.state]
    if capping:
        found.notes.append(f"{', '.join(capping)} is active: the GPU's ceiling decides")
    unread = [d for d in snapshot.cooling if d.name is None or (d.state is None and (d.slows_down or d.is_gpu_cap))]
    if unread or not snapshot.cooling:
        what = f"the cooling device {unread[0].name or '?'}" if unread else "cooling devices"
        found.doubt(f"{what} cannot be read, so throttling would not be seen", "look at /sys/class/thermal")


def heat(snapshot: Snapshot, found: Findings) -> None:
    zones = [zone for zone in snapshot.zones if zone.is_of_soc]
    named = [zone for zone in zones if zone.name and zone.name.lower().startswith(("gpu", "tj"))]
    if not named:
        found.doubt("no temperature of the GPU can be read", "look at /sys/class/thermal")
        return
    lowest_c = min((zone.passive_c for zone in zones if zone.passive_c), default=None)
    if lowest_c is None:
        found.doubt("at which temperature the board slows down cannot be read", "look at /sys/class/thermal")
    if garbled := [zone for zone in zones if _garbled(zone)]:
        found.doubt(f"the thermal zone {garbled[0].name or '?'} cannot be read", "look at /sys/class/thermal")
    hot = [
        (trip_c - zone.temp_c, zone.name or "?", zone.temp_c, trip_c)
        for zone in snapshot.zones
        if zone.temp_c is not None and (trip_c := zone.passive_c or (lowest_c if zone.is_of_soc else None))
    ]
    margin_c, name, temp_c, trip_c = min(hot, default=(MARGIN_C, "", 0.0, 0.0))
    if margin_c < MARGIN_C:
        short = name.lower().removesuffix("-thermal").removesuffix("-therm")
        found.reject(f"cooling: {short} {celsius(temp_c)} C, trips at {celsius(trip_c)} C", COOL)


def _garbled(zone: Zone) -> bool:
    trips_unread = any(trip.kind is None or trip.temp_c is None for trip in zone.trips)
    return zone.name is None or zone.temp_c is None or trips_unread


def counters(snapshot: Snapshot, found: Findings) -> None:
    counts = {counter.name: counter.count for counter in snapshot.over_current}
    unread = [name for name in OVER_CURRENT if counts.get(name) is None]
    if unread:
        text = (
            f"the over-current counter {unread[0]} (soctherm_oc) cannot be read, so a power throttle would not be seen"
        )
        found.doubt(text, "look at /sys/class/hwmon")


def counted_between(before: Snapshot, after: Snapshot, found: Findings) -> None:
    """The hardware divides the clock without showing it: only the counters tell. At rest they are often not 0."""
    then = {counter.name: counter.count for counter in before.over_current}
    now = {counter.name: counter.count for counter in after.over_current}
    for name in sorted({**then, **now}):
        first, last = then.get(name), now.get(name)
        if first is not None and last is not None and first != last:
            text = f"over-current throttle {name} counted from {first} to {last} meanwhile"
            found.reject(text, "use the board's own power supply, or a mode with less power")
