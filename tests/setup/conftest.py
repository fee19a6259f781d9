from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.setup import kit
from tests.setup.hub import Hub, serve
from tests.setup.kit import Device


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub is on this machine, whatever the environment says."""
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model's files; without torch only their outside, which is all that the fake engine wants."""
    folder = tmp_path_factory.mktemp("untrained")
    if find_spec("torch") is None:
        kit.pretend_model(folder)
    else:
        command = [sys.executable, "-m", "ishowtts.engine.untrained", str(folder)]
        subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture
def device(tmp_path: Path, untrained: Path) -> Device:
    return Device(kit.install(tmp_path / "root", untrained))


@pytest.fixture
def hub(untrained: Path, device: Device) -> Iterator[Hub]:
    """With all weights; the device's hub."""
    with serve(Hub(files=kit.on_hub(untrained))) as served:
        device.env["HF_ENDPOINT"] = served.address
        yield served
