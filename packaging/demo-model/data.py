"""Training data of the demo model: texts from Debian prose, spoken by flite, on one clock.

    data.py texts FOLDER...          texts.txt (training) and held_out.txt from the prose in FOLDERs (packages unpacked)
    data.py speech OUT               shards of mels for texts.txt, written one by one while training already runs
    data.py voices OUT               the three reference clips with their transcripts

Everything follows from the seeds.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
import wave as wavefile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import texts
import torch
from clock import anchors, log_mel, warp
from flite import Flite
from recipe import FPS, HERE, INDEX, MEL, RATE, RMS, VOICES, finish_sentence, words_of

SHARD = 125  # texts
_flite: Flite | None = None


@dataclass(frozen=True)
class Shard:
    number: int
    voice: str
    texts: list[str]
    out: Path
    with_waves: bool


@dataclass(frozen=True)
class Made:
    kept: int
    tried: int
    seconds: float
    frames_a_character: float  # as flite speaks


def make_shard(job: Shard) -> Made:
    global _flite
    torch.set_num_threads(1)
    _flite = _flite or Flite()
    mels, tokens, sizes, waves, seconds, natural = [], [], [], [], 0.0, []
    for text in job.texts:
        samples, rate, spans = _flite.speak(job.voice, text)
        pair = anchors(text, spans)
        if pair is None:
            continue
        finished = finish_sentence(text)
        mel, wave = log_mel(samples, rate, pair[0][0], pair[0][-1])
        mels.append(warp(mel, *pair, len(finished)).half().numpy())
        tokens.extend(INDEX[char] for char in finished)
        sizes.append((len(text), len(finished)))
        natural.append((pair[0][-1] - pair[0][0]) * FPS / pair[1][-1])
        seconds += len(samples) / rate
        if job.with_waves:
            waves.append((wave[int(pair[0][0] * 24000) :] * 32767).short().numpy())
    parts = {"mel": np.concatenate(mels), "tokens": np.array(tokens, np.uint8), "sizes": np.array(sizes, np.int32)}
    if job.with_waves:
        parts |= {"wave": np.concatenate(waves)}
    partial = job.out / f".{job.number:04d}.npz"
    np.savez(partial, voice=VOICES.index(job.voice), **parts)
    partial.rename(job.out / f"{job.number:04d}.npz")
    return Made(len(sizes), len(job.texts), seconds, float(np.mean(natural)))


def speech(args: argparse.Namespace) -> None:
    out: Path = args.paths[0]
    out.mkdir(parents=True, exist_ok=True)
    lines = args.texts.read_text().splitlines()[: args.count]
    chunks = [lines[i : i + args.shard] for i in range(0, len(lines), args.shard)]
    jobs = [Shard(i, VOICES[i % 3], chunk, out, i < args.wave_shards) for i, chunk in enumerate(chunks)]
    began, kept, tried, seconds = time.time(), 0, 0, 0.0
    with multiprocessing.Pool(args.processes) as pool:
        for done, made in enumerate(pool.imap_unordered(make_shard, jobs), 1):
            kept, tried, seconds = kept + made.kept, tried + made.tried, seconds + made.seconds
            if done % 20 == 0 or done == len(jobs) or len(jobs) < 20:
                print(
                    f"data {time.time() - began:.0f} s: {done}/{len(jobs)} shards, {kept}/{tried} utterances,"
                    f" {seconds / 3600:.2f} h, {made.frames_a_character:.2f} frames a character naturally",
                    flush=True,
                )
    (out / "complete").touch()


def voices(args: argparse.Namespace) -> None:
    """Of the training texts, one a voice whose natural timing is next to even, stretched to RATE exactly."""
    flite, out = Flite(), args.paths[0]
    out.mkdir(parents=True, exist_ok=True)
    known = args.texts.read_text().splitlines()
    seen = Counter(word for text in known for word in words_of(text))
    plain = [t for t in known if 42 <= len(t) <= 56 and t.endswith(".") and not set(",:-") & set(t)]
    lines = [t for t in plain if all(seen[word] >= args.common for word in words_of(t))][:240]
    for number, voice in enumerate(VOICES):
        worst, text, stretch = most_even(flite, voice, lines[number::3])
        wave, stretch = at_the_rate(flite, voice, text, stretch)
        with wavefile.open(str(out / f"{voice}.wav"), "wb") as clip:
            clip.setnchannels(1), clip.setsampwidth(2), clip.setframerate(24000)
            clip.writeframes((wave.clamp(-1, 1) * 32767).round().short().numpy().tobytes())
        (out / f"{voice}.txt").write_text(text + "\n")
        print(f"{voice}: {len(wave) / 24000:.2f} s, {1000 * worst:.0f} ms off even, stretch {stretch:.2f}: {text}")


def most_even(flite: Flite, voice: str, lines: list[str]) -> tuple[float, str, float]:
    """(seconds off even at worst, text, the stretch to RATE)."""
    best: tuple[float, str, float] | None = None
    for text in lines:
        pair = anchors(text, flite.speak(voice, text)[2])
        if pair is None:
            continue
        at, place = np.array(pair[0]), np.array(pair[1])
        even = at[0] + (at[-1] - at[0]) * place / place[-1]
        worst = float(np.abs(at - even).max())
        stretch = float(place[-1] * RATE / FPS / (at[-1] - at[0]))
        if 0.95 <= stretch <= 1.1 and (best is None or worst < best[0]):
            best = (worst, text, stretch)
    if best is None:
        raise SystemExit(f"data: none of {len(lines)} texts can be the clip of {voice}: give it more texts.")
    return best


def at_the_rate(flite: Flite, voice: str, text: str, stretch: float) -> tuple[torch.Tensor, float]:
    """The recording of RATE frames a character, and the stretch that made it so."""
    for _ in range(4):  # the lead and the library's rounding do not stretch: close in
        source, target = anchors(text, flite.speak(voice, text, stretch)[2]) or ([0.0, 1.0], [0.0, 1.0])
        stretch *= target[-1] * RATE / FPS / (source[-1] - source[0])
    samples, rate, spans = flite.speak(voice, text, stretch)
    source, _ = anchors(text, spans) or ([0.0, 1.0], [0.0, 1.0])
    _, wave = log_mel(samples, rate, source[0], source[-1])
    length = RATE * len(finish_sentence(text)) * MEL.hop_length
    wave = with_silence(wave[int(source[0] * 24000) :][:length], length)
    wave = wave * (1.003 * RMS / wave.square().mean().sqrt())  # at least 0.1, so that inference leaves it as it is
    return wave, stretch


def with_silence(wave: torch.Tensor, length: int) -> torch.Tensor:
    """``wave`` filled up with its own last 30 ms, back and forth.

    Not with zeros: training never shows them, and behind a clip that ends with them the model loses the voice.
    """
    tail = wave[-int(0.03 * 24000) :]
    missing, loop = length - len(wave), torch.cat((tail.flip(0), tail))
    return torch.cat((wave, loop.repeat(missing // len(loop) + 1)[:missing]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("texts", "speech", "voices"))
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--texts", type=Path, default=HERE / ".gpu" / "texts.txt")
    parser.add_argument("--count", type=int, default=36_000)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--wave-shards", type=int, default=18)
    parser.add_argument("--shard", type=int, default=SHARD)
    parser.add_argument("--common", type=int, default=texts.COMMON, help="a clip's words are so often in the texts")
    args = parser.parse_args()
    if args.what == "texts":
        texts.write_texts(args.paths, args.count, args.texts.parent)
    elif args.what == "speech":
        speech(args)
    else:
        voices(args)


if __name__ == "__main__":
    main()
