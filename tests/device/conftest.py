"""Emulated boards, a fresh one for each test, and what is read of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ishowtts.device import sysfs
from ishowtts.device.nodes import Roots
from ishowtts.device.snapshot import Snapshot
from tests.boards.profiles import AGX_ORIN, Profile
from tests.boards.tree import Board

Build = Callable[..., Board]


def look(board: Board) -> Snapshot:
    return sysfs.read(Roots.under(board.folder))


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """`build()`: an AGX Orin in MAXN, clocks not locked; `build(profile, locked=True)`."""
    built: list[Board] = []

    def builder(profile: Profile = AGX_ORIN, *, locked: bool = False) -> Board:
        board = Board(tmp_path / f"board{len(built)}", profile).build()
        built.append(board)
        if locked:
            board.lock()
        return board

    return builder


@pytest.fixture
def locked(build: Build) -> Board:
    """An AGX Orin in MAXN with locked clocks: trusted."""
    return build(locked=True)
