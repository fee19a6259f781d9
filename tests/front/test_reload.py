"""A changed configuration, taken over by a real daemon while it serves; a bad one changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.daemon import Daemon, Wire

FAKE = {"kind": "fake", "fake_rtf": 0.02}
TUNER = {"auto": False, "history": "history.db"}  # as tests/daemon.py starts it


def write(daemon: Daemon, **settings: Any) -> None:
    daemon.config.write_text(yaml.safe_dump({"engine": FAKE, "tuner": TUNER, **settings}), encoding="utf-8")


def status(daemon: Daemon) -> dict[str, Any]:
    return dict(json.loads(daemon.ctl("status", "--json").stdout))


def test_what_changes_live(daemon: Daemon) -> None:
    pid, engine = daemon.process.pid, daemon.engine_pid()
    write(daemon, synthesis={"nfe": 8}, limits={"queue": 5}, log={"level": "warning"}, server={"drain_s": 1})
    run = daemon.ctl("reload", "--wait")
    assert (run.returncode, run.stdout) == (0, "taken over: limits, log, server, synthesis.\n"), run.stderr
    now = status(daemon)
    assert (now["nfe"], now["queue"]["capacity"], now["pid"]) == (8, 5, pid)
    assert daemon.engine_pid() == engine
    before = daemon.log
    assert daemon.ctl("say", "hello").returncode == 0
    assert daemon.log == before, "info is no longer logged"


def test_what_needs_a_restart_is_said(daemon: Daemon) -> None:
    write(daemon, server={"user_group": "root"})
    run = daemon.ctl("reload")
    assert run.stdout == "taken over: server; server.user_group will change with `sudo systemctl restart ishowttsd`.\n"
    assert daemon.ctl("ping").returncode == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("engine: {nfee: 7}", "engine.nfee: unknown key; did you mean `engine."),
        ("engine: [", "line"),
        ("voices: {default: nosuch}", "voices.default: there is no voice 'nosuch'"),
        ("synthesis: {nfe: 0}", "synthesis.nfe: expected `int` >= 1"),
    ],
)
def test_a_bad_file_changes_nothing(daemon: Daemon, wire: Wire, text: str, says: str) -> None:
    before = status(daemon)
    daemon.config.write_text(text, encoding="utf-8")
    run = daemon.ctl("reload", "--wait")
    assert run.returncode == 4
    assert run.stderr.startswith("ishowctl: ")
    assert says in run.stderr
    assert run.stderr.endswith("; the daemon goes on with what it had.\n")
    assert run.stderr.count("\n") == 1
    assert "reload.refused" in daemon.log
    assert wire.finish(wire.send("synth", text="hello"))["op"] == "done"
    now = status(daemon)
    assert (now["boot"], now["nfe"], now["engine"]["restarts"]) == (before["boot"], before["nfe"], 0)


def test_a_missing_file_changes_nothing(daemon: Daemon) -> None:
    daemon.config.unlink()
    run = daemon.ctl("reload")
    assert (run.returncode, "cannot be read: No such file or directory" in run.stderr) == (4, True)
    assert daemon.ctl("ping").returncode == 0


def test_the_engine_starts_anew_after_what_runs(start: Callable[..., Daemon], connect: Callable[..., Wire]) -> None:
    daemon = start({"engine": {"fake_rtf": 0.5}}).wait_ready()
    wire = connect(daemon)
    first_engine = daemon.engine_pid()
    running = wire.send("synth", text="one two three four five six")
    wire.until("started", id=running)
    waiting = wire.send("synth", text="seven eight")
    wire.until("accepted", id=waiting)
    write(daemon, engine={"kind": "fake", "fake_rtf": 0.01})
    run = daemon.ctl("reload", "--wait")
    assert run.returncode == 0, run.stderr
    assert run.stdout == "taken over: engine; the engine starts anew when the requests under way are done.\n"
    ends = [wire.until("done", "error")[-1], wire.until("done", "error")[-1]]
    assert [(end["id"], end["op"]) for end in ends] == [(running, "done"), (waiting, "done")]
    assert daemon.engine_pid() != first_engine
    assert "engine.died" not in daemon.log
    assert status(daemon)["engine"]["restarts"] == 0


def test_a_new_voice_is_found(start: Callable[..., Daemon], tmp_path: Path) -> None:
    clip = Path(__file__).parents[2] / "packaging/demo-model/model/voices/slt.wav"
    daemon = start({"voices": {"folder": str(tmp_path)}}).wait_ready()
    assert daemon.ctl("say", "--voice", "anna", "hello").returncode == 4
    (tmp_path / "anna.wav").write_bytes(clip.read_bytes())
    (tmp_path / "anna.txt").write_text("the words", encoding="utf-8")
    run = daemon.ctl("reload", "--wait")
    assert (run.returncode, "the engine starts anew" in run.stdout) == (0, True), run.stderr
    assert daemon.ctl("say", "--voice", "anna", "hello").returncode == 0


def test_an_engine_that_had_to_be_mended_comes_back(start: Callable[..., Daemon]) -> None:
    daemon = start({"engine": {"python": "/nowhere/python"}})
    daemon.wait_log("engine.setup_required")
    again = daemon.ctl("reload", "--wait")
    assert (again.returncode, "/nowhere/python cannot be started" in again.stderr) == (4, True)
    write(daemon)
    assert daemon.ctl("reload", "--wait").returncode == 0
    assert daemon.ctl("say", "hello").returncode == 0


def test_only_operators_may(daemon: Daemon, wire: Wire) -> None:
    wire.send("reload", id="r")
    assert wire.receive()["reason"] == "ADMIN_ONLY"


def test_many_reloads_under_load_lose_nothing(start: Callable[..., Daemon], connect: Callable[..., Wire]) -> None:
    limits = {"per_user": 100}
    daemon = start({"limits": limits}).wait_ready()
    wire, admin = connect(daemon), connect(daemon, "admin.sock")
    ids = set()
    for turn in range(40):
        ids.add(wire.send("synth", text=f"sentence number {turn}", prio="interactive", timeout_ms=120_000))
        write(daemon, engine={"kind": "fake", "fake_rtf": 0.01 + turn % 2 / 100}, limits=limits)
        admin.send("reload")
        assert admin.until("reloaded", "error")[-1]["op"] == "reloaded"
    ends = {}
    while len(ends) < len(ids):
        message = wire.until("done", "error")[-1]
        ends[message["id"]] = message.get("reason", "done")
    assert ends == dict.fromkeys(ids, "done")
