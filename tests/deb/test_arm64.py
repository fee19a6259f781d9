"""The arm64 package on an emulated processor: its libraries load and work. No Jetson's Python is there, so Debian 12's
3.11 takes the same lock's wheels for it; those of 3.10 and 3.12 are only looked at (test_package.py)."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ishowtts import __version__
from tests.deb.conftest import BUILD, why_not
from tests.deb.machine import overlay

QEMU = Path("/usr/bin/qemu-aarch64-static")
LIBRARIES = """
import platform, sys
sys.path[:0] = [f"/usr/lib/ishowtts/{part}" for part in ("app", "vendor/cp311", "vendor/any")]
assert platform.machine() == "aarch64"

import apscheduler.schedulers.background, cffi, msgspec, pypinyin, rjieba, sdnotify, tzlocal, yaml, zmq
import _cffi_backend, _soundfile, safetensors._safetensors_rust

assert zmq.has("curve") and zmq.has("ipc")
context = zmq.Context()
one, other = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
one.bind("inproc://a"), other.connect("inproc://a")
one.send(msgspec.msgpack.encode({"a": 1}))
assert msgspec.msgpack.decode(other.recv()) == {"a": 1}
assert yaml.load("a: [1]", Loader=yaml.CSafeLoader) == {"a": [1]}
assert pypinyin.lazy_pinyin("中国") == ["zhong", "guo"]
assert list(rjieba.cut("我们中国人")) == ["我们", "中国", "人"]
sndfile = _soundfile.ffi.dlopen("/usr/lib/ishowtts/vendor/any/_soundfile_data/libsndfile_arm64.so")
assert _soundfile.ffi.string(sndfile.sf_version_string()).startswith(b"libsndfile")
print("all work")
"""


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    if reason := why_not():
        pytest.skip(reason)
    with overlay(BUILD / "bookworm-arm64") as root:
        subprocess.run(["dpkg-deb", "-x", BUILD / f"ishowtts_{__version__}_arm64.deb", root], check=True)
        program = root / "usr/lib/ishowtts"
        shutil.rmtree(program / "vendor/any")
        shutil.copytree(BUILD / "vendor-arm64-3.11", program / "vendor", dirs_exist_ok=True)
        shutil.copy(QEMU, root / "qemu")
        yield root


def emulated(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """With the emulator named, so that the kernel need not know it."""
    return subprocess.run(["chroot", root, "/qemu", *command], capture_output=True, text=True, timeout=120)


def test_the_libraries_work(root: Path) -> None:
    done = emulated(root, "/usr/bin/python3.11", "-I", "-c", LIBRARIES)
    assert (done.returncode, done.stdout) == (0, "all work\n"), done.stderr


def test_the_programs_start(root: Path) -> None:
    for program in ("ishowttsd", "ishowctl"):
        done = emulated(root, "/usr/bin/python3.11", "-I", f"/usr/bin/{program}", "--version")
        assert (done.returncode, done.stdout) == (0, f"{program} {__version__}\n"), done.stderr


def test_the_configuration_of_the_package_is_good(root: Path) -> None:
    done = emulated(root, "/usr/bin/python3.11", "-I", "/usr/bin/ishowttsd", "--check-config")
    assert done.returncode == 0, done.stderr
    assert "/usr/lib/ishowtts/defaults.yaml" in done.stdout
