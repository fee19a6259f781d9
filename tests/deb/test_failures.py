"""What breaks while it runs: the front hangs, the engine dies, the daemon crashes over and over, the files are bad."""

from __future__ import annotations

import pytest

from tests.deb.board import UNIT, UNITS, Board, Load

FOX = "ishowctl say 'The quick brown fox jumps over the lazy dog.' -o fox.wav"


@pytest.fixture(scope="module", autouse=True)
def tones(board: Board) -> None:
    board.speak_tones()


def test_an_engine_that_is_killed_is_one_error_and_another_engine(board: Board) -> None:
    board.speak_tones(fake_rtf=1.0)
    front, engine = board.show("MainPID"), board.engine_pid()
    speaking = board.machine.start(FOX, user="member")
    board.wait_for(lambda: board.status()["queue"]["live"], "the request to be spoken")
    board.sh(f"kill -KILL {engine}")
    _, errors = speaking.communicate(timeout=30)
    assert speaking.returncode == 6
    assert "SIGKILL" in errors
    assert len(errors.splitlines()) == 1
    board.sh("ishowctl wait-ready --timeout 30")
    assert board.show("MainPID") == front
    assert board.engine_pid() != engine


def test_a_front_that_hangs_is_ended_by_the_watchdog_and_comes_back(board: Board) -> None:
    board.override("[Service]\nWatchdogSec=2")
    board.speak_tones()
    front = board.show("MainPID")
    board.sh(f"kill -STOP {front}")
    board.wait_for(lambda: board.show("NRestarts") == "1", "the watchdog")
    board.sh("ishowctl wait-ready --timeout 30")
    assert board.show("MainPID") != front
    assert board.sh(f"journalctl -u {UNIT} --no-pager | grep 'Watchdog timeout'")
    board.override("")


def test_a_crash_loop_ends_in_failed_and_an_operator_ends_that(board: Board) -> None:
    board.override("[Service]\nRestartSec=50ms\nExecStart=\nExecStart=/bin/sh -c 'kill -SEGV $$$$'")
    board.run(f"systemctl reset-failed {UNITS}; systemctl restart {UNIT}")
    board.wait_for(lambda: board.run(f"systemctl is-failed {UNIT}").stdout.strip() == "failed", "the start limit")
    done = board.run("ishowctl status")
    assert done.returncode == 3
    assert "systemctl" in done.stderr
    assert 1 <= int(board.show("NRestarts")) <= 8
    board.override("")
    board.speak_tones()
    board.sh(FOX, user="member")


def test_a_bad_configuration_is_said_once_and_not_tried_again(board: Board) -> None:
    board.write("/etc/ishowtts/conf.d/60-bad.yaml", "engine:\n  knid: fake\n")
    board.run(f"systemctl restart {UNIT}")
    board.wait_for(lambda: board.run(f"systemctl is-failed {UNIT}").stdout.strip() == "failed", "the refusal")
    assert board.show("ExecMainStatus") == "78"
    assert board.show("NRestarts") == "0"
    assert board.run("ishowctl status").returncode == 3
    assert len([line for line in board.journal("60-bad.yaml") if "did you mean `engine.kind`" in line]) == 1
    board.sh("rm /etc/ishowtts/conf.d/60-bad.yaml")
    board.speak_tones()


def test_a_reload_takes_over_what_changed_without_a_restart(board: Board) -> None:
    front = board.show("MainPID")
    board.write("/etc/ishowtts/conf.d/60-more.yaml", "synthesis:\n  nfe: 9\n")
    board.sh(f"systemctl reload {UNIT}")
    assert board.status()["nfe"] == 9
    assert board.show("MainPID") == front


def test_a_bad_file_fails_the_reload_and_changes_nothing(board: Board) -> None:
    front = board.show("MainPID")
    board.write("/etc/ishowtts/conf.d/60-more.yaml", "synthesis:\n  nfe: many\n")
    assert board.run(f"systemctl reload {UNIT}").returncode != 0
    done = board.run("ishowctl reload --wait")
    assert done.returncode == 4
    assert "60-more.yaml: synthesis.nfe" in done.stderr
    assert board.status()["nfe"] == 9
    assert board.show("MainPID") == front
    assert board.sh(f"systemctl is-active {UNIT}") == "active"
    board.sh("rm /etc/ishowtts/conf.d/60-more.yaml")


def test_stopping_under_load_finishes_what_was_accepted(board: Board) -> None:
    load = Load(board)
    load.wait_accepted(8)
    board.sh("systemctl stop ishowttsd.socket ishowttsd-admin.socket ishowttsd.service")
    fates = load.stop()
    assert [fate for fate in fates if fate["fate"] == "lost"] == []
    assert len([fate for fate in fates if fate["fate"] == "done"]) >= 8
    assert board.show("Result") == "success"
    assert ended(board)
    board.speak_tones()


def ended(board: Board) -> bool:
    """Has every request that the daemon accepted got exactly one end in its log?"""
    name = lambda line: line.split("id=")[1].split()[0]  # noqa: E731
    accepted = sorted(map(name, board.journal("request.accepted")))
    return sorted(map(name, board.journal("request.ended"))) == accepted
