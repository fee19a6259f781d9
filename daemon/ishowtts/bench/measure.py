"""Run the subjects of one cell in turn and take their times. The clock and the device are handed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, TypeVar

from ishowtts.bench.rows import OURS, Made, Timing
from ishowtts.bench.subject import LeftOut, Subject

Result = TypeVar("Result")


class Device(Protocol):
    """What the stopwatch asks of the device; a CPU has no memory count of its own (None)."""

    def wait(self) -> None:
        """Until all that was started is done."""

    def begin(self) -> None:
        """From here on, the most memory that is in use is kept."""

    def peak_bytes(self) -> int | None: ...

    def used_bytes(self) -> int | None: ...


class Stopwatch:
    """Memory is counted for each subject on its own, though they share the device: what it holds, from its growth
    while it ran, and the most it took above that."""

    def __init__(self, device: Device, clock_s: Callable[[], float]) -> None:
        self._device, self._clock_s = device, clock_s
        self._held: dict[str, int] = {}
        self._peak: dict[str, int] = {}

    def prepare(self, subject: Subject) -> float:
        """Seconds to load. Raises LeftOut."""
        return self._watched(subject.name, subject.prepare)[0]

    def interleave(
        self, subjects: Sequence[Subject], texts: Sequence[str], nfe: int, *, warm_ups: int, runs: int
    ) -> tuple[dict[str, Timing], dict[str, LeftOut]]:
        """Times of each subject's ``runs``, in turn (a, b, a, b, ...): what the machine does, it does to all alike."""
        times: dict[str, list[float]] = {subject.name: [] for subject in subjects}
        made: dict[str, Made] = {}
        failed: dict[str, LeftOut] = {}
        self._peak.clear()
        for number in range(warm_ups + runs):
            for subject in subjects:
                if subject.name in failed:
                    continue
                try:
                    taken_s, made[subject.name] = self._watched(subject.name, partial(subject.run, texts, nfe))
                except LeftOut as problem:
                    failed[subject.name] = problem
                except Exception as error:  # noqa: BLE001 (one engine's failure must not cost the other's times)
                    failed[subject.name] = LeftOut(f"it failed ({type(error).__name__}: {str(error)[:200]}).")
                else:
                    times[subject.name] += [taken_s] if number >= warm_ups else []
            if OURS in failed:
                return {}, failed  # stock alone tells nobody anything
        good = [subject.name for subject in subjects if subject.name not in failed]
        return {name: Timing(times[name], made[name], self._peak.get(name)) for name in good}, failed

    def _watched(self, name: str, act: Callable[[], Result]) -> tuple[float, Result]:
        device = self._device
        device.wait()
        device.begin()
        before = device.used_bytes()
        begun_s = self._clock_s()
        made = act()
        device.wait()
        taken_s = self._clock_s() - begun_s
        peak, after = device.peak_bytes(), device.used_bytes()
        if before is not None and peak is not None and after is not None:
            held = self._held.get(name, 0)
            self._peak[name] = max(self._peak.get(name, 0), held + peak - before)
            self._held[name] = held + after - before
        return taken_s, made
