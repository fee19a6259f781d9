"""Mel spectrogram, resampling and vocoder against torchaudio and vocos."""

from __future__ import annotations

from importlib.resources import files

import pytest
import soundfile
import torch
import torchaudio
from f5_tts.model.modules import MelSpec
from torch import nn
from vocos.heads import ISTFTHead
from vocos.models import VocosBackbone

from ishowtts.engine import mel
from ishowtts.engine.arch import MelConfig
from ishowtts.engine.untrained import randomize
from ishowtts.engine.vocos import Vocos, VocosConfig

from .models import MEL, relative_l2

CLIPS = ["basic/basic_ref_en.wav", "basic/basic_ref_zh.wav", "multi/town.flac"]


@pytest.mark.parametrize("clip", CLIPS)
def test_mel_of_a_reference(clip: str) -> None:
    samples, _ = soundfile.read(
        str(files("f5_tts").joinpath(f"infer/examples/{clip}")), dtype="float32", always_2d=True
    )
    wave = torch.from_numpy(samples).mean(dim=1)
    theirs = MelSpec(**MEL, mel_spec_type="vocos")(wave[None])[0].T
    assert relative_l2(mel.log_mel(wave, MelConfig()), theirs) <= 1e-4


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
def test_resampling(rate: int) -> None:
    wave = torch.randn(int(1.3 * rate))
    theirs = torchaudio.functional.resample(wave, rate, 24000)
    assert relative_l2(mel.resample(wave, rate, 24000), theirs) <= 1e-5


@pytest.mark.parametrize(("dim", "layers", "frames"), [(64, 2, 50), (512, 8, 200), (96, 3, 3)])
def test_vocos(dim: int, layers: int, frames: int) -> None:
    config = VocosConfig(100, dim, 3 * dim, layers, 1024, 256)
    backbone = randomize(VocosBackbone(100, dim, 3 * dim, layers), seed=1)
    head = randomize(ISTFTHead(dim, 1024, 256, padding="center"), seed=2)
    ours = Vocos(config)
    ours.load_state_dict(
        {f"backbone.{key}": value for key, value in backbone.state_dict().items()}
        | {f"head.{key}": value for key, value in head.state_dict().items() if "istft" not in key}
    )
    features = torch.randn(frames, 100) - 2.5
    theirs = head(backbone(features.T[None]))[0]
    assert relative_l2(ours.eval()([features])[0], theirs) <= 1e-5
    assert isinstance(ours, nn.Module)
