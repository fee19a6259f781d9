"""The ask/tell machine: what a round does, what stops it, what it remembers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ishowtts.tuner.events import (
    Commit,
    Committed,
    Compared,
    Failed,
    Fired,
    Interrupted,
    Looked,
    Measured,
    Resting,
    Stopped,
    TakeLook,
    Wait,
)
from ishowtts.tuner.model import Distance, Memory, Order, Refusal
from ishowtts.tuner.plan import Compare, Trial
from ishowtts.tuner.policy import Policy
from tests.tuner.kit import BETTER_WITH_MORE, GOOD, SEEDS_RTF, Driver, hot, tuner

AT_LEISURE = {6: 0.10, 7: 0.12, 8: 0.14}


@pytest.mark.parametrize(
    ("target", "db", "expected"),
    [
        (0.200, BETTER_WITH_MORE, 6),
        (0.200, {**BETTER_WITH_MORE, 6: 9.0}, 7),  # quality rejects 6: the fastest that passes, though it misses
        (0.215, BETTER_WITH_MORE, 7),
        (0.250, BETTER_WITH_MORE, 8),
        (0.250, {6: 2.4, 7: 1.5, 8: 1.7}, 7),
    ],
)
def test_the_seeds_table_gives_what_a_person_would_choose(target: float, db: dict[int, float], expected: int) -> None:
    driver = Driver(tuner(8, rtf_target=target), SEEDS_RTF, db)
    driver.rounds(3)
    assert driver.tuner.active == expected


def test_a_target_that_none_meets_is_said_with_how_much() -> None:
    driver = Driver(tuner(6, rtf_target=0.1), SEEDS_RTF)
    decision = driver.round()
    assert decision.choice.outcome == "missed"
    assert "missed by 84 %" in decision.choice.sentence.replace("84%", "84 %")


def test_a_change_needs_two_rounds_that_agree() -> None:
    driver = Driver(tuner(7), AT_LEISURE)
    first = driver.round()
    assert (first.choice.outcome, driver.tuner.active) == ("proposed", 7)
    assert driver.tuner.ask() == Wait(driver.now_s + driver.tuner.policy.confirm_s)
    second = driver.round()
    assert (second.order.reason, second.choice.outcome, driver.tuner.active) == ("confirm", "changed", 8)


def test_two_rounds_that_disagree_change_nothing() -> None:
    driver = Driver(tuner(7), AT_LEISURE)
    driver.round()
    driver.rtf[8] = 0.19
    assert driver.round().choice.outcome == "kept"
    assert driver.tuner.memory.pending is None


def test_far_over_the_target_it_changes_at_once() -> None:
    driver = Driver(tuner(8), {6: 0.19, 7: 0.24, 8: 0.30})
    assert driver.round().choice.outcome == "changed"
    assert driver.tuner.active == 6


def test_a_change_is_left_alone_for_a_while() -> None:
    driver = Driver(tuner(7, confirm_s=1.0), AT_LEISURE)
    driver.rounds(2)
    driver.rtf = {6: 0.18, 7: 0.195, 8: 0.21}
    driver.round(Order("drift"))
    second = driver.round(Order("confirm"))
    assert second.choice.outcome == "proposed"  # both rounds agree, but the dwell is not over
    assert driver.round().choice.outcome == "changed"


def test_an_operator_does_not_wait_for_the_dwell() -> None:
    driver = Driver(tuner(7, confirm_s=1.0), AT_LEISURE)
    driver.rounds(2)
    driver.rtf = {6: 0.18, 7: 0.195, 8: 0.21}
    driver.round(Order("operator", asked=True))
    assert driver.round().choice.outcome == "changed"


def test_a_dry_run_and_a_pin_change_nothing() -> None:
    for memory, order, outcome in (
        (Memory(), Order("operator", dry_run=True), "dry_run"),
        (Memory(pinned=7), Order("timer"), "pinned"),
    ):
        driver = Driver(tuner(7, memory, confirm_rounds=1), AT_LEISURE)
        decision = driver.round(order)
        assert (decision.choice.outcome, decision.choice.nfe, driver.tuner.memory) == (outcome, 7, memory)
        assert "NFE 8" in decision.choice.sentence


def test_a_vetoed_candidate_is_left_and_not_chosen() -> None:
    driver = Driver(tuner(8, Memory(vetoed=frozenset({8})), confirm_rounds=1), AT_LEISURE)
    decision = driver.round()
    assert (decision.choice.nfe, decision.standings[0].vetoed) == (7, True)
    assert "vetoed" in decision.choice.sentence


def test_a_sweep_shows_others_and_chooses_among_the_configured() -> None:
    driver = Driver(tuner(7, confirm_rounds=1), {**AT_LEISURE, 5: 0.08, 10: 0.17}, {**BETTER_WITH_MORE, 5: 4.0})
    decision = driver.round(Order("operator", asked=True, sweep=(5, 7, 8, 10), runs=3))
    assert [standing.schedule.nfe for standing in decision.standings] == [10, 8, 7, 5]
    assert {len(standing.rtf.runs) for standing in decision.standings if standing.rtf} == {3}
    assert decision.choice.nfe == 8


def test_candidates_take_turns_and_warm_up_first() -> None:
    driver = Driver(tuner(7), SEEDS_RTF)
    driver.round(Order("operator", asked=True))
    trials = [ask for ask in driver.asked if isinstance(ask, Trial) and ask.bucket == "medium"]
    assert [trial.warm_up for trial in trials[:4]] == [True, True, True, False]
    assert [trial.schedule.nfe for trial in trials[3:12]] == [6, 7, 8, 7, 8, 6, 8, 6, 7]


def test_it_stops_measuring_once_it_is_sure() -> None:
    sure, unsure = Driver(tuner(7), AT_LEISURE), Driver(tuner(7), {6: 0.1, 7: 0.1995, 8: 0.3})
    sure.round()
    unsure.round()
    runs = [
        {standing.schedule.nfe: len(standing.rtf.runs) for standing in driver.tuner.last.standings if standing.rtf}
        for driver in (sure, unsure)
        if driver.tuner.last
    ]
    assert runs == [{8: 4, 7: 4, 6: 4}, {8: 4, 7: 10, 6: 4}]


def test_the_chosen_one_is_measured_at_other_lengths_and_time_is_fitted() -> None:
    decision = Driver(tuner(7), SEEDS_RTF).round(Order("operator", asked=True))
    assert set(decision.buckets) == {"short", "medium", "long"}
    assert decision.fit is not None
    assert decision.fit.nfe_max == 6
    assert decision.fit.per_nfe_s == pytest.approx(8 * 0.0295, rel=0.02)
    assert decision.fit.r2 > 0.999


def test_quality_is_measured_once_for_the_same_weights() -> None:
    driver = Driver(tuner(7), AT_LEISURE)
    driver.rounds(3)
    compared = [ask for ask in driver.asked if isinstance(ask, Compare)]
    assert len(compared) == len(set(compared)) == 4 * 4  # 6, 7, 8 and uniform-16


def test_what_is_no_speech_does_not_pass() -> None:
    driver = Driver(tuner(7, confirm_rounds=1), AT_LEISURE)
    compare = driver.until(Compare)
    while compare.schedule.nfe != 8:
        driver.step()
        compare = driver.until(Compare)
    driver.step(Compared(Distance(0.1, 0.1, "silence"), 1.0, GOOD))
    commit = driver.until(Commit)
    assert commit.decision.choice.nfe == 7
    assert next(one for one in commit.decision.standings if one.schedule.nfe == 8).quality.why == "silence"


# --- refusals, interruptions, failures ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("look", "code"),
    [
        (replace(GOOD, usable=False, why_not=(Refusal("board", "the clocks are not locked"),)), "board"),
        (hot(70.0), "hot"),
        (replace(GOOD, idle_s=3.0), "busy"),
    ],
)
def test_a_refusal_names_its_limit_and_backs_off(look: object, code: str) -> None:
    driver = Driver(tuner(7), AT_LEISURE)
    driver.look = lambda: look  # type: ignore[assignment,return-value]
    pauses = []
    for _ in range(6):
        driver.until(Wait)
        driver.step()
        driver.until(Wait)
        assert [refusal.code for refusal in driver.tuner.refusals] == [code]
        assert driver.tuner.outcome == "refused"
        pauses.append(driver.tuner.ask().until_s - driver.now_s)  # type: ignore[union-attr]
    assert pauses == [300, 600, 1200, 2400, 3600, 3600]
    driver.look = lambda: GOOD
    assert driver.round().choice.outcome == "proposed"
    assert driver.tuner.refusals == ()


def test_an_operator_who_just_spoke_is_kept_waiting_not_refused() -> None:
    driver = Driver(tuner(7), AT_LEISURE)
    driver.look = lambda: replace(GOOD, idle_s=4.0)
    driver.step(Fired(Order("operator", asked=True)))
    driver.step()
    assert driver.tuner.outcome == "waiting"
    assert isinstance(driver.tuner.state, Resting)
    assert driver.tuner.state.order.asked
    assert driver.tuner.ask() == Wait(driver.now_s + 6.0)
    driver.step(Stopped())
    assert driver.tuner.outcome == "stopped"


@pytest.mark.parametrize(
    ("look", "code"),
    [
        (replace(GOOD, usable=False, why_not=(Refusal("board", "throttled"),)), "board"),
        (hot(80.0), "hot"),
        (replace(GOOD, mode="30W"), "mode"),
        (replace(GOOD, key="other"), "changed"),
    ],
)
def test_a_round_whose_board_changed_is_void(look: object, code: str) -> None:
    driver = Driver(tuner(7), AT_LEISURE)
    driver.until(Trial)
    driver.step(Measured(0.1, 8.0, 1.0, look))  # type: ignore[arg-type]
    assert (driver.tuner.outcome, [one.code for one in driver.tuner.refusals]) == ("void", [code])
    assert isinstance(driver.tuner.ask(), Wait)


def test_an_interrupted_round_goes_on_with_what_it_had() -> None:
    driver = Driver(tuner(7), AT_LEISURE)
    driver.until(Trial)
    for _ in range(5):
        driver.step()
    before = driver.tuner.state.round.runs  # type: ignore[union-attr]
    driver.step(Interrupted())
    assert driver.tuner.ask() == Wait(driver.now_s + driver.tuner.policy.idle_s)
    driver.look = lambda: replace(GOOD, idle_s=2.0)
    driver.step()
    driver.step()
    assert isinstance(driver.tuner.ask(), Wait)  # still not quiet
    driver.look = lambda: GOOD
    again = driver.until(Trial)
    assert again.warm_up
    assert driver.tuner.state.round.runs == before  # type: ignore[union-attr]
    assert driver.until(Commit).decision.choice.outcome == "proposed"


def test_a_round_without_peace_is_given_up() -> None:
    driver = Driver(tuner(7), AT_LEISURE)
    driver.until(Trial)
    driver.step(Interrupted())
    driver.now_s += 3600
    driver.step()
    driver.step()
    assert driver.tuner.outcome == "void"
    assert "peace" in driver.tuner.verdict


def test_too_much_noise_decides_nothing() -> None:
    driver = Driver(tuner(7), AT_LEISURE)
    flip = iter(range(10_000))

    def answer() -> object:
        ask = driver.tuner.ask()
        if isinstance(ask, Trial):
            return Measured(0.12 * (1.2 if next(flip) // 3 % 2 else 0.8), 8.0, 1.0, GOOD)
        return Driver.answer(driver)

    driver.answer = answer  # type: ignore[method-assign,assignment]
    driver.until(Trial)
    driver.until(Wait)
    assert driver.tuner.outcome == "void"
    assert driver.tuner.refusals[0].code == "noise"


def test_a_failed_commit_changes_nothing() -> None:
    driver = Driver(tuner(7, confirm_rounds=1), AT_LEISURE)
    driver.until(Commit)
    driver.step(Failed("the disk is full"))
    assert (driver.tuner.active, driver.tuner.memory) == (7, Memory())
    assert "disk is full" in driver.tuner.verdict


def test_another_power_mode_recalls_what_was_best_there_and_then_validates() -> None:
    memory = Memory(choices={("MAXN", "k"): 7, ("30W", "k"): 6})
    driver = Driver(tuner(7, memory), AT_LEISURE)
    driver.look = lambda: replace(GOOD, mode="30W")
    decision = driver.round()
    assert (decision.choice.outcome, driver.tuner.active) == ("recalled", 6)
    assert driver.tuner.ask() == TakeLook()


def test_what_an_operator_steers_ends_the_round() -> None:
    driver = Driver(tuner(7), AT_LEISURE)
    driver.until(Trial)
    driver.tuner.override(Memory(pinned=6), 6, driver.now_s)
    assert (driver.tuner.active, driver.tuner.outcome) == (6, "void")
    assert isinstance(driver.tuner.ask(), Wait)


def test_the_gpu_belongs_to_the_users() -> None:
    driver = Driver(tuner(7, period_s=60.0), {6: 0.15, 7: 0.17, 8: 0.21})
    driver.round()
    wait = driver.until(Wait)
    assert wait.until_s - driver.now_s > 20 / 0.02 - 60  # some twenty trials of a second each


def test_what_an_operator_asks_for_is_not_of_the_rounds_share() -> None:
    driver = Driver(tuner(7, period_s=60.0), {6: 0.15, 7: 0.17, 8: 0.21})
    driver.rtf |= {9: 0.24, 10: 0.27}
    driver.round(Order("operator", asked=True, sweep=(6, 7, 8, 9, 10), runs=100))
    assert driver.until(Wait).until_s == driver.now_s + 60.0


def test_what_is_vetoed_is_recalled_nowhere() -> None:
    memory = Memory(choices={("MAXN", "k"): 8, ("30W", "k"): 6}, vetoed=frozenset({8}))
    assert (memory.recall("MAXN", "k"), memory.recall("30W", "k"), memory.recall(None, "k")) == (None, 6, 6)
    assert replace(memory, pinned=8).recall("MAXN", "other") == 8
    driver = Driver(tuner(7, memory, confirm_rounds=1), AT_LEISURE)
    assert driver.round().choice.outcome == "kept"


def test_a_veto_of_what_speaks_needs_no_second_round() -> None:
    driver = Driver(tuner(7), AT_LEISURE)
    driver.rounds(2)
    assert driver.tuner.active == 8
    driver.tuner.override(replace(driver.tuner.memory, vetoed=frozenset({8})), 8, driver.now_s)
    assert (driver.round().choice.outcome, driver.tuner.active) == ("changed", 7)


def test_another_configuration_ends_a_round_and_not_a_commit() -> None:
    driver = Driver(tuner(7, confirm_rounds=1, gpu_share=1.0), AT_LEISURE)
    driver.until(Trial)
    driver.tuner.configure(Policy(bucket="long", confirm_rounds=1, gpu_share=1.0), driver.now_s)
    assert (driver.tuner.outcome, driver.tuner.ask()) == ("void", Wait(driver.now_s + 60.0))
    commit = driver.until(Commit)
    assert commit.decision.choice.nfe == 8
    driver.tuner.configure(Policy(), driver.now_s)
    assert driver.tuner.ask() == commit


def test_what_makes_no_sense_is_a_bug() -> None:
    driver = Driver(tuner(7), AT_LEISURE)
    with pytest.raises(ValueError, match="told while Resting"):
        driver.tuner.tell(Committed(), 1.0)
    driver.until(Trial)
    with pytest.raises(ValueError, match="told while Working"):
        driver.tuner.tell(Looked(GOOD), 1.0)
