"""A board with torch in /usr/local, where `pip install` puts NVIDIA's: the demo voice speaks at once."""

from __future__ import annotations

import io
import sys
import wave
from pathlib import Path

import pytest

from tests.deb.board import Board
from tests.deb.machine import Machine

# torch and what it needs; everything else must come from the package.
NEEDED = ("torch", "torchgen", "numpy", "numpy.libs", "sympy", "mpmath", "networkx", "jinja2", "markupsafe", "filelock",
          "fsspec", "typing_extensions.py")  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def torch(machine: Machine) -> None:
    if sys.version_info[:2] != (3, 11):
        pytest.skip("torch of this environment is not for the container's Python 3.11")
    there = "/usr/local/lib/python3.11/dist-packages"
    machine.sh(f"mkdir -p {there}; cd {there}; for name in {' '.join(NEEDED)}; do ln -s /mnt/site/$name; done")


def test_a_member_speaks_with_the_demo_voice(torch: None, board: Board) -> None:
    board.sh("ishowctl wait-ready --timeout 120")
    assert board.status()["state"] == "ready"
    board.sh("ishowctl say 'Good morning. This is the board.' --seed 7 -o morning.wav", user="member")
    with wave.open(io.BytesIO((board.machine.root / "home/member/morning.wav").read_bytes())) as speech:
        assert speech.getframerate() == 24000
        seconds = speech.getnframes() / speech.getframerate()
        samples = memoryview(speech.readframes(speech.getnframes())).cast("h")
    assert 1.0 < seconds < 6.0
    assert max(samples) > 3000


def test_the_voices_are_those_of_the_package(board: Board) -> None:
    assert board.sh("ishowctl voices", user="member").split()[0]
    assert set(board.status()["engine"]) >= {"model", "device"}
    assert Path(board.sh(f"readlink -f /proc/{board.engine_pid()}/exe")).name == "python3.11"
