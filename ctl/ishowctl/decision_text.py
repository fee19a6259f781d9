"""Decisions of the tuner as text for a person: many in a table, one whole. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from ishowctl import decisions as of
from ishowctl.decisions import Decision
from ishowctl.reading import UNKNOWN, at, entries, figure, local_time, percent, words
from ishowctl.table import aligned

NOTHING_YET = "no decisions yet: `ishowctl tune` makes one, and so does the timer."
_HEAD = ("id", "when", "why", "outcome", "NFE", "RTF / target", "GPU °C", "mode")


def many(decisions: Sequence[Decision], votes: Sequence[dict[str, Any]], columns: int) -> str:
    """Two lines a decision: its figures, its sentence. ``columns`` is the width of the screen."""
    if not decisions:
        lines = [NOTHING_YET]
    else:
        head, *rows = aligned([_HEAD, *(_row(decision) for decision in decisions)], right=(0, 6))
        lines = [head]
        for decision, row in zip(decisions, rows, strict=True):
            sentence = words(decision.get("sentence"))
            lines += [row, textwrap.fill(sentence, columns, initial_indent="      ", subsequent_indent="      ")]
    if votes:
        lines += ["", "votes", *(f"  {local_time(vote.get('at'))}  {of.vote(vote)}" for vote in votes)]
    return "\n".join(lines)


def one(decision: Decision) -> str:
    """Everything: what was measured, what it was judged by, the board before and after."""
    rows = [
        ("before", of.name(decision.get("before"))),
        ("after", of.name(decision.get("after"))),
        ("target", of.target(decision)),
        ("mode", of.mode(decision)),
        ("model", f"{words(decision.get('model'))}, fingerprint {words(decision.get('fingerprint'))}"),
        ("engine", _engine(decision)),
        ("cost", _cost(decision)),
        ("fit", of.fit(decision)),
        ("yardsticks", f"{of.yardsticks(decision)} (log-mel distance to NFE 64)"),
        ("board", f"before: {of.board(at(decision, 'board.before'))}"),
        ("", f"after: {of.board(at(decision, 'board.after'))}"),
    ]
    when = local_time(decision.get("at"), "%Y-%m-%d %H:%M:%S")
    id, reason, outcome = (words(decision.get(key)) for key in ("id", "reason", "outcome"))
    head = f"decision {id}, {when}: {reason}, {outcome}"
    lines = [head, f"  {words(decision.get('sentence'))}", "", *("  " + line for line in aligned(rows))]
    if of.candidates(decision):
        lines += ["", "candidates, the best-sounding first", *candidates(decision), "", *_evidence(decision)]
    if entries(decision, "buckets"):
        lines += ["", "at other lengths", *buckets(decision)]
    return "\n".join(lines)


def candidates(decision: Decision) -> list[str]:
    """The table of a round; a star marks what was chosen."""
    head = ("", "NFE", "schedule", "RTF", "mean", "best", "spread", "faster", "quality", "log-mel", "MCD", "verdict")
    rows = [
        (
            "*" if of.is_after(decision, entry) else "",
            words(entry.get("nfe")),
            words(entry.get("schedule")),
            *(figure(at(entry, f"rtf.{key}")) for key in ("median", "mean", "best")),
            percent(at(entry, "rtf.spread")),
            percent(of.gain(decision, entry), signed=True),
            figure(at(entry, "quality.score"), 2),
            figure(at(entry, "quality.log_mel_db"), 2, " dB"),
            figure(at(entry, "quality.mcd_db"), 2, " dB"),
            words(entry.get("verdict")),
        )
        for entry in of.candidates(decision)
    ]
    return ["  " + line for line in aligned([head, *rows], right=range(3, 11))]


def buckets(decision: Decision) -> list[str]:
    rows = [
        (words(entry.get("bucket")), figure(entry.get("audio_s"), 1, " s"), words(entry.get("nfe")),
         *(figure(at(entry, f"rtf.{key}")) for key in ("median", "mean", "best")), percent(at(entry, "rtf.spread")))
        for entry in entries(decision, "buckets")
    ]  # fmt: skip
    head = ("bucket", "speech", "NFE", "RTF", "mean", "best", "spread")
    return ["  " + line for line in aligned([head, *rows], right=range(1, 7))]


def _row(decision: Decision) -> tuple[str, ...]:
    return (
        words(decision.get("id")),
        local_time(decision.get("at")),
        words(decision.get("reason")),
        words(decision.get("outcome")),
        of.change(decision),
        f"{figure(of.rtf(decision))} / {figure(of.target_rtf(decision))}",
        figure(of.gpu_c(decision), 1),
        of.mode(decision),
    )


def _evidence(decision: Decision) -> list[str]:
    """Every run and every grid: what the figures above were made from."""
    rows = []
    for entry in of.candidates(decision):
        runs, times, why = at(entry, "rtf.runs"), entry.get("times"), words(at(entry, "quality.why"))
        rows.append((of.name(entry), f"runs {_row_of(runs)}"))
        rows.append(("", f"grid {_row_of(times)}"))
        rows += [("", f"quality: {why}")] if why != UNKNOWN else []
    return ["  " + line for line in aligned(rows)]


def _row_of(values: Any) -> str:
    return " ".join(f"{figure(value, 3)}" for value in values) if isinstance(values, list) and values else UNKNOWN


def _engine(decision: Decision) -> str:
    parts = [words(decision[key]) for key in ("device", "dtype") if decision.get(key)]
    parts += [
        f"{what} {words(decision[key])}"
        for key, what in (("torch", "torch"), ("daemon", "ishowttsd"))
        if decision.get(key)
    ]
    return ", ".join(parts) or UNKNOWN


def _cost(decision: Decision) -> str:
    trials, gpu_s, wall_s = (decision.get(key) for key in ("trials", "gpu_s", "wall_s"))
    return f"{words(trials)} trials, {figure(gpu_s, 1)} s of GPU, {figure(wall_s, 1)} s in all"
