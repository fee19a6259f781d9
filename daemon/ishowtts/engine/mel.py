"""Waveform to log-mel spectrogram, and resampling: what f5-tts gets from torchaudio, in torch alone."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ishowtts.engine.arch import MelConfig


def log_mel(wave: Tensor, config: MelConfig) -> Tensor:
    """[samples] -> [frames, mels]: magnitude, HTK mel scale, log with a floor of 1e-5 (the Vocos features).

    frames = samples // hop + 1, since frames are centred.
    """
    window = torch.hann_window(config.win_length, device=wave.device)
    spectrum = torch.stft(
        wave, config.n_fft, config.hop_length, config.win_length, window, center=True, return_complex=True
    ).abs()
    bank = filter_bank(config.n_fft // 2 + 1, config.n_mel_channels, config.target_sample_rate).to(wave.device)
    return (bank @ spectrum).clamp(min=1e-5).log().T.contiguous()


@lru_cache(maxsize=4)
def filter_bank(bins: int, mels: int, rate: int) -> Tensor:
    """Triangular filters on the HTK mel scale, peak 1: [mels, bins]."""
    top = 2595.0 * math.log10(1.0 + rate / 2 / 700.0)
    points = 700.0 * (10.0 ** (torch.linspace(0.0, top, mels + 2) / 2595.0) - 1.0)
    frequencies = torch.linspace(0, rate // 2, bins)
    widths = points[1:] - points[:-1]
    slopes = points[None, :] - frequencies[:, None]
    down, up = -slopes[:, :-2] / widths[:-1], slopes[:, 2:] / widths[1:]
    return torch.minimum(down, up).clamp(min=0.0).T.contiguous()


def resample(wave: Tensor, rate: int, target: int) -> Tensor:
    """Band-limited interpolation of [samples] by a Hann-windowed sinc (torchaudio's: width 6, roll-off 0.99)."""
    if rate == target:
        return wave
    divisor = math.gcd(rate, target)
    rate, target = rate // divisor, target // divisor
    kernels, width = _sinc_kernels(rate, target)
    padded = F.pad(wave[None, None], (width, width + rate))
    phases = F.conv1d(padded, kernels.to(wave), stride=rate)
    length = math.ceil(target * len(wave) / rate)
    return phases[0].T.reshape(-1)[:length]


@lru_cache(maxsize=16)
def _sinc_kernels(rate: int, target: int, zeros: int = 6, rolloff: float = 0.99) -> tuple[Tensor, int]:
    """One filter for each of the ``target`` phases, and how far they reach to the left (smith, "digital audio
    resampling")."""
    cutoff = min(rate, target) * rolloff
    width = math.ceil(zeros * rate / cutoff)
    taps = torch.arange(-width, width + rate, dtype=torch.float64)[None] / rate
    phases = torch.arange(0, -target, -1, dtype=torch.float64)[:, None] / target
    t = ((phases + taps) * cutoff).clamp(-zeros, zeros)
    window = torch.cos(t * math.pi / zeros / 2) ** 2
    kernels = torch.sinc(t) * window * (cutoff / rate)
    return kernels[:, None].float(), width
