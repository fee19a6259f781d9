"""`ishowctl setup`: its options, handed on to the program that does it; nothing here may import that."""

from __future__ import annotations

import argparse
import os
import sys

HELP = "root: torch and weights for the installed package; continues where it broke off"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from", dest="source", metavar="DIR", help="bring the weights from this folder; default: `hub`, the network"
    )
    parser.add_argument("--model", metavar="NAME", help="F5TTS_v1_Base (the default) or demo, which comes along")
    torch_help = "device (the default: the torch that is here) or wheel:FILE, put beside it; once for each wheel"
    parser.add_argument("--torch", action="append", default=[], metavar="T", help=torch_help)
    parser.add_argument("--accept-licence", action="store_true", help="accept the licence of the model's weights")
    parser.add_argument("--status", action="store_true", help="say what is done and what is next; change nothing")
    parser.add_argument("--json", action="store_true", help="for programs: the state of every step")


def run(args: argparse.Namespace) -> int:
    """Become setup, a program of the daemon's side: it changes root's files."""
    from ishowtts import children  # here, not above: each start of ishowctl would pay for it

    options = [("--from", args.source), ("--model", args.model), *(("--torch", torch) for torch in args.torch)]
    flags = [("--accept-licence", args.accept_licence), ("--status", args.status), ("--json", args.json)]
    given = [part for name, value in options if value for part in (name, value)]
    given += [name for name, is_given in flags if is_given]
    command = children.command(sys.executable, "ishowtts.setup", *given)
    os.execv(command[0], command)  # noqa: S606 (a list, no shell)
