"""Builds an emulated board and does to it what nvpmodel, jetson_clocks, heat and a weak power supply do.

As a program: `python -m tests.boards.tree FOLDER [PROFILE] [OPERATION[:ARGUMENT]...]`, such as
`python -m tests.boards.tree /tmp/b agx-orin set_mode:2 lock`. Taken over from our own emulator of an earlier study.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

if __package__:
    from tests.boards.profiles import AGX_ORIN, ALL, Profile
else:  # the stub commands in the namespace see this folder alone
    from profiles import AGX_ORIN, ALL, Profile  # type: ignore[import-not-found,no-redef]

CPU_MIN_KHZ, CPU_IDLE_KHZ = 115_200, 729_600
EMC_IDLE_HZ, EMC_MAX_HZ = 2_133_000_000, 3_199_000_000
COOLING = (
    "cpufreq-cpu0", "cpufreq-cpu4", "cpufreq-cpu8", "pwm-fan", "devfreq-{gpu}",
    "cpu-throttle-alert", "gpu-throttle-alert", "cv0-throttle-alert", "soc0-throttle-alert", "hot-surface-alert",
)  # fmt: skip
RAILS = {
    "1-0040/hwmon/hwmon4": (("VDD_GPU_SOC", 19000, 300), ("VDD_CPU_CV", 19000, 120), ("VIN_SYS_5V0", 5000, 700)),
    "1-0041/hwmon/hwmon5": (("NC", 0, 0), ("VDDQ_VDD2_1V8AO", 5000, 90), ("NC2", 0, 0)),
}


def write(path: Path, text: object) -> None:
    """Whole or not at all, as sysfs does it: jtop's sampler dies of an empty read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    line = str(text)
    part.write_text(line if line.endswith(("\n", "\0")) else f"{line}\n", encoding="utf-8")
    part.replace(path)


