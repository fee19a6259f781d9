"""Decisions over all kinds of rounds: what must hold whatever was measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ishowtts import schedules
from ishowtts.tuner import decide, stats
from ishowtts.tuner.model import Choice, Quality, Standing
from ishowtts.tuner.policy import Policy

NFES = (5, 6, 7, 8, 9)
POLICY = Policy(candidates=NFES)
TARGET = POLICY.rtf_target


def standing(
    nfe: int, rtf: float | None, score: float | None, *, passes: bool = True, vetoed: bool = False
) -> Standing:
    quality = None if score is None else Quality(score, score, score, passes, "" if passes else "it hisses")
    return Standing(schedules.pick(nfe), rtf and stats.summarise((rtf,), 8.0), quality, vetoed)  # type: ignore[arg-type]


@st.composite
def rounds(draw: st.DrawFn) -> tuple[list[Standing], int]:
    """Standings, and the active NFE, which is measured."""
    nfes = draw(st.lists(st.sampled_from(NFES), min_size=1, unique=True))
    active = draw(st.sampled_from(nfes))
    return [
        standing(
            nfe,
            draw(st.floats(0.02, 0.6)) if nfe == active else draw(st.none() | st.floats(0.02, 0.6)),
            draw(st.none() | st.floats(0.2, 3.0)),
            passes=draw(st.booleans()),
            vetoed=draw(st.booleans()),
        )
        for nfe in nfes
    ], active


def chosen(standings: list[Standing], active: int, policy: Policy = POLICY) -> tuple[Choice, Standing, Standing]:
    choice = decide.choose(standings, schedules.pick(active), policy)
    by_nfe = {one.schedule.nfe: one for one in standings}
    return choice, by_nfe[choice.nfe], by_nfe[active]


def rtf(one: Standing) -> float:
    assert one.rtf is not None
    return one.rtf.median


def score(one: Standing) -> float:
    assert one.quality is not None
    return one.quality.score


@given(rounds())
def test_it_leaves_only_for_one_that_passes_and_was_measured(made: tuple[list[Standing], int]) -> None:
    choice, to, home = chosen(*made)
    assert choice.sentence.endswith(".")
    if to != home:
        assert choice.outcome == "changed"
        assert to.passes
        assert not to.vetoed
        assert to.rtf is not None
    else:
        assert choice.outcome in ("kept", "missed")


@given(rounds())
def test_one_that_meets_the_target_is_left_only_for_a_better_one_with_room(made: tuple[list[Standing], int]) -> None:
    _, to, home = chosen(*made)
    if home.passes and rtf(home) <= TARGET and to != home:
        assert rtf(to) <= POLICY.climb_below * TARGET
        assert score(to) < score(home)


@given(rounds())
def test_one_that_misses_is_left_for_the_best_sounding_that_meets(made: tuple[list[Standing], int]) -> None:
    _, to, home = chosen(*made)
    fit = [one for one in made[0] if one.passes and one.rtf]
    within = [one for one in fit if rtf(one) <= TARGET]
    if (home.passes and rtf(home) <= TARGET) or not fit:
        return
    if within:
        assert to in within
        assert score(to) * (1 - decide.SAME) <= min(map(score, within)) * (1 + 1e-9)
    else:
        assert rtf(to) == min(map(rtf, fit))


@given(rounds())
def test_what_was_decided_once_stays_decided(made: tuple[list[Standing], int]) -> None:
    """The same figures again, from the new place, change nothing: no flapping."""
    choice, to, _ = chosen(*made)
    if to.rtf is not None:
        again, _, _ = chosen(made[0], choice.nfe)
        assert again.nfe == choice.nfe


@given(rounds())
def test_a_missed_target_is_said_with_how_much(made: tuple[list[Standing], int]) -> None:
    choice, to, _ = chosen(*made)
    if to.passes and rtf(to) > TARGET:
        assert f"is missed by {rtf(to) / TARGET - 1:.0%}" in choice.sentence


def test_none_passes_and_why() -> None:
    choice, _, _ = chosen([standing(6, 0.1, 9.0, passes=False), standing(7, 0.1, 1.0, vetoed=True)], 7)
    assert (choice.nfe, choice.outcome) == (7, "kept")
    assert "NFE 6 it hisses" in choice.sentence
    assert "NFE 7 is vetoed" in choice.sentence


@pytest.mark.parametrize(("rtfs", "expected"), [({7: 0.12, 8: 0.14}, 7), ({7: 0.25, 8: 0.14}, 7)])
def test_one_that_is_no_candidate_any_more_is_left(rtfs: dict[int, float], expected: int) -> None:
    """8 was chosen before the configuration lost it: it sounds better and is in time, and yet it goes."""
    standings = [standing(8, rtfs[8], 0.8), standing(7, rtfs[7], 1.0)]
    choice, _, _ = chosen(standings, 8, Policy(candidates=(7,)))
    assert choice.nfe == expected
