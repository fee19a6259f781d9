"""`ishowctl say`: text in, speech out."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path

from ishowctl import exits, sound, terminal
from ishowctl.client import Client, Message, Refused, Unreachable, new_id

DAY_MS = 86_400_000
LONG_CHARS = 300  # from here on a person wants to see how far it is


def run(args: argparse.Namespace) -> int:
    """Speak; the exit status. Raises Unreachable, Refused, OutputError."""
    text = _read_text(args)
    output = _output(args)
    fields = {
        "id": new_id(),
        "text": text,
        "voice": args.voice,
        "seed": args.seed,
        "nfe": args.nfe,
        "speed": args.speed,
        "prio": "interactive",
        "timeout_ms": min(int(1000 * (args.timeout or 60 + len(text))), DAY_MS),
    }
    done = None
    with Client(args.endpoint) as client, terminal.interruptible() as interrupted:
        try:
            for message, pcm in client.speak(**fields):
                done = _take(message, pcm, output, len(text))
            output.keep()
        except BaseException:
            output.drop()
            with suppress(Unreachable):
                client.cancel(fields["id"])
            if not interrupted:
                raise
            terminal.note("cancelled.")
            return exits.INTERRUPTED
    assert done is not None
    where = "played" if args.play else "standard output" if str(args.output) == "-" else args.output
    spoken = (
        f"{done['audio_ms'] / 1000:.1f} s of speech, RTF {done['rtf']:.2f} at NFE {done['nfe']}, seed {done['seed']}"
    )
    terminal.note(f"{where}: {spoken}")
    return exits.DONE


def _take(message: Message, pcm: bytes, output: sound.Output, chars: int) -> Message | None:
    match message["op"]:
        case "started":
            output.open(message["audio"]["rate"])
        case "audio":
            output.write(pcm)
        case "progress" if chars >= LONG_CHARS:
            terminal.note(f"{message['state']}, {message['pct']} %", passing=True)
        case "done":
            return message
    return None


def _output(args: argparse.Namespace) -> sound.Output:
    if args.play:
        return sound.Player()
    return sound.StdoutOutput() if str(args.output) == "-" else sound.FileOutput(Path(args.output))


def _read_text(args: argparse.Namespace) -> str:
    """From the argument, --file or standard input; raises Refused for what is not UTF-8."""
    try:
        if args.file:
            return Path(args.file).read_bytes().decode()
        if args.text and args.text != ["-"]:
            return " ".join(args.text).encode("utf-8", "surrogateescape").decode()
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        msg = "the text is not valid UTF-8: convert it first."
        raise Refused.here("HEADER", msg) from None
    except OSError as error:
        raise exits.OutputError(f"{args.file}: {error.strerror}.", exits.USAGE) from None
