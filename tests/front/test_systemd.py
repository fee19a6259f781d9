"""What the daemon tells systemd: ready, reloading, alive, stopping; and that it obeys SIGHUP."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.daemon import Daemon, Wire, wait_for
from tests.front.test_reload import status, write


class Journal:
    """The other end of $NOTIFY_SOCKET; reads at once, as systemd does: whoever writes to a full one is blocked."""

    def __init__(self, path: Path) -> None:
        self.path, self.words = path, list[str]()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while words := self._socket.recv(4096).decode():
            self.words += words.splitlines()

    def said(self, word: str) -> int:
        """How often until now."""
        return self.words.count(word)

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", str(self.path))
        self._thread.join()
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    journal = Journal(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(journal.path))
    yield journal
    journal.close()


def test_ready_comes_when_the_socket_answers(systemd: Journal, start: Callable[..., Daemon]) -> None:
    """Not when the engine is there: that takes a while, and is in the status."""
    daemon = start({"engine": {"python": "/nowhere/python"}})
    wait_for(lambda: systemd.said("READY=1"), "READY=1")
    assert daemon.ctl("ping").returncode == 0
    mended = (
        "STATUS=degraded: the engine's Python /nowhere/python cannot be started: No such file or directory. "
        "Set engine.python in the configuration."
    )
    wait_for(lambda: systemd.said(mended), "the status in plain words")
    seen = systemd.said("WATCHDOG=1")
    wait_for(lambda: systemd.said("WATCHDOG=1") > seen, "a sign of life: a degraded engine is no reason for a restart")


def test_a_front_that_was_stopped_gives_signs_of_life_again(systemd: Journal, daemon: Daemon) -> None:
    wait_for(lambda: systemd.said("WATCHDOG=1"), "WATCHDOG=1")
    os.kill(daemon.process.pid, signal.SIGSTOP)
    try:
        wait_for(lambda: _state(daemon.process.pid) == "T", "the front to be stopped")
        before = systemd.said("WATCHDOG=1")
    finally:
        os.kill(daemon.process.pid, signal.SIGCONT)
    wait_for(lambda: systemd.said("WATCHDOG=1") > before, "life again")


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]


def test_a_long_drain_asks_for_time(
    systemd: Journal, start: Callable[..., Daemon], connect: Callable[..., Wire]
) -> None:
    daemon = start({"engine": {"fake_rtf": 0.3}}).wait_ready()
    wire = connect(daemon)
    id = wire.send("synth", text="one two three four five")
    wire.until("started", id=id)
    daemon.process.send_signal(signal.SIGTERM)
    assert wire.finish(id)["op"] == "done"
    assert daemon.process.wait(20) == 0
    assert systemd.said("EXTEND_TIMEOUT_USEC=15000000")
    assert systemd.words.index("STOPPING=1") < systemd.words.index("EXTEND_TIMEOUT_USEC=15000000")
    draining = "STATUS=draining: 1 requests are being finished, no new ones are taken."
    assert systemd.words.index("STOPPING=1") < systemd.words.index(draining)


def test_sighup_reloads_and_tells_systemd(systemd: Journal, start: Callable[..., Daemon]) -> None:
    daemon = start().wait_ready()
    wait_for(lambda: systemd.said("READY=1"), "READY=1")
    systemd.words.clear()
    write(daemon, synthesis={"nfe": 9})
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_log("reload outcome=")
    wait_for(lambda: systemd.said("READY=1"), "READY=1 again")
    assert status(daemon)["nfe"] == 9
    told = [word for word in systemd.words if word.startswith(("RELOADING", "MONOTONIC", "READY"))]
    assert told[0] == "RELOADING=1"
    assert told[1].startswith("MONOTONIC_USEC=")
    assert told[2] == "READY=1"


def test_sighup_with_a_bad_file_goes_on(systemd: Journal, start: Callable[..., Daemon]) -> None:
    daemon = start().wait_ready()
    wait_for(lambda: systemd.said("READY=1"), "READY=1")
    systemd.words.clear()
    daemon.config.write_text("nonsense: 1", encoding="utf-8")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_log("reload.refused")
    wait_for(lambda: systemd.said("READY=1"), "READY=1 again")
    assert daemon.ctl("ping").returncode == 0
