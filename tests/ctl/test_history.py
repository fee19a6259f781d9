"""`ishowctl history`: a table, one decision whole, JSON, a picture; and whatever may be unknown in them."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from ishowctl import decision_text, decisions
from tests.ctl.decisions import decision, hostile, month, nothing_known, votes
from tests.ctl.other import Answer, OtherDaemon
from tests.ctl.tuning_daemon import Tuning

Other = Callable[[Answer], OtherDaemon]


def history(all: list[dict[str, Any]], cast: list[dict[str, Any]] | None = None) -> Answer:
    return Tuning({}, all, cast or [])


def test_the_table_names_when_why_what_and_against_which_target() -> None:
    lines = decision_text.many([decision()], votes(), 100).splitlines()
    assert lines[0].split() == ["id", "when", "why", "outcome", "NFE", "RTF", "/", "target", "GPU", "°C", "mode"]
    for part in ("1", "operator", "changed", "8 → 6", "0.184 / 0.200", "54.5", "MAXN"):
        assert part in lines[1]
    assert lines[2].strip() == decision()["sentence"]
    assert 'NFE 6 (epss-6) is never to be chosen (t2): "hisses"' in lines[-2]
    assert "NFE 7 (epss-7) sounds better than NFE 6 (epss-6) (t1)" in lines[-1]


def test_no_line_of_the_table_is_wider_than_the_screen() -> None:
    assert max(map(len, decision_text.many(month(), [], 90).splitlines())) <= 90


def test_an_empty_history_says_how_to_fill_it() -> None:
    assert decision_text.many([], [], 80) == decision_text.NOTHING_YET


def test_one_decision_whole() -> None:
    text = decision_text.one(decision())
    for part in (
        "fingerprint 3fa2b1c09d77", "0.110 s + 0.230 s x NFE (R² 0.9991); the largest NFE within the target is 6",
        "epss-7 1.92 dB, uniform-16 0.90 dB", "before: trusted: MAXN, GPU locked at 1300.5 MHz, 48.5 C, clocks locked",
        "after: trusted: MAXN, GPU locked at 1300.5 MHz, 54.5 C", "55 trials, 141.2 s of GPU", "runs 0.183 0.184",
        "grid 0.000 0.005 0.019 0.043 0.076 0.293 1.000", "long    21.4 s    6  0.152",
    ):  # fmt: skip
        assert part in text
    starred = next(line for line in text.splitlines() if line.startswith("  *"))
    assert starred.split() == [
        "*", "6", "epss-6", "0.184", "0.184", "0.183", "0.3", "%", "+24.3", "%", "1.31", "2.52", "dB", "4.06", "dB",
        "meets", "the", "target",
    ]  # fmt: skip


@pytest.mark.parametrize("poor", [nothing_known(), {"id": 3}, {**decision(), "candidates": [{}, None, 7], "fit": []}])
def test_what_is_unknown_is_a_dash(poor: dict[str, Any]) -> None:
    assert "–" in decision_text.one(poor)
    assert "None" not in decision_text.one(poor) + decision_text.many([poor], [], 80)


def test_a_hostile_text_does_not_steer_the_terminal() -> None:
    text = decision_text.one(hostile()) + decision_text.many(
        [hostile()], [{"kind": "veto", "note": "\x1b]0;x\x07"}], 80
    )
    assert not [character for character in text if not character.isprintable() and character != "\n"]


@pytest.mark.parametrize(
    ("outcome", "text", "speaks"),
    [
        ("changed", "8 → 6", 6),
        ("kept", "8 → 6", 6),
        ("proposed", "8 (6?)", 8),
        ("dry_run", "8 (6?)", 8),
        ("void", "8 (6?)", 8),
    ],
)
def test_what_was_only_measured_does_not_speak(outcome: str, text: str, speaks: int) -> None:
    decided = decision(outcome=outcome)
    assert decisions.change(decided) == text
    assert decisions.in_force(decided)["nfe"] == speaks


def test_the_newest_sweep_is_the_newest_comparison() -> None:
    single = decision(9, candidates=decision()["candidates"][:1])
    assert decisions.newest_sweep([decision(10, candidates=[]), single, decision(8)]) == decision(8)
    assert decisions.newest_sweep([single]) == single
    assert decisions.newest_sweep([nothing_known()]) is None


def test_the_command_pages_through_a_long_history(other: Other) -> None:
    daemon = other(history([decision(id) for id in range(70, 0, -1)], votes()))
    answer = json.loads(daemon.ctl("history", "--json", "--limit", "55").stdout)
    assert [entry["id"] for entry in answer["decisions"]] == list(range(70, 15, -1))
    assert answer["votes"] == votes()
    assert len(json.loads(daemon.ctl("history", "--json", "--limit", "99").stdout)["decisions"]) == 70
    assert daemon.ctl("history").stdout.count("NFE 6 replaces 8") == 20


def test_the_command_shows_one_decision(other: Other) -> None:
    daemon = other(history([decision(5), decision(3)]))
    assert daemon.ctl("history", "--id", "3").stdout.startswith("decision 3, ")
    assert json.loads(daemon.ctl("history", "--id", "5", "--json").stdout)["decisions"] == [decision(5)]
    missing = daemon.ctl("history", "--id", "4")
    assert (missing.returncode, missing.stderr) == (
        4,
        "ishowctl: there is no decision 4.\n",
    )


def test_an_empty_history_is_no_error_but_no_picture(other: Other) -> None:
    pytest.importorskip("matplotlib")
    daemon = other(history([]))
    assert daemon.ctl("history").stdout == decision_text.NOTHING_YET + "\n"
    run = daemon.ctl("history", "--plot", "x.png")
    assert (run.returncode, "nothing to draw" in run.stderr, run.stderr.count("\n")) == (4, True, 1)


@pytest.mark.parametrize(
    "decided",
    [month(), [decision()], [nothing_known(), hostile()], [nothing_known()], [decision(mode=None, candidates=[])]],
)
def test_a_picture(other: Other, decided: list[dict[str, Any]], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    daemon = other(history(decided))
    for name in ("x.png", "x.svg"):
        run = daemon.ctl("history", "--plot", name)
        assert (run.returncode, run.stderr) == (0, "")
    width, height = struct.unpack(">II", (tmp_path / "x.png").read_bytes()[16:24])
    assert (width, height) == (1200, 960)
    assert ElementTree.parse(tmp_path / "x.svg").getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_without_matplotlib_the_sentence_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ImportError", encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    daemon = OtherDaemon(tmp_path / "tts.sock", history([decision()]))
    try:
        run = daemon.ctl("history", "--plot", "x.png", env={**os.environ, "PYTHONPATH": path})
    finally:
        daemon.close()
    assert run.returncode == 6
    assert run.stderr.startswith("ishowctl: --plot needs matplotlib: `apt install python3-matplotlib` or ")


@pytest.mark.parametrize("args", [["--plot", "x.pdf"], ["--limit", "0"], ["--id", "x"], ["--id", "1", "--limit", "2"]])
def test_a_wrong_command_line(other: Other, args: list[str]) -> None:
    assert other(history([])).ctl("history", *args).returncode == 2
