"""Train the demo's Vocos on flite's own recordings: log-mel and multi-resolution STFT losses, no GAN.

train_vocos.py DATA OUT --seconds 300      (or --steps 40: as many steps, the same every time)
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from recipe import MEL
from safetensors.torch import save_file
from torch import Tensor

from ishowtts.engine.mel import filter_bank
from ishowtts.engine.vocos import Vocos, VocosConfig

CONFIG = VocosConfig(input_channels=100, dim=256, intermediate_dim=768, num_layers=6, n_fft=1024, hop_length=256)
TINY = VocosConfig(input_channels=100, dim=64, intermediate_dim=128, num_layers=2, n_fft=1024, hop_length=256)
RESOLUTIONS = ((512, 128), (1024, 256), (2048, 512), (256, 64))
SAMPLES = 96 * MEL.hop_length


def load_waves(folder: Path, shards: int, device: torch.device, *, all_made: bool) -> Tensor:
    """The recordings of so many shards one after the other, int16, as soon as they are there."""
    while True:
        complete = (folder / "complete").exists()  # looked up first: what is there then is all
        files = [file for file in sorted(folder.glob("[0-9]*.npz")) if "wave" in np.load(file).files][:shards]
        if complete or (len(files) >= shards and not all_made):
            return torch.from_numpy(np.concatenate([np.load(file)["wave"] for file in files])).to(device)
        time.sleep(0.5)


def decode(vocos: Vocos, mel: Tensor) -> Tensor:
    """[b, frames, mels] -> [b, samples]; the module's own forward is for inference."""
    spectra = vocos.head(vocos.backbone(mel.transpose(1, 2), None))
    return vocos.head.waves(spectra, None)


def spectrum(wave: Tensor, n_fft: int, hop: int) -> Tensor:
    window = torch.hann_window(n_fft, device=wave.device)
    made = torch.view_as_real(torch.stft(wave, n_fft, hop, window=window, return_complex=True))
    return (made.square().sum(-1) + 1e-9).sqrt()  # has a gradient at zero, which abs() of a complex has not


def log_mel(wave: Tensor, bank: Tensor) -> Tensor:
    return (bank @ spectrum(wave, 1024, 256)).clamp(min=1e-5).log().transpose(1, 2)


def losses_of(made: Tensor, true: Tensor, bank: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(log-mel, linear STFT, logarithmic STFT)."""
    true = true[:, : made.shape[1]]
    mel_loss = (log_mel(made, bank) - log_mel(true, bank)).abs().mean()
    linear = logarithmic = torch.zeros((), device=made.device)
    for n_fft, hop in RESOLUTIONS:
        a, b = spectrum(made, n_fft, hop), spectrum(true, n_fft, hop)
        linear = linear + (a - b).square().sum().sqrt() / b.square().sum().sqrt()
        logarithmic = logarithmic + F.l1_loss((a + 1e-5).log(), (b + 1e-5).log())
    return mel_loss, linear, logarithmic


def initialize(vocos: Vocos) -> None:
    for name, parameter in vocos.named_parameters():
        if name.endswith("gamma"):
            parameter.data.fill_(1 / len(vocos.backbone.convnext))
        elif parameter.dim() > 1:
            torch.nn.init.trunc_normal_(parameter, std=0.02)
        elif name.endswith("bias"):
            parameter.data.zero_()


def silence_edges(state: dict[str, Tensor]) -> None:
    """Make the bins of 0 Hz and 12 kHz silent, in place.

    No mel filter sees them, and where training drives one to the head's limit of 100 there is no gradient to bring it
    back: half of the power was rumble and hiss that neither the losses nor the recogniser noticed.
    """
    weight, bias = state["head.out.weight"], state["head.out.bias"]
    for bin_ in (0, len(bias) // 2 - 1):  # the first half is log magnitudes, the second phases
        weight[bin_], bias[bin_] = 0.0, -20.0


def save(vocos: Vocos, out: Path) -> None:
    state = {key: value.detach().half().cpu().clone() for key, value in vocos.state_dict().items()}
    silence_edges(state)
    save_file(state, out / ".vocos.safetensors")
    (out / ".vocos.safetensors").rename(out / "vocos.safetensors")


class Run:
    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.waves = load_waves(args.data, args.shards, device, all_made=args.steps > 0)
        self.bank = filter_bank(513, 100, 24000).to(device)
        self.vocos, self.averaged = (Vocos(TINY if args.tiny else CONFIG).to(device) for _ in range(2))
        initialize(self.vocos)
        self.averaged.load_state_dict(self.vocos.state_dict())
        self.optimizer = torch.optim.AdamW(self.vocos.parameters(), lr=1e-3, betas=(0.8, 0.99), fused=True)
        self.sums = torch.zeros(3, device=device)
        self.count = 0

    def train(self) -> None:
        args, began = self.args, time.time()
        said, saved, last = 0.0, 0.0, 0
        while True:
            elapsed = time.time() - began
            progress = self.count / args.steps if args.steps else elapsed / args.seconds
            if progress >= 1:
                break
            self._step(progress)
            due = self.count % args.steps_a_line == 0 if args.steps else elapsed - said >= args.log_every
            if due:
                self._report(elapsed, self.count - last, elapsed - said)
                said, last = elapsed, self.count
            if elapsed - saved >= 120:
                save(self.averaged, args.out)
                saved = elapsed
        save(self.averaged, args.out)
        print(f"vocos done: {self.count} steps", flush=True)

    def _step(self, progress: float) -> None:
        cosine = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress))
        for group in self.optimizer.param_groups:
            group["lr"] = 1e-3 * min(1, (self.count + 1) / self.args.warm_up) * cosine
        device = self.waves.device
        at = torch.randint(len(self.waves) - SAMPLES, (self.args.batch,), device=device)
        true = self.waves[at[:, None] + torch.arange(SAMPLES, device=device)].float() / 32767
        mel_loss, linear, logarithmic = losses_of(decode(self.vocos, log_mel(true, self.bank)), true, self.bank)
        self.optimizer.zero_grad(set_to_none=True)
        (10 * mel_loss + 2 * linear + 2 * logarithmic).backward()
        norm = torch.nn.utils.clip_grad_norm_(self.vocos.parameters(), 10.0)
        for parameter in self.vocos.parameters():
            if parameter.grad is not None:
                parameter.grad.nan_to_num_(0.0, 0.0, 0.0)
        self.optimizer.step()
        self.count += 1
        pair = [list(module.parameters()) for module in (self.averaged, self.vocos)]
        with torch.no_grad():
            torch._foreach_lerp_(*pair, 1 - min(0.999, self.count / (self.count + 10)))
        self.sums += torch.stack((mel_loss.detach(), linear.detach(), torch.isfinite(norm).float()))

    def _report(self, elapsed: float, steps: int, seconds: float) -> None:
        mel, stft, finite = (self.sums / max(steps, 1)).tolist()
        print(
            f"vocos {elapsed:.0f} s: step {self.count}, {steps / seconds:.1f} steps/s, mel {mel:.3f},"
            f" stft {stft:.3f}, finite {finite:.2f}",
            flush=True,
        )
        self.sums.zero_()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--steps", type=int, default=0, help="instead of --seconds: a run that can be repeated")
    parser.add_argument("--steps-a-line", type=int, default=10, help="with --steps, instead of --log-every")
    parser.add_argument("--log-every", type=float, default=30)
    parser.add_argument("--warm-up", type=int, default=300)
    parser.add_argument("--shards", type=int, default=9)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    Run(args).train()


if __name__ == "__main__":
    main()
