"""The coordinate search on functions whose best grid is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest

from ishowtts import schedules
from ishowtts.schedules import Schedule
from ishowtts.tuner.search import SEEN, UNSEEN, Evaluate, Found, Search

Distance = Callable[[Schedule, int], float]


def search(nfe: int, distance: Distance) -> tuple[Found, list[Evaluate]]:
    """``distance`` of a schedule on an item."""
    searching, asked = Search(nfe), list[Evaluate]()
    while isinstance(step := searching.ask(), Evaluate):
        asked.append(step)
        assert len(asked) < 5000, "it never ends"
        searching.tell([distance(step.schedule, item) for item in step.items])
    return step, asked


def from_best(best: Sequence[float]) -> Distance:
    """Grows with the distance of the grid's points from the ``best`` ones."""
    wanted = schedules.sway(tuple(best))
    return lambda schedule, _: 1.0 + sum(abs(a - b) for a, b in zip(schedule.times, wanted, strict=True))


def test_it_finds_the_best_grid() -> None:
    best = tuple(x / 64 for x in (0, 3, 9, 15, 22, 41, 64))
    found, asked = search(6, from_best(best))
    assert found.wins
    assert found.schedule.times == pytest.approx(schedules.sway(best), abs=0.01)
    assert found.schedule.name.startswith("found-6-")
    assert found.evaluations == len(asked)


@pytest.mark.parametrize("nfe", [3, 6, 7, 8, 11])
def test_the_usual_one_stays_where_nothing_wins(nfe: int) -> None:
    found, asked = search(nfe, from_best(schedules.points(nfe)))
    assert (found.schedule, found.gain, found.wins) == (schedules.pick(nfe), 0.0, False)
    assert {step.items for step in asked} == {SEEN}


def test_what_is_only_better_on_the_sentences_it_saw_does_not_win() -> None:
    best = from_best(tuple(x / 64 for x in (0, 3, 9, 15, 22, 41, 64)))

    def overfitted(schedule: Schedule, item: int) -> float:
        return best(schedule, item) if item in SEEN else 5.0 - best(schedule, item)

    found, asked = search(6, overfitted)
    assert found.schedule != schedules.pick(6)
    assert (found.wins, found.gain < 0) == (False, True)
    assert [step.items for step in asked[-2:]] == [UNSEEN, UNSEEN]


def test_every_grid_it_tries_rises_from_noise_to_speech_and_is_new() -> None:
    _, asked = search(8, lambda schedule, _: sum((b - a) ** 1.3 for a, b in pairwise(schedule.times)))
    seen = [step.schedule.times for step in asked if step.items == SEEN]
    assert len(seen) == len(set(seen))
    for times in seen:
        assert (times[0], times[-1], len(times)) == (0.0, 1.0, 9)
        assert all(a < b for a, b in pairwise(times))


def test_what_is_no_speech_is_never_kept() -> None:
    usual = schedules.pick(6)
    found, _ = search(6, lambda schedule, _: 1.0 if schedule == usual else float("inf"))
    assert found.schedule == usual
    nothing, _ = search(6, lambda _schedule, _item: float("inf"))
    assert not nothing.wins
