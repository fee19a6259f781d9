"""Fixtures: daemons that are not ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ctl.other import Answer, OtherDaemon


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Callable[..., OtherDaemon]]:
    """Start one: `other(answer)`, `other(answer, "admin.sock")`."""
    started: list[OtherDaemon] = []

    def start(answer: Answer, socket: str = "tts.sock") -> OtherDaemon:
        started.append(OtherDaemon(tmp_path / socket, answer))
        return started[-1]

    yield start
    for daemon in started:
        daemon.close()
