"""A runtime's folder: an interpreter that sees the device's torch, or has one of its own from wheels."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from ishowtts.places import Places
from ishowtts.setup import journal
from ishowtts.setup.errors import REFUSED, SetupError
from ishowtts.setup.plan import Wheel

LIMIT_S = 1800.0  # torch has 3 GB to unpack and thousands of files to compile, perhaps on an SD card


def abi() -> str:
    return f"cp{sys.version_info.major}{sys.version_info.minor}"


def is_whole(folder: Path) -> bool:
    return os.access(folder / "bin/python", os.X_OK) and (folder / "ishowtts.yaml").is_file()


def build(places: Places, name: str, wheels: Sequence[Wheel], fragment: str) -> Path:
    """The runtime as ``name``.tmp; `finish` gives it its name. The device's own packages are seen and never touched."""
    folder = places.runtimes / f"{name}.tmp"
    shutil.rmtree(folder, ignore_errors=True)
    _run(sys.executable, "-I", "-m", "venv", "--without-pip", "--system-site-packages", str(folder))
    for script in (folder / "bin").glob("[Aa]ctivate*"):
        script.unlink()  # they name a folder that is about to have another name
    if wheels:
        # --ignore-installed: what the device has stays where it is. --no-deps: and nothing comes that nobody named.
        _run(
            str(folder / "bin/python"), "-I", f"{_pip(places.setup_data)}/pip", "install", "--no-deps", "--no-index",
            "--ignore-installed", "--no-cache-dir", "--disable-pip-version-check", "--root-user-action=ignore",
            *(wheel.file for wheel in wheels),
        )  # fmt: skip
    (folder / "ishowtts.yaml").write_text(fragment, encoding="utf-8")
    return folder


def unpacked_bytes(wheel: Wheel) -> int:
    try:
        with ZipFile(wheel.file) as packed:
            return sum(entry.file_size for entry in packed.infolist())
    except (OSError, BadZipFile) as error:
        reason = getattr(error, "strerror", None) or error
        raise SetupError(f"{wheel.file}: {reason}.", "Name a wheel: --torch wheel:FILE.", REFUSED) from None


def finish(places: Places, name: str) -> None:
    """Everything on the disk, then the name."""
    os.sync()
    target = places.runtimes / name
    shutil.rmtree(target, ignore_errors=True)
    (places.runtimes / f"{name}.tmp").replace(target)
    journal.sync_folder(places.runtimes)


def current(places: Places) -> str:
    """The runtime in use; empty: none."""
    try:
        return str(places.current.readlink())
    except OSError:
        return ""


def use(places: Places, name: str) -> None:
    """Make ``name`` the one in use, by one rename; empty: none."""
    if not name:
        places.current.unlink(missing_ok=True)
        return
    beside = places.runtimes / "current.tmp"
    beside.unlink(missing_ok=True)
    beside.symlink_to(name)
    beside.replace(places.current)
    journal.sync_folder(places.runtimes)


def collect(places: Places, keep: set[str]) -> list[str]:
    """Remove every other runtime and what was left half made; their names."""
    old = [folder for folder in places.runtimes.iterdir() if folder.is_dir() and not folder.is_symlink()]
    gone = [folder for folder in old if folder.name not in keep]
    for folder in gone:
        shutil.rmtree(folder, ignore_errors=True)
    return [folder.name for folder in gone]


def _pip(data: Path) -> Path:
    wheel = next(iter(sorted(data.glob("pip-*.whl"))), None)
    if wheel is None:
        raise SetupError(f"{data} holds no pip wheel.", "Install the package again.")
    return wheel


def _run(*command: str) -> None:
    """Raises SetupError with the last thing the program said."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "PYTHON"))}
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S, env=env, cwd="/"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = getattr(error, "strerror", None) or f"it took over {LIMIT_S:.0f} s"
        raise SetupError(f"{command[0]}: {reason}.", "Mend that, then run setup again.") from None
    if done.returncode:
        said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        errors = [line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR: ")]
        what = (errors or said or [f"exit status {done.returncode}"])[-1].strip().rstrip(".")
        raise SetupError(
            f"the runtime cannot be made: {what}.", "Give wheels made for this Python and JetPack.", REFUSED
        )
