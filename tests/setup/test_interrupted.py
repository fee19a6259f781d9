"""Killed anywhere, setup continues: nothing half made is ever taken for whole, and what was in use stays in use."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.daemon import PATIENCE_S, wait_for
from tests.setup import kit
from tests.setup.hub import Hub
from tests.setup.kit import Device

CHECKPOINT = "F5TTS_v1_Base/model_1250000.safetensors"
# A child that is killed by SIGKILL just before its N-th rename: every result of setup gets its name by one.
KILLED_AT_RENAME = """
import os, pathlib, signal, sys
number, real, seen = int(sys.argv.pop(1)), os.replace, 0
def replace(*paths):
    global seen
    seen += 1
    if seen == number: os.kill(os.getpid(), signal.SIGKILL)
    real(*paths)
os.replace = replace
if hasattr(pathlib, "_normal_accessor"): pathlib._normal_accessor.replace = replace  # Python 3.10's Path keeps its own
from ishowtts.setup.__main__ import main
main()
"""


def killed_at(device: Device, number: int) -> int:
    command = [sys.executable, "-c", KILLED_AT_RENAME, str(number), "--model", "F5TTS_v1_Base", "--accept-licence"]
    return subprocess.run(
        command, env=device.environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=120
    ).returncode


def active(device: Device) -> str:
    """The configuration in use, which is always a whole one."""
    assert (device.places.current / "bin/python").exists()
    return device.places.fragment.read_text(encoding="utf-8")


def test_killed_at_every_rename(device: Device, hub: Hub, untrained: Path, tmp_path: Path) -> None:
    assert device.setup("--model", "demo").returncode == 0
    old, number = active(device), 1
    shutil.copytree(device.places.state, tmp_path / "state", symlinks=True)
    while killed_at(device, number) == -signal.SIGKILL:
        for place, data in kit.weights(untrained).items():
            there = device.places.models / place
            assert not there.exists() or there.read_bytes() == data, number
        assert active(device) == old or "F5TTS_v1_Base" in active(device), number
        run = device.setup()
        assert run.returncode == 0 or "was not accepted" in run.stderr, (number, run.stderr)
        if run.returncode == 0 and "F5TTS_v1_Base" in active(device):
            check_all_done(device)
        shutil.rmtree(device.places.state)
        shutil.copytree(tmp_path / "state", device.places.state, symlinks=True)
        number += 1
    assert number > 15
    check_all_done(device)


def check_all_done(device: Device) -> None:
    assert set(device.steps().values()) == {"done"}
    assert "F5TTS_v1_Base" in active(device)
    assert not list(device.places.root.rglob("*.part"))
    assert not [folder for folder in device.places.runtimes.iterdir() if folder.name.endswith(".tmp")]


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_killed_while_it_downloads(device: Device, hub: Hub, untrained: Path, signal_number: signal.Signals) -> None:
    hub.pause = 1_000_000
    with (device.places.root / "log").open("wb") as log:
        running = subprocess.Popen(
            device.command("--accept-licence"), env=device.environment(), stdin=subprocess.DEVNULL, stderr=log
        )
        assert hub.paused.wait(PATIENCE_S)
        part = device.places.models / f"{CHECKPOINT}.part"
        wait_for(lambda: any(file.stat().st_size for file in device.places.models.rglob("*.part")), "the first bytes")
        running.send_signal(signal_number)
        assert running.wait(PATIENCE_S) == (130 if signal_number == signal.SIGINT else -signal_number)
    hub.go.set()
    hub.pause = 0
    assert device.steps()["weights"] == "open"
    left = {file.name: file.stat().st_size for file in device.places.models.rglob("*.part")}
    before = len(hub.asked)
    run = device.setup()
    assert run.returncode == 0, run.stderr
    assert [wanted for _, wanted in hub.asked[before:]].count("") == len(hub.asked) - before - len(left)
    assert "was not accepted" not in run.stderr, "what was accepted is not asked again"
    assert not part.exists()
    assert (device.places.models / CHECKPOINT).read_bytes() == kit.weights(untrained)[CHECKPOINT]


@pytest.mark.parametrize("step", ["preflight", "runtime", "weights", "smoke", "activate"])
def test_killed_as_a_step_begins(device: Device, hub: Hub, step: str) -> None:
    running = subprocess.Popen(
        device.command("--accept-licence"), env=device.environment(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert running.stderr is not None
    for line in running.stderr:
        if line == f"{step}: begins\n".encode():
            break
    running.kill()
    running.wait(PATIENCE_S)
    running.stderr.close()
    until_s = time.monotonic() + PATIENCE_S
    while (run := device.setup("--accept-licence")).returncode == 5 and time.monotonic() < until_s:
        pass  # the smoke test's child has the lock's descriptor for a moment
    assert run.returncode == 0, run.stderr
    assert set(device.steps().values()) == {"done"}
