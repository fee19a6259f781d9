"""Charts as inline SVG: axes, lines and points; what they show is decided in `curves`. Pure.

Sizes are in units of the picture's own grid, about one CSS pixel. Colours come from report.css.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from xml.etree.ElementTree import Element

from ishowctl.pages.tree import e

Point = tuple[float, float]


@dataclass(frozen=True)
class Scale:
    """Values from ``low`` to ``high`` onto the picture from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return round(self.start + share * (self.end - self.start), 1)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from ``low`` to ``high``: multiples of 1, 2 or 5 times a power of ten."""
    raw = max(high - low, 1e-9) / about
    power = 10 ** math.floor(math.log10(raw))
    step = next(step * power for step in (1, 2, 5, 10) if step * power >= 0.999 * raw)
    return [round(i * step, 10) for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def picture(title: str, width: int, height: int, *parts: Element) -> Element:
    return e("svg", e("title", title), *parts, viewBox=f"0 0 {width} {height}", role="img", aria_label=title)


def axes(
    x: Scale, y: Scale, x_ticks: Iterable[tuple[float, str]], y_ticks: Sequence[float], label: str
) -> list[Element]:
    """Grid lines with their figures on the left, ticks below, the label above."""
    digits = max((len(f"{tick:g}".partition(".")[2]) for tick in y_ticks), default=0)
    parts = [text(x.start - 40, y.end - 14, label, class_="label")]
    for tick in y_ticks:
        parts.append(line((x.start, y(tick)), (x.end, y(tick)), class_="grid"))
        parts.append(text(x.start - 8, y(tick) + 4, f"{tick:.{digits}f}", text_anchor="end"))
    parts.append(line((x.start, y.start), (x.end, y.start), class_="axis"))
    parts += [text(x(value), y.start + 18, words, text_anchor="middle") for value, words in x_ticks]
    return parts


def level(x: Scale, y: Scale, value: float, words: str, kind: str) -> list[Element]:
    """A line across the whole picture, named at its right end; ``kind`` is limit or yardstick."""
    return [
        line((x.start, y(value)), (x.end, y(value)), class_=kind),
        text(x.end, y(value) - 6, words, text_anchor="end", class_=kind),
    ]


def line(begin: Point, end: Point, **attributes: object) -> Element:
    return e("line", x1=begin[0], y1=begin[1], x2=end[0], y2=end[1], **attributes)


def polyline(points: Iterable[Point], **attributes: object) -> Element:
    return e("polyline", points=" ".join(f"{x},{y}" for x, y in points), **attributes)


def steps(points: Sequence[Point]) -> list[Point]:
    """Each value holds until the next."""
    corners = [(after[0], before[1]) for before, after in pairwise(points)]
    return [point for pair in zip(points, [*corners, points[-1]], strict=True) for point in pair] if points else []


def dot(at: Point, words: str, **attributes: object) -> Element:
    """With a note that a mouse shows."""
    return e("circle", e("title", words), cx=at[0], cy=at[1], r=5, **attributes)


def text(x: float, y: float, words: str, **attributes: object) -> Element:
    return e("text", words, x=x, y=y, **attributes)
