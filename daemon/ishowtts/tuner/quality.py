"""How far a schedule is from what the same weights say with many steps, from the same noise. Pure.

No ear and no second model: each item of the quality set is spoken with the candidate and with NFE 64 from the same
noise, and the mels are compared. The unit is what EPSS-7 costs, the published grid of f5-tts, which its paper (arXiv
2505.19931) finds about as intelligible as 32 steps: a score of 1.2 is a fifth further away.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from ishowtts import schedules
from ishowtts.schedules import Schedule
from ishowtts.tuner.model import Distance, Quality

REFERENCE = Schedule("uniform-64", schedules.pick(64).times)
UNIT = schedules.pick(7)
YARDSTICKS = (UNIT, Schedule("uniform-16", schedules.uniform(16).times))

MISHEARD = 0.05  # share of words by which a recogniser may mishear a candidate more than EPSS-7

Distances = Mapping[str, tuple[Distance, ...]]  # by the schedule's name, in the order of the quality set


def judge(name: str, distances: Distances, limit: float) -> Quality | None:
    """Of the schedule ``name``; None while its distances or EPSS-7's are not known."""
    own, unit = distances.get(name), distances.get(UNIT.name)
    if not own or not unit:
        return None
    why = next((distance.problem for distance in own if distance.problem), "")
    log_mel_db = median(distance.log_mel_db for distance in own)
    score = log_mel_db / max(median(distance.log_mel_db for distance in unit), 1e-9)
    wer, unit_wer = _wer(own), _wer(unit)
    if not why and score > limit:
        why = f"{score:.2f} times as far from NFE 64 as EPSS-7, at most {limit:.2f} passes"
    if not why and wer is not None and unit_wer is not None and wer > unit_wer + MISHEARD:
        why = f"{wer:.0%} of its words are misheard, {unit_wer:.0%} of EPSS-7's"
    return Quality(score, log_mel_db, median(distance.mcd_db for distance in own), not why, why, wer)


def _wer(distances: tuple[Distance, ...]) -> float | None:
    known = [distance.wer for distance in distances if distance.wer is not None]
    return sum(known) / len(known) if known else None


def yardsticks(distances: Distances) -> dict[str, float]:
    """Median log-mel distance to NFE 64 in dB of each yardstick that is known."""
    known = {schedule.name: distances.get(schedule.name) for schedule in YARDSTICKS}
    return {name: median(one.log_mel_db for one in found) for name, found in known.items() if found}
