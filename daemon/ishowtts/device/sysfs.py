"""The board read directly: sysfs, nvpmodel's files, the device tree. The primary source: some 300 small reads, no root.

The paths are those of L4T R35, R36, R38 and R39 (JetPack 5, 6, 7); where they differ, all are tried.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from ishowtts.device import nodes, nvpmodel
from ishowtts.device.nodes import Roots
from ishowtts.device.snapshot import Clock, Cooling, Cpu, Gpu, OverCurrent, Rail, Snapshot, Trip, Zone

# The GPU among the devfreq nodes: by the name of the node (17000000.gpu on JetPack 6 and 7, 17000000.ga10b on 5, gv11b
# on Xavier, gpu-gpc-0 on Thor) or by that of its device-tree node.
THOR_GPU = "gpu-gpc-0"
_GPU_SUFFIXES = (".gpu", ".ga10b", ".gv11b", ".gp10b", ".gb10b")
_GPU_OF_NODES = ("gpu", "ga10b", "gv11b", "gp10b", "gb10b")
# L4T release to JetPack, NVIDIA's archive page; what is not here has only its major version.
_JETPACKS = {
    "35.1.0": "5.0.2", "35.2.1": "5.1", "35.3.1": "5.1.1", "35.4.1": "5.1.2", "35.5.0": "5.1.3", "35.6.0": "5.1.4",
    "36.2.0": "6.0", "36.3.0": "6.0", "36.4.0": "6.1", "36.4.3": "6.2", "36.4.4": "6.2.1", "36.4.7": "6.2.1",
    "36.5.0": "6.2.2",
    "38.2": "7.0", "38.2.0": "7.0", "38.4": "7.1", "38.4.0": "7.1", "39.2.0": "7.2",
}  # fmt: skip
_MAJORS = {"35": "5", "36": "6", "38": "7", "39": "7"}
_OFF_MC = -200_000  # a powered-off domain reads -256 degrees
_COLDEST_MC, _HOTTEST_MC = -60_000, 200_000  # outside, no silicon: garbage


def read(roots: Roots | None = None) -> Snapshot:
    """The board now. Never raises for what a node holds or lacks."""
    roots = roots or Roots.real()
    taken_s = time.monotonic()
    gpu = _gpu(roots.sys)
    table_max_hz = gpu.clock.table_max_hz if gpu else None
    modes = nvpmodel.parse_conf(nodes.text(roots.etc / "nvpmodel.conf") or "")
    mode_id = nvpmodel.parse_status(nodes.text(roots.varlib / "nvpmodel/status") or "")
    l4t, jetpack = _release(nodes.text(roots.etc / "nv_tegra_release") or "")
    tree = roots.sys / "firmware/devicetree/base"
    return Snapshot(
        taken_s=taken_s,
        model=nodes.text(tree / "model"),
        soc=_soc(nodes.text(tree / "compatible") or ""),
        l4t=l4t,
        jetpack=jetpack,
        mode=nvpmodel.find(modes, mode_id, table_max_hz),
        uncapped_mode=nvpmodel.best(modes, table_max_hz),
        gpu=gpu,
        cpus=_cpus(roots.sys / "devices/system/cpu"),
        emc=_emc(roots.sys),
        zones=_zones(roots.sys / "class/thermal"),
        cooling=tuple(
            Cooling(nodes.word(device / "type"), nodes.number(device / "cur_state"))
            for device in nodes.children(roots.sys / "class/thermal", "cooling_device*")
        ),
        over_current=_over_current(roots.sys / "class/hwmon"),
        rails=_rails(roots.sys / "bus/i2c/devices"),
    )


def read_gpu_cur_hz(name: str, roots: Roots | None = None) -> int | None:
    """The GPU's clock now, one file: cheap enough to look at within a measurement. ``name`` is Clock.name."""
    return nodes.number((roots or Roots.real()).sys / "class/devfreq" / name / "cur_freq")


def _soc(compatible: str) -> str | None:
    for entry in compatible.split("\0"):
        if found := re.fullmatch(r"nvidia,(tegra[0-9]{3})", entry):
            return found[1]
    return None


def _release(text: str) -> tuple[str | None, str | None]:
    found = re.match(r"#?\s*R([0-9]{2})\b.*?REVISION:\s*([0-9]+(?:\.[0-9]+)*)", text)
    if not found:
        return None, None
    l4t = f"{found[1]}.{found[2]}"
    return l4t, jetpack_of(l4t)


def jetpack_of(l4t: str) -> str | None:
    """The JetPack that an L4T release such as `36.4.3` came with, or its major version; None: an unknown one."""
    return _JETPACKS.get(l4t) or _MAJORS.get(l4t.partition(".")[0])


