"""Conditional flow matching: integrate dy/dt from noise to a mel spectrogram with Euler steps on a schedule.

Follows f5-tts's CFM.sample (f5_tts/model/cfm.py): the state is fp32, the step sizes are exact, and between two steps
the caller may stop it. Classifier-free guidance: v = v_cond + (v_cond - v_uncond) * strength.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor

from ishowtts.engine.base import OnStep
from ishowtts.engine.model import DiT
from ishowtts.engine.step import Item, Shape, Steps
from ishowtts.schedules import Schedule

_TABLES = 8  # schedules whose AdaLN tables are kept: 2 MB each at the size of F5TTS_v1_Base and NFE 7


class Sampler:
    """A DiT and what is kept between its requests: captured steps and AdaLN tables, both bounded."""

    def __init__(self, dit: DiT) -> None:
        self.dit = dit
        self.steps = Steps(dit)
        self._tables: OrderedDict[tuple[float, ...], Tensor] = OrderedDict()

    @torch.inference_mode()
    def sample(self, items: Sequence[Item], schedule: Schedule, cfg: float, on_step: OnStep) -> list[Tensor]:
        """The mels [frames, mel] (fp32) of ``items``, the reference's frames first and unchanged.

        Several items go through together, each masked to its own length; ``on_step`` may raise to stop. On a GPU the
        last step may still be running when this returns.
        """
        step = self.steps.get(Shape.of([item.length for item in items], self.dit.ops, guided=cfg >= 1e-5))
        step.begin(items, cfg)
        for i, modulation in enumerate(self._table(schedule)):
            step.run(modulation, schedule.times[i + 1] - schedule.times[i])
            on_step(i + 1, schedule.nfe)
        return [torch.cat((item.cond, step.y[i, len(item.cond) : item.length])) for i, item in enumerate(items)]

    @torch.inference_mode()
    def capture(self, lengths: Sequence[int]) -> None:
        """Ready the step for one item of each length, so that no request waits for it."""
        for length in lengths:
            self.steps.get(Shape.of([length], self.dit.ops, guided=True))
        for length in lengths[-1:]:  # compiles what only unguided requests need
            self.steps.get(Shape.of([length], self.dit.ops, guided=False))

    def _table(self, schedule: Schedule) -> Tensor:
        if schedule.times not in self._tables:
            times = torch.tensor(schedule.times[:-1], dtype=torch.float32, device=self.dit.device)
            self._tables[schedule.times] = self.dit.modulations(times)
        self._tables.move_to_end(schedule.times)
        if len(self._tables) > _TABLES:
            self._tables.popitem(last=False)
        return self._tables[schedule.times]
