"""`ishowctl bench` becomes another program: what it hands over, and what it says where that cannot be."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest


def ctl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "ishowctl", *arguments], capture_output=True, text=True, timeout=60)


def test_the_benchmark_gets_every_argument(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$@"\nexit 1\n')
    python.chmod(0o755)
    done = ctl("bench", "--quick", "--out", "a b", "--python", str(python), "--help")
    assert (done.returncode, done.stdout) == (1, "-m ishowtts.bench --quick --out a b --help\n"), done.stderr


def test_a_python_that_is_not_there(tmp_path: Path) -> None:
    done = ctl("bench", "--python", str(tmp_path / "python"))
    assert (done.returncode, done.stderr) == (2, f"ishowctl: there is no program '{tmp_path}/python'.\n")


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed here")
def test_without_torch_it_says_what_to_do() -> None:
    done = ctl("bench", "--quick")
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)
    assert "does not have torch: name the Python of the daemon's engine" in done.stderr


def test_other_commands_still_refuse_what_they_do_not_know() -> None:
    done = ctl("status", "--quick")
    assert done.returncode == 2
    assert "unrecognized arguments: --quick" in done.stderr
