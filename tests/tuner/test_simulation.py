"""A month of many machines. `make simulate` runs 504 lives; here fewer of each, for the suite's sake."""

from __future__ import annotations

import pytest

from tests.tuner import simulate, world


@pytest.fixture(scope="module")
def lives() -> list[simulate.Life]:
    return simulate.run(seeds=8)


def test_it_finds_the_right_candidate(lives: list[simulate.Life]) -> None:
    judged = [life for life in lives if life.right]
    wrong = [(life.name, life.seed, life.final, life.right) for life in judged if not life.converged]
    assert len(judged) > 0.6 * len(lives)
    assert len(wrong) <= 0.01 * len(judged), wrong


def test_it_never_acts_on_an_untrusted_board_and_does_not_flap(lives: list[simulate.Life]) -> None:
    assert [(life.name, life.seed, life.sins) for life in lives if life.sins] == []


def test_it_takes_little_of_the_gpu_and_of_the_users_time(lives: list[simulate.Life]) -> None:
    assert max(life.steady_share for life in lives) < 0.02
    assert max(life.worst_wait_steps for life in lives) <= 1.0
    assert any(life.worst_wait_steps > 0.9 for life in lives)  # users did come in the middle of trials


def test_the_judge_can_tell_a_wrong_end() -> None:
    """Of an engine twice as slow as the oracle believes."""
    scenario = next(one for one in world.scenarios() if one["name"] == "agx-orin-seed")
    machine = world.build(scenario, 1)
    right = simulate.oracle(machine)
    machine.per_nfe_s *= 0.5
    assert simulate.live(machine).final not in right
