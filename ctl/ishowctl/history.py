"""`ishowctl history`: what the tuner decided, when and why."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from ishowctl import exits, terminal
from ishowctl.client import Client, Refused
from ishowctl.decisions import Decision

PAGE = 20  # decisions an answer at most
SHOWN, DRAWN = 20, 1000
NO_SCREEN = 100_000  # columns: a program that reads it gets each sentence in one line


def run(args: argparse.Namespace) -> int:
    """Raises Unreachable, Refused, OutputError."""
    from ishowctl import decision_text

    if args.plot:
        return _plot(args)
    with Client(args.endpoint) as client:
        decisions, votes = ([find(client, args.id)], []) if args.id else fetch(client, args.limit or SHOWN)
    if args.json:
        print(json.dumps({"decisions": decisions, "votes": votes}, indent=2, ensure_ascii=False))
    elif args.id:
        print(decision_text.one(decisions[0]))
    else:
        columns = shutil.get_terminal_size().columns if exits.is_terminal(sys.stdout) else NO_SCREEN
        print(decision_text.many(decisions, votes, columns))
    return exits.DONE


def fetch(client: Client, limit: int) -> tuple[list[Decision], list[dict[str, Any]]]:
    """The newest ``limit`` decisions, newest first, and the votes."""
    decisions: list[Decision] = []
    votes: list[dict[str, Any]] = []
    while len(decisions) < limit:
        asked = min(PAGE, limit - len(decisions))
        answer = client.ask("history", limit=asked, before=decisions[-1].get("id") if decisions else None)
        votes = votes or list(answer.get("votes") or [])
        page = list(answer.get("decisions") or [])
        decisions += page
        if not page:  # a short one is no sign of the end: long decisions fill a message sooner
            break
    return decisions, votes


def find(client: Client, id: int) -> Decision:
    """One decision. Raises Refused when there is none with that id."""
    found: list[Decision] = client.ask("history", number=id)["decisions"]
    return found[0]


def _plot(args: argparse.Namespace) -> int:
    from ishowctl import plot

    path = Path(args.plot)
    plot.check(path)
    with Client(args.endpoint) as client:
        decisions, _ = fetch(client, args.limit or DRAWN)
    if not decisions:
        raise Refused.here("NO_DECISION", "there is nothing to draw, no decisions yet: `ishowctl tune` makes one")
    plot.save(decisions, path)
    terminal.note(f"{path}: {len(decisions)} decisions")
    return exits.DONE
