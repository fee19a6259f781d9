"""What the tuner asks for, what it is told, and where it can stand. Frozen; each state holds exactly what it needs."""

from __future__ import annotations

from dataclasses import dataclass, field

from ishowtts.tuner.model import Decision, Distance, Look, Memory, Order
from ishowtts.tuner.plan import Compare, Round, Task, Trial

# --- what it asks for (Compare and Trial are plan's) --------------------------------------------------------------


@dataclass(frozen=True)
class Wait:
    until_s: float


@dataclass(frozen=True)
class TakeLook:
    """Look at the board; with ``since`` also at what happened to it between the two."""

    since: Look | None = None


@dataclass(frozen=True)
class Commit:
    """On disk first, the memory and the evidence together; then the switch."""

    decision: Decision
    memory: Memory


Ask = Wait | TakeLook | Commit | Compare | Trial

# --- what it is told ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fired:
    order: Order


@dataclass(frozen=True)
class Looked:
    look: Look


@dataclass(frozen=True)
class Measured:
    """A trial and the look after it. ``gpu_s``: how long the engine was busy."""

    rtf: float
    audio_s: float
    gpu_s: float
    look: Look


@dataclass(frozen=True)
class Compared:
    distance: Distance
    gpu_s: float
    look: Look


@dataclass(frozen=True)
class Interrupted:
    """A user's request took the engine away."""


@dataclass(frozen=True)
class Stopped:
    """An operator ended the round."""


@dataclass(frozen=True)
class Failed:
    why: str


@dataclass(frozen=True)
class Committed:
    pass


Event = Fired | Looked | Measured | Compared | Interrupted | Stopped | Failed | Committed

# --- where it stands: each state holds exactly what it needs ------------------------------------------------------


@dataclass(frozen=True)
class Resting:
    due_s: float
    order: Order = field(default_factory=lambda: Order("timer"))  # of the round that is due


@dataclass(frozen=True)
class Looking:
    order: Order


@dataclass(frozen=True)
class Working:
    round: Round
    task: Task


@dataclass(frozen=True)
class Paused:
    round: Round
    until_s: float
    looking: bool = False


@dataclass(frozen=True)
class Committing:
    decision: Decision
    memory: Memory
    pause_s: float
    then: Order  # the next round: at once without a pause


State = Resting | Looking | Working | Paused | Committing
