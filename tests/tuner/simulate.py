"""Weeks of the tuner's life in a world of numbers. `make simulate` prints what became of each scenario."""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from ishowtts import schedules
from ishowtts.schedules import Schedule
from ishowtts.tuner import core
from ishowtts.tuner.events import (
    Ask,
    Commit,
    Committed,
    Compared,
    Event,
    Fired,
    Interrupted,
    Looked,
    Measured,
    Paused,
    Resting,
    TakeLook,
    Wait,
)
from ishowtts.tuner.model import Distance, Memory, Order
from ishowtts.tuner.plan import Compare, Trial
from tests.tuner import world as worlds
from tests.tuner.world import AUDIO_S, DAY_S, World

COMPARE_S = 5.0  # 64 steps and some, for a short sentence
CLOSE = 0.02  # scenarios this near a limit have no one right answer


@dataclass(frozen=True)
class Change:
    at_s: float
    nfe: int


@dataclass(frozen=True)
class Life:
    """What became of one scenario. ``right``: the oracle's answers; none: too near the target to say."""

    name: str
    seed: int
    final: int
    right: frozenset[int]
    changes: tuple[Change, ...]
    rounds: int
    steady_share: float
    worst_wait_steps: float
    sins: tuple[str, ...]

    @property
    def converged(self) -> bool:
        return not self.right or self.final in self.right


def live(world: World, name: str = "", seed: int = 0) -> Life:
    """From the start to the end of the world."""
    tuner = core.Tuner(world.policy, Memory(), schedules.pick, world.start_nfe, first_s=60.0)
    driver = _Driver(world, tuner)
    end_s = world.days * DAY_S
    marked_s, marked_gpu_s = 0.0, 0.0
    while world.now_s < end_s:
        if world.now_s < end_s / 3:
            marked_s, marked_gpu_s = world.now_s, world.gpu_s
        tuner.tell(driver.carry_out(tuner.ask()), world.now_s)
    return Life(
        name=name,
        seed=seed,
        final=tuner.active,
        right=oracle(world),
        changes=tuple(driver.changes),
        rounds=driver.rounds,
        steady_share=(world.gpu_s - marked_gpu_s) / (end_s - marked_s),
        worst_wait_steps=world.worst_wait_s,
        sins=tuple(driver.sins + _restless(driver.changes, world)),
    )


class _Driver:
    """What autotune.py is to the real daemon."""

    def __init__(self, world: World, tuner: core.Tuner) -> None:
        self.world, self.tuner = world, tuner
        self.changes: list[Change] = []
        self.sins: list[str] = []
        self.rounds = 0

    def carry_out(self, ask: Ask) -> Event:
        world = self.world
        match ask:
            case Wait(until_s):
                world.now_s = max(world.now_s, until_s)
                assert isinstance(self.tuner.state, Resting | Paused)
                state = self.tuner.state
                return Fired(state.order if isinstance(state, Resting) else Order("timer"))
            case TakeLook(since):
                return Looked(world.look(since))
            case Trial() | Compare():
                return self._work(ask)
            case Commit(decision, _):
                self.rounds += 1
                if decision.after.nfe != self.tuner.active:
                    self.changes.append(Change(world.now_s, decision.after.nfe))
                    looks = (decision.first, decision.last)
                    if decision.choice.outcome == "changed" and not all(look and look.usable for look in looks):
                        self.sins.append("changed on an untrusted look")
                    if decision.first and not world.look(decision.first).usable:
                        self.sins.append("changed although the board was not to be trusted in between")
                return Committed()

    def _work(self, task: Trial | Compare) -> Event:
        world = self.world
        first = self.tuner.state.round.first  # type: ignore[union-attr]
        if isinstance(task, Compare):
            took_s = world.work(COMPARE_S, 64)
            if took_s is None:
                return Interrupted()
            return Compared(Distance(self._distance(task.schedule), 3.0), took_s, world.look(first))
        nfe = task.schedule.nfe
        took_s = world.work(world.seconds(nfe, task.bucket, world.now_s), nfe)
        if took_s is None:
            return Interrupted()
        return Measured(took_s / AUDIO_S[task.bucket], AUDIO_S[task.bucket], took_s, world.look(first))

    def _distance(self, schedule: Schedule) -> float:
        return 2.0 * self.world.quality.get(schedule.nfe, 0.5)


