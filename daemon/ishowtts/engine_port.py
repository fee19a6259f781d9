"""The speech engine as the lane sees it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from ishowtts import ipc


class EngineState(str, Enum):
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    SETUP_REQUIRED = "setup_required"


class Engine(Protocol):
    """What the lane asks of the supervisor."""

    def speak(self, jobs: list[ipc.Speak]) -> None: ...

    def try_out(self, work: ipc.Speak | ipc.Compare) -> None: ...

    def cancel(self, job: int) -> None: ...


@dataclass(frozen=True)
class Defaults:
    nfe: int = 7
    cfg: float = 2.0
