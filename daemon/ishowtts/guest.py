"""The tuner's work in the engine: begun when nobody wants it, ended within an ODE step when somebody does. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec import structs

from ishowtts import ipc

Work = ipc.Speak | ipc.Compare
# What becomes of it: an answer of the engine, or a sentence why there is none; empty where a user took the engine away.
Outcome = ipc.Spoken | ipc.Compared | ipc.Failed | str


class Engine(Protocol):
    def try_out(self, work: Work) -> None: ...

    def cancel(self, job: int) -> None: ...


class Guest:
    """One piece of work at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._offered: tuple[Work, Callable[[Outcome, bytes], None]] | None = None
        self._job = 0  # that the engine has; 0: none
        self._unwanted = False  # a user waits for its end
        self._withdrawn = False  # nobody waits for its outcome

    @property
    def running(self) -> bool:
        return bool(self._job)

    @property
    def waiting(self) -> bool:
        return self._offered is not None and not self._job

    def offer(self, work: Work, on_end: Callable[[Outcome, bytes], None]) -> None:
        """To be begun when the engine is free; ``on_end`` is called once, with the PCM of what was spoken."""
        assert self._offered is None, "one piece of work at a time"
        self._offered = work, on_end

    def withdraw(self) -> None:
        """Nobody wants it any more: ``on_end`` is not called."""
        if self._job and not self._withdrawn:
            self._withdrawn = True
            self._engine.cancel(self._job)
        self._offered = None

    def begin(self, job: int) -> None:
        assert self._offered is not None
        self._job, self._unwanted = job, False
        self._engine.try_out(structs.replace(self._offered[0], job=job))

    def give_way(self) -> None:
        """A user waits."""
        if self._job and not self._unwanted and not self._withdrawn:
            self._unwanted = True
            self._engine.cancel(self._job)

    def took(self, event: ipc.Spoken | ipc.Compared | ipc.Failed | ipc.Dropped, pcm: bytes = b"") -> bool:
        """Was this about the guest? Then it is told. What ends although a user waits has its full time."""
        if event.job != self._job:
            return False
        self._job = 0
        if self._withdrawn:
            self._withdrawn = False  # what is offered by now is other work
        else:
            self._end("" if isinstance(event, ipc.Dropped) else event, pcm)
        return True

    def lost(self, why: str) -> None:
        """The engine is gone, and whatever it had or was about to get."""
        self._job, self._withdrawn = 0, False
        self._end(why, b"")

    def _end(self, outcome: Outcome, pcm: bytes) -> None:
        if self._offered is not None:
            on_end, self._offered = self._offered[1], None
            on_end(outcome, pcm)
