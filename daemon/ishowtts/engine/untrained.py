"""`python -m ishowtts.engine.untrained DIR`: a small seeded F5-TTS checkpoint and Vocos, in upstream's file layout.

They are untrained: they show that files, engine and daemon work, and speak noise.
"""

from __future__ import annotations

import argparse
import string
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import torch
import yaml
from safetensors.torch import save_file
from torch import nn

from ishowtts.engine.arch import DiTConfig
from ishowtts.engine.mel import filter_bank
from ishowtts.engine.model import DiT
from ishowtts.engine.native import UNTRAINED
from ishowtts.engine.vocos import Vocos, VocosConfig

Module = TypeVar("Module", bound=nn.Module)

VOCAB = [" ", *string.ascii_letters, *string.digits, *"!\"#$%&'()*+,-./:=?@_"]
SMALL = DiTConfig(
    dim=128, depth=4, heads=2, ff_mult=2, text_dim=128, conv_layers=2, text_num_embeds=len(VOCAB), qk_norm="rms_norm"
)
SMALL_VOCOS = VocosConfig(input_channels=100, dim=128, intermediate_dim=384, num_layers=4, n_fft=1024, hop_length=256)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    write(args.folder, SMALL, SMALL_VOCOS, VOCAB, seed=args.seed)
    print(f"{args.folder}: an untrained model, seed {args.seed}")


def write(
    folder: Path, dit: DiTConfig, vocos: VocosConfig, vocab: list[str], *, seed: int, name: str = "small"
) -> None:
    """model.safetensors (fp16, EMA keys), vocab.txt, model.yaml and vocos/ in ``folder``."""
    (folder / "vocos").mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in vocab), encoding="utf-8")
    (folder / "model.yaml").write_text(yaml.safe_dump(_model_yaml(dit, name)), encoding="utf-8")
    (folder / "vocos" / "config.yaml").write_text(yaml.safe_dump(_vocos_yaml(vocos)), encoding="utf-8")
    model = randomize(DiT(dit), seed)
    # Mels average about -2.5: a bias there makes the noise about as loud as speech.
    model.proj_out.bias.data.fill_(-2.5)
    state = {f"ema_model.transformer.{key}": value.half() for key, value in model.state_dict().items()}
    state["ema_model.transformer.rotary_embed.inv_freq"] = 1.0 / 10000 ** (
        torch.arange(0, dit.dim_head, 2) / dit.dim_head
    )
    save_file(state, folder / "model.safetensors")
    vocoder = randomize(Vocos(vocos), seed + 1)
    window, bank = torch.hann_window(vocos.n_fft), filter_bank(vocos.n_fft // 2 + 1, vocos.input_channels, 24000)
    buffers = {
        "feature_extractor.mel_spec.spectrogram.window": window,
        "feature_extractor.mel_spec.mel_scale.fb": bank.T.contiguous(),
        "head.istft.window": window,
    }
    torch.save({**buffers, **vocoder.state_dict()}, folder / "vocos" / "pytorch_model.bin")


def randomize(module: Module, seed: int) -> Module:
    """Every parameter from ``seed`` alone, none left at a zero that would hide a mistake."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        fan_in = max(parameter[0].numel(), 1) if parameter.dim() > 1 else 1
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() > 1:
            parameter.data = 0.7 * noise / fan_in**0.5
        else:
            # Around 1 for a norm's weight, around 0 for a bias: rounded, since torch drew the biases unseeded.
            parameter.data = parameter.data.mean().round() + 0.1 * noise
    return module


def _model_yaml(dit: DiTConfig, name: str) -> dict[str, object]:
    arch = {key: value for key, value in asdict(dit).items() if key not in ("mel_dim", "text_num_embeds", "dim_head")}
    mel = {
        "target_sample_rate": 24000,
        "n_mel_channels": dit.mel_dim,
        "hop_length": 256,
        "win_length": 1024,
        "n_fft": 1024,
        "mel_spec_type": "vocos",
    }
    return {
        "model": {
            "name": f"{name}-{UNTRAINED}",
            "backbone": "DiT",
            "tokenizer": "custom",
            "arch": arch,
            "mel_spec": mel,
        }
    }


def _vocos_yaml(vocos: VocosConfig) -> dict[str, object]:
    backbone = {
        "input_channels": vocos.input_channels,
        "dim": vocos.dim,
        "intermediate_dim": vocos.intermediate_dim,
        "num_layers": vocos.num_layers,
    }
    head = {"dim": vocos.dim, "n_fft": vocos.n_fft, "hop_length": vocos.hop_length, "padding": "center"}
    features = {
        "sample_rate": 24000,
        "n_fft": vocos.n_fft,
        "hop_length": vocos.hop_length,
        "n_mels": vocos.input_channels,
    }
    return {
        "feature_extractor": {
            "class_path": "vocos.feature_extractors.MelSpectrogramFeatures",
            "init_args": {**features, "padding": "center"},
        },
        "backbone": {"class_path": "vocos.models.VocosBackbone", "init_args": backbone},
        "head": {"class_path": "vocos.heads.ISTFTHead", "init_args": head},
    }


if __name__ == "__main__":
    main()
