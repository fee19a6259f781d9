"""Make the files that are shipped from what training left.

export.py files PIECES VOICES TARGET      upstream's layout: model.safetensors, vocab.txt, model.yaml, vocos/, voices/
export.py samples PIECES VOICES           one WAV a voice next to the pieces, on whatever device is there
export.py both PIECES VOICES TARGET
"""

from __future__ import annotations

import argparse
import shutil
import wave as wavefile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dit_files
import numpy as np
import torch
import train_vocos
import yaml
from recipe import INDEX, MEL, VOCAB, VOICES, finish_sentence
from safetensors.torch import load_file, save_file
from torch import Tensor

from ishowtts import schedules
from ishowtts.engine import mel as melody
from ishowtts.engine.arch import DiTConfig
from ishowtts.engine.mel import filter_bank
from ishowtts.engine.model import DiT
from ishowtts.engine.sampler import Sampler
from ishowtts.engine.step import Item
from ishowtts.engine.vocos import Vocos, VocosConfig

NAME = "iShowTTS-demo"
SAY = "This small voice was trained in twenty minutes, and now it reads to you."


def pieces(folder: Path) -> tuple[DiTConfig, dict[str, Tensor], VocosConfig, dict[str, Tensor]]:
    dit, vocos = dit_files.load(folder), load_file(folder / "vocos.safetensors")
    wide = dit["proj_out.weight"].shape[1] == dit_files.CONFIG.dim
    voc = train_vocos.CONFIG if vocos["head.out.weight"].shape[1] == train_vocos.CONFIG.dim else train_vocos.TINY
    return dit_files.CONFIG if wide else dit_files.TINY, dit, voc, vocos


def files(source: Path, voices: Path, target: Path) -> None:
    config, dit, vocos_config, vocos = pieces(source)
    target.mkdir(parents=True, exist_ok=True)
    write_dit(config, dit, target)
    write_vocos(vocos_config, vocos, target / "vocos")
    (target / "voices").mkdir(exist_ok=True)
    for voice in VOICES:
        for suffix in (".wav", ".txt"):
            shutil.copyfile(voices / f"{voice}{suffix}", target / "voices" / f"{voice}{suffix}")
    total = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    print(f"{target}: {total / 1e6:.1f} MB")


def write_dit(config: DiTConfig, state: dict[str, Tensor], target: Path) -> None:
    (target / "vocab.txt").write_text("".join(f"{token}\n" for token in VOCAB), encoding="utf-8")
    arch = {k: v for k, v in asdict(config).items() if k not in ("mel_dim", "text_num_embeds", "dim_head")}
    mel = asdict(MEL) | {"mel_spec_type": "vocos"}
    model = {"name": NAME, "backbone": "DiT", "tokenizer": "custom", "arch": arch, "mel_spec": mel}
    (target / "model.yaml").write_text(yaml.safe_dump({"model": model}), encoding="utf-8")
    named = {f"ema_model.transformer.{key}": value.half().contiguous() for key, value in state.items()}
    named["ema_model.transformer.rotary_embed.inv_freq"] = 1.0 / 10000 ** (
        torch.arange(0, config.dim_head, 2) / config.dim_head
    )
    save_file(named, target / "model.safetensors")


def write_vocos(config: VocosConfig, state: dict[str, Tensor], target: Path) -> None:
    """As pytorch_model.bin: stock f5-tts reads no other file from a folder."""
    target.mkdir(exist_ok=True)
    (target / "config.yaml").write_text(yaml.safe_dump(vocos_yaml(config)), encoding="utf-8")
    window = torch.hann_window(config.n_fft)
    bank = filter_bank(config.n_fft // 2 + 1, config.input_channels, MEL.target_sample_rate)
    buffers = {
        "feature_extractor.mel_spec.spectrogram.window": window,
        "feature_extractor.mel_spec.mel_scale.fb": bank.T.contiguous(),
        "head.istft.window": window,
    }
    torch.save({**buffers, **{k: v.half() for k, v in state.items()}}, target / "pytorch_model.bin")


def vocos_yaml(config: VocosConfig) -> dict[str, Any]:
    size, hop, mels = config.n_fft, config.hop_length, config.input_channels
    features = {"sample_rate": MEL.target_sample_rate, "n_fft": size, "hop_length": hop, "n_mels": mels}
    backbone = {"input_channels": mels, "dim": config.dim, "intermediate_dim": config.intermediate_dim,
                "num_layers": config.num_layers}  # fmt: skip
    head = {"dim": config.dim, "n_fft": size, "hop_length": hop}
    parts = {
        "feature_extractor": ("vocos.feature_extractors.MelSpectrogramFeatures", {**features, "padding": "center"}),
        "backbone": ("vocos.models.VocosBackbone", backbone),
        "head": ("vocos.heads.ISTFTHead", {**head, "padding": "center"}),
    }
    return {part: {"class_path": name, "init_args": args} for part, (name, args) in parts.items()}


def samples(source: Path, voices: Path, text: str, nfe: int = 16) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    config, dit_state, vocos_config, vocos_state = pieces(source)
    dit = DiT(config)
    dit.load_state_dict(dit_state)
    dit = dit.to(device).fuse()
    vocos = Vocos(vocos_config)
    vocos.load_state_dict({k: v.float() for k, v in vocos_state.items()})
    vocos = vocos.to(device).eval()
    for voice in VOICES:
        with wavefile.open(str(voices / f"{voice}.wav")) as clip:
            wave = torch.from_numpy(np.frombuffer(clip.readframes(clip.getnframes()), "<i2") / 32768).float()
        said = finish_sentence((voices / f"{voice}.txt").read_text().strip())
        frames = len(wave) // MEL.hop_length
        tokens = [INDEX[char] for char in said + text]
        total = frames + int(frames / len(said) * len(text))
        item = Item(cond=melody.log_mel(wave, MEL).to(device), tokens=tokens, frames=total, seed=1)
        made = Sampler(dit).sample([item], schedules.pick(nfe), 2.0, lambda _done, _all: None)[0]
        spoken = vocos([made[frames:]])[0].clamp(-1, 1).cpu()
        with wavefile.open(str(source / f"sample-{voice}.wav"), "wb") as clip:
            clip.setnchannels(1), clip.setsampwidth(2), clip.setframerate(MEL.target_sample_rate)
            clip.writeframes((spoken * 32767).round().short().numpy().tobytes())
        print(f"sample-{voice}.wav: {len(spoken) / 24000:.2f} s, rms {float(spoken.square().mean().sqrt()):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("files", "samples", "both"))
    parser.add_argument("pieces", type=Path)
    parser.add_argument("voices", type=Path)
    parser.add_argument("target", type=Path, nargs="?")
    parser.add_argument("--text", default=SAY)
    args = parser.parse_args()
    if args.what != "samples":
        files(args.pieces, args.voices, args.target)
    if args.what != "files":
        samples(args.pieces, args.voices, args.text)


if __name__ == "__main__":
    main()
