"""The command line of `ishowctl bench`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ishowtts.bench import workload
from ishowtts.bench.models import SIZES
from ishowtts.bench.rows import OURS, STOCK
from ishowtts.bench.workload import Cell

QUICK_MINUTES = 9.0

ABOUT = """\
Measure this engine on this machine. Where stock f5-tts is installed beside it (in a checkout: `make bench`), it speaks
the same texts with the same random weights in turn with ours, and each of our rows says how many times faster it is.
Times run from the text to the waveform in the host's memory. Then: engine starts (cold and warm), first request, time
to first audio through the daemon, memory. Nothing of an installed daemon is touched; stop it first, it uses the GPU.
"""
EXAMPLES = """\
examples:
  ishowctl bench --quick                            ten minutes at most
  ishowctl bench --quick --resume                   go on where the last one stopped
  ishowctl bench --quick --compare old/bench.json   say what became slower since
  ishowctl bench --python /path/to/python --quick   with the Python that has torch, where that is another

exit status: 0 done, 1 slower than --compare, 2 usage, 4 something is missing here, 6 nothing could be measured
"""


@dataclass(frozen=True)
class Options:
    """What was asked for; empty and None stand for the default of the device."""

    out: Path
    cells: Sequence[Cell]
    engines: Sequence[str]
    model: str
    device: str
    reference: str
    reference_text: str
    warm_ups: int | None
    runs: int | None
    minutes: float
    machine: bool
    resume: bool
    compare: Path | None
    daemon_python: str


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ishowctl bench",
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--quick", action="store_true", help=f"fewer cells, and no new one after {QUICK_MINUTES:.0f} minutes")
    add("--out", type=Path, default=Path(".build/bench"), metavar="DIR", help="bench.json, .md; default: %(default)s")
    add("--resume", action="store_true", help="keep the rows of DIR/bench.json that are of this machine and code")
    add("--compare", type=Path, metavar="OLD.json", help="flag what is slower by 5 %% and by more than the spread")
    add("--model", choices=SIZES, help="default: F5TTS_v1_Base on a GPU, demo on a CPU")
    add("--device", default="auto", metavar="D", help="auto, cpu, cuda, cuda:1; default: auto")
    add("--engines", type=_names(STOCK, OURS), default=(STOCK, OURS), metavar="E,E", help="default: stock,ishowtts")
    add("--texts", type=_names(*workload.TEXTS), default=(), metavar="T,T", help=f"of {', '.join(workload.TEXTS)}")
    add("--nfe", type=_numbers, default=(), metavar="N,N", help=f"of {', '.join(map(str, sorted(workload.NFES)))}")
    add("--batch", type=_numbers, default=(), metavar="B,B", help="of 1, 2, 4, 8")
    add("--runs", type=_positive, metavar="N", help="timed runs of a cell; default: 10 on a GPU, 3 on a CPU")
    add("--warm-ups", type=_count, metavar="N", help="untimed runs before them; default: 3 on a GPU, 1 on a CPU")
    add("--minutes", type=float, metavar="M", help="start no cell after this; default: 9 with --quick, else no limit")
    add("--no-machine", action="store_true", help="leave out starts and time to first audio")
    add("--reference", default="", metavar="WAV", help="a clip of 1 to 12 s instead of f5-tts's English one")
    add("--reference-text", default="", metavar="WORDS", help="exactly the words in it")
    add("--daemon-python", default=sys.executable, metavar="P", help="for engine starts and daemon; default: this one")
    return parser


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Options from ``arguments`` (default: the command line); a wrong one ends the program with status 2."""
    parser = build_parser()
    args = parser.parse_args(arguments)
    if bool(args.reference) != bool(args.reference_text):
        parser.error("--reference and --reference-text belong together")
    cells = workload.cells(quick=args.quick, texts=args.texts, nfes=args.nfe, batches=args.batch)
    if not cells:
        parser.error("no cell has that text, NFE and batch" + (" with --quick" if args.quick else ""))
    return Options(
        out=args.out,
        cells=cells,
        engines=args.engines,
        model=args.model or "",
        device=args.device,
        reference=args.reference,
        reference_text=args.reference_text,
        warm_ups=args.warm_ups,
        runs=args.runs,
        minutes=args.minutes or (QUICK_MINUTES if args.quick else float("inf")),
        machine=not args.no_machine,
        resume=args.resume,
        compare=args.compare,
        daemon_python=args.daemon_python,
    )


def _names(*known: str) -> Callable[[str], tuple[str, ...]]:
    def read(text: str) -> tuple[str, ...]:
        names = tuple(text.split(","))
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return names

    return read


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(_positive(part) for part in text.split(","))


def _positive(text: str) -> int:
    return _at_least(text, 1)


def _count(text: str) -> int:
    return _at_least(text, 0)


def _at_least(text: str, least: int) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} on")
    return int(text)
