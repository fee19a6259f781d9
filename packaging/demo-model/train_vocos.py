"""Train the demo's Vocos on flite's own recordings: log-mel and multi-resolution STFT losses, no GAN.

train_vocos.py DATA OUT --seconds 300
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from ishowtts.engine.mel import filter_bank
from ishowtts.engine.vocos import Vocos, VocosConfig

CONFIG = VocosConfig(input_channels=100, dim=256, intermediate_dim=768, num_layers=6, n_fft=1024, hop_length=256)
TINY = VocosConfig(input_channels=100, dim=64, intermediate_dim=128, num_layers=2, n_fft=1024, hop_length=256)
RESOLUTIONS = ((512, 128), (1024, 256), (2048, 512), (256, 64))
FRAMES = 96


def wait_for(folder: Path, shards: int) -> list[Path]:
    while True:
        files = sorted(folder.glob("[0-9]*.npz"))
        if len(files) >= shards or (folder / "complete").exists():
            return files
        time.sleep(0.5)


def load_waves(folder: Path, shards: int, device: torch.device) -> Tensor:
    """All recordings one after the other, int16."""
    while True:
        files = [file for file in wait_for(folder, shards) if "wave" in np.load(file).files][:shards]
        if len(files) >= shards or (folder / "complete").exists():
            return torch.from_numpy(np.concatenate([np.load(file)["wave"] for file in files])).to(device)
        time.sleep(0.5)


def decode(vocos: Vocos, mel: Tensor) -> Tensor:
    """[b, frames, mels] -> [b, samples]; the module's own forward is for inference."""
    return vocos.head(vocos.backbone(mel.transpose(1, 2)))  # type: ignore[no-any-return]


def spectrum(wave: Tensor, n_fft: int, hop: int) -> Tensor:
    window = torch.hann_window(n_fft, device=wave.device)
    made = torch.view_as_real(torch.stft(wave, n_fft, hop, window=window, return_complex=True))
    return (made.square().sum(-1) + 1e-9).sqrt()  # has a gradient at zero, which abs() of a complex has not


def log_mel(wave: Tensor, bank: Tensor) -> Tensor:
    return (bank @ spectrum(wave, 1024, 256)).clamp(min=1e-5).log().transpose(1, 2)


def save(vocos: Vocos, out: Path) -> None:
    state = {key: value.detach().half().cpu().contiguous() for key, value in vocos.state_dict().items()}
    save_file(state, out / ".vocos.safetensors")
    (out / ".vocos.safetensors").rename(out / "vocos.safetensors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--shards", type=int, default=9)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    waves = load_waves(args.data, args.shards, device)
    bank = filter_bank(513, 100, 24000).to(device)
    vocos = Vocos(TINY if args.tiny else CONFIG).to(device)
    for name, parameter in vocos.named_parameters():
        if name.endswith("gamma"):
            parameter.data.fill_(1 / len(vocos.backbone.convnext))
        elif parameter.dim() > 1:
            torch.nn.init.trunc_normal_(parameter, std=0.02)
        elif name.endswith("bias"):
            parameter.data.zero_()
    averaged = Vocos(TINY if args.tiny else CONFIG).to(device)
    averaged.load_state_dict(vocos.state_dict())
    pairs = [list(averaged.parameters()), list(vocos.parameters())]
    optimizer = torch.optim.AdamW(vocos.parameters(), lr=1e-3, betas=(0.8, 0.99), fused=True)
    size = FRAMES * 256
    began, said, saved, step = time.time(), 0.0, time.time(), 0
    losses = torch.zeros(3, device=device)
    while (elapsed := time.time() - began) < args.seconds:
        progress = elapsed / args.seconds
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min(1, (step + 1) / 300) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))
        at = torch.randint(len(waves) - size, (args.batch,), device=device)
        true = waves[at[:, None] + torch.arange(size, device=device)].float() / 32767
        mel = log_mel(true, bank)
        made = decode(vocos, mel)
        true = true[:, : made.shape[1]]
        mel_loss = (log_mel(made, bank) - log_mel(true, bank)).abs().mean()
        linear = logarithmic = torch.zeros((), device=device)
        for n_fft, hop in RESOLUTIONS:
            a, b = spectrum(made, n_fft, hop), spectrum(true, n_fft, hop)
            linear = linear + (a - b).square().sum().sqrt() / b.square().sum().sqrt()
            logarithmic = logarithmic + F.l1_loss((a + 1e-5).log(), (b + 1e-5).log())
        loss = 10 * mel_loss + 2 * linear + 2 * logarithmic
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(vocos.parameters(), 10.0)
        ok = torch.isfinite(norm)
        for parameter in vocos.parameters():
            if parameter.grad is not None:
                parameter.grad.nan_to_num_(0.0, 0.0, 0.0)
        optimizer.step()
        step += 1
        with torch.no_grad():
            torch._foreach_lerp_(*pairs, 1 - min(0.999, step / (step + 10)))
        losses += torch.stack((mel_loss.detach(), linear.detach(), ok.float()))
        if elapsed - said >= (5 if args.tiny else 30):
            count = max(step - getattr(main, "last", 0), 1)
            mean = (losses / count).tolist()
            print(
                f"vocos {elapsed:.0f} s: step {step}, {count / (elapsed - said):.1f} steps/s, mel {mean[0]:.3f},"
                f" stft {mean[1]:.3f}, finite {mean[2]:.2f}",
                flush=True,
            )
            main.last = step  # type: ignore[attr-defined]
            losses.zero_()
            said = elapsed
        if time.time() - saved >= 120:
            save(averaged, args.out)
            saved = time.time()
    save(averaged, args.out)
    print(f"vocos done: {step} steps", flush=True)


if __name__ == "__main__":
    main()
