"""How far two mels of one text, made from one noise, are apart; and whether the first is speech at all.

The frames correspond, since text, length and noise are the same: no alignment is needed. Waveforms are not compared,
since phase alone makes two equal-sounding ones differ.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ishowtts.engine.base import Comparison

CEPSTRA = 13
DB = 20 / math.log(10)  # of a natural logarithm of a magnitude
SPEAKING_DB = 40.0  # a frame this far below the loudest is a pause
DURATION = 0.25  # a share of speech that differs more means words that are missing or a tail of noise
FAR_DB = 1000.0  # of what is no audio at all: the JSON that carries it knows no infinity
CLIPPED = 0.001  # share of samples at full scale


def compare(mel: Tensor, reference: Tensor, wave: Tensor) -> Comparison:
    """``mel`` and ``reference``: natural log of magnitudes, [frames, mels]; ``wave``: what ``mel`` sounds like."""
    if not torch.isfinite(mel).all() or not torch.isfinite(wave).all():
        return Comparison(FAR_DB, FAR_DB, "numbers that are no audio")
    difference = mel.float() - reference.float()
    return Comparison(
        log_mel_db=round(float(difference.abs().mean()) * DB, 4),
        mcd_db=round(float(_cepstral_distance(difference)), 4),
        problem=_problem(mel, reference, wave),
        pcm=(wave.clamp(-1, 1) * 32767).round().to(torch.int16).cpu().numpy().tobytes(),
    )


def _cepstral_distance(difference: Tensor) -> Tensor:
    """Mel cepstral distortion in dB (Kubichek 1993): 10 / ln 10 sqrt(2 sum (c - c')^2) over coefficients 1 to 13.

    The c are the cosine series of the log magnitudes, so that of a difference is the difference of theirs.
    """
    mels = difference.shape[1]
    angles = torch.arange(1, CEPSTRA + 1, device=difference.device)[:, None] * (
        math.pi / mels * (torch.arange(mels, device=difference.device) + 0.5)
    )
    cepstra = difference @ angles.cos().T * (2 / mels)
    return (10 / math.log(10)) * (2 * cepstra.square().sum(dim=1)).sqrt().mean()


def _problem(mel: Tensor, reference: Tensor, wave: Tensor) -> str:
    if float(wave.abs().max()) < 1e-4:
        return "silence"
    clipped = float((wave.abs() >= 0.999).float().mean())
    if clipped > CLIPPED:
        return f"{clipped:.1%} of the samples are clipped"
    spoken, expected = _speaking(mel), _speaking(reference)
    if abs(spoken - expected) > DURATION * expected:
        return f"speaks in {spoken} frames instead of {expected}"
    return ""


def _speaking(mel: Tensor) -> int:
    """Frames that are no pause."""
    loudness = mel.float().exp().square().sum(dim=1).clamp(min=1e-12).log() * (DB / 2)
    return int((loudness > loudness.max() - SPEAKING_DB).sum())
