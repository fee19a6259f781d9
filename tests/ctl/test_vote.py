"""`ishowctl vote`: what is sent to the admin socket, and what is refused before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.ctl.other import OtherDaemon
from tests.ctl.tuning_daemon import Tuning, status

Sent = list[dict[str, Any]]
Cast = Callable[..., tuple[int, str, str, Sent]]


@pytest.fixture
def cast(other: Callable[..., OtherDaemon]) -> Cast:
    """Vote at a daemon's admin socket: (exit status, what it printed, what it complained about, the votes it sent)."""
    tuning = Tuning(status(), [], [])
    other(tuning, "admin.sock")
    daemon = other(tuning)

    def vote(*args: str, **more: Any) -> tuple[int, str, str, Sent]:
        run = daemon.ctl("vote", *args, **more)
        sent = [{key: value for key, value in each.items() if key not in ("op", "id")} for each in tuning.of("vote")]
        return run.returncode, run.stdout, run.stderr, sent

    return vote


@pytest.mark.parametrize(
    ("args", "sent", "says"),
    [
        (["--prefer", "7", "--over", "6"], {"kind": "prefer", "nfe": 7, "over": 6}, "NFE 7 sounds better than NFE 6"),
        (
            ["--prefer", "7", "--over", "6", "--text", "t2"],
            {"kind": "prefer", "nfe": 7, "over": 6, "text": "t2"},
            "NFE 7 sounds better than NFE 6 (t2)",
        ),
        (
            ["--veto", "6", "--note", "hisses"],
            {"kind": "veto", "nfe": 6, "note": "hisses"},
            'NFE 6 is never to be chosen: "hisses"',
        ),
        (["--allow", "6"], {"kind": "allow", "nfe": 6}, "NFE 6 may be chosen again"),
    ],
)
def test_one_vote(cast: Cast, args: list[str], sent: dict[str, Any], says: str) -> None:
    assert cast(*args) == (0, f"recorded: {says}\n", "", [sent])


def test_the_votes_of_a_kit_from_a_file_and_from_standard_input(cast: Cast, tmp_path: Path) -> None:
    votes = [
        {"kind": "prefer", "nfe": 7, "over": 6, "text": "t1", "kit": "a1b2", "note": ""},
        {"kind": "veto", "nfe": 6, "kit": "a1b2", "note": "broken in t2"},
    ]
    document = json.dumps({"kit": "a1b2", "votes": votes, "answers": [{"a": "x", "b": "y", "answer": "same"}]})
    (tmp_path / "votes.json").write_text(document, encoding="utf-8")
    expected = [{key: value for key, value in vote.items() if value} for vote in votes]
    code, said, _, sent = cast("votes.json")
    assert (code, said.count("recorded: "), sent) == (0, 2, expected)
    assert cast("-", input=document)[3] == expected * 2


def test_a_refused_vote_says_how_many_were_recorded(cast: Cast, tmp_path: Path) -> None:
    votes = [{"kind": "veto", "nfe": nfe} for nfe in (6, 99, 7)]
    (tmp_path / "votes.json").write_text(json.dumps({"votes": votes}), encoding="utf-8")
    code, said, complaint, sent = cast("votes.json")
    assert (code, said.count("recorded"), len(sent)) == (4, 1, 2)
    assert complaint == "ishowctl: of 3 votes the first 1 are recorded; then: NFE 99 is no candidate.\n"
    assert cast("--veto", "99")[2] == "ishowctl: NFE 99 is no candidate.\n"


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("{", "is no JSON"),
        ("[]", 'it has no list "votes"'),
        ('{"votes": 3}', 'it has no list "votes"'),
        ('{"votes": [7]}', 'vote 1: "kind" must be prefer, veto or allow'),
        ('{"votes": [{"kind": "veto", "nfe": 6}, {"kind": "praise", "nfe": 7}]}', 'vote 2: "kind" must be'),
        ('{"votes": [{"kind": "veto", "nfe": true}]}', '"nfe" must be a number from 1 to 128'),
        ('{"votes": [{"kind": "prefer", "nfe": 7}]}', '"over" must be a number from 1 to 128'),
        ('{"votes": [{"kind": "veto", "nfe": 7, "note": 1}]}', "must be texts"),
        ("\xff", "is no JSON"),
    ],
)
def test_a_file_that_is_wrong_anywhere_is_not_sent_at_all(cast: Cast, tmp_path: Path, document: str, says: str) -> None:
    (tmp_path / "votes.json").write_bytes(document.encode("latin-1"))
    code, said, complaint, sent = cast("votes.json")
    assert (code, said, says in complaint, complaint.count("\n"), sent) == (2, "", True, 1, []), complaint


@pytest.mark.parametrize(
    "args",
    [
        [], ["--prefer", "7"], ["--over", "7"], ["--prefer", "7", "--over", "7"], ["--veto", "6", "--allow", "6"],
        ["--veto", "6", "--over", "7"], ["x.json", "--veto", "6"], ["x.json", "--note", "n"], ["--veto", "0"],
        ["x.json"],
    ],
)  # fmt: skip
def test_a_wrong_command_line(cast: Cast, args: list[str]) -> None:
    code, _, complaint, sent = cast(*args)
    assert (code, "Traceback" in complaint, sent) == (2, False, [])


def test_a_kit_without_votes_says_so(cast: Cast) -> None:
    assert cast("-", input='{"votes": []}') == (0, "there is no vote in it: nothing is recorded.\n", "", [])
