"""An installed package in a folder: real setup, real engine, a small untrained model in place of the big one."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from ishowtts.places import Places
from ishowtts.setup import models, runtime

ROOT = Path(__file__).parent.parent.parent
MODEL = models.MODELS["F5TTS_v1_Base"]
PIP = next(iter(Path(sysconfig.get_path("stdlib"), "ensurepip/_bundled").glob("pip-*.whl")), None)


def install(root: Path, untrained: Path) -> Places:
    """What dpkg would unpack below ``root``; the model's YAML is that of ``untrained``.

    The vendored libraries are this environment's own, with torch among them: in place of the device's.
    """
    places = Places(root)
    (places.program / "vendor").mkdir(parents=True)
    (places.program / "app").symlink_to(ROOT / "daemon")
    (places.program / "vendor" / runtime.abi()).symlink_to(sysconfig.get_path("purelib"))
    (places.setup_data / "models").mkdir(parents=True)
    shutil.copy(untrained / "model.yaml", places.setup_data / "models" / MODEL.config)
    if PIP is not None:
        (places.setup_data / PIP.name).symlink_to(PIP)
    voice = {"audio": "demo:voices/slt.wav", "text": (ROOT / "daemon/ishowtts/demo/voices/slt.txt").read_text()}
    defaults: dict[str, Any] = {
        "engine": {
            "model_config": "demo:model.yaml", "checkpoint": "demo:model.safetensors", "vocab": "demo:vocab.txt",
            "vocoder": "demo:vocos", "threads": 2, "device": "cpu", "kind": "fake",
        },
        "voices": {"folder": str(places.state / "voices"), "default": "slt", "clips": {"slt": voice}},
    }  # fmt: skip
    places.defaults.write_text(json.dumps(defaults), encoding="utf-8")
    for folder in (places.models, places.runtimes, places.config.parent):
        folder.mkdir(parents=True)
    return places


def pretend_model(folder: Path) -> None:
    """Files in the layout of `ishowtts.engine.untrained`, which no engine could load."""
    (folder / "vocos").mkdir()
    noise = random.Random(1).randbytes(2_500_000)
    header = json.dumps({"a": {"dtype": "U8", "shape": [len(noise)], "data_offsets": [0, len(noise)]}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + noise)
    (folder / "vocos/pytorch_model.bin").write_bytes(noise)
    for name in ("vocab.txt", "model.yaml", "vocos/config.yaml"):
        (folder / name).write_text(f"# {name}\n", encoding="utf-8")


def weights(untrained: Path) -> dict[str, bytes]:
    """The untrained model's files by the names that the public ones have below models/."""
    return {
        "F5TTS_v1_Base/vocab.txt": (untrained / "vocab.txt").read_bytes(),
        "F5TTS_v1_Base/model_1250000.safetensors": (untrained / "model.safetensors").read_bytes(),
        "vocos-mel-24khz/config.yaml": (untrained / "vocos/config.yaml").read_bytes(),
        "vocos-mel-24khz/pytorch_model.bin": (untrained / "vocos/pytorch_model.bin").read_bytes(),
    }


def on_hub(untrained: Path) -> dict[str, bytes]:
    """The same by their paths on the hub."""
    by_place = weights(untrained)
    return {f"{file.repository}/resolve/main/{file.path}": by_place[file.place] for file in MODEL.files}


def put(folder: Path, files: dict[str, bytes], *, sums: bool = True) -> Path:
    """``files`` in ``folder``, as somebody would bring them on a stick."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    if sums:
        lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items()]
        (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
    return folder


@dataclass
class Device:
    """``ishowctl`` on a machine that has the package in ``places``."""

    places: Places
    env: dict[str, str] = field(default_factory=dict)

    def use_engine(self, kind: str) -> None:
        """`native` in place of `fake`, which needs neither torch nor the model's files, and so a tenth of the time."""
        if kind != "fake" and find_spec("torch") is None:
            pytest.skip("needs torch: the real engine speaks here")
        defaults = json.loads(self.places.defaults.read_text(encoding="utf-8"))
        defaults["engine"]["kind"] = kind
        self.places.defaults.write_text(json.dumps(defaults), encoding="utf-8")

    def command(self, *args: str) -> list[str]:
        return [sys.executable, "-m", "ishowctl", "setup", *args]

    def environment(self) -> dict[str, str]:
        here = {"ISHOWTTS_ROOT": str(self.places.root), "ISHOWTTS_USER": "root", "no_proxy": "*"}
        return {**os.environ, **here, **self.env}

    def setup(self, *args: str, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*args), env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=timeout_s,
        )  # fmt: skip

    def status(self) -> dict[str, Any]:
        run = self.setup("--status", "--json")
        assert run.returncode == 0, run.stderr
        found: dict[str, Any] = json.loads(run.stdout)
        return found

    def steps(self) -> dict[str, str]:
        return {step["name"]: step["state"] for step in self.status()["steps"]}
