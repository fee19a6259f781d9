"""The report's files: bench.json and bench.md, whole at every moment; resuming from one that was interrupted."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs

from ishowtts.bench.rows import STOCK, Report
from ishowtts.bench.table import markdown

# What a row depends on: with any of it changed, old rows are no part of this table.
_IDENTITY = ("device", "model", "dtype", "versions", "driver", "reference_sha256", "reference_text", "code")


class BadReport(Exception):
    """A file is no report of this benchmark; one sentence."""


def fingerprint(meta: dict[str, Any]) -> str:
    """The same for two runs whose rows may stand in one table."""
    identity = json.dumps({name: meta.get(name) for name in _IDENTITY}, sort_keys=True)
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def code_hash(package: Path) -> str:
    """Of the sources that what is measured is made of."""
    digest = hashlib.sha256()
    for file in sorted([*package.glob("engine/*.py"), *package.glob("text/*.py"), package / "schedules.py"]):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def read(file: Path) -> Report:
    """Raises BadReport."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Report)
    except OSError as error:
        raise BadReport(f"{file}: {error.strerror}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadReport(f"{file} is no saved benchmark: {error}.") from None


def write(folder: Path, report: Report) -> None:
    """bench.json and bench.md, each renamed into its place."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in (
        ("bench.json", msgspec.json.format(msgspec.json.encode(report), indent=1)),
        ("bench.md", markdown(report).encode()),
    ):
        part = folder / f".{name}.part"
        part.write_bytes(data)
        part.replace(folder / name)


def set_aside(folder: Path) -> None:
    """An older report is not written over: it becomes bench.previous.json, and .md."""
    for suffix in ("json", "md"):
        file = folder / f"bench.{suffix}"
        if file.exists():
            file.replace(folder / f"bench.previous.{suffix}")


def resume(folder: Path, meta: dict[str, Any]) -> tuple[Report, str]:
    """The interrupted report of the same machine, code and model with ``meta``'s date; else an empty one. And why."""
    file, fresh = folder / "bench.json", Report(meta=meta)
    if not file.exists():
        return fresh, f"{file} is not there: starting anew."
    old = read(file)
    if old.meta.get("fingerprint") != meta["fingerprint"]:
        changed = [name for name in _IDENTITY if old.meta.get(name) != meta.get(name)]
        set_aside(folder)
        return fresh, f"{file} is of another {', '.join(changed) or 'run'}: set aside, starting anew."
    # The gaps are tried again, all but a stock f5-tts that is not there: it would cost a look for every cell.
    gaps = [gap for gap in old.left_out if gap.what == STOCK]
    return structs.replace(old, meta=meta, left_out=gaps), f"{file}: {len(old.rows)} rows are kept."
