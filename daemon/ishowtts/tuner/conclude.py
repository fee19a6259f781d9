"""From a finished round to what is committed: the choice, whether it must be confirmed first, the evidence. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ishowtts.tuner import decide, plan, quality, stats
from ishowtts.tuner.model import Choice, Decision, Look, Memory, Order, Summary
from ishowtts.tuner.plan import Round
from ishowtts.tuner.policy import Policy


@dataclass(frozen=True)
class Settled:
    """``choice`` is what holds from now on; the next round is ``pause_s`` away, for ``then``'s reason."""

    choice: Choice
    memory: Memory
    pause_s: float
    then: Order


def choose(round_: Round, policy: Policy, vetoed: frozenset[int]) -> Choice:
    """Among the configuration's candidates: what an operator's sweep measured besides is only shown."""
    allowed = (*policy.candidates, round_.active.nfe)
    standings = [one for one in plan.standings(round_, policy, vetoed) if one.schedule.nfe in allowed]
    return decide.choose(standings, round_.active, policy)


def settle(
    wanted: Choice, round_: Round, policy: Policy, memory: Memory, held_s: float, active: Summary | None
) -> Settled:
    """Dry runs and pins change nothing; a change is confirmed by another round unless far over the target or vetoed.

    ``held_s``: since the last change. ``active``: the active candidate's RTFs.
    """
    home, order = round_.active.nfe, round_.order
    where = (round_.first.mode, round_.first.key)
    timer = Order("timer")
    if order.dry_run:
        told = Choice(home, "dry_run", f"dry run, nothing changes: {wanted.sentence}")
        return Settled(told, memory, policy.period_s, timer)
    if memory.pinned is not None:
        told = Choice(home, "pinned", f"NFE {home} is pinned; unpinned: {wanted.sentence}")
        return Settled(told, replace(memory, pending=None), policy.period_s, timer)
    settled = replace(memory, choices={**memory.choices, where: wanted.nfe}, pending=None)
    if wanted.nfe == home:
        return Settled(wanted, settled, policy.period_s, timer)
    agreed = memory.pending[3] + 1 if memory.pending and memory.pending[:3] == (*where, wanted.nfe) else 1
    far_over = active is not None and active.median > policy.panic_above * policy.rtf_target
    dwelt = held_s >= policy.dwell_s or order.asked
    if far_over or home in memory.vetoed or (agreed >= policy.confirm_rounds and dwelt):
        return Settled(wanted, settled, policy.period_s, timer)
    wait_s = policy.confirm_s if dwelt else max(policy.dwell_s - held_s, policy.confirm_s)
    text = f"NFE {home} stays for now, round {agreed} of {policy.confirm_rounds} that must agree: {wanted.sentence}"
    pending = (*where, wanted.nfe, agreed)
    told = Choice(home, "proposed", text)
    return Settled(told, replace(memory, pending=pending), wait_s, Order("confirm", asked=order.asked))


def decision(
    round_: Round, choice: Choice, policy: Policy, vetoed: frozenset[int], last: Look, now_s: float
) -> Decision:
    standings = plan.standings(round_, policy, vetoed)
    seconds = [(one.schedule.nfe, one.rtf.median * one.rtf.audio_s) for one in standings if one.rtf]
    target_s = policy.rtf_target * round_.audio_s[policy.bucket]
    assert round_.side is not None
    side = {name: round_.summary(round_.side, name) for name in plan.BUCKETS}
    return Decision(
        order=round_.order,
        choice=choice,
        before=round_.active,
        after=round_.active,
        wanted=round_.side,
        mode=round_.first.mode,
        key=round_.first.key,
        standings=standings,
        buckets={name: summary for name, summary in side.items() if summary},
        fit=stats.fit(seconds, target_s),
        yardsticks=quality.yardsticks(round_.distances),
        first=round_.first,
        last=last,
        gpu_s=round_.gpu_s,
        wall_s=now_s - round_.begun_s,
        trials=round_.trials,
    )
