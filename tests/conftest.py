"""Fixtures: daemons with the fake engine, and clients. All are gone when the test is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Daemon, Wire


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Daemon]]:
    """Start a daemon: `start()`, `start({"engine": {...}})`. The engine is the fake one unless told otherwise."""
    started: list[Daemon] = []

    def starter(settings: dict[str, Any] | None = None, **more: Any) -> Daemon:
        settings = dict(settings or {})
        settings["engine"] = {"kind": "fake", **settings.get("engine", {})}
        folder = tmp_path / f"daemon{len(started)}"
        folder.mkdir()
        started.append(Daemon(folder, settings, **more))
        return started[-1]

    yield starter
    for daemon in started:
        daemon.stop()


@pytest.fixture
def daemon(start: Callable[..., Daemon]) -> Daemon:
    return start().wait_ready()


@pytest.fixture
def connect() -> Iterator[Callable[[Daemon], Wire]]:
    wires: list[Wire] = []

    def connector(daemon: Daemon, socket: str = "tts.sock") -> Wire:
        wires.append(Wire(f"ipc://{daemon.runtime}/{socket}"))
        return wires[-1]

    yield connector
    for wire in wires:
        wire.close()


@pytest.fixture
def wire(daemon: Daemon, connect: Callable[[Daemon], Wire]) -> Wire:
    return connect(daemon)
