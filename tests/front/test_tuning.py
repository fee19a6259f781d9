"""The tuner in the real daemon, with the fake engine: rounds, refusals, steering, users in between, sudden ends."""

from __future__ import annotations

import json
import random
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Daemon, Wire, wait_for

# A target that NFE 8 meets with room, also on a machine that is busy with other tests.
FAST = {
    "engine": {"fake_rtf": 0.02},
    "board": {"accept_unknown": True},
    "tuner": {"idle_s": 0.0, "confirm_s": 0.2, "rtf_target": 1.0, "noise_limit": 1.0},
}


def settings(**tuner: Any) -> dict[str, Any]:
    return {**FAST, "tuner": {**FAST["tuner"], **tuner}}


@pytest.fixture
def quick(start: Callable[..., Daemon]) -> Daemon:
    return start(FAST).wait_ready()


def tune(daemon: Daemon, *args: str) -> dict[str, Any]:
    done = daemon.ctl("tune", "--json", *args)
    assert done.returncode == 0, done.stderr
    decision: dict[str, Any] = json.loads(done.stdout)
    return decision


def status(daemon: Daemon) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(daemon.ctl("status", "--json").stdout)
    return answer


def test_a_round_is_confirmed_and_followed(quick: Daemon) -> None:
    decision = tune(quick, "--wait")
    assert (decision["outcome"], decision["reason"], decision["after"]["nfe"]) == ("changed", "confirm", 8)
    answer = status(quick)
    assert (answer["nfe"], answer["schedule"]["name"], answer["tune"]["last"]["id"]) == (8, "own-8", 2)
    decisions = json.loads(quick.ctl("history", "--json").stdout)["decisions"]
    assert [one["outcome"] for one in decisions] == ["changed", "proposed"]
    assert "snapshot" not in decisions[0]["board"]["before"]
    assert decision["board"]["after"]["snapshot"]
    spoken = quick.ctl("say", "It is me.", "-o", "out.wav")
    assert spoken.returncode == 0, spoken.stderr
    quick.wait_log("nfe=8")


def test_the_table_for_a_person(quick: Daemon) -> None:
    shown = quick.ctl("tune", "--dry-run", "--sweep", "6,7,8,9", "--runs", "3").stdout
    assert all(
        word in shown for word in ("own-9", "quality", "spread", "dry run, nothing changes", "NFE x", "s x NFE")[:4]
    )
    assert status(quick)["nfe"] == 7


def test_an_untrusted_board_is_refused_with_what_mends_it(start: Callable[..., Daemon]) -> None:
    daemon = start({**FAST, "board": {}}).wait_ready()
    done = daemon.ctl("tune")
    assert done.returncode == 4
    assert "accept_unknown" in done.stderr
    refusals = status(daemon)["tune"]["refusals"]
    assert [one["code"] for one in refusals] == ["board"]


def test_operators_steer(quick: Daemon) -> None:
    assert quick.ctl("tune", "--pin", "6").returncode == 0
    assert (status(quick)["nfe"], status(quick)["tune"]["pinned"]) == (6, 6)
    assert tune(quick)["outcome"] == "pinned"
    assert quick.ctl("tune", "--unpin").returncode == 0
    assert tune(quick, "--wait")["after"]["nfe"] == 8
    assert quick.ctl("vote", "--veto", "8", "--note", "it hisses").returncode == 0
    assert tune(quick, "--wait")["after"]["nfe"] == 7
    assert quick.ctl("tune", "--rollback").returncode == 0
    assert status(quick)["nfe"] == 8
    assert quick.ctl("tune", "--rollback", "1").returncode == 0
    assert status(quick)["nfe"] == 6
    missing = quick.ctl("tune", "--rollback", "999")
    assert (missing.returncode, "no decision 999" in missing.stderr) == (4, True)
    history = json.loads(quick.ctl("history", "--json").stdout)
    assert [vote["note"] for vote in history["votes"]] == ["it hisses"]
    assert {"pinned", "unpinned", "changed", "veto", "rolled_back"} <= {one["outcome"] for one in history["decisions"]}


def test_only_operators_steer(quick: Daemon, connect: Callable[..., Wire]) -> None:
    wire = connect(quick)
    for op, fields in (("tune", {}), ("tune.pin", {"nfe": 6}), ("vote", {"kind": "veto", "nfe": 7})):
        assert wire.finish(wire.send(op, **fields))["reason"] == "ADMIN_ONLY"


