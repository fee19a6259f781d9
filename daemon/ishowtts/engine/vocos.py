"""Vocos: log-mel to waveform (arXiv 2306.00814). Same parameter names as the `vocos` package, inference only."""

from __future__ import annotations

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
        hidden = self.gamma * self.pwconv2(F.gelu(self.pwconv1(hidden)))
        out: Tensor = x + hidden.transpose(1, 2)
        return out


class _Backbone(nn.Module):
    def __init__(self, config: VocosConfig) -> None:
        super().__init__()
        self.embed = nn.Conv1d(config.input_channels, config.dim, kernel_size=7, padding=3)
        self.norm = nn.LayerNorm(config.dim, eps=1e-6)
        self.convnext = nn.ModuleList([_Block(config.dim, config.intermediate_dim) for _ in range(config.num_layers)])
        self.final_layer_norm = nn.LayerNorm(config.dim, eps=1e-6)

    def forward(self, mel: Tensor) -> Tensor:
        x = self.norm(self.embed(mel).transpose(1, 2)).transpose(1, 2)
        for block in self.convnext:
            x = block(x)
        out: Tensor = self.final_layer_norm(x.transpose(1, 2))
        return out


class _Head(nn.Module):
    def __init__(self, config: VocosConfig) -> None:
        super().__init__()
        self.n_fft, self.hop_length = config.n_fft, config.hop_length
        self.out = nn.Linear(config.dim, config.n_fft + 2)

    def forward(self, x: Tensor) -> Tensor:
        log_magnitude, phase = self.out(x).transpose(1, 2).chunk(2, dim=1)
        magnitude = log_magnitude.exp().clamp(max=1e2)  # upstream's guard against bursts
        spectrum = torch.polar(magnitude, phase)
        window = torch.hann_window(self.n_fft, device=x.device)
        return torch.istft(spectrum, self.n_fft, self.hop_length, self.n_fft, window, center=True)


class Vocos(nn.Module):
    def __init__(self, config: VocosConfig) -> None:
        super().__init__()
        self.backbone = _Backbone(config)
        self.head = _Head(config)

    @torch.inference_mode()
    def forward(self, mel: Tensor) -> Tensor:
        """[frames, mels] (fp32) -> [samples], (frames - 1) * hop of them."""
        out: Tensor = self.head(self.backbone(mel.T[None]))[0]
        return out
