"""The device under the benchmark: its name, clocks and versions, its peak rate, its memory."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from ishowtts.bench import cost
from ishowtts.engine.native import pick_device

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
RAMP_S = {"cuda": 3.0, "cpu": 0.3}  # a Jetson needs this long under load until its clocks are up
PRODUCT_SIZE = {"cuda": 8192, "cpu": 1024}
PRODUCTS = 10
_SMI = ("driver_version", "clocks.sm", "clocks.max.sm", "clocks.mem", "power.limit", "temperature.gpu")
_COMMAND_S = 10.0


class TorchDevice:
    """measure.Device on torch."""

    def __init__(self, name: str) -> None:
        self.device = pick_device(name)

    @property
    def is_cuda(self) -> bool:
        return self.device.type == "cuda"

    @property
    def name(self) -> str:
        return torch.cuda.get_device_name(self.device) if self.is_cuda else cpu_name()

    @property
    def multiprocessors(self) -> int:
        return torch.cuda.get_device_properties(self.device).multi_processor_count if self.is_cuda else 0

    def wait(self) -> None:
        if self.is_cuda:
            torch.cuda.synchronize(self.device)

    def begin(self) -> None:
        if self.is_cuda:
            torch.cuda.reset_peak_memory_stats(self.device)

    def peak_bytes(self) -> int | None:
        return torch.cuda.max_memory_allocated(self.device) if self.is_cuda else None

    def used_bytes(self) -> int | None:
        return torch.cuda.memory_allocated(self.device) if self.is_cuda else None


def product_tflops(device: TorchDevice, dtype: str) -> float:
    """TFLOP/s of a large square matrix product of random numbers: the best of some, after a ramp of the clocks."""
    kind = device.device.type
    size = PRODUCT_SIZE[kind]
    a, b = (torch.randn(size, size, device=device.device, dtype=DTYPES[dtype]) for _ in range(2))
    out = torch.empty_like(a)
    until_s = time.perf_counter() + RAMP_S[kind]
    while time.perf_counter() < until_s:
        torch.mm(a, b, out=out)
        device.wait()
    taken_s = []
    for _ in range(PRODUCTS):
        begun_s = time.perf_counter()
        torch.mm(a, b, out=out)
        device.wait()
        taken_s.append(time.perf_counter() - begun_s)
    return 2 * size**3 / min(taken_s) / 1e12


def peak(device: TorchDevice, dtype: str, probed_tflops: float) -> cost.Peak:
    """The table's figure where the device is known, so that tables of different days have one roofline."""
    probed = cost.Peak(probed_tflops, f"{PRODUCT_SIZE[device.device.type]}^3 {dtype} product measured in this run")
    return cost.known_peak(device.name, device.multiprocessors, dtype) or probed


def versions() -> dict[str, str]:
    """Of what the times depend on; without what is not installed."""
    found = {"python": platform.python_version(), "torch": str(torch.__version__)}
    if torch.version.cuda:
        found["cuda"] = torch.version.cuda
    others = {name: _version(name) for name in ("triton", "f5-tts", "numpy")}
    return found | {name: number for name, number in others.items() if number}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def clocks() -> dict[str, str]:
    """nvidia-smi's words, or a Jetson's devfreq and power mode; empty where there is neither."""
    found: dict[str, str] = {}
    smi = _output(["nvidia-smi", f"--query-gpu={','.join(_SMI)}", "--format=csv,noheader"])
    if smi:
        values = [value.strip() for value in smi.splitlines()[0].split(",")]
        found = {key: value for key, value in zip(_SMI, values, strict=False) if "N/A" not in value}
    for node in sorted(Path("/sys/class/devfreq").glob("*")):
        if re.search(r"gpu|ga10b|gv11b|gp10b", node.name):
            for key in ("cur_freq", "min_freq", "max_freq"):
                found[f"gpu {key}"] = _read(node / key)
    mode = _output(["nvpmodel", "-q"])
    if mode:
        found["power mode"] = " ".join(mode.split())
    return found


def warning(device: TorchDevice, now: dict[str, str]) -> str:
    """A sentence when the times may not be trusted."""
    if "gpu min_freq" in now and now["gpu min_freq"] != now["gpu max_freq"]:
        return "the GPU's clocks are not locked: run `sudo nvpmodel -m 0 && sudo jetson_clocks` and measure again."
    if not device.is_cuda and torch.version.cuda:
        return "measured on the CPU, though this torch is built for CUDA."
    return ""


def cpu_name() -> str:
    names = re.findall(r"model name\s*: (.*)", _read(Path("/proc/cpuinfo")))
    return f"{names[0].strip() if names else platform.machine()}, {torch.get_num_threads()} threads"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _output(command: list[str]) -> str:
    if shutil.which(command[0]) is None:
        return ""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_S, check=True).stdout
    except (subprocess.SubprocessError, OSError):
        return ""
