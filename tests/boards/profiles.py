"""The boards that are emulated: what differs between them. Names, modes and clocks: shared reference board.md, 2.1."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

MHZ = 1_000_000
# name, GPU MAX_FREQ in MHz (-1: none), online CPUs, CPU MAX_FREQ in kHz, TPC mask
Modes = dict[int, tuple[str, float, int, int, int]]


@dataclass(frozen=True)
class Profile:
    model: str
    compatible: tuple[str, ...]
    release: str
    modes: Modes
    default_mode: int
    table_mhz: tuple[float, ...]
    gpu_node: str = "17000000.gpu"
    of_node: str = "gpu"
    gpu_in_conf: str = "GPU"
    cpus: int = 12
    cpu_max_khz: int = 2_201_600
    has_3d_scaling: bool = True
    zones: tuple[str, ...] = field(
        default=("cpu", "gpu", "cv0", "cv1", "cv2", "soc0", "soc1", "soc2", "tj", "tboard", "tdiode")
    )

    @property
    def table_hz(self) -> list[int]:
        return [int(step * MHZ) for step in self.table_mhz]


ORIN_STEPS = (306, 408, 510, 612, 714, 816, 918, 1020, 1122, 1224, 1300.5)
R36 = "R36 (release), REVISION: 4.3"

AGX_ORIN = Profile(
    model="NVIDIA Jetson AGX Orin Developer Kit",
    compatible=("nvidia,p3737-0000+p3701-0005", "nvidia,p3701-0005", "nvidia,tegra234"),
    release=R36,
    modes={
        0: ("MAXN", -1, 12, -1, 0),
        1: ("MODE_15W", 408, 4, 1_113_600, 248),
        2: ("MODE_30W", 612, 8, 1_728_000, 240),
        3: ("MODE_50W", 816, 12, 1_497_600, 0),
    },
    default_mode=2,
    table_mhz=ORIN_STEPS,
)
AGX_ORIN_JP5 = replace(
    AGX_ORIN,
    release="R35 (release), REVISION: 4.1",
    gpu_node="17000000.ga10b",
    of_node="ga10b",
)
AGX_ORIN_JP7 = replace(
    AGX_ORIN,
    release="R39 (release), REVISION: 2.0",
    modes={**AGX_ORIN.modes, 4: ("MAXN_SUPER", -1, 12, -1, 0)},
    has_3d_scaling=False,
)
ORIN_NX_SUPER = Profile(
    model="NVIDIA Jetson Orin NX Engineering Reference Developer Kit Super",
    compatible=("nvidia,p3768-0000+p3767-0000-super", "nvidia,p3767-0000", "nvidia,tegra234"),
    release=R36,
    modes={
        0: ("MAXN_SUPER", -1, 8, -1, 0),
        1: ("10W", 612, 4, 1_190_400, 0),
        4: ("40W", 1020, 8, 1_728_000, 0),
    },
    default_mode=4,
    table_mhz=(*ORIN_STEPS[:8], 1122, 1173),
    cpus=8,
    cpu_max_khz=1_984_000,
)
ORIN_NANO_SUPER = Profile(
    model="NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super",
    compatible=("nvidia,p3768-0000+p3767-0005-super", "nvidia,p3767-0005", "nvidia,tegra234"),
    release=R36,
    modes={
        0: ("15W", 612, 6, 1_497_600, 0),
        1: ("25W", 918, 6, 1_344_000, 0),
        2: ("MAXN_SUPER", -1, 6, -1, 0),
        3: ("7W", 408, 4, 960_000, 0),
    },
    default_mode=1,
    table_mhz=ORIN_STEPS[:8],
    cpus=6,
    cpu_max_khz=1_728_000,
)
ORIN_NANO_OLD = Profile(
    model="NVIDIA Jetson Orin Nano Developer Kit",
    compatible=("nvidia,p3768-0000+p3767-0005", "nvidia,p3767-0005", "nvidia,tegra234"),
    release="R36 (release), REVISION: 3.0",
    modes={0: ("15W", -1, 6, -1, 0), 1: ("7W", 408, 4, 960_000, 0)},
    default_mode=0,
    table_mhz=(306, 408, 510, 624.75),
    cpus=6,
    cpu_max_khz=1_510_400,
)
THOR = Profile(
    model="NVIDIA Jetson AGX Thor Developer Kit",
    compatible=("nvidia,p4071-0000+p3834-0008", "nvidia,p3834-0008", "nvidia,tegra264"),
    release="R38 (release), REVISION: 2.0",
    modes={
        0: ("MAXN", -1, 14, -1, 0),
        1: ("120W", 1386, 12, 2_601_000, 0),
        2: ("90W", 1188, 10, 2_001_000, 0),
        3: ("70W", 900, 8, 1_800_000, 0),
    },
    default_mode=1,
    table_mhz=(54, 315, 900, 1188, 1386, 1575),
    gpu_node="gpu-gpc-0",
    of_node="bpmp",
    gpu_in_conf="GPU_GPC",
    cpus=14,
    cpu_max_khz=2_601_000,
    has_3d_scaling=False,
    zones=("cpu", "gpu", "soc012", "soc345", "tj"),
)
ALL = {
    "agx-orin": AGX_ORIN,
    "agx-orin-jp5": AGX_ORIN_JP5,
    "agx-orin-jp7": AGX_ORIN_JP7,
    "orin-nx-super": ORIN_NX_SUPER,
    "orin-nano-super": ORIN_NANO_SUPER,
    "orin-nano-old": ORIN_NANO_OLD,
    "thor": THOR,
}
