"""The real jtop server and client of jetson-stats on emulated boards, each in namespaces of its own.

Needs `.venv-jtop` (`make test-jtop` makes it), a C compiler and a kernel that lets us unshare. Left out with the reason
where one is missing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.boards.tree import Board, write
from tests.device.conftest import Build

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = ROOT / "tests/boards/namespace"
JTOP_ENVIRONMENT = ROOT / ".venv-jtop"
JTOP_PYTHON = JTOP_ENVIRONMENT / "bin/python"


def why_not() -> str:
    """Why the contract cannot be tested here; empty: it can."""
    if not JTOP_PYTHON.exists():
        return "jetson-stats is not installed here: `make test-jtop` makes .venv-jtop"
    if shutil.which("gcc") is None:
        return "there is no C compiler for the uname shim: apt install gcc libc6-dev"
    if shutil.which("unshare") is None:
        return "there is no unshare(1): apt install util-linux"
    command = [
        "unshare",
        *([] if os.getuid() == 0 else ["-U", "-r"]),
        "-m",
        "-p",
        "-f",
        "mount",
        "--make-rprivate",
        "/",
    ]
    tried = subprocess.run(command, capture_output=True, text=True)
    return f"this kernel lets us make no namespace: {tried.stderr.strip()}" if tried.returncode else ""


WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "-")

# What the program says of the board, with jtop's view of it. In the namespace the fake board is this machine.
LOOK = [sys.executable, "-m", "ishowtts.device", "--json", "--jtop-python", str(JTOP_PYTHON)]
Enter = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def hook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("hook") / "unamehook.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-o", built, NAMESPACE / "unamehook.c", "-ldl"], check=True)
    return built


@pytest.fixture
def look_at(hook: Path) -> Enter:
    """`look_at(board)`: what `python -m ishowtts.device --json` says with the real jtop server running."""

    def enter(board: Board, *command: str, server: bool = True) -> dict[str, Any]:
        shutil.copy(hook, board.folder / "unamehook.so")
        code = "import sys; print(sys.base_prefix)"
        prefix = subprocess.run([JTOP_PYTHON, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        log = board.folder / "jtop.log"
        within = [NAMESPACE / "with_jtop.sh", JTOP_ENVIRONMENT / "bin/jtop", log] if server else []
        inside = [NAMESPACE / "enter.sh", board.folder, prefix, *within, *(command or LOOK)]
        run = subprocess.run(inside, capture_output=True, text=True, timeout=120, cwd=ROOT)
        assert run.returncode in (0, 1, 2), run.stderr + (log.read_text() if log.exists() else "")
        answer: dict[str, Any] = json.loads(run.stdout)
        return answer

    return enter


def reasons(answer: dict[str, Any]) -> str:
    return " | ".join(reason["text"] for reason in answer["verdict"]["reasons"])


def notes(answer: dict[str, Any]) -> str:
    return " | ".join(answer["verdict"]["notes"])


def test_locked_and_jtop_agrees(build: Build, look_at: Enter) -> None:
    answer = look_at(build(locked=True))
    assert answer["verdict"] == {"state": "trusted", "reasons": [], "notes": []}
    view = answer["snapshot"]["jtop"]
    assert view["version"].startswith("7.2.")
    assert (view["mode_name"], view["clocks"]) == ("MAXN", "running")
    assert view["gpu_cur_hz"] == view["gpu_min_hz"] == view["gpu_max_hz"] == 1_300_500_000
    assert view["emc_cur_hz"] == view["emc_max_hz"] == 3_199_000_000
    assert 0 <= view["age_s"] < 5


def test_not_locked_and_jtop_agrees(build: Build, look_at: Enter) -> None:
    answer = look_at(build())
    assert answer["snapshot"]["jtop"]["clocks"] == "inactive"
    assert reasons(answer).startswith("GPU clock not locked (306 to 1300.5 MHz) | CPU clocks not locked")


def test_30_watts_where_jtop_says_running(build: Build, look_at: Enter) -> None:
    board = build()
    board.set_mode(2)
    board.lock()
    answer = look_at(board)
    view = answer["snapshot"]["jtop"]
    assert (view["mode_name"], view["clocks"], view["gpu_max_hz"]) == ("MODE_30W", "running", 612_000_000)
    assert reasons(answer) == "power mode MODE_30W caps the GPU; MAXN does not"


def test_a_thermal_cap_where_jtop_says_maxn_and_running(build: Build, look_at: Enter) -> None:
    board = build(locked=True)
    board.gpu_at(max_hz=816_000_000)
    answer = look_at(board)
    view = answer["snapshot"]["jtop"]
    assert (view["mode_name"], view["clocks"]) == ("MAXN", "running")
    assert answer["verdict"]["state"] == "rejected"
    assert reasons(answer) == "GPU ceiling 816 MHz, the hardware's maximum is 1300.5 MHz"


def test_the_false_alarm_of_a_low_memory_clock(build: Build, look_at: Enter) -> None:
    board = build(locked=True)
    write(board.emc / "rate", 2_133_000_000)
    answer = look_at(board)
    assert answer["snapshot"]["jtop"]["clocks"] == "inactive"
    assert answer["verdict"]["state"] == "trusted"
    assert "the memory clock is not locked" in notes(answer)


def test_a_jtop_that_is_wrong_is_named_with_both_values(build: Build, look_at: Enter) -> None:
    """jetson_clocks took more than 3 s as its service started: it then says `running` of an unlocked board."""
    board = build()
    write(board.folder / "run/slow", "")
    answer = look_at(board)
    assert answer["snapshot"]["jtop"]["clocks"] == "running"
    assert "jtop says jetson_clocks running, sysfs says they are not all locked" in reasons(answer)


def test_no_service(build: Build, look_at: Enter) -> None:
    answer = look_at(build(locked=True), server=False)
    assert answer["verdict"]["state"] == "trusted"
    assert answer["snapshot"]["jtop"]["name"] == "absent"
    assert "The jtop.service is not active" in notes(answer)


def test_something_that_never_answers(build: Build, look_at: Enter) -> None:
    """A listener in the place of jtop's server: the real client would wait for ever."""
    code = (
        "import socket, subprocess, sys; s = socket.socket(socket.AF_UNIX); s.bind('/run/jtop.sock'); s.listen()\n"
        "sys.exit(subprocess.run(sys.argv[1:]).returncode)"
    )
    answer = look_at(build(locked=True), sys.executable, "-c", code, *LOOK, server=False)
    assert answer["verdict"]["state"] == "trusted"
    assert answer["snapshot"]["jtop"]["name"] == "no_answer"


def test_a_sampler_that_died(build: Build, look_at: Enter) -> None:
    """One failing nvpmodel ends the server's sampler; its client gets an EOFError or nothing."""
    script = "printf '#!/bin/sh\\nexit 1\\n' > $BOARD/usrbin/nvpmodel; exec \"$@\""
    board = build(locked=True)
    answer = look_at(board, "env", f"BOARD={board.folder}", "sh", "-c", script, "sh", *LOOK)
    assert answer["verdict"]["state"] == "trusted"
    assert answer["snapshot"]["jtop"]["name"] in ("died", "no_answer", "absent", "failed")
