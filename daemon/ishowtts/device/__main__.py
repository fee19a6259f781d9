"""`python -m ishowtts.device`: snapshot and verdict of this machine, or of a tree of `sys/ etc/ proc/ varlib/`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from ishowtts.device import jtop_witness, probe, report
from ishowtts.device.judge import Verdict, judge
from ishowtts.device.nodes import Roots
from ishowtts.device.snapshot import Snapshot

STATUSES = {"trusted": 0, "rejected": 1, "unknown": 2}
USAGE = 64  # argparse would say 2, which means unknown here (EX_USAGE of sysexits.h)


def main() -> None:
    args = _parser().parse_args()
    if args.root is not None and not args.root.is_dir():
        sys.exit(_complain(f"{args.root} is no folder: name one that holds sys/, etc/, proc/ and varlib/."))
    roots = Roots.real() if args.root is None else Roots.under(args.root)
    ask = args.root is None or args.jtop_python is not None  # an emulated tree has no jtop, this machine may
    snapshot = probe.take(
        roots,
        jtop_witness.pick_python(args.jtop_python or "") if ask and not args.no_jtop else None,
        with_nvml=args.root is None,
    )
    verdict = judge(snapshot, expected_gpu_mhz=args.expected_gpu_mhz)
    print(_json(snapshot, verdict) if args.json else _text(snapshot, verdict))
    sys.exit(STATUSES[verdict.state])


def _json(snapshot: Snapshot, verdict: Verdict) -> str:
    whole = {
        "verdict": verdict.as_json(),
        "sentence": report.sentence(snapshot, verdict),
        "snapshot": snapshot.as_json(),
    }
    return json.dumps(whole, indent=2)


def _text(snapshot: Snapshot, verdict: Verdict) -> str:
    about = report.board(snapshot, verdict, False, time.monotonic())
    release = f"L4T {snapshot.l4t}, JetPack {snapshot.jetpack}" if snapshot.l4t else "no L4T"
    lines = [f"{about['model'] or 'unknown machine'}, {release}", about["sentence"]]
    lines += [f"  - {reason.text}\n    mend: {reason.mend}" for reason in verdict.reasons]
    lines += [f"  note: {note}" for note in verdict.notes]
    return "\n".join(lines)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        self.print_usage(sys.stderr)
        sys.exit(_complain(f"{message}."))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m ishowtts.device",
        description="Can a measurement on this machine be trusted?",
        epilog="exit status: 0 trusted, 1 rejected, 2 unknown, 64 usage",
    )
    parser.add_argument(
        "--root", type=Path, metavar="DIR", help="a tree of sys/ etc/ proc/ varlib/ instead of the machine"
    )
    parser.add_argument("--expected-gpu-mhz", type=_mhz, metavar="N", help="what this board's GPU must be locked at")
    parser.add_argument(
        "--jtop-python", metavar="PYTHON", help="the interpreter that has the jtop service's jetson-stats"
    )
    parser.add_argument("--no-jtop", action="store_true", help="do not ask jtop")
    parser.add_argument("--json", action="store_true", help="everything, for programs")
    return parser


def _mhz(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1 <= value <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of MHz from 1 to 10000")
    return value


def _complain(sentence: str) -> int:
    print(f"ishowtts.device: {sentence}", file=sys.stderr)
    return USAGE


if __name__ == "__main__":
    main()
