"""What every engine is to the worker. A new engine fulfils this and passes tests/engine/contract.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ishowtts import ipc

# Called after each ODE step with (done, total); raises Cancelled when nobody wants the rest.
OnStep = Callable[[int, int], None]


class SetupRequired(Exception):
    """The engine cannot load until a person mends something: what (file, key, shape), and the command that helps."""

    def __init__(self, what: str, mend: str = "") -> None:
        super().__init__(what)
        self.what, self.mend = what, mend


class Cancelled(Exception):
    """The job was cancelled between two ODE steps."""


class OutOfMemory(Exception):
    """The device's memory did not suffice for this job; the next may fit."""


@dataclass(frozen=True)
class Speech:
    """``pcm`` in the job's format and rate; ``peak`` of the samples before that, full scale 1.0, NaN if any was."""

    pcm: bytes
    audio_s: float
    peak: float


@dataclass(frozen=True)
class Comparison:
    """How far two mels of one text are apart: see engine/compare.py. ``problem``: what makes the first no speech.

    ``pcm``: the first as it sounds, pcm_s16le at 24 kHz.
    """

    log_mel_db: float
    mcd_db: float
    problem: str = ""
    pcm: bytes = b""


class Engine(Protocol):
    def ready(self) -> ipc.Ready:
        """What was loaded."""

    def speak(self, job: ipc.Speak, on_step: OnStep) -> Speech:
        """Speak one chunk. Raises Refusal for text it cannot speak, Cancelled, OutOfMemory."""

    def speak_many(self, jobs: Sequence[ipc.Speak], on_step: OnStep) -> list[Speech]:
        """Several chunks at once, at most as many as its Ready.batch_max; raises as ``speak`` does, for all of them."""

    def compare(self, job: ipc.Compare, on_step: OnStep) -> Comparison:
        """The same text from the same noise on two grids; raises as ``speak`` does."""

    def counters(self) -> ipc.Counters:
        """What it keeps now."""
