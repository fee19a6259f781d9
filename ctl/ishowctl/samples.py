"""`ishowctl samples`: the listening kit. Texts spoken by each candidate, level-matched, and a page to compare them."""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import wave
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ishowctl import exits, kit, level, terminal
from ishowctl.client import Client, Message, Refused, Unreachable, new_id
from ishowctl.exits import OutputError
from ishowctl.reading import at, entries

TIMEOUT_MS = 600_000


@dataclass(frozen=True)
class Wanted:
    """What the kit holds; ``texts`` by key: t1, t2 and so on."""

    texts: dict[str, str]
    nfes: list[int]
    voice: str
    seed: int


@dataclass(frozen=True)
class Spoken:
    text: str
    pcm: array[int]
    rate: int
    started: dict[str, Any]
    done: dict[str, Any]


def run(args: argparse.Namespace) -> int:
    """Raises Unreachable, Refused, OutputError."""
    folder = Path(args.folder)
    _check(folder)
    given = _texts(args.texts) if args.texts else []
    with Client(args.endpoint) as client, terminal.interruptible() as interrupted:
        status = client.ask("status")["status"]
        want = wanted(status, given, args.nfe)
        try:
            spoken = list(_speak_all(client, want))
        except BaseException:
            if not interrupted:
                raise
            terminal.note("cancelled.")
            return exits.INTERRUPTED
    samples, level_dbfs = _matched(spoken)
    description = kit.description(samples, want.texts, _made(status), level_dbfs)
    _write(folder, samples, description)
    compared = len(description["pairs"])
    print(f"{folder / 'index.html'}: {len(samples)} samples, {compared} comparisons. Open it in a browser.")
    return exits.DONE


def wanted(status: dict[str, Any], given: list[str], nfes: list[int] | None) -> Wanted:
    """The daemon's pinned workload, or what was asked for; raises Refused where there is nothing to compare."""
    work = at(status, "tune.workload")
    if not isinstance(work, dict):
        raise Refused.here("OP", "the daemon names no pinned texts")
    texts = given or work.get("quality_texts") or list((work.get("texts") or {}).values())
    known = [int(entry.get("nfe") or 0) for entry in entries(status, "tune.candidates") if not entry.get("vetoed")]
    nfes = list(dict.fromkeys(nfes or known))
    if len(nfes) < 2:
        msg = f"a comparison needs two candidates, there is {nfes or 'none'}: name them, such as --nfe 6,7,8"
        raise Refused.here("CANDIDATES", msg)
    if not texts:
        raise Refused.here("TEXTS", "there is no text to speak: give a file with --texts")
    named = {f"t{i}": str(text) for i, text in enumerate(texts, 1)}
    return Wanted(named, nfes, str(work.get("voice") or "default"), int(work.get("seed") or 0))


def _speak_all(client: Client, want: Wanted) -> Iterator[Spoken]:
    count, total = 0, len(want.texts) * len(want.nfes)
    for key, text in want.texts.items():
        for nfe in want.nfes:
            count += 1
            terminal.note(f"{count} of {total}: {key} at NFE {nfe}", passing=count < total)
            yield _speak(client, key, text, nfe, want)


def _speak(client: Client, key: str, text: str, nfe: int, want: Wanted) -> Spoken:
    """One sample; an interrupt stops it on the daemon too."""
    id, pcm = new_id(), bytearray()
    started: Message = {}
    done: Message = {}
    fields = {"text": text, "voice": want.voice, "seed": want.seed, "nfe": nfe, "timeout_ms": TIMEOUT_MS}
    try:
        for message, part in client.speak(id=id, **fields):
            pcm += part
            started = message if message["op"] == "started" else started
            done = message if message["op"] == "done" else done
    except BaseException:
        with suppress(Unreachable):
            client.cancel(id)
        raise
    return Spoken(key, array("h", bytes(pcm)), int(started["audio"]["rate"]), started, done)


def _matched(spoken: list[Spoken]) -> tuple[list[kit.Sample], float]:
    wanted_dbfs = level.common_dbfs((each.pcm, each.rate) for each in spoken)
    samples = []
    for each in spoken:
        pcm, gain_db = level.levelled(each.pcm, each.rate, wanted_dbfs)
        nfe, schedule, rtf = int(each.done["nfe"]), str(each.started.get("schedule")), float(each.done["rtf"])
        seconds, wav = len(pcm) / each.rate, _wav(pcm, each.rate)
        samples.append(kit.Sample(each.text, nfe, schedule, seconds, rtf, gain_db, wav))
    return samples, wanted_dbfs


def _made(status: dict[str, Any]) -> dict[str, Any]:
    work = at(status, "tune.workload") or {}
    return {
        "made_at": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "voice": work.get("voice"),
        "seed": work.get("seed"),
        "workload": work.get("fingerprint"),
        "model": at(status, "engine.model"),
        "device": at(status, "engine.device"),
        "dtype": at(status, "engine.dtype"),
        "daemon": at(status, "versions.daemon"),
    }


# --- files --------------------------------------------------------------------------------------------------------


def _check(folder: Path) -> None:
    """Raises OutputError before anything is spoken for it."""
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is there and is no folder.", exits.USAGE)
    if folder.is_dir() and any(folder.iterdir()):
        raise OutputError(f"{folder}: is not empty: name a new folder.", exits.USAGE)
    if not folder.absolute().parent.is_dir():
        raise OutputError(f"{folder.absolute().parent}: there is no such folder.")
    if not os.access(folder.absolute().parent, os.W_OK):
        raise OutputError(f"{folder.absolute().parent}: you may not write there.")


def _texts(name: str) -> list[str]:
    """One a line; raises OutputError for what cannot be read."""
    try:
        lines = Path(name).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise OutputError(f"{name}: {error.strerror}.", exits.USAGE) from None
    except UnicodeDecodeError:
        raise OutputError(f"{name}: is not valid UTF-8: convert it first.", exits.USAGE) from None
    texts = [line.strip() for line in lines if line.strip()]
    if not texts:
        raise OutputError(f"{name}: holds no text: one a line.", exits.USAGE)
    return texts


def _write(folder: Path, samples: list[kit.Sample], description: dict[str, Any]) -> None:
    from ishowctl.pages import listening

    wavs = {sample.name: sample.wav for sample in samples}
    try:
        with _whole(folder) as part:
            for name, wav in wavs.items():
                (part / name).write_bytes(wav)
            (part / "kit.json").write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
            (part / "index.html").write_text(listening.page(description, wavs), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror}.") from None


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """Written beside and renamed at the end: a kit of that name is always whole."""
    part = folder.absolute().with_name(f".{folder.absolute().name[:200]}.{os.getpid()}.part")
    part.mkdir()
    try:
        yield part
        part.rename(folder.absolute())  # over an empty folder too
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _wav(pcm: array[int], rate: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(pcm.tobytes())
    return file.getvalue()
