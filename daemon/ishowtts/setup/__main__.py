"""`python -m ishowtts.setup`: what `ishowctl setup` becomes. Exit status as ishowctl's.

The options are ishowctl's (its parser has their help); here they are read again.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ishowtts import places
from ishowtts.places import Places
from ishowtts.setup import download, journal, models, report
from ishowtts.setup.errors import BUSY, FAILED, INTERRUPTED, NOT_PERMITTED, REFUSED, SetupError
from ishowtts.setup.models import Licence
from ishowtts.setup.plan import Wheel, Wish
from ishowtts.setup.progress import Progress
from ishowtts.setup.steps import Setup


def main() -> None:
    args = parser().parse_args()
    try:
        sys.exit(_run(args))
    except SetupError as error:
        sys.exit(_complain(args, error))
    except OSError as error:
        what = f"{error.filename or 'the disk'}: {error.strerror}."
        sys.exit(_complain(args, SetupError(what, "Mend that, then run setup again: it continues.", FAILED)))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="ishowctl setup")
    made.add_argument("--from", dest="source")
    made.add_argument("--model", choices=sorted(models.MODELS))
    made.add_argument("--torch", action="append", default=[])
    made.add_argument("--accept-licence", action="store_true")
    made.add_argument("--status", action="store_true")
    made.add_argument("--json", action="store_true")
    return made


def _run(args: argparse.Namespace) -> int:
    found = places.here()
    if found is None:
        raise SetupError("setup is for the installed package.", "In a checkout, `make setup` does this.", REFUSED)
    if args.status:
        setup = Setup(found, _wish(args, found), Progress(), lambda _licence: False)
        print(report.as_json(setup) if args.json else report.text(setup))
        return 0
    os.umask(0o022)  # the daemon's user must be able to read what root makes here
    if os.geteuid() and found.root == Path("/"):
        raise SetupError("setup changes files of root.", "sudo ishowctl setup", NOT_PERMITTED)
    with _alone(found):
        setup = Setup(found, _wish(args, found), Progress(), lambda licence: args.accept_licence or _ask(licence))
        setup.run()
    if args.json:
        print(report.as_json(setup))
    else:
        print('Done. Try: ishowctl wait-ready && ishowctl say "It works."')
    return 0


def _wish(args: argparse.Namespace, found: Places) -> Wish:
    """What is not said again stays as it was said before, so that `ishowctl setup` alone continues."""
    before = journal.read(found.journal).wish or Wish(models.DEFAULT)
    model = args.model or (before.model if before.model in models.MODELS else models.DEFAULT)
    wheels = before.wheels if not args.torch else tuple(_wheels(args.torch))
    source = args.source or before.source
    if source != "hub" and not Path(source).is_dir():
        raise SetupError(f"{source} is no folder.", "Name one, or `--from hub`.", REFUSED)
    return Wish(model, wheels, source if source == "hub" else str(Path(source).resolve()))


def _wheels(options: list[str]) -> Iterator[Wheel]:
    """`--torch device` asks for none; `--torch wheel:FILE` may stand several times."""
    for option in options:
        kind, _, name = option.partition(":")
        if kind == "wheel" and name:
            file = Path(name).resolve()
            if not file.is_file():
                raise SetupError(f"{file} is not there.", "Name a wheel: --torch wheel:FILE", REFUSED)
            yield Wheel(str(file), download.sha256(file))
        elif option != "device":
            raise SetupError(f"--torch {option} is not known.", "Say `--torch device` or `--torch wheel:FILE`.", 2)


def _ask(licence: Licence) -> bool:
    print(f"\n{licence.of}: {licence.name}. {licence.text}", file=sys.stderr)
    if not licence.must_accept:
        return True
    if not sys.stdin or not sys.stdin.isatty():
        return False
    print("Accept? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


@contextmanager
def _alone(found: Places) -> Iterator[None]:
    found.runtimes.mkdir(parents=True, exist_ok=True)
    found.models.mkdir(parents=True, exist_ok=True)
    lock = os.open(found.runtimes / "setup.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise SetupError("another setup is running.", "Wait for it: ishowctl setup --status", BUSY) from None
    finally:
        os.close(lock)


def _complain(args: argparse.Namespace, error: SetupError) -> int:
    print(f"ishowctl: {error.what}\n  -> {error.mend}".rstrip("\n ->"), file=sys.stderr)
    if args.json:
        print(json.dumps({"error": {"what": error.what, "mend": error.mend}}))
    return error.status


if __name__ == "__main__":
    main()
