"""A real daemon with the fake engine, and the words of PROTOCOL.md."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "daemon/ishowtts/wire/PROTOCOL.md"

_CONFIG = """\
engine: {{kind: fake, fake_rtf: {fake_rtf}}}
voices:
  folder: none
  default: test
  clips: {{test: {{audio: clip.wav, text: "Some call me nature, others call me mother nature."}}}}
"""


@dataclass
class Daemon:
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def endpoint(self) -> str:
        return f"ipc://{self.folder}/run/tts.sock"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def wait_for_log(self, words: str, timeout_s: float = 10.0) -> None:
        until_s = time.monotonic() + timeout_s
        while words not in self.log:
            assert time.monotonic() < until_s, f"{words!r} did not come within {timeout_s} s:\n{self.log}"
            time.sleep(0.02)


@contextmanager
def running_daemon(fake_rtf: float) -> Iterator[Daemon]:
    """In a short folder of its own: the path of a Unix socket has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="ist") as name:
        folder = Path(name)
        (folder / "test.yaml").write_text(_CONFIG.format(fake_rtf=fake_rtf))
        _write_clip(folder / "clip.wav")
        command = [sys.executable, "-m", "ishowtts", "--config", str(folder / "test.yaml")]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*command, "--engine", "fake", "--runtime-dir", str(folder / "run")], stdout=log, stderr=log
            )
        try:
            daemon = Daemon(folder, process)
            _wait_ready(daemon)
            yield daemon
        finally:
            process.kill()
            process.wait(10)


def _write_clip(path: Path) -> None:
    with wave.open(str(path), "wb") as clip:
        clip.setnchannels(1)
        clip.setsampwidth(2)
        clip.setframerate(24000)
        clip.writeframes(b"\x00\x10" * 4 * 24000)


def _wait_ready(daemon: Daemon) -> None:
    command = [sys.executable, "-m", "ishowctl", "wait-ready", "--timeout", "20", "--endpoint", daemon.endpoint]
    waited = subprocess.run(command, capture_output=True, text=True, timeout=40, check=False)
    assert waited.returncode == 0, f"{waited.stderr}\n{daemon.log}"


@pytest.fixture(scope="session")
def fake_daemon() -> Iterator[Daemon]:
    """Quick; shared by tests that leave it alive."""
    with running_daemon(0.02) as running:
        yield running


@pytest.fixture
def slow_daemon() -> Iterator[Daemon]:
    """Five seconds of work for a second of sound; for one test, which may kill it."""
    with running_daemon(5.0) as running:
        yield running


@pytest.fixture(scope="session")
def document() -> str:
    return DOCUMENT.read_text(encoding="utf-8")
