"""ishowctl: the parser, one function a command, the exit status."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

from ishowctl import exits, setup, tuning
from ishowctl.arguments import EXAMPLES, add, add_endpoint, nfe, positive, seed, speed
from ishowctl.client import DEFAULT_ENDPOINT, Client, Refused, Unreachable, admin_endpoint, normal_endpoint
from ishowctl.exits import OutputError
from ishowtts import __version__


def main() -> None:
    parser = build_parser()
    args, rest = parser.parse_known_args()
    if rest and args.run is not _bench:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    args.rest = rest
    if args.run is _say:
        _check_text(parser, args)
    if sys.stdout is not None and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal without UTF-8 still gets its answer
    try:
        sys.exit(args.run(args))
    except Unreachable as error:
        sys.exit(_complain(str(error), exits.UNREACHABLE))
    except Refused as error:
        sys.exit(_complain(explain(error.error), exits.of(error.error)))
    except OutputError as error:
        sys.exit(_complain(str(error), error.status))
    except KeyboardInterrupt:
        sys.exit(exits.INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(exits.DONE)
    except OSError as error:
        sys.stdout = None  # what could not be written must not be tried again at the exit
        sys.exit(_complain(f"the answer cannot be written: {error.strerror}.", exits.FAILED))


def _check_text(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    if args.text and args.file:
        parser.error("say: give a text or --file FILE, not both")
    if not (args.text or args.file) and (sys.stdin is None or sys.stdin.isatty()):
        parser.error("say: give a text, --file FILE, or text on standard input")


def explain(error: dict[str, Any]) -> str:
    """The daemon's sentence; where the two are of different ages, which one to upgrade."""
    text, reason = str(error.get("msg", "")).rstrip("."), error.get("reason")
    if reason == "VERSION":
        theirs = ", ".join(map(str, error.get("supported") or ["another protocol"]))
        return f"this ishowctl {__version__} speaks IST1, the daemon speaks {theirs}: upgrade the older of the two."
    if reason in ("OP", "NEED"):
        return f"{text}. The daemon is older than this ishowctl {__version__}: upgrade it."
    if error.get("retry_after_ms"):
        return f"{text} (try again in {error['retry_after_ms'] / 1000:.0f} s)."
    return text if text.endswith(("?", "!")) else f"{text}."


# --- commands -----------------------------------------------------------------------------------------------------


def _say(args: argparse.Namespace) -> int:
    from ishowctl import say  # each command loads only what it needs: the start is half of the time

    return say.run(args)


def _status(args: argparse.Namespace) -> int:
    from ishowctl import render

    with Client(args.endpoint) as client:
        while True:
            status = _ask_status(client)
            if args.metrics:
                from ishowctl import metrics

                print(metrics.prometheus(status), end="", flush=True)
                return exits.DONE
            text = json.dumps(status, indent=2, ensure_ascii=False) if args.json else render.status(status)
            clear = "\x1b[H\x1b[2J" if args.watch and exits.is_terminal(sys.stdout) else ""
            print(clear + text, flush=True)
            if not args.watch:
                return exits.DONE
            time.sleep(1.0)


def _ask_status(client: Client) -> dict[str, Any]:
    status = dict(client.ask("status")["status"])
    status["versions"] = {**(status.get("versions") or {}), "client": __version__}
    return status


def _doctor(args: argparse.Namespace) -> int:
    from ishowctl import doctor

    return doctor.run(args)


def _voices(args: argparse.Namespace) -> int:
    from ishowctl import render

    with Client(args.endpoint) as client:
        voices = client.ask("voices")["voices"]
    if args.json:
        print(json.dumps({"voices": voices}, indent=2, ensure_ascii=False))
    else:
        print(render.voices(voices))
    return exits.DONE


def _ping(args: argparse.Namespace) -> int:
    with Client(args.endpoint) as client:
        begun_s = time.perf_counter()
        client.ask("ping")
        first_s = time.perf_counter()
        client.ask("ping")
        print(
            f"pong in {1000 * (time.perf_counter() - first_s):.2f} ms ({1000 * (first_s - begun_s):.1f} ms to connect)"
        )
    return exits.DONE


def _wait_ready(args: argparse.Namespace) -> int:
    from ishowctl import operate

    return operate.until_ready(args.endpoint, args.timeout)


def _reload(args: argparse.Namespace) -> int:
    from ishowctl import operate

    return operate.reload(args)


def _admin(op: str) -> Callable[[argparse.Namespace], int]:
    def run(args: argparse.Namespace) -> int:
        with Client(admin_endpoint(normal_endpoint(args.endpoint))) as client:
            client.ask(op)
        return exits.DONE

    return run


