"""`ishowctl tune`: begin a round, follow it, show what came of it; and steer: stop, pin, unpin, roll back."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

from ishowctl import decision_text, exits
from ishowctl import decisions as of
from ishowctl.client import Client, Message, Unreachable, admin_endpoint, normal_endpoint
from ishowctl.decisions import Decision
from ishowctl.reading import at, entries, figure, words
from ishowctl.table import aligned
from ishowtts.wire.constants import HEARTBEAT_MS

EVENTS_CREDIT = 64
_REFUSED = ("refused", "void", "stopped")


def run(args: argparse.Namespace) -> int:
    with Client(admin_endpoint(normal_endpoint(args.endpoint))) as client:
        steered = _steer(args, client)
        return _follow(args, client) if steered is None else steered


def _steer(args: argparse.Namespace, client: Client) -> int | None:
    """None: a round is wanted."""
    if args.stop:
        client.ask("tune.stop")
        return exits.DONE
    if args.pin is not None or args.unpin:
        client.ask("tune.pin", nfe=args.pin)
    elif args.rollback is not None:
        client.ask("tune.rollback", to=args.rollback or None)
    else:
        return None
    last = client.ask("history", limit=1)["decisions"][0]
    print(json.dumps(last, indent=2, ensure_ascii=False) if args.json else last["sentence"])
    return exits.DONE


def _follow(args: argparse.Namespace, client: Client) -> int:
    following = client.send("subscribe", topics=["tune"], credit=EVENTS_CREDIT)
    fields = {"dry_run": args.dry_run or None, "sweep": args.sweep, "runs": args.runs, "search": args.search}
    client.ask("tune", **fields)
    line = _Line()
    try:
        end = _watch(_events(client, following), line, wait=args.wait, searches=len(args.search or ()))
    except KeyboardInterrupt:
        line.clear()
        client.ask("tune.stop")
        print("ishowctl: the round was stopped, nothing changed.", file=sys.stderr)
        return exits.INTERRUPTED
    line.clear()
    return _report(end, args, client)


def _events(client: Client, id: str) -> Iterator[dict[str, Any]]:
    while True:
        message, _ = client.receive(3 * HEARTBEAT_MS / 1000)
        if message.get("id") == id and message["op"] == "event":
            client.send("credit", id=id, n=1)
            yield message["data"]


def _watch(events: Iterator[Message], line: _Line, *, wait: bool, searches: int) -> Message:
    """The event that ends it."""
    found: list[Message] = []
    for event in events:
        kind = event["kind"]
        if kind == "decision":
            outcome = event["decision"]["outcome"]
            if outcome == "recalled" or (outcome == "proposed" and wait):
                line.show(event["decision"]["sentence"])
                continue
            return event
        if kind == "found":
            found.append(event)
            if len(found) == searches:
                return {"kind": "found", "found": found}
        elif kind == "stopped" or (kind == "resting" and event.get("outcome") in _REFUSED):
            return event
        line.show(progress(event))
    raise Unreachable("the daemon stopped telling about the round: see `ishowctl status`.")


def _report(end: Message, args: argparse.Namespace, client: Client) -> int:
    if end["kind"] == "found":
        print(json.dumps(end["found"], indent=2) if args.json else "\n".join(one["sentence"] for one in end["found"]))
        return exits.DONE
    if end["kind"] != "decision":
        if args.json:
            print(json.dumps(end, indent=2, ensure_ascii=False))
        print(f"ishowctl: {end['sentence']}", file=sys.stderr)
        for refusal in end.get("refusals") or ():
            if refusal.get("mend"):
                print(f"  {refusal['text']} -> {refusal['mend']}", file=sys.stderr)
        return exits.FAILED if "failed" in end["sentence"] else exits.REFUSED
    whole = client.ask("history", number=end["decision"]["id"])["decisions"][0]
    print(json.dumps(whole, indent=2, ensure_ascii=False) if args.json else decision(whole))
    return exits.DONE


class _Line:
    """One line of progress on a terminal; nothing elsewhere."""

    def __init__(self) -> None:
        self._wanted = exits.is_terminal(sys.stderr)

    def show(self, text: str) -> None:
        if self._wanted and text:
            print(f"\r\x1b[K{text[:100]}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._wanted:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


# --- as text ------------------------------------------------------------------------------------------------------


def progress(event: Message) -> str:
    """One line of what a round is at."""
    at = event.get("progress") or {}
    match event["kind"]:
        case "judging":
            return f"quality: {at['schedule']}, sentence {at['run']} of {at['of']}"
        case "measuring":
            run = "warm-up" if at["warm_up"] else f"run {at['run']} of at most {at['of']}"
            so_far = f", RTF {at['rtf']:.3f} so far" if at.get("rtf") is not None else ""
            return f"NFE {at['nfe']} ({at['schedule']}), {at['bucket']} text, {run}{so_far}"
        case "paused":
            return "paused: somebody is being spoken for"
        case "looking":
            return "looking at the board"
        case "search":
            best = event.get("log_mel_db")
            return f"NFE {event['nfe']}: {event['evaluations']} grids tried" + (f", best {best:.3f} dB" if best else "")
        case "resting":
            return str(event.get("sentence", ""))
        case _:
            return ""


def decision(one: Decision) -> str:
    """The table of a round and its sentence."""
    lines = [*decision_text.candidates(one), ""] if of.candidates(one) else []
    facts = [("target", of.target(one)), ("fit", of.fit(one))]
    sides = [side for side in entries(one, "buckets") if side.get("bucket") != at(one, "target.bucket")]
    if sides:
        others = [f"{words(side.get('bucket'))} {figure(at(side, 'rtf.median'))}" for side in sides]
        facts.append(("others", f"NFE {words(sides[0].get('nfe'))}: {', '.join(others)}"))
    lines += ["  " + line for line in aligned(facts)] if of.candidates(one) else []
    return "\n".join([*lines, words(one.get("sentence"))])
