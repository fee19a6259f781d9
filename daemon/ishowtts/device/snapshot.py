"""What was read of the board at one moment: frozen, JSON-able, and None wherever something could not be read.

Pure data. ``temp_c`` are degrees Celsius, ``_hz`` hertz, ``_s`` seconds of CLOCK_MONOTONIC unless they are an age.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

# `devfreq-*` only says that the GPU is capped, and shows states above 0 at rest on Thor: there max_freq is the judge.
GPU_CAPS = ("devfreq-", "thermal-devfreq")
SOC_ZONES = ("cpu", "gpu", "soc", "cv", "tj")


@dataclass(frozen=True)
class Clock:
    """A devfreq node, or the memory clock. ``max_hz`` is the ceiling now: power mode and thermal caps together."""

    name: str
    cur_hz: int | None = None
    min_hz: int | None = None
    max_hz: int | None = None
    table_max_hz: int | None = None  # highest of available_frequencies: what the hardware can do
    governor: str | None = None

    @property
    def pinned(self) -> bool | None:
        """Held at its ceiling: min == max, or (JetPack 7) governor `performance`; None: cannot tell."""
        if self.governor == "performance":
            return True
        if self.min_hz is None or self.max_hz is None:
            return None
        if self.min_hz == self.max_hz:
            return True
        return None if self.governor is None else False


@dataclass(frozen=True)
class Gpu:
    clock: Clock
    power: str | None = None  # runtime_status: only while `active` does cur_hz mean anything
    railgate: bool | None = None  # may the idle GPU be powered off


@dataclass(frozen=True)
class Cpu:
    """One online core; without clocks when they, or whether it is online, cannot be read."""

    name: str
    min_hz: int | None = None
    max_hz: int | None = None


@dataclass(frozen=True)
class PowerMode:
    """nvpmodel's mode. ``gpu_uncapped``: it leaves the GPU its whole clock range."""

    id: int
    name: str | None = None
    gpu_uncapped: bool | None = None


@dataclass(frozen=True)
class Trip:
    """A temperature at which a zone acts. ``kind`` passive: it slows down; critical: it shuts down."""

    kind: str | None
    temp_c: float | None


@dataclass(frozen=True)
class Zone:
    """A thermal zone whose domain is powered. Powered-off domains are left out of a snapshot."""

    name: str | None
    temp_c: float | None
    trips: tuple[Trip, ...] = ()

    @property
    def is_of_soc(self) -> bool:
        """Of the chip that computes, or not known: a Wi-Fi card's zone need not be readable."""
        return self.name is None or self.name.lower().startswith(SOC_ZONES)

    @property
    def passive_c(self) -> float | None:
        """The lowest temperature at which this zone slows something down."""
        return min((trip.temp_c for trip in self.trips if trip.kind == "passive" and trip.temp_c), default=None)


@dataclass(frozen=True)
class Cooling:
    """A cooling device: the kernel's word for everything that acts on heat, a fan as well as a hardware throttle."""

    name: str | None
    state: int | None

    @property
    def is_gpu_cap(self) -> bool:
        return self.name is not None and self.name.startswith(GPU_CAPS)

    @property
    def slows_down(self) -> bool:
        """While its state is above 0: the SoC's `*-alert`, the CPUs' caps, and whatever is not known to be harmless."""
        return self.name is not None and not self.is_gpu_cap and "fan" not in self.name.lower()


@dataclass(frozen=True)
class OverCurrent:
    """Times the hardware throttled since boot: oc1 for under-voltage, oc2 average, oc3 instantaneous over-current."""

    name: str
    count: int | None


@dataclass(frozen=True)
class Rail:
    name: str
    power_mw: int


@dataclass(frozen=True)
class JtopView:
    """What jtop says, of a sample it made ``age_s`` before it was taken over."""

    version: str | None
    mode_name: str | None
    clocks: str | None  # its word for jetson_clocks: running, inactive, ...
    gpu_cur_hz: int | None
    gpu_min_hz: int | None
    gpu_max_hz: int | None
    emc_cur_hz: int | None
    emc_max_hz: int | None
    age_s: float


@dataclass(frozen=True)
class JtopFailure:
    """Why jtop could not be asked. ``name``: absent, not_installed, not_permitted, version, no_answer, died, stale,
    garbage or failed; ``detail`` is one line."""

    name: str
    detail: str


@dataclass(frozen=True)
class NvmlGpu:
    """A desktop GPU as NVML shows it. ``slowdowns``: what lowers its clock now, besides being idle."""

    name: str
    clock_hz: int | None
    max_hz: int | None
    temp_c: float | None
    slowdown_c: float | None
    slowdowns: tuple[str, ...] | None


@dataclass(frozen=True)
class Snapshot:
    taken_s: float
    model: str | None = None
    soc: str | None = None  # tegra234 and the like; None: no Jetson
    l4t: str | None = None
    jetpack: str | None = None
    mode: PowerMode | None = None
    uncapped_mode: PowerMode | None = None  # the mode to be in, found in nvpmodel.conf by what it says
    gpu: Gpu | None = None
    cpus: tuple[Cpu, ...] = ()  # the online ones
    emc: Clock | None = None  # memory; root alone may read it on Orin
    zones: tuple[Zone, ...] = ()
    cooling: tuple[Cooling, ...] = ()
    over_current: tuple[OverCurrent, ...] = ()
    rails: tuple[Rail, ...] = ()
    jtop: JtopView | JtopFailure | None = None  # None: not asked
    nvml: tuple[NvmlGpu, ...] | None = None  # None: no NVML here, or not asked

    def as_json(self) -> dict[str, Any]:
        return asdict(self)
