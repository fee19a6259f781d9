"""How distances become a score, and what does not pass."""

from __future__ import annotations

import pytest

from ishowtts.tuner import quality, words
from ishowtts.tuner.model import Distance


def made(*db: float, **more: object) -> tuple[Distance, ...]:
    return tuple(Distance(one, 2 * one, **more) for one in db)  # type: ignore[arg-type]


def test_the_score_is_relative_to_epss_7() -> None:
    distances = {"epss-7": made(2.0, 2.2, 1.8), "own-8": made(1.0, 1.1, 0.9), "epss-6": made(4.0, 4.4, 3.6)}
    judged = {name: quality.judge(name, distances, limit=1.5) for name in distances}
    assert {name: one and round(one.score, 3) for name, one in judged.items()} == {
        "epss-7": 1.0,
        "own-8": 0.5,
        "epss-6": 2.0,
    }
    assert [name for name, one in judged.items() if one and one.passes] == ["epss-7", "own-8"]
    assert judged["epss-6"] is not None
    assert "2.00 times as far from NFE 64 as EPSS-7" in judged["epss-6"].why
    assert quality.yardsticks(distances) == {"epss-7": 2.0}


def test_what_is_not_compared_is_not_judged() -> None:
    assert quality.judge("own-8", {"own-8": made(1.0)}, 1.5) is None
    assert quality.judge("own-8", {"epss-7": made(1.0)}, 1.5) is None


def test_what_a_recogniser_mishears_does_not_pass() -> None:
    distances = {"epss-7": made(2.0, wer=0.10), "own-8": made(1.0, wer=0.14), "epss-6": made(2.1, wer=0.30)}
    assert quality.judge("own-8", distances, 1.5).passes  # type: ignore[union-attr]
    misheard = quality.judge("epss-6", distances, 1.5)
    assert misheard is not None
    assert (misheard.passes, misheard.why) == (False, "30% of its words are misheard, 10% of EPSS-7's")


@pytest.mark.parametrize(
    ("said", "heard", "rate"),
    [
        ("The old man spoke.", "the old man spoke", 0.0),
        ("The old man spoke.", "the cold man", 0.5),
        ("One two.", "one and two and three", 1.5),
        ("One two.", "", 1.0),
    ],
)
def test_word_errors(said: str, heard: str, rate: float) -> None:
    assert words.error_rate(said, heard) == rate
