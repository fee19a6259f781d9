"""`python -m ishowtts.device`, as a person and a script use it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.boards.tree import Board


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "ishowtts.device", *args], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(("state", "status"), [("trusted", 0), ("rejected", 1), ("unknown", 2)])
def test_exit_status(locked: Board, state: str, status: int) -> None:
    if state == "rejected":
        locked.set_mode(2)
    if state == "unknown":
        locked.status.unlink()
    shown = run("--root", str(locked.folder))
    assert (shown.returncode, shown.stderr) == (status, "")
    assert shown.stdout.splitlines()[1].startswith(f"{state}: ")
    whole = json.loads(run("--root", str(locked.folder), "--json").stdout)
    assert whole["verdict"]["state"] == state
    assert whole["snapshot"]["soc"] == "tegra234"
    assert all(reason["mend"] for reason in whole["verdict"]["reasons"])


def test_the_expected_clock(locked: Board) -> None:
    assert run("--root", str(locked.folder), "--expected-gpu-mhz", "1300.5").returncode == 0
    assert run("--root", str(locked.folder), "--expected-gpu-mhz", "1020").returncode == 1


def test_this_machine(tmp_path: Path) -> None:
    assert run().returncode in (0, 1, 2)
    assert run("--root", str(tmp_path)).returncode == 2


@pytest.mark.parametrize(
    "args", [["--root", "/nowhere"], ["--expected-gpu-mhz", "fast"], ["--expected-gpu-mhz", "nan"], ["x"]]
)
def test_usage(args: list[str]) -> None:
    wrong = run(*args)
    assert wrong.returncode == 64
    assert "Traceback" not in wrong.stderr
