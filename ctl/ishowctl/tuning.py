"""The tuner's commands in the parser. Their code is loaded when they run: the parser is built at every start."""

from __future__ import annotations

import argparse
from typing import Any

from ishowctl.arguments import add, nfe, number


def add_commands(commands: Any) -> None:
    _add_tune(commands)
    _add_history(commands)
    _add_samples(commands)
    _add_vote(commands)
    _add_report(commands)


def _add_tune(commands: Any) -> None:
    parser = add(commands, "tune", _tune, "operators: measure the candidates now, hold the best within the RTF target")
    parser.add_argument("--wait", action="store_true", help="also through the round that confirms a change")
    parser.add_argument("--dry-run", action="store_true", help="measure and say what would be chosen, change nothing")
    parser.add_argument("--sweep", type=_nfes, metavar="N,N", help="measure these NFEs, such as 5,6,7,8,9,10")
    parser.add_argument("--runs", type=_runs, metavar="N", help="of each, 3 to 100; default: until it is plain")
    parser.add_argument("--json", action="store_true", help="the whole decision with its evidence")
    parser.add_argument(
        "--search", type=_nfes, metavar="N,N", help="instead: search better time grids for these NFEs and this model"
    )
    steer = parser.add_mutually_exclusive_group()
    steer.add_argument("--stop", action="store_true", help="end the round that is under way")
    steer.add_argument("--pin", type=_tuned_nfe, metavar="N", help="speak with this NFE whatever the rounds say")
    steer.add_argument("--unpin", action="store_true", help="let the rounds decide again")
    steer.add_argument(
        "--rollback",
        type=_count,
        nargs="?",
        const=0,
        metavar="ID",
        help="as after decision ID; without one, as before the last change",
    )


def _add_history(commands: Any) -> None:
    parser = add(commands, "history", _history, "what the tuner decided, when and why")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help='{"decisions": [...], "votes": [...]}, newest first')
    form.add_argument("--plot", metavar="FILE", help="draw them over time into a .png or .svg; needs matplotlib")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--limit", type=_count, metavar="N", help="the newest N; default: 20, with --plot 1000")
    which.add_argument("--id", type=_count, metavar="N", help="this decision whole, with its evidence")


def _add_samples(commands: Any) -> None:
    parser = add(
        commands, "samples", _samples, "a listening kit: texts spoken by each candidate, and a page to compare"
    )
    parser.add_argument("folder", metavar="DIR", help="new or empty; index.html in it is the page")
    parser.add_argument("--nfe", type=_nfes, metavar="N,N", help="which candidates; default: those of the tuner")
    parser.add_argument("--texts", metavar="FILE", help="one text a line; default: those the daemon measures with")


def _add_vote(commands: Any) -> None:
    parser = add(commands, "vote", _vote, "operators: record what you heard: which sounds better, which never again")
    parser.add_argument("file", nargs="?", default="", metavar="FILE", help="votes.json of a listening kit; - reads it")
    parser.add_argument("--prefer", type=nfe, metavar="N", help="this NFE sounds better ...")
    parser.add_argument("--over", type=nfe, metavar="M", help="... than this one")
    parser.add_argument("--veto", type=nfe, metavar="N", help="the tuner never chooses this NFE, whatever it measures")
    parser.add_argument("--allow", type=nfe, metavar="N", help="it may again")
    parser.add_argument("--text", default="", metavar="T", help="on which text it was heard")
    parser.add_argument("--note", default="", metavar="WHY", help="why, in your words; kept with the vote")
    parser.set_defaults(error=parser.error)


def _add_report(commands: Any) -> None:
    parser = add(commands, "report", _report, "one page about speed, sound and decisions, for a browser or a printer")
    parser.add_argument(
        "file", nargs="?", default="ishowtts-report.html", metavar="FILE", help="- writes it out; default: %(default)s"
    )


def _tune(args: argparse.Namespace) -> int:
    from ishowctl import tune

    return tune.run(args)


def _history(args: argparse.Namespace) -> int:
    from ishowctl import history

    return history.run(args)


def _samples(args: argparse.Namespace) -> int:
    from ishowctl import samples

    return samples.run(args)


def _vote(args: argparse.Namespace) -> int:
    from ishowctl import vote

    return vote.run(args)


def _report(args: argparse.Namespace) -> int:
    from ishowctl import report

    return report.run(args)


def _nfes(text: str) -> list[int]:
    return [nfe(part) for part in text.split(",")]


def _tuned_nfe(text: str) -> int:
    return int(number(text, int, 3, 64))


def _runs(text: str) -> int:
    return int(number(text, int, 3, 100))


def _count(text: str) -> int:
    return int(number(text, int, 1, 1_000_000))
