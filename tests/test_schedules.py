"""The grids against the published tables, in numbers."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ishowtts.schedules import pick, sway
from tests.steady import steady

# arXiv 2505.19931; f5-tts model/utils.py get_epss_timesteps. In 32nds.
EPSS = {
    5: [0, 2, 4, 8, 16, 32],
    6: [0, 2, 4, 6, 8, 16, 32],
    7: [0, 2, 4, 6, 8, 16, 24, 32],
    10: [0, 2, 4, 6, 8, 12, 16, 20, 24, 28, 32],
    12: [0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32],
    16: [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32],
}
OWN = {8: [0, 2, 4, 6, 8, 12, 16, 24, 32], 9: [0, 2, 4, 6, 8, 12, 16, 20, 24, 32]}
# 1 - cos(pi x / 2) worked out to 12 digits for x = k/32, so that the formula is not checked against itself.
SWAYED = {0: 0.0, 2: 0.004815273328, 4: 0.019214719597, 6: 0.043059664268, 8: 0.076120467489}
SWAYED |= {16: 0.292893218813, 24: 0.617316567635, 32: 1.0}


@pytest.mark.parametrize(("nfe", "grid"), [*EPSS.items(), *OWN.items()])
def test_tables(nfe: int, grid: list[int]) -> None:
    schedule = pick(nfe)
    assert schedule.nfe == nfe
    assert schedule.name == (f"epss-{nfe}" if nfe in EPSS else f"own-{nfe}")
    assert schedule.times == pytest.approx(sway(tuple(x / 32 for x in grid)), abs=1e-15)


def test_the_seven_swayed_steps() -> None:
    assert pick(7).times == pytest.approx([0, 0.0048, 0.0192, 0.0431, 0.0761, 0.2929, 0.6173, 1], abs=5e-5)
    assert pick(7).times == pytest.approx([SWAYED[x] for x in EPSS[7]], abs=1e-11)


def test_without_our_own_grids_8_and_9_are_uniform() -> None:
    for nfe in (8, 9):
        schedule = pick(nfe, own_grids=False)
        assert schedule.name == f"uniform-{nfe}"
        assert schedule.times == pytest.approx(sway(tuple(i / nfe for i in range(nfe + 1))), abs=1e-15)
    assert pick(7, own_grids=False) == pick(7)


def test_our_own_grids_keep_the_fine_early_steps() -> None:
    for nfe in OWN:
        assert pick(nfe).times[:6] == pytest.approx((*pick(7).times[:5], pick(nfe).times[5]))
        assert pick(nfe, own_grids=False).times[1] > 2 * pick(nfe).times[1]


@pytest.mark.parametrize("nfe", sorted(set(range(1, 129)) - set(EPSS) - set(OWN)))
def test_all_others_are_uniform(nfe: int) -> None:
    assert pick(nfe).name == f"uniform-{nfe}"
    assert pick(nfe).times == pytest.approx(sway(tuple(i / nfe for i in range(nfe + 1))), abs=1e-15)


@pytest.mark.parametrize("nfe", range(1, 129))
def test_times_rise_from_noise_to_speech(nfe: int) -> None:
    times = pick(nfe).times
    assert len(times) == nfe + 1
    assert times[0] == 0.0
    assert times[-1] == pytest.approx(1.0, abs=2e-16)
    assert all(a < b for a, b in itertools.pairwise(times))


def test_the_last_time_is_exactly_one() -> None:
    assert {pick(nfe).times[-1] for nfe in range(1, 129)} == {1.0}


@pytest.mark.parametrize("nfe", [0, -1])
def test_no_steps_is_no_schedule(nfe: int) -> None:
    with pytest.raises(ValueError, match="at least one step"):
        pick(nfe)


@steady
@given(st.floats(0, 1))
def test_sway_zero_is_no_sway_and_minus_one_leans_to_the_noise(t: float) -> None:
    assert sway((t,), 0.0) == (t,)
    assert -1e-15 <= sway((t,))[0] <= t + 1e-15
