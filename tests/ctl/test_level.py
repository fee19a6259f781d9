"""Samples that are compared are equally loud, and none clips."""

from __future__ import annotations

import math
from array import array

import pytest

from ishowctl import level

RATE = 24_000


def tone(amplitude: float, seconds: float = 1.0, pause_s: float = 0.0) -> array[int]:
    loud = [round(amplitude * 32767 * math.sin(2 * math.pi * 220 * i / RATE)) for i in range(int(seconds * RATE))]
    return array("h", loud + [0] * int(pause_s * RATE))


def test_the_level_of_a_sine_is_3_db_below_its_amplitude() -> None:
    assert level.active_dbfs(tone(0.5), RATE) == pytest.approx(20 * math.log10(0.5) - 3.01, abs=0.02)


def test_pauses_and_breath_do_not_count() -> None:
    breath = tone(0.5 / 100, 2.0)
    assert level.active_dbfs(tone(0.5, pause_s=5.0) + breath, RATE) == pytest.approx(
        level.active_dbfs(tone(0.5), RATE), abs=0.05
    )


@pytest.mark.parametrize("pcm", [array("h"), array("h", [0] * RATE), array("h", [1, -1] * RATE)])
def test_silence_has_no_level_and_stays(pcm: array[int]) -> None:
    assert level.active_dbfs(pcm, RATE) is None
    assert level.levelled(pcm, RATE, -20.0) == (pcm, 0.0)
    assert level.common_dbfs([(pcm, RATE)]) == level.WANTED_DBFS


def test_all_become_equally_loud() -> None:
    samples = [tone(amplitude, pause_s=0.5) for amplitude in (0.01, 0.2, 0.999)]
    wanted_dbfs = level.common_dbfs((pcm, RATE) for pcm in samples)
    assert wanted_dbfs == level.WANTED_DBFS
    for pcm in samples:
        made, gain_db = level.levelled(pcm, RATE, wanted_dbfs)
        assert level.active_dbfs(made, RATE) == pytest.approx(wanted_dbfs, abs=0.05)
        assert gain_db == pytest.approx(wanted_dbfs - (level.active_dbfs(pcm, RATE) or 0.0))


def test_one_with_a_peak_lowers_all_instead_of_clipping() -> None:
    peaky = tone(0.02)
    peaky[1000] = -32768
    wanted_dbfs = level.common_dbfs([(peaky, RATE), (tone(0.3), RATE)])
    assert wanted_dbfs < level.WANTED_DBFS - 10
    made, _ = level.levelled(peaky, RATE, wanted_dbfs)
    assert level.peak_dbfs(made) == pytest.approx(level.PEAK_DBFS, abs=0.01)
