"""A real daemon with the fake engine, and the words of PROTOCOL.md."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.daemon import Daemon

DOCUMENT = Path(__file__).resolve().parents[2] / "daemon/ishowtts/wire/PROTOCOL.md"


@contextmanager
def running_daemon(fake_rtf: float) -> Iterator[Daemon]:
    with tempfile.TemporaryDirectory(prefix="ist") as folder:
        daemon = Daemon(Path(folder), {"engine": {"kind": "fake", "fake_rtf": fake_rtf}})
        try:
            yield daemon.wait_ready()
        finally:
            daemon.process.kill()
            daemon.stop()


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
