"""Decisions over time as a picture: the NFE in force, RTF against the target, temperature and power mode.

The only file that imports matplotlib: the extra `plot`, 3.5 or newer (JetPack 6 ships 3.5.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from itertools import groupby
from pathlib import Path
from typing import Any

from ishowctl import decisions as of
from ishowctl import exits
from ishowctl.decisions import Decision
from ishowctl.exits import OutputError
from ishowctl.reading import at, moment, number

FORMATS = (".png", ".svg")
_BLUE, _RED, _GREY = "#1f5fae", "#b8321f", "#6b6b6b"
_BY_A_PERSON = ("pinned", "unpinned", "rolled_back")
_MODES = ("#e8eef6", "#f6efe3", "#e9f2e8", "#f3e8f0")  # behind the temperature, one a power mode

Timed = tuple[datetime, Decision]


def check(path: Path) -> None:
    """Raises OutputError, before anything is asked, when the picture cannot be made."""
    if path.suffix.lower() not in FORMATS:
        raise OutputError(f"{path}: the name must end in {' or '.join(FORMATS)}.", exits.USAGE)
    try:
        import matplotlib as _  # noqa: F401 (only whether it is there)
    except ImportError:
        mend = "`apt install python3-matplotlib` or `pip install 'ishowtts[plot]'`"
        raise OutputError(f"--plot needs matplotlib: {mend}.") from None


def save(decisions: Sequence[Decision], path: Path) -> None:
    """Draw them, in any order, into ``path``; raises OutputError where it cannot be written."""
    from matplotlib.figure import Figure

    dated = [(when, decision) for decision in decisions if (when := moment(decision.get("at")))]
    dated.sort(key=lambda pair: pair[0])
    begin, end = _span(dated)
    figure = Figure(figsize=(10, 8), layout="constrained")
    panels = figure.subplots(3, 1, sharex=True, gridspec_kw={"height_ratios": (2, 3, 2)})
    for axes, draw in zip(panels, (_draw_nfe, _draw_rtf, _draw_board), strict=True):
        draw(axes, dated, end)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
    panels[0].set_title("What the tuner decided", loc="left", fontweight="bold")
    panels[2].set_xlim(begin, end)
    panels[2].xaxis.set_major_formatter(_dates(panels[2]))
    try:
        figure.savefig(path, dpi=120)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}.") from None


def _span(dated: Sequence[Timed]) -> tuple[datetime, datetime]:
    """What the picture shows: a little more than the decisions, so that the last one's effect is seen."""
    first, last = (dated[0][0], dated[-1][0]) if dated else (datetime.now(timezone.utc),) * 2
    margin = max((last - first) * 0.02, timedelta(hours=1))
    return first - margin, last + margin


def _draw_nfe(axes: Any, dated: Sequence[Timed], end: datetime) -> None:
    """Steps: what speaks between two decisions. Marks: where it changed, and by whom."""
    from matplotlib.ticker import MultipleLocator

    points = [(when, nfe, d) for when, d in dated if (nfe := number(at(of.in_force(d), "nfe"))) is not None]
    _steps(axes, [(when, nfe) for when, nfe, _ in points], end, color=_BLUE, linewidth=1.5)
    kinds: dict[str, list[tuple[datetime, float]]] = {"changed by the tuner": [], "by a person": [], "stayed": []}
    for when, nfe, decision in points:
        changed = number(at(decision, "before.nfe")) != nfe
        by = (
            "by a person"
            if decision.get("outcome") in _BY_A_PERSON
            else "changed by the tuner"
            if changed
            else "stayed"
        )
        kinds[by].append((when, nfe))
    for (label, some), marker, colour in zip(kinds.items(), "oD|", (_BLUE, _RED, _GREY), strict=True):
        axes.plot([p[0] for p in some], [p[1] for p in some], marker, color=colour, label=label)
    values = [nfe for _, nfe, _ in points] or [7.0]
    axes.set_ylim(min(values) - 1, max(values) + 1.5)
    axes.yaxis.set_major_locator(MultipleLocator(max(1, round((max(values) - min(values)) / 5))))
    axes.set_ylabel("NFE")
    axes.legend(loc="upper left", ncol=3, frameon=False, fontsize="small")


def _draw_rtf(axes: Any, dated: Sequence[Timed], end: datetime) -> None:
    measured = [(when, median, d) for when, d in dated if (median := of.rtf(d)) is not None]
    for when, median, decision in measured:
        found = of.find(decision, decision.get("after"))
        best, worst = (number(at(found, f"rtf.{key}")) for key in ("best", "worst"))
        axes.vlines(when, median if best is None else best, median if worst is None else worst, color=_BLUE, alpha=0.5)
    label = "median, best to worst"
    axes.plot([p[0] for p in measured], [p[1] for p in measured], "o", color=_BLUE, markersize=4, label=label)
    targets = [(when, rtf) for when, d in dated if (rtf := of.target_rtf(d)) is not None]
    _steps(axes, targets, end, color=_RED, linestyle="--", label="target")
    values = [p[1] for p in measured] + [rtf for _, rtf in targets] or [0.2]
    axes.set_ylim(0.9 * min(values), 1.15 * max(values))
    axes.set_ylabel("RTF of what was chosen")
    axes.legend(loc="upper left", ncol=2, frameon=False, fontsize="small")


def _draw_board(axes: Any, dated: Sequence[Timed], end: datetime) -> None:
    """The temperature, and behind it the power mode."""
    warm = [(when, gpu_c) for when, d in dated if (gpu_c := of.gpu_c(d)) is not None]
    axes.plot([p[0] for p in warm], [p[1] for p in warm], "o-", color=_RED, markersize=3, linewidth=1)
    axes.margins(y=0.25)
    axes.set_ylabel("GPU °C")
    modes = [(when, of.mode(d)) for when, d in dated if d.get("mode")]
    spans = [next(group) for _, group in groupby(modes, key=lambda pair: pair[1])]
    names = list(dict.fromkeys(name for _, name in spans))
    ends = [*(when for when, _ in spans[1:]), end]
    for (begin, name), until in zip(spans, ends, strict=False):  # without a mode there is an end and no span
        axes.axvspan(begin, until, color=_MODES[names.index(name) % len(_MODES)], zorder=0)
        place = {"xycoords": ("data", "axes fraction"), "xytext": (4, -12), "textcoords": "offset points"}
        axes.annotate(
            name.replace("$", r"\$"), (begin, 1), **place, fontsize="small", color=_GREY
        )  # $ begins a formula


def _steps(axes: Any, points: Sequence[tuple[datetime, float]], end: datetime, **style: Any) -> None:
    """Each value holds until the next, the last one until ``end``."""
    held = [*points, (end, points[-1][1])] if points else []
    axes.step([p[0] for p in held], [p[1] for p in held], where="post", **style)


def _dates(axes: Any) -> Any:
    from matplotlib.dates import ConciseDateFormatter

    return ConciseDateFormatter(axes.xaxis.get_major_locator(), tz=datetime.now().astimezone().tzinfo)  # type: ignore[no-untyped-call]
