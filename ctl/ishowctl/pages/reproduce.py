"""How to measure the same again: the exact commands, texts and grids. Pure."""

from __future__ import annotations

import shlex
from typing import Any
from xml.etree.ElementTree import Element

from ishowctl import decisions as of
from ishowctl.decisions import Decision
from ishowctl.pages.tree import Child, e, table
from ishowctl.reading import at, number, words


def elements(status: dict[str, Any], sweep: Decision | None) -> list[Element]:
    parts = [e("pre", "\n".join(commands(status, sweep)))]
    texts = _texts(status)
    if texts:
        parts += [
            e("p", "The pinned texts:"),
            table(("key", "text"), [[key, e("div", text, class_="sentence")] for key, text in texts]),
        ]
    grids: list[list[Child]] = [
        [of.name(c), e("code", " ".join(_times(c)))] for c in of.candidates(sweep or {}) if _times(c)
    ]
    if grids:
        parts += [
            e("p", "The grids on which the flow was integrated, sway applied:"),
            table(("schedule", "times"), grids),
        ]
    return parts


def commands(status: dict[str, Any], sweep: Decision | None) -> list[str]:
    """Lines for a shell: bring the board into the same state, measure, look, listen."""
    lines = ["# the board as it was", *_board(status), "ishowctl doctor"]
    nfes = [str(int(nfe)) for c in of.candidates(sweep or {}) if (nfe := number(c.get("nfe"))) is not None]
    unique = ",".join(dict.fromkeys(sorted(nfes, key=int)))
    if sweep is not None and unique:
        runs = max((len(at(c, "rtf.runs") or []) for c in of.candidates(sweep)), default=0)
        lines += ["", "# the sweep, without changing what speaks"]
        lines.append(f"ishowctl tune --dry-run --sweep {unique}" + (f" --runs {runs}" if runs else ""))
        lines += ["", "# the evidence above", f"ishowctl history --id {_integer(sweep.get('id'))} --json"]
    lines += ["", "# one utterance of the measured kind", _say(status)]
    kit = f"ishowctl samples kit --nfe {unique}" if "," in unique else "ishowctl samples kit"
    return [*lines, "", "# listen, without knowing which is which", kit, "", "# this page", "ishowctl report"]


def _board(status: dict[str, Any]) -> list[str]:
    """Only on a Jetson is there a power mode to set."""
    mode = number(at(status, "board.mode.id"))
    return [] if mode is None else [f"sudo nvpmodel -m {mode:.0f}", "sudo jetson_clocks"]


def _say(status: dict[str, Any]) -> str:
    work = at(status, "tune.workload")
    bucket = at(status, "tune.target.bucket")
    text = at(work, f"texts.{bucket}") or next((text for _, text in _texts(status)), "Good morning.")
    voice, seed = words(at(work, "voice") or "default"), _integer(at(work, "seed"))
    command = ["ishowctl", "say", "--voice", voice, "--seed", seed, "--nfe", _integer(status.get("nfe") or 7)]
    return shlex.join([*command, "-o", "measured.wav", words(text)])


def _texts(status: dict[str, Any]) -> list[tuple[str, str]]:
    """(bucket or number, text)"""
    work = at(status, "tune.workload")
    buckets, others = at(work, "texts"), at(work, "quality_texts")
    named = [(words(key), words(text)) for key, text in buckets.items()] if isinstance(buckets, dict) else []
    return named + [(f"t{i}", words(text)) for i, text in enumerate(others if isinstance(others, list) else [], 1)]


def _times(candidate: dict[str, Any]) -> list[str]:
    times = candidate.get("times")
    known = [number(time) for time in times] if isinstance(times, list) else []
    return [f"{time:.6g}" for time in known if time is not None]


def _integer(value: Any) -> str:
    known = number(value)
    return "0" if known is None else f"{known:.0f}"
