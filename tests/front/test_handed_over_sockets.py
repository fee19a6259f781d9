"""Sockets that systemd holds: a restart of the daemon looks like a pause to its clients."""

from __future__ import annotations

import os
import resource
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ishowctl.client import Client
from tests.daemon import Daemon, Wire, wait_for
from tests.flood import FLOOD
from tests.held_sockets import FAKE, Held


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    sockets = Held(tmp_path)
    yield sockets
    sockets.close()


@pytest.fixture
def wire(held: Held) -> Iterator[Wire]:
    wire = Wire(held.endpoint)
    yield wire
    wire.close()


def test_a_client_that_waited_before_any_daemon_is_served(held: Held, wire: Wire) -> None:
    id = wire.send("synth", text="hello")
    held.start()
    assert wire.finish(id)["op"] == "done"


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_connected_client_is_served_by_the_next_daemon(held: Held, wire: Wire, end: signal.Signals) -> None:
    boots = set()
    for _ in range(3):
        daemon = held.start().wait_ready()
        wire.send("ping")
        boots.add(wire.until("pong")[-1]["boot"])
        assert wire.finish(wire.send("synth", text="hello"))["op"] == "done"
        daemon.process.send_signal(end)
        daemon.process.wait(20)
    assert len(boots) == 3


def test_what_was_accepted_is_finished_before_the_next_one_serves(held: Held, wire: Wire) -> None:
    slow = {"engine": {"kind": "fake", "fake_rtf": 0.5}}
    first = held.start(slow).wait_ready()
    accepted = wire.send("synth", text="one two three four five")
    wire.until("started", id=accepted)
    first.process.send_signal(signal.SIGTERM)
    assert wire.finish(accepted)["op"] == "done"
    assert first.process.wait(20) == 0
    held.start(slow)
    assert wire.finish(wire.send("synth", text="hello"))["op"] == "done"


def test_say_waits_for_the_next_daemon_where_one_is_about_to_end(held: Held, wire: Wire) -> None:
    slow = {"engine": {"kind": "fake", "fake_rtf": 0.5}}
    first = held.start(slow).wait_ready()
    accepted = wire.send("synth", text="one two three four five")
    wire.until("started", id=accepted)
    first.process.send_signal(signal.SIGTERM)
    first.wait_log("drain why=signal")
    command = [sys.executable, "-m", "ishowctl", "--endpoint", held.endpoint, "say", "-o", "-", "hello"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as say:
        first.wait_log("reason=DRAINING")
        assert wire.finish(accepted)["op"] == "done"
        assert first.process.wait(20) == 0
        held.start(slow)
        said, complaint = say.communicate(timeout=60)
    assert (say.returncode, complaint) == (0, b"")
    assert said.startswith(b"RIFF")


def test_the_files_stay_as_systemd_made_them(held: Held) -> None:
    before = {path.name: path.stat() for path in held.runtime.iterdir()}
    daemon = held.start().wait_ready()
    assert f"endpoint=ipc://{held.runtime}/tts.sock" in daemon.log
    assert daemon.stop() == 0
    for name, was in before.items():
        now = (held.runtime / name).stat()
        assert (now.st_ino, stat.S_IMODE(now.st_mode)) == (was.st_ino, 0o666)


def test_who_came_by_which_socket_is_known(held: Held) -> None:
    daemon = held.start().wait_ready()
    assert daemon.ctl("restart-engine").returncode == 0
    with Client(held.endpoint) as client:
        client.send("drain", id="d")
        assert client.receive(5.0)[0]["reason"] == "ADMIN_ONLY"


def test_the_engine_child_gets_none_of_it(held: Held) -> None:
    daemon = held.start().wait_ready()
    engine = Path(f"/proc/{daemon.engine_pid()}")
    inodes = {os.fstat(listener.fileno()).st_ino for listener in held.sockets}
    theirs = {path.stat().st_ino for path in (engine / "fd").iterdir() if str(path.readlink()).startswith("socket:")}
    assert theirs
    assert not theirs & inodes
    assert b"LISTEN_" not in (engine / "environ").read_bytes()


def test_a_flood_is_survived_and_the_next_daemon_serves(held: Held, wire: Wire) -> None:
    """Accepting is paused with the descriptors of systemd as with our own."""

    def few_descriptors() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 8192))

    daemon = held.start(limits=few_descriptors).wait_ready()
    subprocess.run([sys.executable, "-c", FLOOD, str(held.runtime / "tts.sock")], check=True, timeout=60)
    _served(wire)
    assert daemon.process.poll() is None, f"ended with {daemon.process.returncode}"
    daemon.stop()
    held.start().wait_ready()
    _served(wire)


def _served(wire: Wire) -> None:
    def served() -> bool:
        wire.send("ping")
        return bool(wire.socket.poll(500)) and wire.receive()["op"] == "pong"

    wait_for(served, "to be served")


def test_status_watch_goes_on_across_a_restart(held: Held, tmp_path: Path) -> None:
    first = held.start().wait_ready()
    out = tmp_path / "watched"
    command = [sys.executable, "-m", "ishowctl", "--endpoint", held.endpoint, "status", "--watch"]
    with out.open("wb") as file:
        watch = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    try:
        for daemon in (first, None):
            daemon = daemon or held.start()
            wait_for(
                lambda pid=daemon.process.pid: f"pid {pid}," in out.read_text(encoding="utf-8") or watch.poll(),
                "to see it in the status",
            )
            assert watch.poll() is None, out.read_text(encoding="utf-8")
            daemon.stop()
    finally:
        watch.kill()
        watch.wait()


@pytest.mark.parametrize(
    ("names", "kind", "says"),
    [
        ("user:ishowttsd.socket", socket.SOCK_STREAM, "expected FileDescriptorName= one of user, admin"),
        ("user:admin", socket.SOCK_DGRAM, "no listening unix socket"),
    ],
)
def test_what_cannot_be_served_is_said(tmp_path: Path, names: str, kind: int, says: str) -> None:
    held = Held(tmp_path, names, kind)
    try:
        daemon = held.start()
        assert daemon.process.wait(20) == 1
        assert says in daemon.log
        assert daemon.log.startswith("ishowttsd: the sockets cannot be opened: ")
        assert daemon.log.count("\n") == 1
    finally:
        held.close()


def test_what_was_meant_for_another_process_is_left_alone(start: Callable[..., Daemon]) -> None:
    os.environ.update(LISTEN_PID="1", LISTEN_FDS="2", LISTEN_FDNAMES="user:admin")
    try:
        daemon = start(FAKE).wait_ready()
    finally:
        for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
            del os.environ[name]
    assert daemon.ctl("ping").returncode == 0
