"""Quiet hours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ishowtts.tuner.quiet import left_s

MINUTES = st.integers(0, 24 * 60 - 1)


@pytest.mark.parametrize(
    ("hours", "hour", "minute", "left_min"),
    [
        ("", 3, 0, 0),
        ("22:00-07:00", 21, 59, 0),
        ("22:00-07:00", 22, 0, 9 * 60),
        ("22:00-07:00", 0, 0, 7 * 60),
        ("22:00-07:00", 6, 59, 1),
        ("22:00-07:00", 7, 0, 0),
        ("12:30-13:15", 12, 29, 0),
        ("12:30-13:15", 12, 30, 45),
        ("12:30-13:15", 13, 15, 0),
        ("00:00-23:59", 12, 0, 11 * 60 + 59),
        ("08:00-08:00", 8, 0, 0),  # an empty span, not a whole day
    ],
)
def test_how_long_they_last_yet(hours: str, hour: int, minute: int, left_min: int) -> None:
    assert left_s(hours, hour, minute) == 60 * left_min


@given(MINUTES, MINUTES, MINUTES)
def test_when_they_are_over_it_is_not_quiet(begin: int, end: int, now: int) -> None:
    hours = f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"
    left_min = int(left_s(hours, now // 60, now % 60) / 60)
    assert 0 <= left_min <= (end - begin) % (24 * 60)
    after = (now + left_min) % (24 * 60)
    assert left_s(hours, after // 60, after % 60) == 0
    assert left_min == 0 or after == end
