"""The packages as files: fit for their machines, the same each time, without a fault for lintian and piuparts."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ishowtts import __version__
from tests.deb.conftest import BUILD, why_not
from tests.deb.machine import overlay

ROOT = Path(__file__).parents[2]
LOCKS = [ROOT / "packaging/locks/vendor.txt", ROOT / "packaging/locks/vendor-setup.txt"]


@pytest.fixture(scope="module", autouse=True)
def here() -> None:
    if reason := why_not():
        pytest.skip(reason)


def package(arch: str) -> Path:
    return BUILD / f"ishowtts_{__version__}_{arch}.deb"


def said(*command: str | Path, **more: object) -> str:
    done = subprocess.run(command, capture_output=True, text=True, **more)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return str(done.stdout)


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_each_file_is_for_its_machine(arch: str) -> None:
    assert said("python3", ROOT / "packaging/deb/check_deb.py", package(arch)).endswith(": 0 problems\n")


def test_the_check_sees_what_it_is_for(tmp_path: Path) -> None:
    """A library for another architecture, another Python's in its place, torch, and a script that downloads."""
    tree = tmp_path / "tree"
    said("dpkg-deb", "-R", package("arm64"), tree)
    vendor = tree / "usr/lib/ishowtts/vendor"
    shutil.copy("/bin/true", vendor / "any/foreign.so")
    shutil.copy(next((vendor / "cp310").glob("_cffi*")), vendor / "cp312")
    (vendor / "any/torch").mkdir()
    (tree / "DEBIAN/preinst").write_text("#!/bin/sh\npip install torch\n")
    (tree / "DEBIAN/preinst").chmod(0o755)
    bad = tmp_path / "bad.deb"
    said("dpkg-deb", "-Znone", "-b", tree, bad)
    done = subprocess.run(["python3", ROOT / "packaging/deb/check_deb.py", bad], capture_output=True, text=True)
    assert done.returncode == 1
    for sign in ("ELF machine 62, not 183", "made for Python 310, in cp312", "any/torch/", "preinst: runs pip"):
        assert sign in done.stdout


def test_the_same_checkout_gives_the_same_bytes(tmp_path: Path) -> None:
    """Once more, with other habits: umask, time zone, language, home."""
    first = hashlib.sha256(package("arm64").read_bytes()).hexdigest()
    habits = {**os.environ, "TZ": "Asia/Tokyo", "LC_ALL": "C", "HOME": str(tmp_path)}
    said("sh", "-c", f"umask 077; {ROOT}/packaging/deb/build.sh arm64", env=habits)
    assert hashlib.sha256(package("arm64").read_bytes()).hexdigest() == first


def test_lintian_finds_nothing() -> None:
    assert said("lintian", "--allow-root", "--fail-on", "error,warning", package("arm64")) == ""


def test_piuparts_finds_nothing_left_behind(tmp_path: Path) -> None:
    log = tmp_path / "piuparts.log"
    command: list[str | Path] = [
        "piuparts",
        "--existing-chroot",
        BUILD / "bookworm",
        "-d",
        "bookworm",
        "--no-upgrade-test",
    ]
    done = subprocess.run([*command, "--log-file", log, package("amd64")], capture_output=True, text=True)
    assert done.returncode == 0, log.read_text()[-3000:]
    assert "PASS: All tests" in log.read_text()


def test_each_library_has_its_licence_in_the_package() -> None:
    locks = "".join(lock.read_text() for lock in LOCKS)
    names = re.findall(r"^([a-z0-9-]+)==", locks, flags=re.MULTILINE)
    licences = (ROOT / "packaging/debian/copyright").read_text().lower()
    assert len(names) > 10
    assert [name for name in names if name.replace("-", "_") not in licences] == []


def test_the_package_has_the_version_of_the_program() -> None:
    assert f"ishowtts ({__version__})" in (ROOT / "packaging/debian/changelog").read_text()


@pytest.mark.parametrize("version", [247, 257])
def test_other_systemds_find_nothing_wrong_with_the_units(version: int) -> None:
    """JetPack 6 has 249, JetPack 7 has 255; 252 is asked in the container that runs them."""
    with overlay(BUILD / f"systemd-{version}") as root:
        said("dpkg-deb", "-x", package("amd64"), root)
        (root / "bin/sh").unlink(missing_ok=True)
        shutil.copy(root / "usr/bin/ishowctl", root / "bin/sh")  # there is none in it; any program will do
        nspawn: list[str | Path] = [
            "systemd-nspawn",
            "-q",
            "-D",
            root,
            "--register=no",
            "--keep-unit",
            "--private-network",
            "--pipe",
        ]
        environment = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        units = ["ishowttsd.service", "ishowttsd.socket", "ishowttsd-admin.socket"]
        assert f"{version}." in said(*nspawn, "systemctl", "--version", env=environment)
        command = [*nspawn, "systemd-analyze", "verify", "--man=no", *units]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment)
        theirs = [line for line in done.stderr.splitlines() if "propagate" not in line]
        assert (done.returncode, theirs) == (0, [])
