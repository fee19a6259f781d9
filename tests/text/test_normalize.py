"""What is cleaned, what is refused, and that nothing that sounds is lost."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ishowtts.text.normalize import clean, fit, is_hanzi
from ishowtts.wire.constants import TEXT_MAX_CHARS
from ishowtts.wire.errors import Reason, Refusal
from tests.steady import steady

ENGLISH = frozenset(" abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,!?'\"-")


def reason(text: str) -> Reason:
    with pytest.raises(Refusal) as caught:
        clean(text)
    return caught.value.reason


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Hello.", "Hello."),
        ("  a \t b\r\n\nc\x85d\u2028e\u2029f\vg\fh  ", "a b c d e f g h"),
        ("a\u00a0b\u3000c\u2009d", "a b c d"),
        ("a\u200bb\u200d\u2060\ufeffc\u00add\u202ee", "abcde"),
        ("e\u0301", "é"),
        ("你好，世界。", "你好，世界。"),
        ("7", "7"),
        ("\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16") + "a", "\U0001f600a"),
    ],
)
def test_clean(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@pytest.mark.parametrize("text", ["", " ", "\n\t", "...", "—!?", "\u200b", "\u0301", "\U0001f600", "$"])
def test_nothing_to_speak(text: str) -> None:
    assert reason(text) is Reason.TEXT_EMPTY


@pytest.mark.parametrize("char", ["\x00", "\x07", "\x1b", "\x7f", "\x1c", "\x9f", "\ud800", "\udfff"])
def test_control_characters_are_named(char: str) -> None:
    with pytest.raises(Refusal, match=rf"U\+{ord(char):04X} at 2") as caught:
        clean(f"ab{char}c")
    assert caught.value.reason is Reason.TEXT_CONTROL


def test_length_limit() -> None:
    assert len(clean("a" * TEXT_MAX_CHARS)) == TEXT_MAX_CHARS
    assert reason("a" * (TEXT_MAX_CHARS + 1)) is Reason.TEXT_TOO_LONG


def without_format_characters(text: str) -> str:
    return "".join(char for char in text if unicodedata.category(char) != "Cf")


@steady
@given(st.text(max_size=60).map(without_format_characters))
@example("a  b\u3000c")
def test_clean_twice_is_clean_once(text: str) -> None:
    try:
        once = clean(text)
    except Refusal:
        return
    assert clean(once) == once
    assert once == " ".join(once.split())
    assert unicodedata.is_normalized("NFC", once)


@pytest.mark.parametrize("text", ["e\u200d\u0301", "\u1100\u200b\u1161"])
def test_clean_is_nfc_also_around_zero_width_characters(text: str) -> None:
    assert unicodedata.is_normalized("NFC", clean(text))


@steady
@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs", "Cf", "Zs", "Zl", "Zp"]), max_size=40))
def test_clean_keeps_every_visible_character(text: str) -> None:
    try:
        assert clean(text) == unicodedata.normalize("NFC", text)
    except Refusal as refusal:
        assert refusal.reason is Reason.TEXT_EMPTY


@pytest.mark.parametrize(
    ("text", "fitted"),
    [
        ("Hello, you.", "Hello, you."),
        ("wait…", "wait..."),
        ("a–b", "a-b"),
        ("a—b", "a - b"),
        ("«a»", '"a"'),
        ("Straße", "Strasse"),
        ("ＡＢＣ", "ABC"),
        ("ﬁne", "fine"),
        ("x²", "x2"),
        ("a; b", "a; b"),  # upstream reads it as a comma
        ("“a” ‘b’", "“a” ‘b’"),
    ],
)
def test_stand_ins(text: str, fitted: str) -> None:
    assert fit(text, ENGLISH, pinyin=False) == fitted


def test_a_character_the_vocabulary_has_stays() -> None:
    assert fit("a…", ENGLISH | {"…"}, pinyin=False) == "a…"


def test_unsupported_characters_are_named_once() -> None:
    with pytest.raises(Refusal, match=r"5 characters of this text: Ж є 你 好 ψ$") as caught:
        fit("Ж a Ж є 你好 ψ", ENGLISH, pinyin=False)
    assert caught.value.reason is Reason.UNSUPPORTED_TEXT
    with pytest.raises(Refusal, match=r"1 character of this text: Ж$"):
        fit("ЖЖ", ENGLISH, pinyin=False)
    with pytest.raises(Refusal, match=r"6 characters .*: 一 二 三 四 五 \.\.\.$"):
        fit("一二三四五六", ENGLISH, pinyin=False)


def test_pinyin_speaks_hanzi_only() -> None:
    assert fit("你好", ENGLISH, pinyin=True) == "你好"
    with pytest.raises(Refusal):
        fit("안녕", ENGLISH, pinyin=True)
    assert [is_hanzi(char) for char in "\u30ff\u3100一\u9fff\ua000"] == [False, True, True, True, False]


@steady
@given(st.text(max_size=40))
def test_what_fits_fits_again(text: str) -> None:
    try:
        once = fit(text, ENGLISH, pinyin=True)
    except Refusal as refusal:
        assert refusal.reason is Reason.UNSUPPORTED_TEXT
        return
    assert fit(once, ENGLISH, pinyin=True) == once
