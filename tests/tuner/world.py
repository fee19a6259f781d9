"""A machine that exists only in numbers: a virtual clock, a board, users, and an engine that takes a + b x NFE.

Built from a scenario (tests/scenarios/*.yaml, whose README says what each key means) and a seed.
"""

from __future__ import annotations

import bisect
import math
import random
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from ishowtts.tuner.model import Look, Refusal
from ishowtts.tuner.policy import Policy

DAY_S = 86_400.0
FOLDER = Path(__file__).resolve().parent.parent / "scenarios"
AUDIO_S = {"short": 3.0, "medium": 8.0, "long": 14.0}


@dataclass(frozen=True)
class Happening:
    """From ``at_s`` on (until ``until_s``): other facts. ``slow``: a factor; ``untrusted``: the board says so."""

    at_s: float
    until_s: float = math.inf
    slow: float = 1.0
    untrusted: bool = False
    mode: str = ""
    heat_c: float = 0.0


@dataclass
class World:
    """The truth. ``now_s`` moves only when somebody waits or works."""

    policy: Policy
    fixed_s: float
    per_nfe_s: float
    noise: float
    outliers: float
    drift: float  # relative, over the whole time
    quality: dict[int, float]
    base_c: float
    happenings: list[Happening]
    arrivals_s: list[float]
    request_s: float
    days: float
    start_nfe: int
    rng: random.Random
    now_s: float = 0.0
    gpu_s: float = 0.0
    worst_wait_s: float = 0.0  # that a user waited for a trial, in ODE steps of the trial

    def factor(self, at_s: float) -> float:
        slow = 1.0 + self.drift * at_s / (self.days * DAY_S)
        for one in self.happenings:
            if one.at_s <= at_s < one.until_s:
                slow *= one.slow
        return slow

    def trusted(self, at_s: float) -> bool:
        return not any(one.untrusted and one.at_s <= at_s < one.until_s for one in self.happenings)

    def mode(self, at_s: float) -> str:
        mode = "MAXN"
        for one in self.happenings:
            if one.mode and one.at_s <= at_s < one.until_s:
                mode = one.mode
        return mode

    def seconds(self, nfe: int, bucket: str, at_s: float) -> float:
        """Without noise."""
        return (self.fixed_s + self.per_nfe_s * nfe) * self.factor(at_s) * AUDIO_S[bucket] / AUDIO_S["medium"]

    def rtf(self, nfe: int, at_s: float) -> float:
        """The truth that a measurement is after."""
        return self.seconds(nfe, self.policy.bucket, at_s) / AUDIO_S[self.policy.bucket]

    def work(self, seconds: float, nfe: int) -> float | None:
        """Be busy; the seconds it really took, or None when a user came and got the engine after one ODE step."""
        noisy = seconds * max(self.rng.gauss(1.0, self.noise), 0.5)
        if self.rng.random() < self.outliers:
            noisy *= self.rng.uniform(1.1, 1.6)
        arrival_s = self._next_arrival()
        if arrival_s < self.now_s + noisy:
            step_s = noisy / nfe
            wait_s = step_s * self.rng.random()
            self.worst_wait_s = max(self.worst_wait_s, wait_s / step_s)
            self.gpu_s += arrival_s + wait_s - self.now_s
            self.now_s = arrival_s + wait_s
            return None
        self.now_s += noisy
        self.gpu_s += noisy
        return noisy

    def look(self, since: Look | None) -> Look:
        from_s = since.snapshot if since else self.now_s
        bad = any(one.untrusted and one.at_s <= self.now_s and from_s < one.until_s for one in self.happenings)
        heat_c = sum(one.heat_c for one in self.happenings if one.at_s <= self.now_s < one.until_s)
        daily_c = 4.0 * math.sin(2 * math.pi * self.now_s / DAY_S)
        return Look(
            usable=not bad,
            why_not=(Refusal("board", "the clocks are not locked"),) if bad else (),
            mode=self.mode(self.now_s),
            hottest_c=self.base_c + daily_c + heat_c,
            idle_s=self.now_s - self._busy_until_s(),
            key="model",
            quality_key="weights",
            snapshot=self.now_s,
        )

    def causes(self, from_s: float, to_s: float) -> int:
        """What happened to the machine that may change the best choice; its start is the first."""
        moments = [0.0, *(moment for one in self.happenings for moment in (one.at_s, one.until_s))]
        return sum(from_s <= moment <= to_s for moment in moments)

    def _next_arrival(self) -> float:
        place = bisect.bisect_right(self.arrivals_s, self.now_s)
        return self.arrivals_s[place] if place < len(self.arrivals_s) else math.inf

    def _busy_until_s(self) -> float:
        place = bisect.bisect_right(self.arrivals_s, self.now_s)
        return self.arrivals_s[place - 1] + self.request_s if place else -math.inf


def build(scenario: dict[str, Any], seed: int) -> World:
    """``scenario`` as it stands in its file. A list of two numbers is a range that the seed draws from."""
    rng = random.Random(f"{scenario['name']} {seed}")

    def draw(value: Any) -> float:
        return rng.uniform(*value) if isinstance(value, list) else float(value)

    days = float(scenario.get("days", 30))
    engine, users = scenario["engine"], scenario.get("users", {})
    happenings = [_happening(one, draw) for one in scenario.get("happenings", [])]
    start = scenario.get("start_nfe", [6, 7, 8])
    return World(
        policy=Policy(**scenario.get("policy", {})),
        fixed_s=draw(engine["fixed_s"]),
        per_nfe_s=draw(engine["per_nfe_s"]),
        noise=draw(engine.get("noise", 0.01)),
        outliers=draw(engine.get("outliers", 0.0)),
        drift=draw(engine.get("drift", 0.0)),
        quality={int(nfe): draw(score) for nfe, score in scenario["quality"].items()},
        base_c=draw(scenario.get("base_c", 50)),
        happenings=happenings,
        arrivals_s=_arrivals(rng, draw(users.get("per_hour", 0)), days * DAY_S),
        request_s=draw(users.get("seconds", 2)),
        days=days,
        start_nfe=rng.choice(start) if isinstance(start, list) else start,
        rng=rng,
    )


@lru_cache
def scenarios() -> list[dict[str, Any]]:
    return [{"name": file.stem, **yaml.safe_load(file.read_text("utf-8"))} for file in sorted(FOLDER.glob("*.yaml"))]


def _happening(one: dict[str, Any], draw: Any) -> Happening:
    at_s = 3600 * draw(one["at_h"])
    until_s = at_s + 3600 * draw(one["for_h"]) if "for_h" in one else math.inf
    return Happening(
        at_s=at_s,
        until_s=until_s,
        slow=draw(one.get("slow", 1.0)),
        untrusted=one.get("untrusted", False),
        mode=one.get("mode", ""),
        heat_c=draw(one.get("heat_c", 0)),
    )


def _arrivals(rng: random.Random, per_hour: float, until_s: float) -> list[float]:
    """Users come in bursts: a few requests, then a longer silence."""
    found: list[float] = []
    at_s = 0.0
    while per_hour and at_s < until_s:
        at_s += rng.expovariate(per_hour / 3 / 3600)
        found.extend(at_s + 6 * i + rng.uniform(0, 4) for i in range(rng.randint(1, 5)))
    return sorted(found)
