"""How well the demo model speaks: the held-out sentences through the real engine, read by pocketsphinx.

    evaluate.py [MODEL] [--nfe 7 32] [--only N] [--no-speed]
    evaluate.py --teacher            makes teacher.json, what is heard of flite itself, anew; wants libflite1

Prints a Markdown table and a line for each bar; exits with 1 when one of them fails. What was heard goes to standard
error. The bars of speed are for two idle cores.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from hearing import Heard, Listener, Teacher, profile
from judging import HEADER, Bar, Figures, figures, size_bar, speech_bars, speed_bars, table
from recipe import HERE, VOICES

TEACHER = HERE / "teacher.json"


def held_out() -> list[tuple[str, str]]:
    """(voice, text), 20 of each voice."""
    lines = (HERE / "held_out.txt").read_text(encoding="utf-8").splitlines()
    return [(VOICES[i % len(VOICES)], text) for i, text in enumerate(lines)]


def make_teacher() -> None:
    from flite import Flite  # here alone: an evaluation goes without it

    try:
        flite = Flite()
    except OSError as error:
        raise SystemExit(f"evaluate: flite's library cannot be loaded ({error}): `apt install libflite1`.") from None
    jobs, waves = held_out(), []
    for voice, text in jobs:
        samples, rate, _ = flite.speak(voice, text)
        waves.append((torch.from_numpy(samples.astype(np.float32) / 32768), rate))
    profiles = {v: profile([wave for (voice, _), wave in zip(jobs, waves, strict=True) if voice == v]) for v in VOICES}
    listener = Listener(profiles)
    rows = [listener.listen(*job, *wave) for job, wave in zip(jobs, waves, strict=True)]
    Teacher(profiles, rows).write(TEACHER)
    print(f"{TEACHER}: {len(rows)} sentences")


def read_teacher() -> Teacher:
    try:
        teacher = Teacher.read(TEACHER)
    except FileNotFoundError:
        raise SystemExit(f"evaluate: {TEACHER} is not there: make it with --teacher.") from None
    if [(row.voice, row.text) for row in teacher.sentences] != held_out():
        raise SystemExit(f"evaluate: {TEACHER} is not about held_out.txt: make it again with --teacher.")
    return teacher


def listen_to(folder: Path, nfe: int, only: int, threads: int, listener: Listener) -> list[Heard]:
    import speaking

    engine, rows = speaking.load(folder, threads), []
    for seed, (voice, text) in enumerate(held_out()[:only]):
        wave, took = speaking.speak(engine, voice, text, seed, nfe)
        rows.append(listener.listen(voice, text, wave, speaking.RATE, took))
        print(f"NFE {nfe}, {voice}: {text} | {rows[-1].heard} | {rows[-1].sounds_like}", file=sys.stderr, flush=True)
    return rows


def speed(folder: Path, threads: int) -> list[Bar]:
    """In a process of its own, which holds the engine and no recogniser."""
    command = [sys.executable, str(HERE / "speaking.py"), str(folder), "--threads", str(threads)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return speed_bars(found["rtf"], found["audio_s"], found["memory_mib"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", default=HERE / "model")
    parser.add_argument("--nfe", type=int, nargs="*", default=[7, 32])
    parser.add_argument("--only", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-speed", action="store_true", help="leave out the bars of speed and memory")
    parser.add_argument("--teacher", action="store_true")
    args = parser.parse_args()
    if args.teacher:
        make_teacher()
        return
    import speaking

    folder, teacher = args.model.resolve(), read_teacher()
    transcripts = {voice: speaking.transcript(folder, voice) for voice in VOICES}
    texts = [text for _, text in held_out()]
    spoken = {"flite itself": teacher.sentences[: args.only]}
    listener = Listener(teacher.profiles)
    bars = [size_bar(folder)] + ([] if args.no_speed else speed(folder, args.threads))
    made: dict[int, Figures] = {}
    for nfe in args.nfe:
        spoken[f"NFE {nfe}"] = listen_to(folder, nfe, args.only, args.threads, listener)
        made[nfe] = figures(spoken[f"NFE {nfe}"], texts, transcripts)
    print(HEADER)
    for what, rows in spoken.items():
        print(*table(what, rows, texts, transcripts), sep="\n")
    print()
    bars = speech_bars(figures(spoken["flite itself"], texts, transcripts), made) + bars
    print(*(f"- {bar}" for bar in bars), sep="\n")
    sys.exit(not all(bar.passed for bar in bars))


if __name__ == "__main__":
    main()
