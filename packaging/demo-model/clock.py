"""One clock: flite's speech warped so that every character lasts RATE frames.

Inference spreads the characters evenly over the frames, and a model this small learns to read in minutes only when the
speech does the same.
"""

from __future__ import annotations

import numpy as np
import torch
from recipe import FPS, MEL, RATE, RMS

from ishowtts.engine import mel as melody

LEAD_S = 0.03


def anchors(text: str, spans: list[tuple[float, float]]) -> tuple[list[float], list[float]] | None:
    """(seconds, characters): where the reading stands when; None when flite's words are not the text's."""
    words = text.split(" ")
    if len(words) != len(spans) or any(end <= start for start, end in spans):
        return None
    source, target, place = [max(spans[0][0] - LEAD_S, 0.0)], [0.0], 0
    for i, word in enumerate(words):
        letters = place + len(word.rstrip(".,?!:'-"))
        following = place + len(word) + 1
        if i == len(words) - 1 or spans[i + 1][0] - spans[i][1] > 0.01:
            source.append(spans[i][1])
            target.append(letters)
            if i < len(words) - 1:
                source.append(spans[i + 1][0])
                target.append(following)
        else:
            source.append(spans[i][1])
            target.append(following)
        place = following
    speeds = np.diff(source) * FPS / (np.diff(target) * RATE)
    return (source, target) if speeds.max() < 3.2 and speeds.min() > 0.15 else None


def log_mel(samples: np.ndarray, rate: int, begin: float, end: float) -> tuple[torch.Tensor, torch.Tensor]:
    """(mel, wave at 24 kHz), loudness set by the speech between ``begin`` and ``end`` seconds."""
    wave = melody.resample(torch.from_numpy(samples.astype(np.float32) / 32768), rate, MEL.target_sample_rate)
    speech = wave[int(begin * MEL.target_sample_rate) : int(end * MEL.target_sample_rate)]
    wave = (wave * (RMS / speech.square().mean().sqrt().clamp(min=1e-4))).clamp(-1, 1)
    return melody.log_mel(wave, MEL), wave


def warp(mel: torch.Tensor, source: list[float], target: list[float], characters: int) -> torch.Tensor:
    """[RATE * characters, mels]: after the last anchor the natural silence runs on, its last frame held."""
    frames = (np.arange(RATE * characters) + 0.5) / RATE
    last = source[-1] + (frames - target[-1]) * RATE / FPS
    at = np.where(frames < target[-1], np.interp(frames, target, source), last) * FPS
    at = torch.from_numpy(at).float().clamp(0, len(mel) - 4)  # the very last frames see the wave's end
    low = at.long()
    part = (at - low)[:, None]
    return mel[low] * (1 - part) + mel[low + 1] * part
