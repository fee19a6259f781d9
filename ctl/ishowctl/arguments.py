"""What every command of the parser shares: --endpoint, the help's foot, numbers within limits."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from ishowctl import exits
from ishowctl.client import DEFAULT_ENDPOINT

EXAMPLES = """\
examples:
  ishowctl say "Good morning." -o morning.wav
  ishowctl say --voice english --file story.txt -o story.flac
  echo "Dinner is ready." | ishowctl say --play
  ishowctl status --watch
  ishowctl doctor
  sudo ishowctl setup
  ishowctl history --id 12
  ishowctl report && xdg-open ishowtts-report.html
  ishowctl wait-ready && ishowctl say "I am here." --play
"""


def add(commands: Any, name: str, run: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=help[0].upper() + help[1:] + ".",
        epilog=f"{EXAMPLES}\n{exits.TABLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    add_endpoint(parser, argparse.SUPPRESS)  # what stands before the command holds unless repeated after it
    return parser


def add_endpoint(parser: argparse.ArgumentParser, default: str) -> None:
    help = f"the daemon's socket; default: $ISHOWTTS_ENDPOINT or {DEFAULT_ENDPOINT}"
    parser.add_argument("--endpoint", default=default, metavar="E", help=help)


def number(text: str, kind: Callable[[str], Any], low: float, high: float) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from {low:g} to {high:g}")
    return value


def positive(text: str) -> float:
    return float(number(text, float, 0.001, 86_400))


def speed(text: str) -> float:
    return float(number(text, float, 0.25, 4))


def nfe(text: str) -> int:
    return int(number(text, int, 1, 128))


def seed(text: str) -> int:
    return int(number(text, int, 0, 2**63 - 1))
