"""Conditional flow matching: integrate dy/dt from noise to a mel spectrogram with Euler steps on a schedule.

Follows f5-tts's CFM.sample (f5_tts/model/cfm.py): the state is fp32, the step sizes are exact, and between two steps
the caller may stop it. Classifier-free guidance: v = v_cond + (v_cond - v_uncond) * strength.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ishowtts.engine.base import OnStep
from ishowtts.engine.model import DiT
from ishowtts.schedules import Schedule


@dataclass(frozen=True)
class Item:
    """One utterance: the reference's mel [r, mel] (fp32), tokens of reference and text together, length, seed."""

    cond: Tensor
    tokens: Sequence[int]
    frames: int
    seed: int

    @property
    def length(self) -> int:
        """At least one frame more than the reference and the tokens have, as upstream asks for."""
        return max(self.frames, len(self.tokens) + 1, len(self.cond) + 1)


@torch.inference_mode()
def sample(dit: DiT, items: Sequence[Item], schedule: Schedule, cfg: float, on_step: OnStep) -> list[Tensor]:
    """The mels [frames, mel] (fp32) of ``items``, the reference's frames first and unchanged.

    Several items go through together, each masked to its own length; ``on_step`` may raise to stop.
    """
    weight = dit.proj_out.weight
    longest = max(item.length for item in items)
    guided = cfg >= 1e-5
    constant = _constant(dit, items, longest, guided)
    mask = _mask(items, longest, weight.device, copies=2 if guided else 1)
    times = torch.tensor(schedule.times[:-1], dtype=torch.float32, device=weight.device)
    table, rotary = dit.modulations(times), dit.rotary(longest)
    y = torch.stack([_pad(_noise(item, dit.config.mel_dim), longest) for item in items]).to(weight.device)
    for i, modulation in enumerate(table):
        v = dit.velocity(y.to(weight.dtype), constant, modulation, rotary, mask).float()
        if guided:
            cond, uncond = v.chunk(2)
            v = cond + (cond - uncond) * cfg
        y = y + (schedule.times[i + 1] - schedule.times[i]) * v
        on_step(i + 1, schedule.nfe)
    return [torch.cat((item.cond, y[i, len(item.cond) : item.length])) for i, item in enumerate(items)]


def _constant(dit: DiT, items: Sequence[Item], longest: int, guided: bool) -> Tensor:
    """What reference and text contribute to every step: conditional rows, then unconditional ones."""
    weight = dit.proj_out.weight
    conds = torch.stack([_pad(item.cond, longest) for item in items]).to(weight.dtype)
    texts = [_encode(dit, items, longest, drop=False)]
    if guided:
        conds = torch.cat((conds, torch.zeros_like(conds)))
        texts.append(_encode(dit, items, longest, drop=True))
    return dit.input_embed.constant(conds, torch.cat(texts))


def _encode(dit: DiT, items: Sequence[Item], longest: int, *, drop: bool) -> Tensor:
    device = dit.proj_out.weight.device
    encoded = []
    for item in items:
        tokens = torch.tensor(item.tokens, dtype=torch.long, device=device)
        encoded.append(_pad(dit.text_embed(tokens, item.length, drop=drop), longest))
    return torch.stack(encoded)


def _mask(items: Sequence[Item], longest: int, device: torch.device, copies: int) -> Tensor | None:
    if all(item.length == longest for item in items):
        return None
    lengths = torch.tensor([item.length for item in items] * copies, device=device)
    return torch.arange(longest, device=device)[None] < lengths[:, None]


def _noise(item: Item, mel_dim: int) -> Tensor:
    """Made on the CPU, from a generator of its own: the same seed starts from the same noise on every device."""
    return torch.randn(item.length, mel_dim, generator=torch.Generator().manual_seed(item.seed))


def _pad(x: Tensor, frames: int) -> Tensor:
    return F.pad(x, (0, 0, 0, frames - len(x)))
