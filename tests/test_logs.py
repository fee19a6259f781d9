"""One line an event, whatever is in it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ishowtts.logs import Log
from tests.steady import steady


@pytest.fixture(autouse=True)
def _no_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)


def line(capsys: pytest.CaptureFixture[str], **fields: object) -> str:
    Log("debug")("event", **fields)
    written = capsys.readouterr().err
    assert written.endswith("\n")
    assert len(written.splitlines()) == 1
    assert written.isascii()
    assert written[:-1].isprintable()
    return written[:-1]


def test_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    said = line(capsys, id="a-1.b", audio_s=2.1, n=3, path="/run/x", none=None, words="two words", empty="")
    time, rest = said.split(" ", 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", time)
    assert rest == 'info event id=a-1.b audio_s=2.1 n=3 path=/run/x none=None words="two words" empty=""'


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a\nb", r'"a\nb"'),
        ("a\r\x85\u2028b", r'"a\r\u0085\u2028b"'),
        ("\x1b[31m\x00", r'"\u001b[31m\u0000"'),
        ("é 语", r'"\u00e9 \u8bed"'),
        ("\ud800", r'"\ud800"'),
        ("a=b", '"a=b"'),
        ("a\n", r'"a\n"'),
        ("back\\slash x", r'"back\\slash x"'),
    ],
)
def test_values_are_escaped(capsys: pytest.CaptureFixture[str], value: str, written: str) -> None:
    assert line(capsys, x=value).endswith(f" x={written}")


@pytest.mark.parametrize("value", ["it's", 'a" b', 'x" outcome="done', "a'\"b", "'", '"'])
def test_quotes_cannot_end_a_value(capsys: pytest.CaptureFixture[str], value: str) -> None:
    written = line(capsys, x=value).partition(" x=")[2]
    assert re.fullmatch(r'"(?:[^"\\]|\\.)*"', written)
    assert written.replace('\\"', '"')[1:-1] == value


def test_long_values_are_cut(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(line(capsys, x="two words " * 1000)) < 300
    assert len(line(capsys, x="\x00" * 100_000)) < 1300


def test_long_plain_values_are_cut(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(line(capsys, x="x" * 100_000)) < 1300


@steady
@given(value=st.text(max_size=300) | st.binary(max_size=50) | st.floats() | st.none())
def test_whatever_is_logged_is_one_line(capsys: pytest.CaptureFixture[str], value: object) -> None:
    assert line(capsys, x=value, after=1).endswith(" after=1")


LEVELS = ["debug", "info", "warning", "error"]


@pytest.mark.parametrize("threshold", LEVELS)
def test_levels(capsys: pytest.CaptureFixture[str], threshold: str) -> None:
    log = Log(threshold)
    for level in LEVELS:
        log("event", level=level)
    said = [written.split()[1] for written in capsys.readouterr().err.splitlines()]
    assert said == LEVELS[LEVELS.index(threshold) :]


def test_the_journal_gets_a_priority_instead_of_a_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    log = Log("debug")
    for level in LEVELS:
        log("event", level=level, x="a\nb")
    assert capsys.readouterr().err.splitlines() == [rf'<{n}>event x="a\nb"' for n in (7, 6, 4, 3)]
