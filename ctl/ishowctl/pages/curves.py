"""The report's three charts: RTF against NFE, quality against NFE, decisions over time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from xml.etree.ElementTree import Element

from ishowctl import decisions as of
from ishowctl.decisions import Candidate, Decision
from ishowctl.pages import charts
from ishowctl.pages.charts import Scale
from ishowctl.pages.tree import e
from ishowctl.reading import at, figure, moment, number, words

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 480, 290, 44, 16, 34, 34
WIDE = 960

Measured = tuple[float, float, Candidate]  # NFE, what is drawn, of which candidate


def rtf_by_nfe(sweep: Decision) -> Element | None:
    """Median, best to worst, the line through them and the target; None where nothing was measured."""
    measured = _measured(sweep, "rtf.median")
    if not measured:
        return None
    target = of.target_rtf(sweep)
    worst = [number(at(candidate, "rtf.worst")) or median for _, median, candidate in measured]
    x, y = _scales(measured, max([*worst, target or 0.0]))
    parts = charts.axes(x, y, _nfe_ticks(measured), charts.ticks(y.low, y.high), "RTF")
    parts += [] if target is None else charts.level(x, y, target, f"target {target:.3f}", "limit")
    parts += _fit(sweep, x, y)
    for nfe, median, candidate in measured:
        best, most = (number(at(candidate, f"rtf.{key}")) or median for key in ("best", "worst"))
        parts.append(charts.line((x(nfe), y(best)), (x(nfe), y(most)), class_="range"))
        over = target is not None and median > target
        parts += _marked(x(nfe), y(median), f"{median:.3f}", _about(candidate), _kind(sweep, candidate, over))
    return charts.picture("RTF against NFE", WIDTH, HEIGHT, *parts)


def quality_by_nfe(sweep: Decision) -> Element | None:
    """The distance to NFE 64 in units of EPSS-7's; None where it was not measured."""
    measured = _measured(sweep, "quality.score")
    if not measured:
        return None
    x, y = _scales(measured, max(score for _, score, _ in measured))
    parts = charts.axes(x, y, _nfe_ticks(measured), charts.ticks(y.low, y.high), "distance to NFE 64 (lower is better)")
    parts += charts.level(x, y, 1.0, "EPSS-7", "yardstick") if y.high >= 1.0 else []
    for nfe, score, candidate in measured:
        rejected = at(candidate, "quality.passes") is False
        parts += _marked(x(nfe), y(score), f"{score:.2f}", _about(candidate), _kind(sweep, candidate, rejected))
    return charts.picture("Quality against NFE", WIDTH, HEIGHT, *parts)


def over_time(decisions: Sequence[Decision]) -> Element | None:
    """RTF against the target above, the NFE in force below; None where there is nothing to draw."""
    dated = sorted(((when, d) for d in decisions if (when := moment(d.get("at")))), key=lambda pair: pair[0])
    if not dated:
        return None
    margin = max((dated[-1][0] - dated[0][0]) * 0.015, timedelta(hours=1))
    x = Scale((dated[0][0] - margin).timestamp(), (dated[-1][0] + margin).timestamp(), LEFT, WIDE - RIGHT)
    rtfs = [(when.timestamp(), rtf, d) for when, d in dated if (rtf := of.rtf(d)) is not None]
    targets = [(when.timestamp(), rtf) for when, d in dated if (rtf := of.target_rtf(d)) is not None]
    y = Scale(0, 1.15 * max([p[1] for p in rtfs] + [p[1] for p in targets], default=0.2), 190, TOP)
    parts = charts.axes(x, y, [], charts.ticks(0, y.high, 4), "RTF of what was chosen, and the target")
    parts.append(charts.polyline([(x(t), y(v)) for t, v in charts.steps(_held(targets, x.high))], class_="limit"))
    for time_s, rtf, decision in rtfs:
        over = rtf > (of.target_rtf(decision) or rtf)
        note = f"decision {words(decision.get('id'))}: {words(decision.get('sentence'))}"
        parts.append(charts.dot((x(time_s), y(rtf)), note, class_="over" if over else "chosen"))
    parts += _nfe_over_time(dated, x)
    return charts.picture("Decisions over time", WIDE, 340, *parts)