def test_a_user_goes_first_and_the_round_goes_on(start: Callable[..., Daemon], connect: Callable[..., Wire]) -> None:
    daemon = start({**settings(), "engine": {"fake_rtf": 0.1}}).wait_ready()
    wire, admin = connect(daemon), connect(daemon, "admin.sock")
    events = admin.send("subscribe", topics=["tune"], credit=1000)
    admin.until("ok", id=events)
    admin.send("tune", dry_run=True, runs=3)
    seen = [following(admin, "measuring")]
    wire.send("synth", text="Me first, please.")
    assert wire.until("done", "error")[-1]["op"] == "done"
    seen.append(following(admin, "paused"))
    decision = following(admin, "decision")["decision"]
    assert decision["outcome"] == "dry_run"
    assert {len(one["rtf"]["runs"]) for one in decision["candidates"]} == {3}


def following(wire: Wire, kind: str) -> dict[str, Any]:
    """The next event of the tuner of this kind."""
    while True:
        message = wire.receive()
        if message["op"] == "event" and message["data"]["kind"] == kind:
            data: dict[str, Any] = message["data"]
            return data


def test_a_round_can_be_stopped(start: Callable[..., Daemon]) -> None:
    daemon = start({**settings(), "engine": {"fake_rtf": 0.3}}).wait_ready()
    env = {"ISHOWTTS_ENDPOINT": daemon.endpoint}
    import os

    round_ = subprocess.Popen(
        [sys.executable, "-m", "ishowctl", "tune"], env={**os.environ, **env}, stderr=subprocess.DEVNULL
    )
    wait_for(lambda: status(daemon)["tune"]["progress"], "a round")
    again = daemon.ctl("tune")
    assert (again.returncode, "under way" in again.stderr) == (4, True)
    round_.send_signal(signal.SIGINT)
    assert round_.wait(30) == 130
    assert (status(daemon)["tune"]["outcome"], status(daemon)["nfe"]) == ("stopped", 7)


def test_the_configured_nfe_holds_until_the_tuner_has_chosen(start: Callable[..., Daemon]) -> None:
    daemon = start(FAST).wait_ready()
    for nfe in (9, 6):
        text = "\n".join(line for line in daemon.config.read_text("utf-8").splitlines() if "nfe" not in line)
        daemon.config.write_text(text.replace("synthesis:", "") + f"\nsynthesis:\n  nfe: {nfe}\n", "utf-8")
        assert daemon.ctl("reload").returncode == 0
        assert status(daemon)["nfe"] == nfe
    assert tune(daemon, "--wait")["before"]["nfe"] == 6
    assert status(daemon)["nfe"] == 8
    daemon.config.write_text(daemon.config.read_text("utf-8").replace("nfe: 6", "nfe: 7"), "utf-8")
    assert daemon.ctl("reload").returncode == 0
    assert status(daemon)["nfe"] == 8


def test_a_search_finds_a_grid_and_keeps_it(start: Callable[..., Daemon]) -> None:
    daemon = start({**FAST, "engine": {"fake_rtf": 0.0}}).wait_ready()
    found = daemon.ctl("tune", "--search", "6")
    assert found.returncode == 0, found.stderr
    assert "nearer to NFE 64" in found.stdout
    grid = next(one for one in status(daemon)["tune"]["candidates"] if one["nfe"] == 6)
    assert grid["schedule"].startswith("found-6-")
    again = restarted(daemon, start)
    assert next(one for one in status(again)["tune"]["candidates"] if one["nfe"] == 6) == grid


def restarted(daemon: Daemon, start: Callable[..., Daemon], **tuner: Any) -> Daemon:
    """Another daemon on the same history."""
    daemon.stop()
    return start(settings(**{"history": str(daemon.folder / "history.db"), **tuner})).wait_ready()