def oracle(world: World) -> frozenset[int]:
    """The right NFEs at the end, worked out from the truth alone; none when a truth is within 2 % of the target.

    Day by day, because in the band between 0.9 of the target and the target the right one is the one that is there.
    Within 2 % of the 0.9 itself both answers are right.
    """
    policy, at_s = world.policy, world.days * DAY_S
    if any(abs(world.rtf(nfe, at_s) / policy.rtf_target - 1) < CLOSE for nfe in policy.candidates):
        return frozenset()
    return frozenset(_lived(world, policy.climb_below * factor) for factor in (1 - CLOSE, 1.0, 1 + CLOSE))


def _lived(world: World, climb_below: float) -> int:
    active: dict[str, int] = {}
    last = world.start_nfe
    for day in range(int(world.days) + 1):
        at_s = day * DAY_S
        rtf = {nfe: world.rtf(nfe, at_s) for nfe in world.policy.candidates}
        for _ in rtf if world.trusted(at_s) else ():
            last = active[world.mode(at_s)] = _right(active.get(world.mode(at_s), last), rtf, world, climb_below)
    return last


def _right(active: int, rtf: dict[int, float], world: World, climb_below: float) -> int:
    policy, score = world.policy, world.quality
    good = [nfe for nfe in rtf if score[nfe] <= policy.quality_limit * score[7]]
    if active in good and rtf[active] <= policy.rtf_target:
        roomy = [nfe for nfe in good if rtf[nfe] <= climb_below * policy.rtf_target]
        better = [nfe for nfe in roomy if score[nfe] < 0.97 * score[active]]
        return min(better, key=lambda nfe: score[nfe]) if better else active
    fast = [nfe for nfe in good if rtf[nfe] <= policy.rtf_target]
    return min(fast, key=lambda nfe: score[nfe]) if fast else min(good, key=lambda nfe: rtf[nfe])


def _restless(changes: list[Change], world: World) -> list[str]:
    """More than one change within a day, and nothing had happened in that day or the one before."""
    pairs = zip(changes, changes[1:])  # noqa: B905, RUF007 (pairwise is 3.10, strict would refuse)
    return [
        f"changed to {two.nfe} only {(two.at_s - one.at_s) / 3600:.1f} h after the change to {one.nfe}, without a cause"
        for one, two in pairs
        if two.at_s - one.at_s < DAY_S and not world.causes(one.at_s - DAY_S, two.at_s)
    ]


def live_scenario(job: tuple[int, int]) -> Life:
    place, seed = job
    scenario = worlds.scenarios()[place]
    return live(worlds.build(scenario, seed), scenario["name"], seed)


def run(seeds: int) -> list[Life]:
    """Every scenario with ``seeds`` seeds, on all cores."""
    jobs = [(place, seed) for place in range(len(worlds.scenarios())) for seed in range(seeds)]
    with ProcessPoolExecutor() as pool:
        return list(pool.map(live_scenario, jobs, chunksize=8))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=50, help="per scenario; default: %(default)s")
    args = parser.parse_args()
    begun_s = time.monotonic()
    lives = run(args.seeds)
    print(f"{'scenario':<28}{'lives':>6}{'judged':>8}{'right':>7}{'changes':>9}{'share':>8}{'wait':>6}")
    for name in dict.fromkeys(life.name for life in lives):
        some = [life for life in lives if life.name == name]
        judged = [life for life in some if life.right]
        right = sum(life.converged for life in judged)
        print(
            f"{name:<28}{len(some):>6}{len(judged):>8}{right:>7}{max(len(life.changes) for life in some):>9}"
            f"{max(life.steady_share for life in some):>8.2%}{max(life.worst_wait_steps for life in some):>6.2f}"
        )
    wrong = [life for life in lives if not life.converged or life.sins]
    for life in wrong[:20]:
        print(
            f"{life.name} seed {life.seed}: ended at {life.final}, right is {set(life.right)}; {'; '.join(life.sins)}"
        )
    print(f"{len(lives)} lives in {time.monotonic() - begun_s:.1f} s")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