def _nfe_over_time(dated: Sequence[tuple[datetime, Decision]], x: Scale) -> list[Element]:
    spoken = [(when.timestamp(), nfe) for when, d in dated if (nfe := number(at(of.in_force(d), "nfe"))) is not None]
    nfes = sorted({nfe for _, nfe in spoken}) or [7.0]
    y = Scale(nfes[0] - 0.5, nfes[-1] + 0.5, 306, 240)
    times = [x.low + (i + 0.5) * (x.high - x.low) / 6 for i in range(6)]
    form = "%d %b" if x.high - x.low > 6 * 86_400 else "%d %b %H:%M"
    labels = [(time_s, datetime.fromtimestamp(time_s, timezone.utc).strftime(form)) for time_s in times]
    return [
        *charts.axes(x, y, labels, nfes if len(nfes) < 6 else charts.ticks(nfes[0], nfes[-1], 4), "NFE in force"),
        charts.polyline([(x(t), y(v)) for t, v in charts.steps(_held(spoken, x.high))], class_="line"),
    ]


def _held(points: Sequence[tuple[float, float]], until: float) -> list[tuple[float, float]]:
    return [*points, (until, points[-1][1])] if points else []


def _measured(sweep: Decision, path: str) -> list[Measured]:
    found = [(number(entry.get("nfe")), number(at(entry, path)), entry) for entry in of.candidates(sweep)]
    known = [(nfe, value, entry) for nfe, value, entry in found if nfe is not None and value is not None]
    return sorted(known, key=lambda each: each[:2])


def _scales(measured: Sequence[Measured], most: float) -> tuple[Scale, Scale]:
    x = Scale(measured[0][0] - 0.6, measured[-1][0] + 0.6, LEFT, WIDTH - RIGHT)
    return x, Scale(0, 1.15 * most, HEIGHT - BOTTOM, TOP)


def _nfe_ticks(measured: Sequence[Measured]) -> list[tuple[float, str]]:
    return [(nfe, f"NFE {nfe:.0f}") for nfe in sorted({each[0] for each in measured})]


def _fit(sweep: Decision, x: Scale, y: Scale) -> list[Element]:
    """The line on which time grows with NFE, as RTF of the target's length."""
    fixed_s, per_nfe_s, audio_s = (
        number(at(sweep, path)) for path in ("fit.fixed_s", "fit.per_nfe_s", "target.audio_s")
    )
    if fixed_s is None or per_nfe_s is None or not audio_s:
        return []
    ends = [(x(nfe), y((fixed_s + per_nfe_s * nfe) / audio_s)) for nfe in (x.low, x.high)]
    return [charts.line(*ends, class_="fit")]


def _kind(sweep: Decision, candidate: Candidate, bad: bool) -> str:
    return "chosen" if of.is_after(sweep, candidate) else "over" if bad else "good"


def _marked(x: float, y: float, value: str, note: str, kind: str) -> list[Element]:
    """A point with its figure beside it: below, but above where the axis is near."""
    beside = y + 15 if y < HEIGHT - BOTTOM - 20 else y - 7
    return [charts.dot((x, y), note, class_=kind), charts.text(x + 9, beside, value, class_="value")]


def _about(candidate: Candidate) -> str:
    rtf, quality = figure(at(candidate, "rtf.median")), figure(at(candidate, "quality.score"), 2)
    return f"{of.name(candidate)}: RTF {rtf}, quality {quality}; {words(candidate.get('verdict'))}"


def legend() -> Element:
    kinds = (("chosen", "chosen"), ("good", "would do"), ("over", "too slow, or rejected"))
    keys = []
    for kind, meaning in kinds:
        mark = e("svg", e("circle", cx=7, cy=7, r=5, class_=kind), viewBox="0 0 14 14", aria_hidden="true")
        keys.append(e("span", mark, f" {meaning}", class_="key"))
    return e("p", *keys, class_="soft")
