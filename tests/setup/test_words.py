"""Where the package is installed, what lacks torch or weights says `sudo ishowctl setup`; a checkout has no setup."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from ishowtts import config
from ishowtts.doctor import on_disk
from tests.daemon import Daemon
from tests.setup.kit import ROOT, Device

SETUP = "Run `sudo ishowctl setup`."


@pytest.fixture(params=[True, False], ids=["package", "checkout"])
def mends(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], bool]:
    """Is this the right thing to say here?"""
    if request.param:
        monkeypatch.setenv("ISHOWTTS_ROOT", str(tmp_path))
        return lambda said: said == SETUP
    monkeypatch.delenv("ISHOWTTS_ROOT", raising=False)
    return lambda said: "engine" in said and "ishowctl setup" not in said


def test_an_engines_python_that_is_gone(start: Callable[..., Daemon], mends: Callable[[str], bool]) -> None:
    daemon = start({"engine": {"kind": "native", "python": "/nowhere/python"}})
    daemon.wait_log("engine.setup_required")
    status = json.loads(daemon.ctl("status", "--json").stdout)
    assert (status["state"], mends(status["mend"])) == ("degraded", True), status["mend"]


@pytest.mark.skipif(find_spec("torch") is None, reason="needs torch")
@pytest.mark.parametrize("lacking", ["vocab.txt", "model.yaml", "model.safetensors", "vocos/pytorch_model.bin"])
def test_files_that_are_missing(
    start: Callable[..., Daemon], mends: Callable[[str], bool], untrained: Path, tmp_path: Path, lacking: str
) -> None:
    names = {"model_config": "model.yaml", "checkpoint": "model.safetensors", "vocab": "vocab.txt", "vocoder": "vocos"}
    for name in ("model.yaml", "model.safetensors", "vocab.txt", "vocos/config.yaml", "vocos/pytorch_model.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        if name != lacking:
            (tmp_path / name).symlink_to(untrained / name)
    paths = {key: str(tmp_path / name) for key, name in names.items()}
    daemon = start({"engine": {"kind": "native", "device": "cpu", **paths}})
    daemon.wait_log("engine.setup_required")
    status = json.loads(daemon.ctl("status", "--json").stdout)
    assert lacking in status["detail"]
    assert mends(status["mend"]), status["mend"]
    check = on_disk.model(config.Engine(**paths), tmp_path)
    assert (check.level, mends(check.mend)) == ("fail", True), check


def test_without_torch(device: Device, mends: Callable[[str], bool]) -> None:
    """The engine child itself, in an interpreter that has everything but torch."""
    vendor = next((device.places.program / "vendor").iterdir()).resolve()
    bare = device.places.root / "bare"
    bare.mkdir()
    for entry in vendor.iterdir():
        if entry.name.startswith(("msgspec", "yaml", "_yaml")):
            (bare / entry.name).symlink_to(entry)
    message = json.dumps({"op": "configure", "kind": "native", "voices": [{"name": "a", "audio": "a", "text": "a"}]})
    command = [Path(sys.executable).resolve(), "-m", "ishowtts.setup.smoke", message]
    env = {"PYTHONPATH": f"{ROOT / 'daemon'}:{bare}", "PYTHONDONTWRITEBYTECODE": "1"}
    if mends(SETUP):
        env["ISHOWTTS_ROOT"] = str(device.places.root)
    answer = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60, env=env).stdout)
    assert answer["what"].endswith("cannot import torch.")
    assert mends(answer["mend"]), answer
