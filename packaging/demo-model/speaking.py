"""A folder with a demo model, spoken by the real engine. `speaking.py MODEL` says how fast and how large that is."""

from __future__ import annotations

import argparse
import json
import re
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from recipe import VOICES

from ishowtts import ipc
from ishowtts.engine.native import NativeEngine

RATE = 24000
SAY = "All of the packages listed in this field must be removed to install this package."  # 5.3 s at the clips' pace


def transcript(folder: Path, voice: str) -> str:
    return (folder / "voices" / f"{voice}.txt").read_text(encoding="utf-8").strip()


def configure(folder: Path, threads: int = 2) -> ipc.Configure:
    clips = [
        ipc.VoiceFiles(name=voice, audio=str(folder / "voices" / f"{voice}.wav"), text=transcript(folder, voice))
        for voice in VOICES
    ]
    return ipc.Configure(
        kind="native",
        model_config=str(folder / "model.yaml"),
        checkpoint=str(folder / "model.safetensors"),
        vocab=str(folder / "vocab.txt"),
        vocoder=str(folder / "vocos"),
        device="cpu",
        threads=threads,
        voices=clips,
    )


def load(folder: Path, threads: int = 2) -> NativeEngine:
    engine = NativeEngine(configure(folder, threads), lambda _what: None)
    for voice in engine.ready().voices:
        if voice.problem:
            raise SystemExit(f"evaluate: the voice {voice.name} cannot be used: {voice.problem}")
    return engine


def speak(engine: NativeEngine, voice: str, text: str, seed: int, nfe: int) -> tuple[torch.Tensor, float]:
    """([samples] at 24 kHz, the seconds it took)."""
    job = ipc.Speak(
        job=0, text=text, voice=voice, seed=seed, nfe=nfe, cfg=2.0, speed=1.0, sample_format="pcm_s16le", rate=RATE
    )
    began = time.perf_counter()
    speech = engine.speak(job, lambda _done, _all: None)
    took = time.perf_counter() - began
    return torch.from_numpy(np.frombuffer(speech.pcm, "<i2").astype(np.float32) / 32768), took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--nfe", type=int, default=7)
    args = parser.parse_args()
    engine = load(args.model, args.threads)
    runs = [speak(engine, "slt", SAY, seed, args.nfe) for seed in range(4)][1:]
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    audio_s = len(runs[0][0]) / RATE
    memory_mib = int(peak.group(1)) / 1024 if peak else 0.0
    print(json.dumps({"audio_s": audio_s, "rtf": median(took for _, took in runs) / audio_s, "memory_mib": memory_mib}))


if __name__ == "__main__":
    main()