def _gpu(sys: Path) -> Gpu | None:
    for node in nodes.children(sys / "class/devfreq", "*"):
        of_node = (nodes.text(node / "device/of_node/name") or "").lower()
        if node.name == THOR_GPU or node.name.endswith(_GPU_SUFFIXES) or of_node in _GPU_OF_NODES:
            railgate = nodes.number(node / "device/railgate_enable", 0, 1)
            power = nodes.word(node / "device/power/runtime_status")
            return Gpu(_devfreq(node), power, None if railgate is None else railgate == 1)
    return None


def _devfreq(node: Path) -> Clock:
    table = nodes.numbers(node / "available_frequencies")
    return Clock(
        name=node.name,
        cur_hz=nodes.number(node / "cur_freq"),
        min_hz=nodes.number(node / "min_freq"),
        max_hz=nodes.number(node / "max_freq", 1),
        table_max_hz=max(table) if table else None,
        governor=nodes.word(node / "governor"),
    )


def _cpus(folder: Path) -> tuple[Cpu, ...]:
    """The cores that are online. One without `online` cannot be taken off; one whose `online` is garbage is unread."""
    cpus = []
    for core in nodes.children(folder, "cpu[0-9]*"):
        switch = core / "online"
        state = nodes.number(switch, 0, 1) if os.path.lexists(switch) else 1
        if state == 1:
            low, high = (_khz(core / f"cpufreq/scaling_{end}_freq") for end in ("min", "max"))
            cpus.append(Cpu(core.name, low, high))
        elif state is None:
            cpus.append(Cpu(core.name))
    return tuple(cpus)


def _khz(path: Path) -> int | None:
    """Hertz, of a node in kHz."""
    value = nodes.number(path, 1, 10**9)
    return None if value is None else value * 1000


def _emc(sys: Path) -> Clock | None:
    """Thor has a devfreq node; Orin's is in debugfs, which only root may look into."""
    thor = sys / "class/devfreq/bwmgr"
    if os.path.isdir(thor):  # noqa: PTH112 (Path.is_dir raises where it may not look)
        return _devfreq(thor)
    folder = sys / "kernel/debug/bpmp/debug/clk/emc"
    rate, low, high = (nodes.number(folder / name, 1) for name in ("rate", "min_rate", "max_rate"))
    return None if rate is None or high is None else Clock("emc", rate, low, high, high)


def _zones(folder: Path) -> tuple[Zone, ...]:
    zones = []
    for zone in nodes.children(folder, "thermal_zone*"):
        try:
            temp_mc = nodes.number_or_off(zone / "temp", -(10**6), _HOTTEST_MC)
        except nodes.PoweredOff:
            continue
        if temp_mc is not None and temp_mc <= _OFF_MC:
            continue
        if temp_mc is not None and temp_mc < _COLDEST_MC:
            temp_mc = None
        zones.append(Zone(nodes.word(zone / "type"), _celsius(temp_mc), _trips(zone)))
    return tuple(zones)


def _trips(zone: Path) -> tuple[Trip, ...]:
    """Trips at or below 0 degrees are switched off; the `active` ones, of which a fan has many, are of no interest."""
    trips = []
    for node in nodes.children(zone, "trip_point_*_type"):
        kind = nodes.word(node)
        if kind in ("active", "hot"):
            continue
        kind = kind if kind in ("passive", "critical") else None
        temp_mc = nodes.number(zone / node.name.replace("_type", "_temp"), -(10**6), _HOTTEST_MC)
        if temp_mc is None or temp_mc > 0:
            trips.append(Trip(kind, _celsius(temp_mc)))
    return tuple(trips)


def _celsius(milli: int | None) -> float | None:
    return None if milli is None else milli / 1000


def _over_current(folder: Path) -> tuple[OverCurrent, ...]:
    """hwmon `soctherm_oc` (Orin, Thor); its number moves from start to start."""
    for hwmon in nodes.children(folder, "hwmon*"):
        if nodes.word(hwmon / "name") == "soctherm_oc":
            counters = nodes.children(hwmon, "oc*_event_cnt")
            return tuple(OverCurrent(node.name.split("_")[0], nodes.number(node)) for node in counters)
    return ()


def _rails(folder: Path) -> tuple[Rail, ...]:
    """The INA3221 channels that are connected: millivolts times milliamperes."""
    rails = []
    for label in nodes.children(folder, "*/hwmon/hwmon*/in[1-3]_label"):
        name, channel = nodes.word(label), label.name[2]
        millivolt = nodes.number(label.with_name(f"in{channel}_input"))
        milliampere = nodes.number(label.with_name(f"curr{channel}_input"))
        if name and not name.startswith("NC") and millivolt is not None and milliampere is not None:
            rails.append(Rail(name, millivolt * milliampere // 1000))
    return tuple(rails)
