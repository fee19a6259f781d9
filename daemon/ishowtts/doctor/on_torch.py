"""torch: is it there, and is it built for this GPU? Asked in the engine's own Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ishowtts
from ishowtts import config, places
from ishowtts.device.child import ChildFailed, ask
from ishowtts.doctor.check import Check, fail, ok, warn

LIMIT_S = 120.0  # importing torch for the first time from an SD card takes most of a minute
_PROBE = Path(ishowtts.__file__).parent / "engine/torch_probe.py"
_NVIDIA_TORCH = "install NVIDIA's torch for this JetPack into the engine's Python"


def checks(engine: config.Engine, base: Path, is_jetson: bool) -> list[Check]:
    if engine.kind == "fake":
        return [ok("torch", "the fake engine needs none")]
    python = places.engine_python(engine.python, base)
    mend = places.mend_by_setup("install it there, or set engine.python to an environment that has it")
    try:
        answer = ask([python, str(_PROBE)], LIMIT_S)
    except ChildFailed as failure:
        return [fail("torch", f"the engine's Python {python} did not say what its torch is: {failure}", mend)]
    if "error" in answer:
        return [fail("torch", f"the engine's Python {python} cannot import torch ({answer['error']})", mend)]
    return [ok("torch", f"{answer.get('torch')} in {python}"), cuda(answer, engine.device, is_jetson)]


def cuda(answer: dict[str, Any], device: str, is_jetson: bool) -> Check:
    """Does the build fit the GPU? Pure: ``answer`` is torch_probe's."""
    wanted = device.startswith("cuda") or (is_jetson and device == "auto")
    build, gpu = answer.get("cuda"), answer.get("gpu")
    if device == "cpu":
        return ok("cuda", "not needed: engine.device is cpu")
    if build is None or gpu is None:
        what = f"is built for CUDA {build} and finds no GPU" if build else "is a CPU build"
        mend = _NVIDIA_TORCH if is_jetson else "install a torch for this GPU, or set engine.device: cpu"
        text = f"torch {answer.get('torch')} {what}"
        return fail("cuda", text, mend) if wanted else warn("cuda", f"{text}: speech is slow on the CPU", mend)
    about = f"torch {answer.get('torch')} for CUDA {build} on {gpu} ({answer.get('needs')})"
    if answer.get("problem"):
        archs = ", ".join(answer.get("archs") or []) or "nothing"
        text = f"{about} does not compute: {answer['problem']}; it is built for {archs}"
        return fail("cuda", text, _NVIDIA_TORCH if is_jetson else "install a torch built for this GPU")
    return ok("cuda", about)
