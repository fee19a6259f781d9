"""The board in the daemon's status and in ishowctl, end to end, on emulated boards."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ishowtts import config
from ishowtts.board import BoardWatch
from ishowtts.device.nodes import Roots
from tests.boards import profiles, tree
from tests.boards.tree import Board, write
from tests.daemon import Daemon, wait_for
from tests.device.conftest import Build

PROGRAM = Path(tree.__file__).with_name("daemon.py")
Start = Callable[..., Daemon]


def on(board: Board, start: Start, **settings: Any) -> Daemon:
    daemon = start({"board": {"poll_s": 1, **settings}}, program=[str(PROGRAM), str(board.folder)])
    daemon.wait_ready()
    daemon.wait_log(" board ")
    return daemon


def board_of(daemon: Daemon) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(daemon.ctl("status", "--json").stdout)["board"]
    return found


def line_of(daemon: Daemon) -> str:
    return next(line for line in daemon.ctl("status").stdout.splitlines() if line.startswith("  board "))


def test_trusted(locked: Board, start: Start) -> None:
    daemon = on(locked, start)
    assert line_of(daemon) == "  board     trusted: MAXN, GPU locked at 1300.5 MHz, 48.5 C"
    board = board_of(daemon)
    assert (board["verdict"], board["usable"], board["mend"]) == ("trusted", True, "")
    assert (board["mode"]["name"], board["gpu"]["cur_hz"], board["cpus_locked"]) == ("MAXN", 1_300_500_000, True)
    assert (board["l4t"], board["jetpack"]) == ("36.4.3", "6.2")


def test_the_line_names_the_uncapped_modes_own_id_and_follows_the_board(build: Build, start: Start) -> None:
    board = build(profiles.ORIN_NANO_SUPER)
    board.set_mode(1)
    board.lock()
    daemon = on(board, start)
    expected = "  board     rejected: power mode 25W caps the GPU; MAXN_SUPER does not -> sudo nvpmodel -m 2"
    assert line_of(daemon) == expected
    board.set_mode(2)
    wait_for(lambda: "not locked" in line_of(daemon), "the new mode to be seen")
    assert line_of(daemon).endswith("(306 to 1020 MHz) (and 1 more) -> sudo jetson_clocks")
    board.lock()
    wait_for(lambda: board_of(daemon)["verdict"] == "trusted", "the lock to be seen")
    board.heat(99.0)
    wait_for(lambda: board_of(daemon)["verdict"] == "rejected", "the heat to be seen")
    assert "cooling: cpu 99 C, trips at 99 C -> let it cool down" in line_of(daemon)
    assert [line.count("rejected:") for line in daemon.log.splitlines() if " board " in line] == [1, 0, 1]


def test_the_expected_clock_comes_from_the_configuration(locked: Board, start: Start) -> None:
    assert "expected 1020 MHz" in line_of(on(locked, start, expected_gpu_mhz=1020))


def test_unknown_is_accepted_only_by_the_configuration(locked: Board, start: Start) -> None:
    locked.status.unlink()
    refused = on(locked, start)
    assert board_of(refused)["usable"] is False
    assert "the power mode cannot be read" in line_of(refused)
    accepted = on(locked, start, accept_unknown=True)
    assert board_of(accepted)["usable"] is True
    assert line_of(accepted).endswith("; accepted by board.accept_unknown")


def test_metrics_through_status(locked: Board, start: Start) -> None:
    text = on(locked, start).ctl("status", "--metrics").stdout
    assert 'ishowtts_board_verdict{verdict="trusted"} 1\n' in text
    assert "ishowtts_board_gpu_hertz 1300500000\n" in text
    assert 'ishowtts_board_power_watts{rail="VDD_GPU_SOC"} 5.7\n' in text


# --- BoardWatch alone: when the witnesses are asked ----------------------------------------------------------------


class Desk:
    """A watch over an emulated board; `asked` counts how often its jtop interpreter was started."""

    def __init__(self, board: Board, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.board, self.idle, self.logged = board, True, list[tuple[str, dict[str, Any]]]()
        python = folder / "python"
        python.write_text(f'#!/bin/sh\necho >> {folder}/asked\necho \'{{"error": "absent", "detail": "x"}}\'\n')
        python.chmod(0o755)
        (folder / "jtop.sock").touch()
        monkeypatch.setattr("ishowtts.device.jtop_witness.SOCKET", folder / "jtop.sock")
        self._asked = folder / "asked"
        settings = config.Board(jtop_python=str(python))
        self.watch = BoardWatch(settings, lambda: self.idle, self._log, Roots.under(board.folder))

    def _log(self, event: str, **fields: Any) -> None:
        self.logged.append((event, fields))

    def look(self, **how: bool) -> int:
        """Look once; how often jtop has been asked since the beginning."""
        asyncio.run(self._look(**how))
        return len(self._asked.read_text().splitlines()) if self._asked.exists() else 0

    async def _look(self, **how: bool) -> None:
        await self.watch.look(**how)


@pytest.fixture
def desk(locked: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(locked, tmp_path, monkeypatch)


def test_jtop_is_asked_seldom_and_again_when_the_board_changed(desk: Desk) -> None:
    assert [desk.look(), desk.look(), desk.look()] == [1, 1, 1]
    assert desk.watch.status()["jtop"]["error"] == "absent"  # kept from the first
    desk.board.set_mode(2)
    assert [desk.look(), desk.look()] == [2, 2]


def test_jtop_is_left_alone_while_somebody_is_spoken_for(desk: Desk) -> None:
    desk.idle = False
    assert [desk.look(), desk.look()] == [0, 0]
    assert desk.watch.status()["verdict"] == "trusted"
    assert desk.look(ask=True) == 1  # a tuner may insist
    desk.board.unlock()
    assert desk.look() == 1
    assert desk.watch.status()["jtop"]["error"] is None  # the old view is dropped with the old clocks
    desk.idle = True
    assert desk.look() == 2


def test_no_child_is_started_where_no_jtop_service_runs(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "jtop.sock").unlink()
    assert desk.look() == 0
    status = desk.watch.status()
    assert (status["verdict"], status["jtop"]["error"]) == ("trusted", "absent")
    assert status["notes"] == ["jtop: jtop.service does not run (absent)"]


def test_a_change_of_the_verdict_is_logged_once(desk: Desk) -> None:
    desk.look()
    desk.look()
    desk.board.unlock()
    desk.look()
    assert [(event, fields["level"]) for event, fields in desk.logged] == [("board", "info"), ("board", "warning")]
    assert desk.logged[1][1]["mend"] == "sudo jetson_clocks"


def test_before_the_first_look(desk: Desk) -> None:
    status = desk.watch.status()
    assert (status["verdict"], status["usable"], status["sentence"]) == ("unknown", False, "unknown: not looked at yet")
    keys = set(status)
    desk.look()
    assert set(desk.watch.status()) == keys


def test_a_look_that_breaks_is_logged_and_the_next_one_comes(desk: Desk) -> None:
    """A bug while reading must not end the daemon: it speaks all the same."""

    async def run() -> None:
        desk.watch._roots = object()  # type: ignore[assignment]
        desk.watch._settings = config.Board(poll_s=1.0)
        task = asyncio.create_task(desk.watch.run())
        while not desk.logged:
            await asyncio.sleep(0.01)
        desk.watch._roots = Roots.under(desk.board.folder)
        while desk.logged[-1][0] != "board":
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(asyncio.wait_for(run(), 30))
    assert desk.logged[0][0] == "bug"
    assert "Traceback" in desk.logged[0][1]["trace"]


def test_garbage_reaches_the_status_as_unknown(locked: Board, start: Start) -> None:
    write(locked.gpu / "cur_freq", "garbage")
    assert line_of(on(locked, start)).startswith("  board     unknown: the GPU's cur_freq cannot be read")
