"""The tuner's work in the engine never keeps a user waiting for more than the step that runs."""

from __future__ import annotations

from typing import Any

from ishowtts import ipc, schedules
from ishowtts.guest import Outcome
from tests.service_kit import ANN, Desk

TIMES = schedules.pick(7).times
WORK = ipc.Compare(job=0, text="A.", voice="english", seed=1, cfg=2.0, times=TIMES, reference=TIMES)


class Tuner:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.outcomes: list[Outcome] = []

    def offer(self) -> None:
        self.desk.service.lane.guest.offer(WORK, lambda outcome, _pcm: self.outcomes.append(outcome))
        self.desk.wait(0.1)

    def end(self, kind: Any, **fields: Any) -> None:
        job = self.desk.engine.tried.pop()
        self.desk.event(kind(job=job.job, **fields))


def compared(job: int) -> ipc.Compared:
    return ipc.Compared(job=job, log_mel_db=1.0, mcd_db=2.0, problem="", compute_s=0.5)


def test_it_is_begun_when_nobody_waits_and_its_answer_comes_back() -> None:
    desk = Desk()
    tuner = Tuner(desk)
    tuner.offer()
    assert [type(work) for work in desk.engine.tried] == [ipc.Compare]
    tuner.end(lambda job: compared(job))
    assert [type(outcome) for outcome in tuner.outcomes] == [ipc.Compared]


def test_a_user_is_served_before_it_begins() -> None:
    desk = Desk()
    tuner = Tuner(desk)
    desk.ask(ANN, "synth")
    tuner.offer()
    assert desk.engine.tried == []
    desk.spoken()
    assert len(desk.engine.tried) == 1


def test_it_gives_way_at_once_and_the_user_comes_next() -> None:
    desk = Desk()
    tuner = Tuner(desk)
    tuner.offer()
    desk.ask(ANN, "synth")
    assert (desk.engine.trials_cancelled, desk.engine.jobs) == (1, [])
    desk.ask(ANN, "synth", "b")
    assert desk.engine.trials_cancelled == 1
    tuner.end(ipc.Dropped)
    assert tuner.outcomes == [""]
    assert desk.engine.job is not None


def test_what_ended_before_the_cancel_came_counts() -> None:
    desk = Desk()
    tuner = Tuner(desk)
    tuner.offer()
    desk.ask(ANN, "synth")
    tuner.end(lambda job: compared(job))
    assert [type(outcome) for outcome in tuner.outcomes] == [ipc.Compared]
    assert desk.engine.job is not None


def test_a_failure_of_the_engine_is_an_outcome() -> None:
    desk = Desk()
    tuner = Tuner(desk)
    tuner.offer()
    tuner.end(lambda job: ipc.Failed(job=job, reason="OOM", msg="too little memory."))
    tuner.offer()
    desk.engine.tried.clear()
    desk.service.engine_died("it crashed", desk.now_s)
    assert [type(outcome) for outcome in tuner.outcomes] == [ipc.Failed, str]
    assert "restarted" in str(tuner.outcomes[1])


def test_what_is_withdrawn_is_cancelled_and_tells_nobody() -> None:
    desk = Desk()
    tuner = Tuner(desk)
    tuner.offer()
    desk.service.lane.guest.withdraw()
    assert desk.engine.trials_cancelled == 1
    tuner.end(ipc.Dropped)
    assert tuner.outcomes == []
    tuner.offer()
    assert len(desk.engine.tried) == 1


def test_the_end_of_what_was_withdrawn_is_not_taken_for_what_was_offered_since() -> None:
    desk = Desk()
    old, new = Tuner(desk), Tuner(desk)
    old.offer()
    desk.service.lane.guest.withdraw()
    desk.service.lane.guest.withdraw()
    new.offer()
    assert desk.engine.trials_cancelled == 1
    assert len(desk.engine.tried) == 1, "the engine still has the old one"
    old.end(lambda job: compared(job))  # it came before the cancel
    assert (old.outcomes, new.outcomes) == ([], [])
    new.end(lambda job: compared(job))
    assert [type(outcome) for outcome in new.outcomes] == [ipc.Compared]


def test_with_the_engine_gone_only_what_is_wanted_is_told() -> None:
    desk = Desk()
    old, new = Tuner(desk), Tuner(desk)
    old.offer()
    desk.service.lane.guest.withdraw()
    new.offer()
    desk.engine.tried.clear()
    desk.service.engine_died("it crashed", desk.now_s)
    assert (old.outcomes, len(new.outcomes)) == ([], 1)
    desk.ready()
    new.offer()
    new.end(lambda job: compared(job))
    assert len(new.outcomes) == 2
