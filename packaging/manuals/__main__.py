"""`python packaging/manuals FOLDER`: man pages and completions for bash, zsh and fish, made from the parsers.

In FOLDER as they are installed below /usr/share. The date on the pages is $SOURCE_DATE_EPOCH's.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import shtab

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from manuals import commands, configuration  # noqa: E402

from ishowctl.__main__ import build_parser as client_parser  # noqa: E402
from ishowtts import __version__  # noqa: E402
from ishowtts.__main__ import _parser as daemon_parser  # noqa: E402

CONFIG = HERE.parents[1] / "config/ishowtts.yaml"
COMPLETIONS = {
    "bash": "bash-completion/completions/{}",
    "zsh": "zsh/vendor-completions/_{}",
    "fish": "fish/vendor_completions.d/{}.fish",
}


def main(folder: Path) -> None:
    os.environ["COLUMNS"] = "1000"  # argparse breaks its usage lines by the terminal's width
    os.environ.pop("ISHOWTTS_ENDPOINT", None)
    client, daemon = client_parser(), daemon_parser()
    date = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))
    _write(folder / "man/man1/ishowctl.1", commands.client_page(client, date, __version__))
    _write(folder / "man/man8/ishowttsd.8", commands.daemon_page(daemon, date, __version__))
    yaml = CONFIG.read_text(encoding="utf-8")
    _write(folder / "man/man5/ishowtts.yaml.5", configuration.page(yaml, date, __version__))
    for parser in (client, daemon):
        _name_files(parser)
        for shell, path in COMPLETIONS.items():
            _write(folder / path.format(parser.prog), shtab.complete(parser, shell=shell))


def _name_files(parser: argparse.ArgumentParser) -> None:
    """Where a value is a file or a folder, the shell completes it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _name_files(command)
        elif action.metavar in ("FILE", "F"):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif action.metavar == "DIR":
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python packaging/manuals FOLDER")
    main(Path(sys.argv[1]))
