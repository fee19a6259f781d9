"""Vocos: log-mel to waveform (arXiv 2306.00814). Same parameter names as the `vocos` package, inference only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ishowtts.engine import arch
from ishowtts.engine.base import SetupRequired


@dataclass(frozen=True)
class VocosConfig:
    input_channels: int
    dim: int
    intermediate_dim: int
    num_layers: int
    n_fft: int
    hop_length: int


def read_config(file: Path) -> VocosConfig:
    """Vocos's config.yaml; raises SetupRequired for a variant that cannot be served."""
    tree = arch.read_yaml(file)
    try:
        backbone, head = tree["backbone"]["init_args"], tree["head"]["init_args"]
        if head.get("padding", "same") != "center":
            raise SetupRequired(f"{file}: head.init_args.padding must be center, as in vocos-mel-24khz.")
        if head["n_fft"] % head["hop_length"]:
            raise SetupRequired(f"{file}: head.init_args.n_fft must be a multiple of hop_length.")
        values = {key: backbone[key] for key in ("input_channels", "dim", "intermediate_dim", "num_layers")}
        return msgspec.convert(values | {key: head[key] for key in ("n_fft", "hop_length")}, VocosConfig, strict=True)
    except (KeyError, TypeError, AttributeError) as error:
        raise SetupRequired(f"{file} is no Vocos configuration: {error} is missing.") from None
    except msgspec.ValidationError as error:
        raise SetupRequired(f"{file}: {str(error).replace(' - at `$', ' at `')}.") from None


class _Block(nn.Module):
    def __init__(self, dim: int, intermediate_dim: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv1d(dim, dim, kernel_size=7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.pwconv1 = nn.Linear(dim, intermediate_dim)
        self.pwconv2 = nn.Linear(intermediate_dim, dim)
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.norm(self.dwconv(x).transpose(1, 2))
        hidden = self.pwconv2(F.gelu(self.pwconv1(hidden)))
        return torch.addcmul(x, self.gamma[:, None], hidden.transpose(1, 2))


class _Backbone(nn.Module):
    def __init__(self, config: VocosConfig) -> None:
        super().__init__()
        self.embed = nn.Conv1d(config.input_channels, config.dim, kernel_size=7, padding=3)
        self.norm = nn.LayerNorm(config.dim, eps=1e-6)
        self.convnext = nn.ModuleList([_Block(config.dim, config.intermediate_dim) for _ in range(config.num_layers)])
        self.final_layer_norm = nn.LayerNorm(config.dim, eps=1e-6)

    def forward(self, mel: Tensor, outside: Tensor | None) -> Tensor:
        """[b, mels, n] -> [b, n, dim]; ``outside`` [b, 1, n] are frames beyond each item's, zero for every kernel."""
        x = self.norm(self.embed(mel).transpose(1, 2)).transpose(1, 2)
        for block in self.convnext:
            x = block(x if outside is None else x.masked_fill(outside, 0.0))
        out: Tensor = self.final_layer_norm(x.transpose(1, 2))
        return out


class _Head(nn.Module):
    def __init__(self, config: VocosConfig) -> None:
        super().__init__()
        self.n_fft, self.hop_length = config.n_fft, config.hop_length
        self.out = nn.Linear(config.dim, config.n_fft + 2)

    def forward(self, x: Tensor) -> Tensor:
        """[b, n, dim] -> spectrum [b, n_fft / 2 + 1, n], complex."""
        log_magnitude, phase = self.out(x).transpose(1, 2).chunk(2, dim=1)
        magnitude = log_magnitude.exp().clamp(max=1e2)  # upstream's guard against bursts
        return torch.polar(magnitude, phase)

    def waves(self, spectra: Tensor, inside: Tensor | None) -> Tensor:
        """Inverse STFT [b, n_fft / 2 + 1, n] -> [b, (n - 1) * hop], as torch.istft(center=True), which would wait.

        ``inside`` [b, n, 1] are each item's own frames: the others neither sound nor count.
        """
        window = torch.hann_window(self.n_fft, device=spectra.device)
        frames = torch.fft.irfft(spectra.transpose(1, 2), n=self.n_fft) * window
        weights = window.square().expand_as(frames)
        if inside is not None:
            frames, weights = frames * inside, weights * inside
        made, weight = self._overlap_add(frames), self._overlap_add(weights).clamp(min=1e-11)
        start = self.n_fft // 2
        return (made / weight)[:, start : start + (frames.shape[1] - 1) * self.hop_length]

    def _overlap_add(self, frames: Tensor) -> Tensor:
        """[b, n, n_fft] -> [b, (n - 1) * hop + n_fft]"""
        b, n, _ = frames.shape
        hops = self.n_fft // self.hop_length
        total = frames.new_zeros(b, n + hops - 1, self.hop_length)
        for i, part in enumerate(frames.reshape(b, n, hops, self.hop_length).unbind(2)):
            total[:, i : i + n] += part
        return total.flatten(1)


class Vocos(nn.Module):
    def __init__(self, config: VocosConfig) -> None:
        super().__init__()
        self.backbone = _Backbone(config)
        self.head = _Head(config)

    @torch.inference_mode()
    def forward(self, mels: Sequence[Tensor]) -> list[Tensor]:
        """[frames, mels] (fp32) each -> [samples] each, (frames - 1) * hop of them."""
        lengths = [len(mel) for mel in mels]
        padded = torch.nn.utils.rnn.pad_sequence(list(mels), batch_first=True).transpose(1, 2)
        inside = None
        if min(lengths) < max(lengths):
            frames = torch.arange(max(lengths), device=padded.device)
            inside = frames < torch.tensor(lengths, device=padded.device)[:, None]
        with _tf32():
            spectra = self.head(self.backbone(padded, None if inside is None else ~inside[:, None]))
        waves = self.head.waves(spectra, None if inside is None else inside[..., None])
        hop = self.head.hop_length
        return [wave[: (length - 1) * hop] for wave, length in zip(waves, lengths, strict=True)]


@contextmanager
def _tf32() -> Iterator[None]:
    """Let CUDA multiply fp32 matrices with fp16's 10 bits of mantissa: half the vocoder's time, -60 dB of error."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