def test_it_begins_by_itself_with_what_it_knew(start: Callable[..., Daemon]) -> None:
    daemon = start(FAST).wait_ready()
    tune(daemon, "--wait")
    again = restarted(daemon, start, auto=True)
    answer = status(again)
    assert answer["nfe"] == 8
    assert answer["tune"]["next_s"] > 0


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_moment_it_comes_back_with_the_old_or_the_new_choice(
    start: Callable[..., Daemon], connect: Callable[..., Wire], seed: int
) -> None:
    daemon = start({**settings(confirm_rounds=1, runs=3), "engine": {"fake_rtf": 0.02}}).wait_ready()
    admin = connect(daemon, "admin.sock")
    events = admin.send("subscribe", topics=["tune"], credit=4000)
    admin.until("ok", id=events)
    admin.send("tune", runs=3)
    for _ in range(random.Random(seed).randint(1, 34)):  # of some forty events until the decision
        if admin.until("event", "ok")[-1].get("data", {}).get("kind") == "decision":
            break
    daemon.process.kill()
    daemon.process.wait()
    again = start(settings(history=str(daemon.folder / "history.db"))).wait_ready()
    kept = json.loads(again.ctl("history", "--json").stdout)["decisions"]
    assert status(again)["nfe"] == (kept[0]["after"]["nfe"] if kept else 7)
    assert sqlite3.connect(daemon.folder / "history.db").execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_full_disk_changes_nothing_and_is_said(start: Callable[..., Daemon]) -> None:
    first = start(settings(confirm_rounds=1)).wait_ready()
    tune(first)
    first.ctl("tune", "--pin", "6")
    path = first.folder / "history.db"
    first.stop()
    grown = max(file.stat().st_size for file in path.parent.glob("history.db*"))

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (grown, grown))

    again = start(settings(history=str(path), confirm_rounds=1), limits=limit).wait_ready()
    done = again.ctl("tune", "--unpin")
    answer = status(again)
    if done.returncode == 0:  # the write-ahead log had room once more: fill it
        for _ in range(100):
            done = again.ctl("vote", "--prefer", "7", "--over", "6", "--note", "x" * 400)
            if done.returncode:
                break
        answer = status(again)
    assert done.returncode == 6
    assert "history" in done.stderr
    assert answer["state"] == "ready"
    assert again.ctl("say", "I speak on.", "-o", "-", text=False).returncode == 0


def test_a_history_that_is_none_is_set_aside(start: Callable[..., Daemon], tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(b"no database, " * 1000)
    daemon = start(settings(history=str(path))).wait_ready()
    assert tune(daemon)["id"] == 1
    assert [file.read_bytes()[:12] for file in tmp_path.glob("history.db.broken-*")] == [b"no database,"]
    assert "was no database" in daemon.log


def test_a_history_that_cannot_be_opened_is_said_and_it_speaks(start: Callable[..., Daemon], tmp_path: Path) -> None:
    daemon = start(settings(history=str(tmp_path))).wait_ready()
    assert "cannot be opened" in status(daemon)["tune"]["sentence"]
    refused = daemon.ctl("tune")
    assert (refused.returncode, "cannot be opened" in refused.stderr) == (6, True)
    assert daemon.ctl("say", "Still here.", "-o", "-", text=False).returncode == 0


def test_a_new_configuration_in_the_middle_of_a_round(
    start: Callable[..., Daemon], connect: Callable[..., Wire]
) -> None:
    daemon = start({**settings(), "engine": {"fake_rtf": 0.1}}).wait_ready()
    admin = connect(daemon, "admin.sock")
    events = admin.send("subscribe", topics=["tune"], credit=1000)
    admin.until("ok", id=events)
    admin.send("tune")
    following(admin, "measuring")
    text = daemon.config.read_text("utf-8")
    daemon.config.write_text(text.replace("fake_rtf: 0.1", "fake_rtf: 0.02"), "utf-8")
    reloaded = daemon.ctl("reload", "--wait")
    assert reloaded.returncode == 0, reloaded.stderr
    ended = following(admin, "resting")
    assert ended["outcome"] == "void"
    assert status(daemon)["nfe"] == 7
    assert tune(daemon, "--dry-run", "--runs", "3")["outcome"] == "dry_run"


def test_slower_requests_than_measured_are_noticed(start: Callable[..., Daemon], connect: Callable[..., Wire]) -> None:
    daemon = start({**settings(confirm_rounds=1), "engine": {"fake_rtf": 0.01}}).wait_ready()
    tune(daemon)
    text = daemon.config.read_text("utf-8")
    daemon.config.write_text(text.replace("fake_rtf: 0.01", "fake_rtf: 0.05"), "utf-8")
    assert daemon.ctl("reload", "--wait").returncode == 0
    wire = connect(daemon)
    for _ in range(25):
        wire.finish(wire.send("synth", text="A sentence that is long enough to be compared with those it measured."))
    assert "longer than the last round measured" in status(daemon)["tune"]["warning"]
    daemon.wait_log("tune.drift")


def test_a_recogniser_listens(start: Callable[..., Daemon], tmp_path: Path) -> None:
    program = tmp_path / "listen"
    program.write_text('#!/bin/sh\nhead -c 4 "$1" | grep -q RIFF && echo "there is a garden"\n', "utf-8")
    program.chmod(0o755)
    daemon = start(settings(recogniser=str(program))).wait_ready()
    decision = tune(daemon, "--dry-run", "--runs", "3")
    assert {0 < one["quality"]["wer"] <= 1 for one in decision["candidates"]} == {True}
    program.write_text("#!/bin/sh\nexit 3\n", "utf-8")
    broken = restarted(daemon, start, recogniser=str(program), history="other.db")
    done = broken.ctl("tune")
    assert (done.returncode, "ended with status 3" in done.stderr) == (6, True)
