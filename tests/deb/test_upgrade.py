"""Another version under load, back again, and what people changed: kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from ishowtts import __version__
from tests.deb.board import UNIT, UNITS, Board, Load
from tests.deb.conftest import NEWER
from tests.deb.test_failures import ended

MINE = "# mine\nsynthesis:\n  nfe: 6\n"


@pytest.fixture(scope="module", autouse=True)
def tones(board: Board) -> None:
    board.speak_tones()
    board.write("/etc/ishowtts/ishowtts.yaml", MINE)


def sockets(board: Board) -> str:
    return board.sh("stat -c %i /run/ishowtts/tts.sock /run/ishowtts/admin.sock")


@pytest.mark.parametrize("way", ["newer", "older"])
def test_under_load_every_accepted_request_is_finished_or_answered(
    board: Board, deb: Path, newer_deb: Path, way: str
) -> None:
    file, version = (newer_deb, NEWER) if way == "newer" else (deb, __version__)
    before, load = sockets(board), Load(board)
    load.wait_accepted(8)
    board.install(file)
    load.wait_accepted(8)
    fates = load.stop()
    assert [fate for fate in fates if fate["fate"] == "lost"] == []
    assert {fate["fate"] for fate in fates} >= {"done"}
    assert ended(board)
    assert board.status()["versions"]["daemon"] == version
    assert sockets(board) == before


def test_the_conffile_and_the_state_are_kept(board: Board) -> None:
    assert board.sh("cat /etc/ishowtts/ishowtts.yaml") == MINE.strip()
    board.sh("ls /etc/ishowtts/ishowtts.yaml.dpkg-dist")  # what the newer one would have brought
    assert board.status()["nfe"] == 6


def test_an_upgrade_is_not_refused_for_the_restarts_before_it(board: Board, newer_deb: Path) -> None:
    for _ in range(8):
        board.run(f"systemctl restart {UNIT}")
    board.install(newer_deb)
    board.sh("ishowctl wait-ready --timeout 30")


def test_clocks_that_are_locked_stay_locked(board: Board, deb: Path) -> None:
    """An operator's `systemctl enable --now ishowtts-clocks` holds over upgrades, and is not run again by them."""
    board.write("/usr/bin/jetson_clocks", "#!/bin/sh\necho run >> /run/clocks\n")
    board.sh("chmod 755 /usr/bin/jetson_clocks; systemctl enable --now ishowtts-clocks")
    board.install(deb)
    assert board.sh("systemctl is-active ishowtts-clocks; systemctl is-enabled ishowtts-clocks").split() == [
        "active",
        "enabled",
    ]
    assert board.sh("cat /run/clocks") == "run"


def test_what_an_operator_stopped_and_disabled_stays_so(board: Board, newer_deb: Path) -> None:
    board.sh(f"systemctl disable --now {UNITS}")
    board.install(newer_deb)
    assert board.run(f"systemctl is-active {UNITS}").stdout.split() == ["inactive"] * 3
    assert board.run(f"systemctl is-enabled {UNITS}").stdout.split() == ["disabled"] * 3
