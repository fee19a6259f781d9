"""The tuner's pieces of work for the engine: a sentence to time, two mels to compare."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from ishowtts import ipc, recogniser
from ishowtts.guest import Outcome, Work
from ishowtts.schedules import Schedule
from ishowtts.tuner import quality, words
from ishowtts.tuner.model import Distance
from ishowtts.tuner.plan import Trial
from ishowtts.tuner.workload import Workload

TryOut = Callable[[Work], Awaitable[tuple[Outcome, bytes]]]


class Interrupted(Exception):
    """A user took the engine."""


class NoResult(Exception):
    """The engine could not do it; one sentence why."""


@dataclass(frozen=True)
class Bench:
    """What there is to measure with. ``machine``: model, device, dtype, torch and daemon, for the record."""

    workload: Workload
    key: str  # names all that times depend on, besides the power mode
    quality_key: str  # names all that distances depend on
    machine: Mapping[str, Any]
    recogniser: str = ""


class Trials:
    """Each method raises Interrupted or NoResult."""

    def __init__(self, bench: Callable[[], Bench | None], try_out: TryOut) -> None:
        self._bench, self._try_out = bench, try_out

    @property
    def bench(self) -> Bench:
        bench = self._bench()
        if bench is None:
            raise NoResult("the engine is not ready")
        return bench

    async def speak(self, task: Trial) -> ipc.Spoken:
        workload = self.bench.workload
        work = ipc.Speak(
            job=0,
            text=workload.texts[task.bucket],
            voice=workload.voice,
            seed=workload.seed,
            nfe=task.schedule.nfe,
            times=task.schedule.times,
            cfg=workload.cfg,
            speed=1.0,
            sample_format="pcm_s16le",
            rate=24000,
        )
        outcome, _ = await self._try_out(work)
        if not isinstance(outcome, ipc.Spoken):
            _raise(outcome)
        if outcome.audio_s <= 0 or outcome.compute_s < 0:
            raise NoResult(f"the engine sent {outcome.audio_s:g} s of speech made in {outcome.compute_s:g} s")
        return outcome

    async def compare(self, schedule: Schedule, item: int) -> tuple[Distance, float]:
        """The distance to NFE 64 on one item of the quality set, and the seconds it took."""
        workload = self.bench.workload
        work = ipc.Compare(
            job=0,
            text=workload.quality_texts[item],
            voice=workload.voice,
            seed=workload.seed + item,
            cfg=workload.cfg,
            times=schedule.times,
            reference=quality.REFERENCE.times,
        )
        outcome, pcm = await self._try_out(work)
        if not isinstance(outcome, ipc.Compared):
            _raise(outcome)
        wer = await self._mishearing(pcm, work.text) if not outcome.problem else None
        return Distance(outcome.log_mel_db, outcome.mcd_db, outcome.problem, wer), outcome.compute_s

    async def _mishearing(self, pcm: bytes, text: str) -> float | None:
        program = self.bench.recogniser
        if not program:
            return None
        try:
            return words.error_rate(text, await recogniser.listen(program, pcm))
        except recogniser.CannotListen as error:
            raise NoResult(str(error)) from None


def _raise(outcome: Outcome) -> NoReturn:
    if outcome == "":
        raise Interrupted
    if isinstance(outcome, ipc.Spoken | ipc.Compared):
        raise NoResult("the engine answered another question")
    raise NoResult(outcome.rstrip(".") if isinstance(outcome, str) else outcome.msg.rstrip("."))
