"""The lifecycle tests: `make test-deb` builds the packages and the root first. They need root and systemd-nspawn."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ishowtts import __version__
from tests.deb.board import Board
from tests.deb.machine import Machine

BUILD = Path(__file__).parents[2] / ".build/deb"
NEWER = "9.0.0"


def why_not() -> str:
    """Why no container can be started here; empty: it can."""
    if os.geteuid() != 0:
        return "a container with systemd needs root: sudo make test-deb"
    if shutil.which("systemd-nspawn") is None:
        return "systemd-nspawn is not here: apt install systemd-container"
    if not (BUILD / "bookworm").is_dir():
        return "the root folder is not made: make test-deb"
    return ""


@pytest.fixture(scope="session")
def deb() -> Path:
    return BUILD / f"ishowtts_{__version__}_amd64.deb"


@pytest.fixture(scope="session")
def newer_deb(deb: Path) -> Path:
    """The same package as a later version: it says so in `ishowctl --version` and to dpkg, and has another conffile."""
    file = BUILD / f"ishowtts_{NEWER}_amd64.deb"
    tree = BUILD / "newer"
    shutil.rmtree(tree, ignore_errors=True)
    subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
    init = tree / "usr/lib/ishowtts/app/ishowtts/__init__.py"
    init.write_text(init.read_text().replace(__version__, NEWER))
    conffile = tree / "etc/ishowtts/ishowtts.yaml"
    conffile.write_text(conffile.read_text() + "# More to choose from.\n")
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"^Version: .*", f"Version: {NEWER}", control.read_text(), flags=re.MULTILINE))
    sums = tree / "DEBIAN/md5sums"
    name = str(init.relative_to(tree))
    new_sum = subprocess.run(["md5sum", name], cwd=tree, check=True, capture_output=True, text=True).stdout
    sums.write_text(re.sub(rf"^.*  {re.escape(name)}\n", new_sum, sums.read_text(), flags=re.MULTILINE))
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, file], check=True, stdout=subprocess.DEVNULL
    )
    shutil.rmtree(tree)
    return file


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """One for each file of tests: each tells a story of its own."""
    if reason := why_not():
        pytest.skip(reason)
    site = Path(sys.prefix) / f"lib/python3.{sys.version_info.minor}/site-packages"
    binds = [(BUILD, "/mnt/deb"), (Path(__file__).parent, "/mnt/tests"), (site, "/mnt/site")]
    with Machine(BUILD / "bookworm", binds) as machine:
        yield machine


@pytest.fixture(scope="module")
def board(machine: Machine, deb: Path) -> Board:
    """With the package installed, a member of the group ishowtts and a stranger."""
    board = Board(machine)
    board.install(deb)
    return board