class Board:
    """``folder`` holds `sys/ etc/ proc/ varlib/`; in a namespace they are at their real places."""

    def __init__(self, folder: Path, profile: Profile = AGX_ORIN, *, real: bool = False) -> None:
        self.folder, self.profile = folder, profile
        self.sys = Path("/sys") if real else folder / "sys"
        self.etc = Path("/etc") if real else folder / "etc"
        self.varlib = Path("/var/lib") if real else folder / "varlib"
        self.proc = folder / "proc"
        self.gpu_device = self.sys / "devices/platform/bus@0/17000000.gpu"
        self.gpu = self.gpu_device / "devfreq" / profile.gpu_node
        self.gpu_link = self.sys / "class/devfreq" / profile.gpu_node
        self.emc = self.sys / "kernel/debug/bpmp/debug/clk/emc"
        self.over_current_node = self.sys / "class/hwmon/hwmon3"
        self.status = self.varlib / "nvpmodel/status"
        self.conf = self.etc / "nvpmodel.conf"

    def cpu(self, core: int) -> Path:
        return self.sys / f"devices/system/cpu/cpu{core}"

    def zone(self, name: str) -> Path:
        return self.sys / f"devices/virtual/thermal/thermal_zone{self.profile.zones.index(name)}"

    def cooling(self, name: str) -> Path:
        return self.sys / f"devices/virtual/thermal/cooling_device{COOLING.index(name)}"

    # --- what exists ----------------------------------------------------------------------------------------------

    def build(self) -> Board:
        """In the uncapped mode, clocks not locked."""
        self._build_gpu()
        self._build_cpus_and_memory()
        self._build_thermal()
        self._build_hwmon()
        self._build_texts()
        self.set_mode(self.uncapped_id)
        return self

    @property
    def uncapped_id(self) -> int:
        return next(id for id, mode in self.profile.modes.items() if mode[1] < 0)

    def _build_gpu(self) -> None:
        device, node = self.gpu_device, self.gpu
        write(node / "available_frequencies", " ".join(map(str, self.profile.table_hz)))
        write(node / "available_governors", "nvhost_podgov userspace performance simple_ondemand")
        write(node / "governor", "nvhost_podgov")
        (node / "device").symlink_to("../../../17000000.gpu")
        for name, text in {
            "of_node/name": f"{self.profile.of_node}\0", "of_node/compatible": "nvidia,ga10b\0", "load": 0,
            "railgate_enable": 1, "power/control": "auto", "power/runtime_status": "active",
        }.items():  # fmt: skip
            write(device / name, text)
        if self.profile.has_3d_scaling:
            write(device / "enable_3d_scaling", 1)
        (device / "devfreq_dev").symlink_to(f"devfreq/{self.profile.gpu_node}")
        for alias in ("gpu.0", "17000000.gpu"):
            (self.sys / "devices/platform" / alias).symlink_to("bus@0/17000000.gpu")
        self.gpu_link.parent.mkdir(parents=True)
        self.gpu_link.symlink_to(os.path.relpath(node, self.gpu_link.parent))
        for unit in range(2):
            write(self.sys / f"kernel/debug/bpmp/debug/clk/nafll_gpc{unit}/pto_counter", 306_000_000)

    def _build_cpus_and_memory(self) -> None:
        for core in range(self.profile.cpus):
            cpu = self.cpu(core)
            for kind in ("scaling", "cpuinfo"):
                write(cpu / f"cpufreq/{kind}_min_freq", CPU_IDLE_KHZ if kind == "scaling" else CPU_MIN_KHZ)
                write(cpu / f"cpufreq/{kind}_max_freq", self.profile.cpu_max_khz)
                write(cpu / f"cpufreq/{kind}_cur_freq", CPU_IDLE_KHZ)
            write(cpu / "cpufreq/scaling_governor", "schedutil")
            for state, name in enumerate(("WFI", "c7")):
                write(cpu / f"cpuidle/state{state}/name", name)
                write(cpu / f"cpuidle/state{state}/disable", 0)
        for name, value in {"rate": EMC_IDLE_HZ, "max_rate": EMC_MAX_HZ, "min_rate": 204_000_000}.items():
            write(self.emc / name, value)
        write(self.emc / "mrq_rate_locked", 0)
        write(self.sys / "kernel/debug/cactmon/mc_all", 0)
        for engine in ("nvenc", "nvdec", "vic", "ape", "se"):
            for name, value in {"enable_count": 0, "rate": 0, "max_rate": 10**9, "min_rate": 0}.items():
                write(self.sys / f"kernel/debug/clk/{engine}/clk_{name}", value)
        write(self.sys / "kernel/debug/nvmap/iovmm/maps", "CLIENT PROCESS PID SIZE\nuser python3 1 0K\ntotal 0K\n")

    def _build_thermal(self) -> None:
        """Trip points of the tegra234 device tree: passive 99.0, critical 104.5 degrees."""
        thermal, links = self.sys / "devices/virtual/thermal", self.sys / "class/thermal"
        temps = {"gpu": 45_000, "soc0": 46_000, "soc1": 45_500, "soc2": 46_500, "tboard": 38_000, "tdiode": 40_000}
        for number, name in enumerate(self.profile.zones):
            zone = thermal / f"thermal_zone{number}"
            write(zone / "type", f"{name}-thermal")
            write(zone / "temp", -256_000 if name.startswith("cv") else temps.get(name, 48_500))
            for trip, (kind, temp) in enumerate((("critical", 104_500), ("passive", 99_000))):
                write(zone / f"trip_point_{trip}_type", kind)
                write(zone / f"trip_point_{trip}_temp", temp)
        for number, name in enumerate(COOLING):
            device = thermal / f"cooling_device{number}"
            write(device / "type", name.format(gpu=self.profile.gpu_node))
            write(device / "cur_state", 0)
            write(device / "max_state", 3)
        links.mkdir(parents=True)
        for entry in sorted(thermal.iterdir()):
            (links / entry.name).symlink_to(f"../../devices/virtual/thermal/{entry.name}")

    def _build_hwmon(self) -> None:
        write(self.over_current_node / "name", "soctherm_oc")
        for number in (1, 2, 3):
            write(self.over_current_node / f"oc{number}_event_cnt", 0)
            write(self.over_current_node / f"oc{number}_throt_en", 1)
        write(self.sys / "class/hwmon/hwmon2/name", "pwmfan")
        write(self.sys / "class/hwmon/hwmon2/pwm1", 80)
        for place, rails in RAILS.items():
            hwmon = self.sys / "bus/i2c/devices" / place
            write(hwmon.parent.parent / "name", "ina3221")
            write(hwmon / "name", "ina3221")
            for channel, (label, millivolt, milliampere) in enumerate(rails, 1):
                write(hwmon / f"in{channel}_label", label)
                write(hwmon / f"in{channel}_input", millivolt)
                write(hwmon / f"curr{channel}_input", milliampere)
                for limit in ("max", "crit"):
                    write(hwmon / f"curr{channel}_{limit}", 32_760)
                    write(hwmon / f"curr{channel}_{limit}_alarm", 0)
        (self.sys / "class/power_supply").mkdir(parents=True)

    def _build_texts(self) -> None:
        tree = self.sys / "firmware/devicetree/base"
        write(tree / "model", f"{self.profile.model}\0")
        write(tree / "compatible", "\0".join((*self.profile.compatible, "")))
        write(tree / "serial-number", "1420000000000\0")
        write(tree / "nvidia,boardids", "3701:0005\0")  # in place of the EEPROM behind I2C
        write(self.etc / "nv_tegra_release", f"# {self.profile.release}, GCID: 1, BOARD: generic, EABI: aarch64")
        write(self.conf, conf_text(self.profile))
        processor = "processor\t: {}\nmodel name\t: ARMv8 Processor rev 1 (v8l)\nCPU part\t: 0xd42\n\n"
        write(self.proc / "cpuinfo", "".join(processor.format(core) for core in range(self.profile.cpus)))
        cores = "".join(f"cpu{core} 10 0 10 1000 0 0 0 0 0 0\n" for core in range(self.profile.cpus))
        write(self.proc / "stat", f"cpu  100 0 100 10000 0 0 0 0 0 0\n{cores}intr 1\n")

    # --- what happens to it ---------------------------------------------------------------------------------------

    @property
    def mode(self) -> int:
        found = re.match(r"pmode:(\d+)", self.status.read_text(encoding="utf-8"))
        assert found
        return int(found[1])

    def set_mode(self, id: int) -> None:
        """What `nvpmodel -m ID` does; it unlocks the clocks too."""
        _, gpu_mhz, cpus, cpu_khz, tpc_mask = self.profile.modes[id]
        for core in range(self.profile.cpus):
            write(self.cpu(core) / "online", int(core < cpus))
            write(self.cpu(core) / "cpufreq/scaling_max_freq", cpu_khz if cpu_khz > 0 else self.profile.cpu_max_khz)
        write(self.sys / "devices/system/cpu/online", f"0-{cpus - 1}")
        write(self.gpu / "max_freq", int(gpu_mhz * 1_000_000) if gpu_mhz > 0 else self.profile.table_hz[-1])
        write(self.gpu_device / "tpc_pg_mask", tpc_mask)
        write(self.sys / "kernel/nvpmodel_clk_cap/emc", 0)
        write(self.status, f"pmode:{id:04d} fmode:quiet")
        self.unlock()

    def lock(self) -> None:
        """What `jetson_clocks` does: everything to the ceiling of the mode."""
        write(self.gpu_device / "railgate_enable", 0)
        self.gpu_at(max_hz=_int(self.gpu / "max_freq"))
        for core in self._online():
            ceiling = _int(self.cpu(core) / "cpufreq/scaling_max_freq")
            write(self.cpu(core) / "cpufreq/scaling_min_freq", ceiling)
            write(self.cpu(core) / "cpufreq/scaling_cur_freq", ceiling)
            self._idle_states(core, 1)
        write(self.emc / "mrq_rate_locked", 1)
        write(self.emc / "rate", EMC_MAX_HZ)

    def unlock(self) -> None:
        write(self.gpu_device / "railgate_enable", 1)
        lowest = self.profile.table_hz[0]
        write(self.gpu / "min_freq", lowest)
        write(self.gpu / "cur_freq", lowest)
        for core in self._online():
            write(self.cpu(core) / "cpufreq/scaling_min_freq", CPU_IDLE_KHZ)
            write(self.cpu(core) / "cpufreq/scaling_cur_freq", CPU_IDLE_KHZ)
            self._idle_states(core, 0)
        write(self.emc / "mrq_rate_locked", 0)
        write(self.emc / "rate", EMC_IDLE_HZ)

    def gpu_at(self, *, max_hz: int) -> None:
        """Floor, ceiling and clock all at one value."""
        for name in ("min_freq", "max_freq", "cur_freq"):
            write(self.gpu / name, max_hz)
        for unit in range(2):
            write(self.sys / f"kernel/debug/bpmp/debug/clk/nafll_gpc{unit}/pto_counter", max_hz)

    def heat(self, temp_c: float = 99.5) -> None:
        """The temperature alone."""
        for name in ("cpu", "gpu", "tj"):
            write(self.zone(name) / "temp", int(temp_c * 1000))

    def throttle(self, cur_hz: int = 816_000_000) -> None:
        """The passive trip is crossed: the alerts act, and the clock falls although min and max stand."""
        self.heat()
        for name in ("devfreq-{gpu}", "cpu-throttle-alert", "gpu-throttle-alert"):
            write(self.cooling(name) / "cur_state", 1)
        write(self.gpu / "cur_freq", cur_hz)

    def over_current(self, number: int = 3, count: int = 17) -> None:
        write(self.over_current_node / f"oc{number}_event_cnt", count)

    def _online(self) -> range:
        last = (self.sys / "devices/system/cpu/online").read_text(encoding="utf-8").strip().removeprefix("0-")
        return range(int(last) + 1)

    def _idle_states(self, core: int, disabled: int) -> None:
        for state in range(2):
            write(self.cpu(core) / f"cpuidle/state{state}/disable", disabled)


