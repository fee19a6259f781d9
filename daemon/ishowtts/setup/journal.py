"""setup.json: read, and written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from ishowtts.setup.errors import SetupError
from ishowtts.setup.plan import Journal


def read(file: Path) -> Journal:
    """An empty one where there is none. Raises SetupError for one that is no journal."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Journal)
    except FileNotFoundError:
        return Journal()
    except (msgspec.DecodeError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SetupError(
            f"{file} cannot be read: {reason}.", f"Remove it and run setup again: sudo rm {file}"
        ) from None


def write(file: Path, journal: Journal) -> None:
    write_whole(file, msgspec.json.format(msgspec.json.encode(journal), indent=2) + b"\n")


def write_whole(file: Path, data: bytes) -> None:
    """On the disk before its name is: a power cut leaves the old file or the new one."""
    beside = file.with_name(f"{file.name}.tmp")
    with beside.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(file)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Make the renames in it last."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
