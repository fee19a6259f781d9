"""The tuner's commands in the parser. Their code is loaded when they run: the parser is built at every start."""

from __future__ import annotations

import argparse
from typing import Any

from ishowctl.arguments import add, number


def add_commands(commands: Any) -> None:
    _add_history(commands)


def _add_history(commands: Any) -> None:
    parser = add(commands, "history", _history, "what the tuner decided, when and why")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help='{"decisions": [...], "votes": [...]}, newest first')
    form.add_argument("--plot", metavar="FILE", help="draw them over time into a .png or .svg; needs matplotlib")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--limit", type=_count, metavar="N", help="the newest N; default: 20, with --plot 1000")
    which.add_argument("--id", type=_count, metavar="N", help="this decision whole, with its evidence")


def _history(args: argparse.Namespace) -> int:
    from ishowctl import history

    return history.run(args)


def _count(text: str) -> int:
    return int(number(text, int, 1, 1_000_000))
