"""Whatever the engine does, the running request gets one error, the next one works, those that wait are unharmed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from tests.daemon import Daemon, Wire

WAYS = {
    "{error}": ("INTERNAL", "ENGINE_ERROR"),
    "{oom}": ("INTERNAL", "OOM"),
    "{silence}": ("INTERNAL", "ENGINE_ERROR"),
    "{nan}": ("INTERNAL", "ENGINE_ERROR"),
    "{exit}": ("UNAVAILABLE", "ENGINE_RESTART"),
    "{segv}": ("UNAVAILABLE", "ENGINE_RESTART"),
    "{garbage}": ("UNAVAILABLE", "ENGINE_RESTART"),
    "{hang}": ("UNAVAILABLE", "ENGINE_RESTART"),
}


@pytest.mark.parametrize("way", WAYS)
def test_one_error_then_all_is_well(start: Callable[..., Daemon], connect: Callable[..., Wire], way: str) -> None:
    daemon = start({"engine": {"hang_s": 0.5, "fake_rtf": 0}}).wait_ready()
    wire = connect(daemon)
    bad = wire.send("synth", text=f"this is {way}")
    waiting = [wire.send("synth", text="I wait behind it") for _ in range(3)]
    ends: dict[str, list[str]] = {id: [] for id in [bad, *waiting]}
    terminal = {}
    while len(terminal) < 4:
        message = wire.receive()
        ends[message["id"]].append(message["op"])
        if message["op"] in ("done", "error"):
            terminal[message["id"]] = message
    assert (terminal[bad]["code"], terminal[bad]["reason"]) == WAYS[way]
    assert "Traceback" not in terminal[bad]["msg"]
    assert [terminal[id]["op"] for id in waiting] == ["done"] * 3
    assert "audio" not in ends[bad]
    wire.finish(wire.send("synth", text="and one more"))
    wire.send("status")
    counts = wire.until("status")[-1]["status"]["requests"]
    assert counts == {"accepted": 5, "done": 4, "errors": 1}


def test_an_engine_killed_while_idle_comes_back_unnoticed(daemon: Daemon, wire: Wire) -> None:
    os.kill(daemon.engine_pid(), signal.SIGKILL)
    daemon.wait_log("engine.died")
    assert wire.finish(wire.send("synth", text="still here"))["op"] == "done"


def test_an_engine_that_keeps_dying_is_restarted_with_back_off(start: Callable[..., Daemon]) -> None:
    daemon = start({"engine": {"python": "/bin/false"}})
    daemon.wait_log("engine.died")
    for _ in range(2):
        count = daemon.log.count("engine.died")
        daemon.wait_log("engine.died")
        assert daemon.log.count("engine.died") >= count
    status = daemon.ctl("status", "--json")
    assert status.returncode == 0
    assert '"degraded"' in status.stdout


def test_no_interpreter_is_a_state_with_the_way_out(start: Callable[..., Daemon]) -> None:
    daemon = start({"engine": {"python": "/nowhere/python"}})
    daemon.wait_log("engine.setup_required")
    said = daemon.ctl("say", "hello")
    assert said.returncode == 4
    assert said.stderr == (
        "ishowctl: the engine's Python /nowhere/python cannot be started: No such file or directory. "
        "Set engine.python in the configuration.\n"
    )
    assert daemon.ctl("wait-ready").returncode == 4


def test_an_operator_restarts_the_engine(daemon: Daemon) -> None:
    first = daemon.engine_pid()
    assert daemon.ctl("restart-engine").returncode == 0
    daemon.wait_log("engine.died")
    assert daemon.ctl("say", "hello").returncode == 0
    assert daemon.engine_pid() != first