def conf_text(profile: Profile) -> str:
    """nvpmodel.conf in the BSP's grammar (own text)."""
    parts = ["# emulated", "< PARAM TYPE=CLOCK NAME=GPU >", "MAX_FREQ /sys/devices/gpu.0/devfreq/max_freq"]
    for id, (name, gpu_mhz, cpus, cpu_khz, tpc_mask) in profile.modes.items():
        parts += [
            f"< POWER_MODEL ID={id} NAME={name} >",
            f"CPU_ONLINE_COUNT N {cpus}",
            f"TPC_POWER_GATING TPC_PG_MASK {tpc_mask}",
            "GPU_POWER_CONTROL_ENABLE GPU_PWR_CNTL_EN on",
            f"CPU MAX_FREQ {cpu_khz}",
            f"{profile.gpu_in_conf} MAX_FREQ {int(gpu_mhz * 1_000_000) if gpu_mhz > 0 else -1}",
            "EMC MAX_FREQ 0",
        ]
    return "\n".join([*parts, f"< PM_CONFIG DEFAULT={profile.default_mode} >", ""])


def _int(path: Path) -> int:
    return int(path.read_text(encoding="utf-8"))


def main(folder: str, *words: str) -> None:
    names = [word for word in words if word in ALL]
    board = Board(Path(folder), ALL[names[0]] if names else AGX_ORIN).build()
    for word in words:
        name, *arguments = word.split(":")
        if word not in ALL:
            getattr(board, name)(*[float(text) if "." in text else int(text) for text in arguments])


if __name__ == "__main__":
    main(*sys.argv[1:])