def _bench(args: argparse.Namespace) -> int:
    """Become the benchmark, a program of the daemon's side: it needs torch, which nothing here may import."""
    from importlib.util import find_spec
    from shutil import which

    from ishowtts import children

    python = which(args.python or sys.executable)
    if python is None:
        return _complain(f"there is no program {args.python!r}.", exits.USAGE)
    mend = "name the Python of the daemon's engine: `ishowctl bench --python PYTHON`."
    for module, what in (("ishowtts.bench", "the daemon's part of iShowTTS"), ("torch", "torch")):
        if not args.python and find_spec(module) is None:
            return _complain(f"{python} does not have {what}: {mend}", exits.REFUSED)
    return _become(children.command(python, "ishowtts.bench", *args.rest))


def _become(command: list[str]) -> NoReturn:
    os.execv(command[0], command)  # noqa: S606 (a list, no shell)


# --- the parser ---------------------------------------------------------------------------------------------------


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ishowctl",
        description="Speak through the iShowTTS daemon and look after it.",
        epilog=f"{EXAMPLES}\n{exits.TABLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ishowctl {__version__}")
    add_endpoint(parser, os.environ.get("ISHOWTTS_ENDPOINT", DEFAULT_ENDPOINT))
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_say(commands)
    status = add(commands, "status", _status, "how the daemon is: state, engine, NFE, RTF, queue")
    form = status.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="everything, for programs")
    form.add_argument("--metrics", action="store_true", help="figures as Prometheus text")
    status.add_argument("--watch", action="store_true", help="again every second until Ctrl-C")
    voices = add(commands, "voices", _voices, "the voices it can speak with")
    voices.add_argument("--json", action="store_true", help='{"voices": [{"name": ...}, ...]}')
    doctor = add(commands, "doctor", _doctor, "check everything, change nothing: what is wrong and what mends it")
    doctor.add_argument("--json", action="store_true", help='{"worst": ..., "checks": [{"name", "level", ...}]}')
    doctor.add_argument(
        "--config", default="", metavar="FILE", help="the daemon's; default: /etc/ishowtts/ishowtts.yaml"
    )
    tuning.add_commands(commands)
    add(commands, "ping", _ping, "is it there, and how fast does it answer")
    wait = add(commands, "wait-ready", _wait_ready, "wait until it can speak")
    wait.add_argument("--timeout", type=positive, default=300.0, metavar="S", help="default: %(default).0f")
    bench = commands.add_parser("bench", add_help=False, allow_abbrev=False, help="measure the engine on this machine")
    bench.add_argument("--python", help="the one that has torch, if not the daemon's")
    bench.set_defaults(run=_bench)  # the rest, --help with it, is for the program that does it
    setup.add_options(add(commands, "setup", setup.run, setup.HELP))
    add(commands, "restart-engine", _admin("engine.restart"), "operators: end the speech engine and start it again")
    reload = add(commands, "reload", _reload, "operators: take over the changed configuration; a bad one is refused")
    reload.add_argument("--wait", action="store_true", help="until the engine, where it must start anew, can speak")
    reload.add_argument("--timeout", type=positive, default=80.0, metavar="S", help="default: %(default).0f")
    add(commands, "drain", _admin("drain"), "operators: finish what is accepted, take no more, then exit")
    return parser


def _add_say(commands: Any) -> None:
    parser = add(commands, "say", _say, "speak a text")
    parser.add_argument("text", nargs="*", metavar="TEXT", help="what to say; without it, --file or standard input")
    parser.add_argument(
        "-o", "--output", default="speech.wav", metavar="FILE", help=".wav, .flac or - (a WAV); default: %(default)s"
    )
    parser.add_argument("--play", action="store_true", help="to the loudspeaker instead of a file")
    parser.add_argument("--voice", default="default", help="see `ishowctl voices`; default: the daemon's default")
    parser.add_argument(
        "--seed", type=seed, metavar="N", help="the same seed and text give the same speech; default: random"
    )
    parser.add_argument("--nfe", type=nfe, metavar="N", help="ODE steps, 1 to 128; default: the daemon's")
    parser.add_argument("--speed", type=speed, default=1.0, metavar="X", help="0.25 to 4; default: 1")
    parser.add_argument("--file", metavar="F", help="read the text from this file")
    parser.add_argument("--timeout", type=positive, metavar="S", help="give up after this long; default: by length")


def _complain(sentence: str, status: int) -> int:
    print(f"ishowctl: {sentence}", file=sys.stderr)
    return status


if __name__ == "__main__":
    main()
