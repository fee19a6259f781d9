"""The report: what speaks, how fast and how well, on which board, why, and how to measure it again. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.etree.ElementTree import Element

from ishowctl import decisions as of
from ishowctl.decisions import Candidate, Decision
from ishowctl.pages import curves, reproduce, shell
from ishowctl.pages.tree import Child, e, facts, html, table
from ishowctl.reading import UNKNOWN, at, entries, figure, number, percent, utc_time, words

LISTED = 50

Status = dict[str, Any]
Votes = Sequence[dict[str, Any]]


def page(status: Status, decisions: Sequence[Decision], votes: Votes, made_at: str) -> str:
    """``decisions`` and ``votes`` newest first; ``made_at`` in UTC, ISO 8601."""
    sweep = of.newest_sweep(decisions)
    sections = [
        _header(status, decisions, made_at),
        _section("Configuration", facts(_configuration(status, sweep))),
        _section("Board", facts(_board(status))),
        *(_sweep(sweep) if sweep else [_section("Sweep", e("p", "Nothing has been measured yet.", class_="soft"))]),
        _section("Decisions", *_decisions(decisions)),
        _section("Votes", _votes(votes)),
        _section("Measure it again", *reproduce.elements(status, sweep)),
    ]
    return shell.page("iShowTTS: speed and sound", html(e("main", *sections)), style="report.css")


def _section(title: str, *parts: Element) -> Element:
    return e("section", e("h2", title), *parts)


def _header(status: Status, decisions: Sequence[Decision], made_at: str) -> Element:
    last = at(status, "tune.last.sentence") or at(decisions[0] if decisions else {}, "sentence")
    by = f"Made {utc_time(made_at)} UTC from ishowttsd {words(at(status, 'versions.daemon'))}."
    return e(
        "header",
        e("h1", "iShowTTS: speed and sound"),
        e("p", words(last) if last else "The tuner has not decided anything yet.", class_="lead"),
        _tiles(status, decisions),
        e("p", by, class_="soft"),
    )


def _tiles(status: Status, decisions: Sequence[Decision]) -> Element:
    """The four figures of it all: of what speaks now, as it was last measured."""
    now = {"nfe": status.get("nfe"), "schedule": at(status, "schedule.name")}
    measured = next((d for d in decisions if number(at(of.find(d, now), "rtf.median")) is not None), {})
    found = of.find(measured, now)
    rtf, target, score = number(at(found, "rtf.median")), of.target_rtf(measured), number(at(found, "quality.score"))
    met = None if rtf is None or target is None else rtf <= target
    verdict = at(status, "board.verdict")
    return e(
        "div",
        _tile(words(now["nfe"]), f"NFE, schedule {words(now['schedule'])}", None),
        _tile(figure(rtf), f"RTF, target {figure(target)}", met),
        _tile(figure(score, 2), "distance to NFE 64; EPSS-7 is 1", at(found, "quality.passes")),
        _tile(words(verdict), "board", None if verdict is None else verdict == "trusted"),
        class_="tiles",
    )


def _tile(value: str, meaning: str, good: Any) -> Element:
    news = {True: " good-news", False: " bad-news"}.get(good, "") if isinstance(good, bool) else ""
    return e("div", e("b", value), e("span", meaning), class_=f"tile{news}")


def _configuration(status: Status, sweep: Decision | None) -> list[tuple[str, str]]:
    tune, now = status.get("tune"), {"nfe": status.get("nfe"), "schedule": at(status, "schedule.name")}
    pinned = at(tune, "pinned")
    engine = [words(at(status, f"engine.{key}")) for key in ("device", "dtype")]
    vetoed = [of.name(entry) for entry in entries(tune, "candidates") if entry.get("vetoed")]
    rows = [
        ("Speaks with", of.name(now) + (f", pinned to {words(pinned)} by a person" if pinned else "")),
        ("Target", of.target(tune if of.target_rtf(tune or {}) is not None else sweep or {})),
        ("Candidates", ", ".join(of.name(entry) for entry in entries(tune, "candidates")) or UNKNOWN),
        ("Vetoed", ", ".join(vetoed) or "none"),
        ("Model", words(at(status, "engine.model"))),
        ("Engine", f"{', '.join(engine)}, torch {words(at(status, 'versions.torch'))}"),
        ("Measured with", _workload(tune)),
        ("Fingerprint", f"{words((sweep or {}).get('fingerprint'))} of model, voice, torch, device, type and workload"),
        ("Tuner", f"{words(at(tune, 'state'))}: {words(at(tune, 'sentence'))}"),
    ]
    rows += [("Warning", words(at(tune, "warning")))] if at(tune, "warning") else []
    return rows + [("Refused", _refusal(refusal)) for refusal in entries(tune, "refusals")]


def _workload(tune: Any) -> str:
    work = at(tune, "workload")
    return f"voice {words(at(work, 'voice'))}, seed {words(at(work, 'seed'))}, texts {words(at(work, 'fingerprint'))}"


def _refusal(refusal: dict[str, Any]) -> str:
    mend = refusal.get("mend")
    return words(refusal.get("text")) + (f" → {words(mend)}" if mend else "")


def _board(status: Status) -> list[tuple[str, str]]:
    board = status.get("board")
    mend, clock_hz = at(board, "mend"), number(at(board, "gpu.cur_hz"))
    jetpack, hottest = at(board, "jetpack"), at(board, "hottest.temp_c")
    rows = [
        ("Now", words(at(board, "sentence")) + (f" → {words(mend)}" if mend else "")),
        ("Board", words(at(board, "model"))),
        ("Software", f"JetPack {words(jetpack)}, L4T {words(at(board, 'l4t'))}" if jetpack else UNKNOWN),
        ("Power mode", words(at(board, "mode.name"))),
        ("GPU clock", UNKNOWN if clock_hz is None else f"{clock_hz / 1e6:.1f} MHz"),
        ("Hottest", UNKNOWN if hottest is None else f"{words(at(board, 'hottest.name'))} {figure(hottest, 1, ' °C')}"),
        *(("Note", words(note)) for note in at(board, "notes") or []),
    ]
    return [(name, value) for name, value in rows if name == "Now" or value != UNKNOWN]  # a PC has few of them


def _sweep(sweep: Decision) -> list[Element]:
    when = f"Decision {words(sweep.get('id'))} of {utc_time(sweep.get('at'))} UTC: {words(sweep.get('sentence'))}"
    drawn = [chart for chart in (curves.rtf_by_nfe(sweep), curves.quality_by_nfe(sweep)) if chart is not None]
    head = ("NFE", "schedule", "RTF", "mean", "best", "spread", "faster", "quality", "log-mel", "MCD", "verdict")
    rows = [_candidate(sweep, candidate) for candidate in of.candidates(sweep)]
    measured = facts(
        [
            ("Time of one utterance", of.fit(sweep)),
            ("Yardsticks", f"{of.yardsticks(sweep)}, log-mel distance to NFE 64"),
            ("Board before", of.board(at(sweep, "board.before"))),
            ("Board after", of.board(at(sweep, "board.after"))),
            ("Cost", f"{words(sweep.get('trials'))} trials, {figure(sweep.get('gpu_s'), 1)} s of GPU"),
        ]
    )
    parts = [e("p", when), e("div", *(e("figure", chart) for chart in drawn), class_="charts"), curves.legend()]
    parts += [table(head, rows, right=range(2, 10)), measured]
    buckets = entries(sweep, "buckets")
    return [_section("Sweep", *parts), *([_section("Other lengths", _buckets(buckets))] if buckets else [])]


def _candidate(sweep: Decision, candidate: Candidate) -> list[Child]:
    nfe = words(candidate.get("nfe"))
    return [
        e("b", nfe) if of.is_after(sweep, candidate) else nfe,
        words(candidate.get("schedule")),
        *(figure(at(candidate, f"rtf.{key}")) for key in ("median", "mean", "best")),
        percent(at(candidate, "rtf.spread")),
        percent(of.gain(sweep, candidate), signed=True),
        figure(at(candidate, "quality.score"), 2),
        figure(at(candidate, "quality.log_mel_db"), 2, " dB"),
        figure(at(candidate, "quality.mcd_db"), 2, " dB"),
        e("div", words(candidate.get("verdict")), class_="sentence"),
    ]


def _buckets(buckets: list[dict[str, Any]]) -> Element:
    rows = [
        [words(entry.get("bucket")), figure(entry.get("audio_s"), 1, " s"), words(entry.get("nfe")),
         *(figure(at(entry, f"rtf.{key}")) for key in ("median", "mean", "best")), percent(at(entry, "rtf.spread"))]
        for entry in buckets
    ]  # fmt: skip
    return table(("bucket", "speech", "NFE", "RTF", "mean", "best", "spread"), rows, right=range(1, 7))


def _decisions(decisions: Sequence[Decision]) -> list[Element]:
    if not decisions:
        return [e("p", "None yet.", class_="soft")]
    head = ("id", "when (UTC)", "why", "outcome", "NFE", "RTF", "target", "GPU °C", "mode", "in one sentence")
    rows: list[list[Child]] = [
        [words(d.get("id")), utc_time(d.get("at")), words(d.get("reason")), words(d.get("outcome")), of.change(d),
         figure(of.rtf(d)), figure(of.target_rtf(d)), figure(of.gpu_c(d), 1), of.mode(d),
         e("div", words(d.get("sentence")), class_="sentence")]
        for d in decisions[:LISTED]
    ]  # fmt: skip
    chart = curves.over_time(decisions)
    drawn = [e("figure", chart, class_="time")] if chart is not None else []
    shown = f"The newest {LISTED} of {len(decisions)}." if len(decisions) > LISTED else ""
    return [*drawn, table(head, rows, right=(0, 5, 6, 7)), e("p", shown, class_="soft")]


def _votes(votes: Votes) -> Element:
    if not votes:
        return e("p", "None yet: ", e("code", "ishowctl samples DIR"), " makes a kit for listening.", class_="soft")
    rows: list[list[Child]] = [
        [
            utc_time(vote.get("at")),
            e("div", of.vote(vote), class_="sentence"),
            words(vote.get("kit")),
            words(vote.get("who")),
        ]
        for vote in votes
    ]
    return table(("when (UTC)", "what was heard", "kit", "who"), rows)
