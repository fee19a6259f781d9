"""`ishowctl doctor` against a real daemon, and without one. It changes nothing."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Daemon

NAMES = {
    "sockets", "permissions", "group", "engine", "config", "torch", "model", "voices", "disk", "board", "jtop",
}  # fmt: skip


def doctor(endpoint: str | Path, config: str | Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ishowctl", "doctor", "--endpoint", str(endpoint), "--config", str(config), *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def checks(run: subprocess.CompletedProcess[str]) -> dict[str, dict[str, str]]:
    whole: dict[str, Any] = json.loads(run.stdout)
    found = {check["name"]: check for check in whole["checks"]}
    assert set(found) == NAMES
    levels = {check["level"] for check in whole["checks"]}
    assert whole["worst"] == next(level for level in ("fail", "warn", "ok") if level in levels)
    assert run.returncode == (6 if whole["worst"] == "fail" else 0)
    assert run.stderr == ""
    assert all(check["mend"] for check in whole["checks"] if check["level"] != "ok")
    return found


def tree_of(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.lstat().st_mtime_ns, p.lstat().st_mode) for p in folder.rglob("*") if p.name != "log"}


def test_a_healthy_daemon(daemon: Daemon) -> None:
    before = tree_of(daemon.folder)
    found = checks(doctor(daemon.endpoint, daemon.config, "--json"))
    for name in ("sockets", "permissions", "group", "engine", "config", "torch", "model", "voices", "jtop"):
        assert found[name]["level"] == "ok", found[name]
    assert "you may speak, and steer" in found["permissions"]["text"]
    assert tree_of(daemon.folder) == before


def test_for_a_person(daemon: Daemon) -> None:
    shown = doctor(daemon.endpoint, daemon.config).stdout
    assert shown.startswith("ok    sockets     the daemon answers at ")
    lines = shown.splitlines()
    board = next(number for number, line in enumerate(lines) if line[6:].startswith("board"))
    assert lines[board + 1].strip().startswith("-> ") or lines[board].startswith("ok")


def test_without_a_daemon(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("engine: {kind: fake}")
    found = checks(doctor(tmp_path / "tts.sock", tmp_path / "c.yaml", "--json"))
    assert (found["sockets"]["level"], found["engine"]["level"]) == ("fail", "warn")
    assert "systemctl start ishowttsd" in found["sockets"]["mend"]
    assert found["config"]["level"] == "ok"  # what can be checked, is


def test_a_dead_daemons_socket(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "tts.sock"))
    (tmp_path / "c.yaml").write_text("engine: {kind: fake}")
    found = checks(doctor(tmp_path / "tts.sock", tmp_path / "c.yaml", "--json"))
    assert "nobody listens" in found["sockets"]["text"]
    (tmp_path / "file").write_text("x")
    assert "is no socket" in checks(doctor(tmp_path / "file", tmp_path / "c.yaml", "--json"))["sockets"]["text"]


def test_an_engine_that_must_be_mended(start: Callable[..., Daemon]) -> None:
    daemon = start({"engine": {"kind": "native", "python": "/nowhere/python"}})
    daemon.wait_log("engine.setup_required")
    found = checks(doctor(daemon.endpoint, daemon.config, "--json"))
    assert (found["engine"]["level"], found["torch"]["level"]) == ("fail", "fail")
    assert "/nowhere/python" in found["engine"]["text"]
    assert found["engine"]["mend"] == "Set engine.python in the configuration."


def test_a_bad_configuration(daemon: Daemon, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("engine: {kind: fake}\nboard: {jtopp: true}")
    found = checks_but_model(doctor(daemon.endpoint, bad, "--json"))
    assert "did you mean `board.jtop`?" in found["config"]["text"]


def checks_but_model(run: subprocess.CompletedProcess[str]) -> dict[str, dict[str, str]]:
    """As `checks`; without its configuration the rest is looked at as if all were default."""
    assert run.returncode == 6
    return {check["name"]: check for check in json.loads(run.stdout)["checks"]}


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become somebody else")
def test_a_stranger_is_told_which_group_to_join(daemon: Daemon) -> None:
    """In this process's place: a child that gives up root after its imports, for its Python may be root's own."""
    daemon.let_strangers_near()
    code = (
        "import os, sys, json; from pathlib import Path; from ishowctl import doctor\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "path = Path(sys.argv[1]); print(json.dumps([doctor._permissions(path), doctor._group(path)]))"
    )
    command = [sys.executable, "-c", code, str(daemon.runtime / "tts.sock")]
    permissions, group = json.loads(subprocess.run(command, capture_output=True, timeout=60, check=True).stdout)
    assert (permissions["level"], group["level"]) == ("fail", "fail")
    assert "sudo usermod -aG root nobody, then log in again" in (permissions["mend"], group["mend"])


def test_ishowctl_without_the_daemons_code(tmp_path: Path) -> None:
    """A client-only installation: `ishowtts.doctor` cannot be imported there."""
    code = (
        "import sys; from ishowctl import doctor; doctor.sys.executable = sys.argv.pop(1)\n"
        "from ishowctl.__main__ import main; main()"
    )
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    python.chmod(0o755)
    command = [sys.executable, "-c", code, str(python), "doctor", "--json", "--endpoint", str(tmp_path / "tts.sock")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    files = json.loads(run.stdout)["checks"][-1]
    assert (run.returncode, files["level"]) == (6, "fail")
    assert "No module named" in files["text"]
    assert "`daemon` extra" in files["mend"]
