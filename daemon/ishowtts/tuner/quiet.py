"""Hours of the day in which no round begins by itself. Pure: the local time is handed in."""

from __future__ import annotations

DAY_MIN = 24 * 60


def left_s(hours: str, hour: int, minute: int) -> float:
    """Seconds until the quiet ``hours`` ("22:00-07:00", may pass midnight) end; 0 outside them or without any."""
    if not hours:
        return 0.0
    begin, end = (60 * int(part[:2]) + int(part[3:]) for part in hours.split("-"))
    now = 60 * hour + minute
    if (now - begin) % DAY_MIN >= (end - begin) % DAY_MIN:
        return 0.0
    return 60.0 * ((end - now) % DAY_MIN)
