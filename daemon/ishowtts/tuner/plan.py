"""What a round does next, from what it has done so far. Pure.

Quality first, since it is remembered and rules candidates out; then the times, candidate after candidate and again, so
that a drift of the machine meets all of them alike; last the chosen one's times in the other buckets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ishowtts.schedules import Schedule
from ishowtts.tuner import quality, stats
from ishowtts.tuner.model import Distance, Look, Order, Standing, Summary
from ishowtts.tuner.policy import Bucket, Policy

BUCKETS: dict[Bucket, float] = {"short": 3.0, "medium": 8.0, "long": 14.0}  # seconds of speech, about
QUALITY_ITEMS = 4
MIN_RUNS = 4
SIDE_RUNS = 3  # in the buckets that decide nothing


@dataclass(frozen=True)
class Compare:
    """Speak item ``item`` of the quality set with ``schedule`` and with NFE 64, and say how far apart they are."""

    schedule: Schedule
    item: int


@dataclass(frozen=True)
class Trial:
    """Speak the text of ``bucket`` and say how long it took."""

    schedule: Schedule
    bucket: Bucket
    warm_up: bool = False


Task = Compare | Trial


@dataclass(frozen=True, kw_only=True)
class Round:
    """All that a round under way knows. ``runs``: RTFs by (schedule, bucket); ``audio_s`` by bucket."""

    order: Order
    candidates: tuple[Schedule, ...]
    active: Schedule
    first: Look
    begun_s: float
    distances: quality.Distances = field(default_factory=dict)
    runs: Mapping[tuple[str, Bucket], tuple[float, ...]] = field(default_factory=dict)
    audio_s: Mapping[Bucket, float] = field(default_factory=dict)
    cold: tuple[str, ...] = ()  # schedules that need a warm-up before their next run counts
    gpu_s: float = 0.0
    trials: int = 0
    wanted: tuple[Schedule, ...] = ()  # the candidates worth measuring, once their quality is known
    side: Schedule | None = None  # chosen: measured in the other buckets too

    def summary(self, schedule: Schedule, bucket: Bucket) -> Summary | None:
        runs = self.runs.get((schedule.name, bucket))
        return stats.summarise(runs, self.audio_s[bucket]) if runs else None


def open_round(order: Order, candidates: tuple[Schedule, ...], active: Schedule, look: Look, now_s: float) -> Round:
    """The active schedule is always among those measured."""
    if active not in candidates:
        candidates = (*candidates, active)
    cold = tuple(schedule.name for schedule in candidates)
    return Round(order=order, candidates=candidates, active=active, first=look, begun_s=now_s, cold=cold)


def next_task(round_: Round, policy: Policy) -> Task | None:
    """None: enough is known to decide (or, with ``side`` set, to end)."""
    if not round_.wanted:
        return next_comparison(round_)
    return _next_trial(round_, policy) if round_.side is None else _next_side_trial(round_, policy)


def narrow(round_: Round, policy: Policy, vetoed: frozenset[int]) -> Round:
    """With every quality known: a round by itself measures only what it could choose, an operator sees everything."""

    def could_be_chosen(schedule: Schedule) -> bool:
        judged = quality.judge(schedule.name, round_.distances, policy.quality_limit)
        return schedule.nfe not in vetoed and judged is not None and judged.passes

    wanted = [
        schedule
        for schedule in round_.candidates
        if round_.order.reason == "operator" or schedule == round_.active or could_be_chosen(schedule)
    ]
    return replace(round_, wanted=tuple(wanted))


def count(round_: Round, task: Trial, rtf: float, audio_s: float, gpu_s: float) -> Round:
    """The round after one more trial."""
    busy = replace(round_, gpu_s=round_.gpu_s + gpu_s, trials=round_.trials + 1)
    if task.warm_up:
        return replace(busy, cold=tuple(name for name in round_.cold if name != task.schedule.name))
    key = (task.schedule.name, task.bucket)
    runs = {**round_.runs, key: (*round_.runs.get(key, ()), rtf)}
    return replace(busy, runs=runs, audio_s={**round_.audio_s, task.bucket: audio_s})


def keep(round_: Round, task: Compare, distance: Distance, gpu_s: float) -> Round:
    """The round after one more comparison."""
    name = task.schedule.name
    known = (*round_.distances.get(name, ()), distance)
    return replace(round_, distances={**round_.distances, name: known}, gpu_s=round_.gpu_s + gpu_s)


def interrupted(round_: Round) -> Round:
    """What was counted stays; the machine has done other work since, so each candidate warms up again."""
    return replace(round_, cold=tuple(schedule.name for schedule in round_.candidates))


def standings(round_: Round, policy: Policy, vetoed: frozenset[int]) -> tuple[Standing, ...]:
    """Best-sounding first; those whose quality is not known last."""
    found = [
        Standing(
            schedule,
            round_.summary(schedule, policy.bucket),
            quality.judge(schedule.name, round_.distances, policy.quality_limit),
            schedule.nfe in vetoed,
        )
        for schedule in round_.candidates
    ]
    return tuple(sorted(found, key=lambda standing: standing.quality.score if standing.quality else float("inf")))


def next_comparison(round_: Round) -> Compare | None:
    """None: the quality of every candidate and yardstick is known."""
    wanted = {schedule.name: schedule for schedule in (*quality.YARDSTICKS, *round_.candidates)}
    for schedule in wanted.values():
        known = round_.distances.get(schedule.name, ())
        if len(known) < QUALITY_ITEMS and not any(distance.problem for distance in known):
            return Compare(schedule, len(known))
    return None


def _next_trial(round_: Round, policy: Policy) -> Trial | None:
    for schedule in round_.wanted:
        if schedule.name in round_.cold:
            return Trial(schedule, policy.bucket, warm_up=True)
    most, limits = round_.order.runs or policy.runs, (policy.rtf_target, policy.climb_below * policy.rtf_target)
    open_: list[tuple[int, int, Schedule]] = []
    for place, schedule in enumerate(round_.wanted):
        summary = round_.summary(schedule, policy.bucket)
        runs = len(summary.runs) if summary else 0
        enough = summary is not None and not round_.order.runs and runs >= MIN_RUNS and stats.decided(summary, limits)
        if runs < most and not enough:
            open_.append((runs, (place - runs) % len(round_.wanted), schedule))  # each pass begins with another
    return Trial(min(open_, key=lambda one: one[:2])[2], policy.bucket) if open_ else None


def _next_side_trial(round_: Round, policy: Policy) -> Trial | None:
    assert round_.side is not None
    for bucket in BUCKETS:
        runs = round_.runs.get((round_.side.name, bucket), ())
        if bucket != policy.bucket and len(runs) < SIDE_RUNS:
            return Trial(round_.side, bucket)
    return None
