"""`ishowctl report`: what the page says, and that no text in it becomes markup."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ishowctl.pages import charts, curves, report, reproduce, shell, tree
from tests.ctl.decisions import HOSTILE, decision, hostile, month, nothing_known, taint, votes
from tests.ctl.other import OtherDaemon
from tests.ctl.tuning_daemon import TEXTS, Tuning, status

NOW = "2026-11-30T12:00:00Z"
TAGS = {
    "html", "head", "meta", "title", "style", "body", "main", "header", "section", "h1", "h2", "p", "div", "span", "b",
    "code", "pre", "table", "thead", "tbody", "tr", "th", "td", "figure", "svg", "line", "polyline", "circle", "text",
}  # fmt: skip


class Reader(HTMLParser):
    """Tags, attribute names and text as a browser sees them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: dict[str, set[str]] = {}
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for key, value in attrs:
            self.attributes.setdefault(key, set()).add(value or "")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


@pytest.mark.parametrize(
    ("state", "decisions", "cast"),
    [
        (status(), month(), votes()),
        ({}, [], []),
        (status(pinned=7), [nothing_known(), {"id": 1}], [{}]),
        (taint(status()), [hostile()], taint(votes())),
    ],
)
def test_the_page_is_plain_whatever_is_in_it(state: Any, decisions: Any, cast: Any) -> None:
    page = report.page(state, decisions, cast, NOW)
    seen = Reader(page)
    assert seen.tags <= TAGS
    assert not {"style", "src", "href", "onerror", "onload"} & seen.attributes.keys(), "nothing comes from elsewhere"
    assert not re.search(r"\bNone\b(?! yet)", seen.text)
    policy = next(value for value in seen.attributes["content"] if value.startswith("default-src"))
    assert re.fullmatch(r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='", policy)


def test_a_hostile_text_arrives_as_text() -> None:
    shown = Reader(report.page(taint(status()), [hostile()], taint(votes()), NOW)).text
    assert shown.count(HOSTILE.replace("\x1b", " ")) > 40


@given(st.text())
def test_no_text_ends_a_data_block(text: str) -> None:
    block = shell.data({"text": text, text: 1})
    assert not {"<", ">", "&"} & set(block)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_a_text_in_the_tree_stays_what_it_is(text: str) -> None:
    made = Reader(tree.html(tree.e("p", text, tree.e("b", text, title=text), text)))
    assert made.tags == {"p", "b"}
    assert "".join(made.texts) == 3 * text
    assert made.attributes.get("title") == {text}


def test_the_page_tells_what_a_person_looks_for() -> None:
    shown = Reader(report.page(status(), [decision(31), *month()], votes(), NOW)).text
    for part in (
        "NFE 7 stays.", "Made 2026-11-30 12:00 UTC from ishowttsd 0.1.0.", "RTF 0.200 on medium (8.0 s of speech)",
        "Vetoed NFE 5 (epss-5)", "3fa2b1c09d77", "JetPack 6.2, L4T 36.4.3", "GPU clock 1300.5 MHz",
        "Decision 31 of 2026-11-22 23:59 UTC", "the largest NFE within the target is 6", "target 0.200",
        "10 epss-10 0.298 0.299 0.296 0.3 % -22.6 % 0.58 1.11 dB 1.80 dB too slow by 49 %",
        "No round: gpu 81.0 C, rounds start below 70 C.", 'NFE 6 (epss-6) is never to be chosen (t2): "hisses"',
        "ishowctl tune --dry-run --sweep 6,7,8,9,10 --runs 10", "sudo nvpmodel -m 0",
    ):  # fmt: skip
        assert part in shown, part


def test_the_tiles_tell_of_what_speaks_now() -> None:
    slow = decision(40, candidates=[{**c, "rtf": {**c["rtf"], "median": 0.213}} for c in decision()["candidates"]])
    assert '<div class="tile bad-news"><b>0.213</b>' in report.page(status(), [slow], [], NOW)
    assert '<div class="tile good-news"><b>0.1' in report.page(status(), month(), [], NOW)
    assert '<div class="tile"><b>–</b>' in report.page(status(), [], [], NOW)


def test_the_commands_can_be_pasted_whatever_the_text() -> None:
    state = status()
    state["tune"]["workload"]["texts"]["medium"] = 'It\'s $(touch /tmp/x) `y` "z"\n-- \\ end'
    lines = reproduce.commands(state, decision())
    say = shlex.split(next(line for line in lines if line.startswith("ishowctl say")))
    assert say[-1] == 'It\'s $(touch /tmp/x) `y` "z" -- \\ end'
    assert say[2:8] == ["--voice", "english", "--seed", "1234", "--nfe", "7"]
    assert "ishowctl samples kit --nfe 6,7,8,9,10" in lines
    assert not [line for line in reproduce.commands({}, None) if "nvpmodel" in line or "--sweep" in line]


def test_the_chart_of_rtf_has_each_candidate_the_target_and_the_fit() -> None:
    chart = curves.rtf_by_nfe(decision())
    assert chart is not None
    marks = {each.findtext("title"): each for each in chart.iter("circle")}
    assert len(marks) == 5
    kinds = {words.split(":")[0]: mark.get("class") for words, mark in marks.items() if words}
    assert kinds["NFE 6 (epss-6)"] == "chosen"
    assert kinds["NFE 7 (epss-7)"] == "over"
    target = next(line for line in chart.iter("line") if line.get("class") == "limit")
    heights = {words: float(mark.get("cy") or 0) for words, mark in marks.items()}
    below = [words for words, y in heights.items() if words and y > float(target.get("y1") or 0)]
    assert [words.split(":")[0] for words in below] == ["NFE 6 (epss-6)"], "only 6 stands below the target line"
    fit = next(line for line in chart.iter("line") if line.get("class") == "fit")
    assert float(fit.get("y1") or 0) > float(fit.get("y2") or 0), "time grows with NFE"


@pytest.mark.parametrize("draw", [curves.rtf_by_nfe, curves.quality_by_nfe, lambda each: curves.over_time([each])])
def test_nothing_is_drawn_of_nothing(draw: Callable[[Any], Any]) -> None:
    assert draw(nothing_known()) is None


def test_a_single_candidate_and_equal_times_can_be_drawn() -> None:
    single = decision(candidates=decision()["candidates"][:1], fit=None, target=None, yardsticks=None)
    for chart in (curves.rtf_by_nfe(single), curves.quality_by_nfe(single), curves.over_time([single, single])):
        assert chart is not None
        assert "nan" not in tree.html(chart)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_few_round_and_inside(low: float, span: float) -> None:
    found = charts.ticks(low, low + span)
    assert 2 <= len(found) <= 7
    assert all(low - 1e-6 * span <= tick <= low + span * (1 + 1e-6) for tick in found)
    assert math.isclose(found[1] - found[0], found[-1] - found[-2], rel_tol=1e-3, abs_tol=1e-8)


def test_the_command_writes_the_page(other: Callable[..., OtherDaemon], tmp_path: Path) -> None:
    daemon = other(Tuning(status(), month(), votes()))
    run = daemon.ctl("report")
    assert (run.returncode, run.stdout) == (0, "ishowtts-report.html: open it in a browser.\n")
    page = (tmp_path / "ishowtts-report.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert TEXTS[0] in page
    assert "--runs 10" in page
    assert re.sub(r"Made [\d: -]*UTC", "", daemon.ctl("report", "-").stdout) == re.sub(r"Made [\d: -]*UTC", "", page)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ishowtts-report.html", "tts.sock"]


@pytest.mark.parametrize(("name", "says"), [("nowhere/x.html", "No such file"), (".", "is there and is no file")])
def test_where_the_page_cannot_be_written(other: Callable[..., OtherDaemon], name: str, says: str) -> None:
    run = other(Tuning(status(), [], [])).ctl("report", name)
    assert (run.returncode, says in run.stderr, run.stderr.count("\n")) == (6, True, 1), run.stderr
