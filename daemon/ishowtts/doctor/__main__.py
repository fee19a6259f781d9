"""`python -m ishowtts.doctor [--config FILE] [--json]`: called by `ishowctl doctor`, which adds what a client can see.

Exit status 0 when it could look at everything, whatever it found.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from ishowtts import config, places
from ishowtts.doctor import on_board, on_disk, on_torch
from ishowtts.doctor.check import Check


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m ishowtts.doctor", description="Check files, torch and the board.")
    parser.add_argument("--config", default=str(places.main_config()), metavar="FILE", help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="for programs")
    args = parser.parse_args()
    found = examine(Path(args.config).absolute())
    if args.json:
        print(json.dumps({"checks": [asdict(check) for check in found]}))
    else:
        print("\n".join(f"{check.level:<5} {check.name:<8} {check.text}" for check in found))


def examine(file: Path) -> list[Check]:
    """With a configuration that cannot be read the rest is looked at as if all were default."""
    loaded, about_config = on_disk.settings(file)
    settings = loaded or config.Config()
    base = file.parent
    snapshot = on_board.look(settings.board)
    return [
        about_config,
        *on_torch.checks(settings.engine, base, snapshot.soc is not None),
        on_disk.model(settings.engine, base),
        on_disk.clips(settings.voices, base),
        on_disk.room(base, settings.voices.folder),
        on_board.board(snapshot, settings.board),
        on_board.jtop(snapshot),
    ]


if __name__ == "__main__":
    main()
