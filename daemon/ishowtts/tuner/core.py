"""The tuner as an ask/tell machine: ``tuner.ask(now_s)``, carry it out, ``tuner.tell(event, now_s)``. Reads no clock.

    Resting --Fired--> Looking --Looked--> Working --(Measured | Compared)*--> Committing --Committed--> Resting
                          ^                   |
                          +---- Paused <------+ Interrupted: a user wants the engine

A refusal, a failure and a void round lead back to Resting with a pause that doubles. What was counted before an
interruption stays counted; the trial that was interrupted does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from ishowtts.schedules import Schedule
from ishowtts.tuner import conclude, guards, plan, quality
from ishowtts.tuner.events import (
    Ask,
    Commit,
    Committed,
    Committing,
    Compared,
    Event,
    Failed,
    Fired,
    Interrupted,
    Looked,
    Looking,
    Measured,
    Paused,
    Resting,
    State,
    Stopped,
    TakeLook,
    Wait,
    Working,
)
from ishowtts.tuner.model import Choice, Decision, Look, Memory, Order, Refusal
from ishowtts.tuner.plan import Compare, Round, Trial
from ishowtts.tuner.policy import Policy

RETRY_S, RETRY_CAP_S = 300.0, 3600.0
ROUND_MAX_S = 3600.0  # a round that users interrupt for longer than this has measured two machines
PAUSE_S = 5.0  # between two looks whether an interrupted round may go on


class Tuner:
    """``schedule_of`` gives the grid for an NFE; ``distances`` what is known of them, by quality key and name.

    ``verdict`` is the last word of it in a sentence, ``refusals`` why it could not measure, ``outcome`` in a word.
    """

    def __init__(
        self,
        policy: Policy,
        memory: Memory,
        schedule_of: Callable[[int], Schedule],
        active: int,
        first_s: float,
        distances: Mapping[str, quality.Distances] | None = None,
    ) -> None:
        self.policy, self.memory, self.active = policy, memory, active
        self.schedule_of = schedule_of
        self.state: State = Resting(first_s, Order("start"))
        self.distances = dict(distances or {})
        self.refusals: tuple[Refusal, ...] = ()
        self.outcome, self.verdict = "never", "no round yet."
        self.last: Decision | None = None
        self._misses = 0
        self._changed_s: float | None = None
        self._debt_gpu_s, self._debt_s = 0.0, first_s

    def ask(self) -> Ask:
        match self.state:
            case Resting(due_s=due_s):
                return Wait(due_s)
            case Looking():
                return TakeLook()
            case Working(task=task):
                return task
            case Paused(round_, until_s, looking):
                return TakeLook(round_.first) if looking else Wait(until_s)
            case Committing(decision, memory):
                return Commit(decision, memory)

    def tell(self, event: Event, now_s: float) -> None:  # noqa: C901 (one line a pair)
        match self.state, event:
            case Resting(), Fired(order):
                self.state = Looking(order)
            case Looking(order), Looked(look):
                self._open(order, look, now_s)
            case Working() as state, Measured() | Compared():
                self._counted(state, event, now_s)
            case Working() as state, Interrupted():
                self.state = Paused(plan.interrupted(state.round), now_s + self.policy.idle_s)
            case Paused() as state, Fired():
                self.state = replace(state, looking=True)
            case Paused() as state, Looked(look):
                self._resume(state, look, now_s)
            case Committing() as state, Committed():
                self._committed(state, now_s)
            case ((Looking() | Working() | Paused()), Stopped()):
                self._rest("stopped", "the round was stopped by an operator.", now_s, self.policy.period_s)
            case ((Looking() | Working() | Paused() | Committing()), Failed(why)):
                self._back_off("void", f"the round failed: {why}", now_s)
            case Resting(order=Order(asked=True)), Stopped():
                self._rest("stopped", "the round was stopped by an operator.", now_s, self.policy.period_s)
            case _, (Fired() | Stopped() | Interrupted()):
                pass  # a second ring, or a request while nothing is measured
            case state, _:
                raise ValueError(f"{event!r} told while {type(state).__name__}")

    def override(self, memory: Memory, active: int, now_s: float) -> None:
        """An operator pinned, vetoed or rolled back: the rest of a round under way would be about another question."""
        if active != self.active:
            self._changed_s = now_s
        self.memory, self.active = replace(memory, pending=None), active
        if not isinstance(self.state, Resting):
            self._rest("void", "the round ended because an operator steered.", now_s, self.policy.confirm_s)

    def configure(self, policy: Policy, now_s: float) -> None:
        """What was measured for another target, bucket or set of candidates decides nothing."""
        self.policy = policy
        if isinstance(self.state, Looking | Working | Paused):
            self._rest("void", "the round ended because the configuration changed.", now_s, policy.confirm_s)

    def postpone(self, due_s: float) -> None:
        """No round before; only while resting."""
        assert isinstance(self.state, Resting)
        self.state = replace(self.state, due_s=due_s)

    # --- a round --------------------------------------------------------------------------------------------------

    def _open(self, order: Order, look: Look, now_s: float) -> None:
        recalled = self.memory.recall(look.mode, look.key)
        if recalled is not None and recalled != self.active:
            self._recall(order, look, recalled)
            return
        self.refusals = guards.before(look, self.policy)
        if order.asked and [refusal.code for refusal in self.refusals] == ["busy"]:
            self.outcome, self.verdict = "waiting", _sentence("the round begins soon", self.refusals)
            self.state = Resting(now_s + max(self.policy.idle_s - look.idle_s, 0.1), order)
            return
        if self.refusals:
            self._back_off("refused", _sentence("no round now", self.refusals), now_s)
            return
        wanted = tuple(self.schedule_of(nfe) for nfe in (order.sweep or self.policy.candidates))
        round_ = plan.open_round(order, wanted, self.schedule_of(self.active), look, now_s)
        self._go_on(replace(round_, distances=dict(self.distances.get(look.quality_key, {}))), look, now_s)

    def _recall(self, order: Order, look: Look, nfe: int) -> None:
        """Another mode, model or voice than before: what was best there once, without measuring; then a round."""
        sentence = f"NFE {nfe} is recalled for power mode {look.mode or '-'} and this model."
        decision = Decision(
            order=order,
            choice=Choice(nfe, "recalled", sentence),
            before=self.schedule_of(self.active),
            after=self.schedule_of(nfe),
            mode=look.mode,
            key=look.key,
            first=look,
        )
        self.state = Committing(decision, self.memory, 0.0, then=order)

    def _counted(self, state: Working, event: Measured | Compared, now_s: float) -> None:
        self.refusals = guards.during(state.round.first, event.look, self.policy)
        round_ = state.round
        match state.task, event:
            case Trial() as task, Measured():
                round_ = plan.count(round_, task, event.rtf, event.audio_s, event.gpu_s)
            case Compare() as task, Compared():
                round_ = plan.keep(round_, task, event.distance, event.gpu_s)
                self.distances[round_.first.quality_key] = round_.distances  # true whatever becomes of the round
            case task, _:
                raise ValueError(f"{event!r} told for {task!r}")
        if not round_.order.asked:  # the share is for rounds by themselves
            self._owe(event.gpu_s, now_s)
        if self.refusals:
            self._back_off("void", _sentence("the round was given up", self.refusals), now_s)
        else:
            self._go_on(round_, event.look, now_s)

    def _resume(self, state: Paused, look: Look, now_s: float) -> None:
        gone = guards.during(state.round.first, look, self.policy)
        if now_s - state.round.begun_s > ROUND_MAX_S:
            gone = (*gone, Refusal("busy", f"users left it no {ROUND_MAX_S / 60:.0f} minutes' peace"))
        if gone:
            self.refusals = gone
            self._back_off("void", _sentence("the round was given up", gone), now_s)
        elif refusals := guards.before(look, self.policy):
            self.refusals = refusals
            self.state = Paused(state.round, now_s + PAUSE_S)
        else:
            self._go_on(state.round, look, now_s)

    def _go_on(self, round_: Round, look: Look, now_s: float) -> None:
        if not round_.wanted and plan.next_comparison(round_) is None:
            round_ = plan.narrow(round_, self.policy, self.memory.vetoed)
        task = plan.next_task(round_, self.policy)
        if task is not None:
            self.state = Working(round_, task)
        elif round_.side is None:
            self._chosen(round_, look, now_s)
        else:
            self._conclude(round_, look, now_s)

    def _chosen(self, round_: Round, look: Look, now_s: float) -> None:
        """All candidates are measured: the chosen one is now measured at other lengths."""
        noisy = self._noisy(round_)
        if noisy:
            self.refusals = (Refusal("noise", noisy),)
            self._back_off("void", f"nothing can be decided: {noisy}.", now_s)
            return
        choice = conclude.choose(round_, self.policy, self.memory.vetoed)
        self._go_on(replace(round_, side=self.schedule_of(choice.nfe)), look, now_s)

    def _noisy(self, round_: Round) -> str:
        for schedule in round_.candidates:
            summary = round_.summary(schedule, self.policy.bucket)
            if summary is not None and summary.spread > self.policy.noise_limit:
                limit = self.policy.noise_limit
                return f"the runs of NFE {schedule.nfe} scatter by {summary.spread:.1%}, at most {limit:.1%} is allowed"
        return ""

    def _conclude(self, round_: Round, look: Look, now_s: float) -> None:
        active = round_.summary(round_.active, self.policy.bucket)
        held_s = math.inf if self._changed_s is None else now_s - self._changed_s
        wanted = conclude.choose(round_, self.policy, self.memory.vetoed)
        settled = conclude.settle(wanted, round_, self.policy, self.memory, held_s, active)
        decision = conclude.decision(round_, settled.choice, self.policy, self.memory.vetoed, look, now_s)
        after = self.schedule_of(settled.choice.nfe)
        self.state = Committing(replace(decision, after=after), settled.memory, settled.pause_s, settled.then)

    # --- the ends of a round --------------------------------------------------------------------------------------

    def _committed(self, state: Committing, now_s: float) -> None:
        decision = state.decision
        if decision.choice.nfe != self.active:
            self.active, self._changed_s = decision.choice.nfe, now_s
        self.memory, self.last, self._misses, self.refusals = state.memory, decision, 0, ()
        self.outcome, self.verdict = decision.choice.outcome, decision.choice.sentence
        if not state.pause_s:
            self.state = Looking(state.then)
        elif state.then.reason == "confirm":
            self.state = Resting(now_s + state.pause_s, state.then)
        else:
            self.state = Resting(now_s + max(state.pause_s, self._owed_s(now_s)), state.then)

    def _back_off(self, outcome: str, verdict: str, now_s: float) -> None:
        pause_s = min(RETRY_S * 2**self._misses, RETRY_CAP_S)
        self._misses = min(self._misses + 1, 10)
        self._rest(outcome, verdict, now_s, pause_s)

    def _rest(self, outcome: str, verdict: str, now_s: float, pause_s: float) -> None:
        self.outcome, self.verdict = outcome, verdict
        self.state = Resting(now_s + max(pause_s, self._owed_s(now_s)))

    def _owe(self, gpu_s: float, now_s: float) -> None:
        self._debt_gpu_s = max(self._debt_gpu_s - self.policy.gpu_share * (now_s - self._debt_s), 0.0) + gpu_s
        self._debt_s = now_s

    def _owed_s(self, now_s: float) -> float:
        """How long to rest until what was taken of the GPU is no more than its share."""
        return max(self._debt_gpu_s / self.policy.gpu_share - (now_s - self._debt_s), 0.0)


def _sentence(start: str, refusals: tuple[Refusal, ...]) -> str:
    return f"{start}: {'; '.join(refusal.text for refusal in refusals)}."
