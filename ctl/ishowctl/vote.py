"""`ishowctl vote`: what a person heard, into the history. A veto outranks every measure."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ishowctl import decisions, exits
from ishowctl.client import Client, Refused, admin_endpoint, normal_endpoint
from ishowctl.exits import OutputError

Vote = dict[str, Any]
KINDS = ("prefer", "veto", "allow")
_TEXTS = ("text", "kit", "note")


def run(args: argparse.Namespace) -> int:
    """Raises Unreachable, Refused, OutputError."""
    wrong = _wrong(args)
    if wrong:
        args.error(wrong)
    votes = read(_load(args.file), args.file) if args.file else [_given(args)]
    with Client(admin_endpoint(normal_endpoint(args.endpoint))) as client:
        for count, vote in enumerate(votes):
            try:
                client.ask("vote", **{key: value for key, value in vote.items() if value != ""})
            except Refused as error:
                if not count:
                    raise
                before = f"of {len(votes)} votes the first {count} are recorded; then: "
                raise Refused({**error.error, "msg": before + str(error.error.get("msg"))}) from None
            over = {"nfe": vote["over"]} if vote.get("over") else None
            print(f"recorded: {decisions.vote({**vote, 'over': over})}")
    if not votes:
        print("there is no vote in it: nothing is recorded.")
    return exits.DONE


def read(document: Any, name: str) -> list[Vote]:
    """The votes of a votes.json, all of them good; raises OutputError."""
    votes = document.get("votes") if isinstance(document, dict) else None
    if not isinstance(votes, list):
        raise OutputError(f'{name}: is no votes.json of a listening kit: it has no list "votes".', exits.USAGE)
    for count, vote in enumerate(votes, 1):
        if problem := _problem(vote):
            raise OutputError(f"{name}: vote {count}: {problem}.", exits.USAGE)
    return [{key: vote[key] for key in ("kind", "nfe", "over", *_TEXTS) if vote.get(key) is not None} for vote in votes]


def _problem(vote: Any) -> str:
    if not isinstance(vote, dict) or vote.get("kind") not in KINDS:
        return f'"kind" must be {", ".join(KINDS[:-1])} or {KINDS[-1]}'
    numbers = ("nfe", "over") if vote["kind"] == "prefer" else ("nfe",)
    for key in numbers:
        if type(vote.get(key)) is not int or not 1 <= vote[key] <= 128:
            return f'"{key}" must be a number from 1 to 128'
    if any(not isinstance(vote.get(key) or "", str) for key in _TEXTS):
        return f"{', '.join(_TEXTS)} must be texts"
    return ""


def _load(name: str) -> Any:
    if name == "-" and sys.stdin is None:
        raise OutputError("standard input is closed: name a file.", exits.USAGE)
    try:
        text = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return json.loads(text)
    except OSError as error:
        raise OutputError(f"{name}: {error.strerror}.", exits.USAGE) from None
    except ValueError:
        raise OutputError(f"{name}: is no JSON.", exits.USAGE) from None


def _given(args: argparse.Namespace) -> Vote:
    kind = next(kind for kind in KINDS if getattr(args, kind))
    vote = {"kind": kind, "nfe": getattr(args, kind), "text": args.text, "note": args.note}
    return {**vote, "over": args.over} if kind == "prefer" else vote


def _wrong(args: argparse.Namespace) -> str:
    """What is wrong with the command line; empty where nothing is."""
    given = [kind for kind in KINDS if getattr(args, kind)]
    if bool(args.file) + len(given) != 1:
        return "give one of: a votes.json, --prefer N --over M, --veto N, --allow N"
    if bool(args.prefer) != bool(args.over):
        return "--prefer N and --over M belong together"
    if args.prefer and args.prefer == args.over:
        return "a candidate cannot be preferred over itself"
    return "--text and --note are not for a file of votes" if args.file and (args.text or args.note) else ""
