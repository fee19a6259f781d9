"""The nouns of tuning: frozen, and without behaviour beyond what they can say of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ishowtts.schedules import Schedule

Reason = Literal["start", "timer", "operator", "confirm", "drift", "changed"]


@dataclass(frozen=True)
class Refusal:
    """Why there can be no round now: a code for programs, a sentence with both numbers, what to do about it."""

    code: str
    text: str
    mend: str = ""


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look at the board and the queue.

    ``key`` names all that a measured time depends on besides the power mode: model, voice, torch, device;
    ``quality_key`` all that a distance depends on. ``snapshot`` is for whoever looks again.
    """

    usable: bool
    why_not: tuple[Refusal, ...] = ()
    mode: str = ""
    hottest_c: float | None = None
    idle_s: float = 0.0
    key: str = ""
    quality_key: str = ""
    board: Mapping[str, Any] | None = None
    snapshot: Any = None


@dataclass(frozen=True)
class Order:
    """Why a round begins, and what an operator (``asked``) wants of it: only to look, other NFEs, a number of runs."""

    reason: Reason
    asked: bool = False
    dry_run: bool = False
    sweep: tuple[int, ...] = ()
    runs: int = 0


@dataclass(frozen=True)
class Distance:
    """One item of the quality set spoken twice from the same noise, with a candidate and with NFE 64.

    ``log_mel_db``: mean absolute difference of the log mels; ``mcd_db``: mel cepstral distortion; both over the
    generated frames. ``problem``: what makes it no speech at all (NaN, silence, clipping), else empty. ``wer``: word
    error rate of what a recogniser heard, where there is one.
    """

    log_mel_db: float
    mcd_db: float
    problem: str = ""
    wer: float | None = None


@dataclass(frozen=True)
class Quality:
    """A candidate's distances together. ``score``: median log-mel distance relative to that of EPSS-7."""

    score: float
    log_mel_db: float
    mcd_db: float
    passes: bool
    why: str = ""
    wer: float | None = None


@dataclass(frozen=True)
class Summary:
    """RTFs of one candidate in one bucket."""

    runs: tuple[float, ...]
    median: float
    mad: float  # median absolute deviation
    audio_s: float

    @property
    def spread(self) -> float:
        return self.mad / self.median if self.median else 0.0


@dataclass(frozen=True)
class Fit:
    """Seconds for one utterance of the target bucket = fixed_s + per_nfe_s x NFE."""

    fixed_s: float
    per_nfe_s: float
    r2: float
    nfe_max: int  # the largest NFE that would meet the target; 0: none


@dataclass(frozen=True)
class Standing:
    """What a round knows of one candidate."""

    schedule: Schedule
    rtf: Summary | None
    quality: Quality | None
    vetoed: bool = False

    @property
    def passes(self) -> bool:
        return not self.vetoed and self.quality is not None and self.quality.passes


@dataclass(frozen=True)
class Choice:
    """What to speak with, and the outcome in a word and a sentence."""

    nfe: int
    outcome: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The end of a round, with all its evidence."""

    order: Order
    choice: Choice
    before: Schedule
    after: Schedule
    wanted: Schedule | None = None  # what would be taken, were it not for a dry run, a pin or a missing confirmation
    mode: str
    key: str
    standings: tuple[Standing, ...] = ()
    buckets: Mapping[str, Summary] = field(default_factory=dict)
    fit: Fit | None = None
    yardsticks: Mapping[str, float] = field(default_factory=dict)
    first: Look | None = None
    last: Look | None = None
    gpu_s: float = 0.0
    wall_s: float = 0.0
    trials: int = 0


@dataclass(frozen=True)
class Memory:
    """What outlives the process. ``choices``: (power mode, key) -> NFE. ``pending``: a proposal and its rounds."""

    choices: Mapping[tuple[str, str], int] = field(default_factory=dict)
    pending: tuple[str, str, int, int] | None = None  # mode, key, NFE, rounds that agreed
    pinned: int | None = None
    vetoed: frozenset[int] = frozenset()

    def recall(self, mode: str | None, key: str) -> int | None:
        """What to speak with there (``mode`` None: in any power mode); never what a person has vetoed."""
        if self.pinned is not None:
            return self.pinned
        known = [nfe for (its, of), nfe in self.choices.items() if of == key and mode in (its, None)]
        return next((nfe for nfe in reversed(known) if nfe not in self.vetoed), None)
