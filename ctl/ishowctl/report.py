"""`ishowctl report`: one self-contained page about speed, sound and decisions."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

from ishowctl import exits, history
from ishowctl.client import Client
from ishowctl.exits import OutputError

DECISIONS = 1000


def run(args: argparse.Namespace) -> int:
    """Raises Unreachable, Refused, OutputError."""
    from ishowctl.pages import report

    with Client(args.endpoint) as client:
        status = client.ask("status")["status"]
        decisions, votes = history.fetch(client, DECISIONS)
    page = report.page(status, decisions, votes, datetime.now(timezone.utc).isoformat())
    if args.file == "-":
        if sys.stdout is None:
            raise OutputError("standard output is closed: name a file.", exits.USAGE)
        sys.stdout.buffer.write(page.encode())
        sys.stdout.buffer.flush()
        return exits.DONE
    _write(Path(args.file), page)
    print(f"{args.file}: open it in a browser.")
    return exits.DONE


def _write(path: Path, page: str) -> None:
    """Beside and renamed: an older report stays until the new one is whole."""
    path = path.resolve() if path.is_symlink() else path
    if path.exists() and not path.is_file():
        raise OutputError(f"{path}: is there and is no file; `-` writes to a pipe.")
    part = path.with_name(f".{path.name[:200]}.{os.getpid()}.part")
    try:
        part.write_text(page, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written: {error.strerror}.") from None
