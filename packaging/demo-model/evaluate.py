"""How well the demo model speaks: the held-out sentences through the real engine, read by pocketsphinx.

    evaluate.py MODEL [--nfe 7 32] [--only N] [--teacher-only]

Prints a Markdown table. Wants pocketsphinx (pip; its wheel carries its model) and, for the teacher, libflite1.
"""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path

import data
import numpy as np
import torch

from ishowtts import ipc
from ishowtts.engine import mel as melody


class Ear:
    """pocketsphinx on 16 kHz, large-vocabulary US English."""

    def __init__(self) -> None:
        from pocketsphinx import Decoder

        self._new = lambda: Decoder(samprate=16000, loglevel="FATAL")

    def hear(self, wave: torch.Tensor, rate: int) -> list[str]:
        wave = melody.resample(wave, rate, 16000)
        wave = wave * min(
            0.1 / max(float(wave.square().mean().sqrt()), 1e-4), 0.95 / max(float(wave.abs().max()), 1e-4)
        )
        pcm = (torch.nn.functional.pad(wave, (3200, 3200)) * 32767).short().numpy().tobytes()
        decoder = self._new()  # a fresh one: its cepstral mean adapts from utterance to utterance
        decoder.start_utt()
        decoder.process_raw(pcm, no_search=False, full_utt=True)
        decoder.end_utt()
        return words(decoder.hyp().hypstr if decoder.hyp() else "")


def words(text: str) -> list[str]:
    text = re.sub(r"\(\d+\)|<[^>]*>|\[[^]]*\]", "", text.lower())
    return re.sub(r"[^a-z' ]", " ", text).split()


def distance(a: list[str] | str, b: list[str] | str) -> int:
    row = np.arange(len(b) + 1)
    for i, x in enumerate(a, 1):
        new = np.empty_like(row)
        new[0] = i
        for j, y in enumerate(b, 1):
            new[j] = min(row[j] + 1, new[j - 1] + 1, row[j - 1] + (x != y))
        row = new
    return int(row[-1])


def score(name: str, jobs: list[tuple[str, str]], waves: list[tuple[torch.Tensor, int]], made_in: list[float]) -> float:
    """Prints one row a voice and one for all; returns the WER in per cent."""
    ear, heard = Ear(), []
    for (_, text), (wave, rate) in zip(jobs, waves, strict=True):
        heard.append(ear.hear(wave, rate))
        print(f"<!-- {name}: {text} | {' '.join(heard[-1])} -->", flush=True)
    texts = [words(text) for _, text in jobs]
    rows = [(voice, [i for i, job in enumerate(jobs) if job[0] == voice]) for voice in data.VOICES]
    total = 0.0
    for voice, mine in [*rows, ("all", list(range(len(jobs))))]:
        if not mine:
            continue
        wrong = sum(distance(texts[i], heard[i]) for i in mine)
        total = 100 * wrong / sum(len(texts[i]) for i in mine)
        # Which of all the sentences was it? Nearest by edit distance over letters, relative to length.
        found = 0
        for i in mine:
            said = " ".join(heard[i])
            away = [distance(said, " ".join(t)) / max(len(said), len(" ".join(t))) for t in texts]
            found += bool(said) and int(np.argmin(away)) == i
        seconds = sum(len(waves[i][0]) / waves[i][1] for i in mine)
        rtf = f"{sum(made_in[i] for i in mine) / seconds:.2f}" if made_in else "-"
        print(
            f"| {name} | {voice} | {len(mine)} | {total:.1f} % | {100 * found / len(mine):.0f} % |"
            f" {seconds / len(mine):.2f} s | {rtf} |",
            flush=True,
        )
    return total


def teacher(jobs: list[tuple[str, str]]) -> list[tuple[torch.Tensor, int]]:
    flite, waves = data.Flite(), []
    for voice, text in jobs:
        samples, rate, _ = flite.speak(voice, text)
        waves.append((torch.from_numpy(samples.astype(np.float32) / 32768), rate))
    return waves


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--nfe", type=int, nargs="*", default=[7, 32])
    parser.add_argument("--only", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--teacher-only", action="store_true")
    args = parser.parse_args()
    lines = (data.HERE / "held_out.txt").read_text().splitlines()
    jobs = [(data.VOICES[i % 3], text) for i, text in enumerate(lines)][: args.only]
    print("| what | voice | sentences | WER | identified | mean length | RTF |\n|---|---|---|---|---|---|---|")
    own = score("flite itself", jobs, teacher(jobs), [])
    if args.teacher_only:
        return
    from ishowtts.engine.native import NativeEngine

    folder = args.model.resolve()
    clips = [
        ipc.VoiceFiles(
            name=v, audio=str(folder / "voices" / f"{v}.wav"), text=(folder / "voices" / f"{v}.txt").read_text().strip()
        )
        for v in data.VOICES
    ]
    engine = NativeEngine(
        ipc.Configure(
            kind="native", model_config=str(folder / "model.yaml"), checkpoint=str(folder / "model.safetensors"),
            vocab=str(folder / "vocab.txt"), vocoder=str(folder / "vocos"), device="cpu", threads=args.threads,
            voices=clips,
        ),
        lambda _what: None,
    )  # fmt: skip
    print(f"<!-- {engine.ready().voices} -->")
    for nfe in args.nfe:
        waves, took = [], []
        for i, (voice, text) in enumerate(jobs):
            job = ipc.Speak(job=i, text=text, voice=voice, seed=i, nfe=nfe, cfg=2.0, speed=1.0,
                            sample_format="pcm_s16le", rate=24000)  # fmt: skip
            began = time.perf_counter()
            speech = engine.speak(job, lambda _done, _all: None)
            took.append(time.perf_counter() - began)
            waves.append((torch.from_numpy(np.frombuffer(speech.pcm, "<i2").astype(np.float32) / 32768), 24000))
        ours = score(f"NFE {nfe}", jobs, waves, took)
        print(f"<!-- NFE {nfe}: {ours - own:+.1f} points against flite itself -->", flush=True)


if __name__ == "__main__":
    main()
