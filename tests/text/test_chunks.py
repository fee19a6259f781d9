"""Chunks: small enough, nothing lost, the first one early."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ishowtts.text.chunks import FIRST_BYTES, SHORT_BYTES, TOTAL_S, max_bytes, plan
from tests.steady import steady

EN = "The quick brown fox jumps over the lazy dog. "
ZH = "今天天气很好，我们去公园散步。"


def size(text: str) -> int:
    return len(text.encode())


def bare(text: str) -> str:
    return "".join(text.split())


words = st.text(alphabet="abz.,!?;:。，！？、好é", min_size=1, max_size=90) | st.text("a好é", min_size=60, max_size=200)
texts = st.lists(words, min_size=1, max_size=40).map(" ".join)


@steady
@given(texts, st.integers(40, 300))
def test_nothing_is_lost_and_nothing_is_too_long(text: str, limit: int) -> None:
    chunks = plan(text, limit)
    assert bare("".join(chunks)) == bare(text)
    for chunk in chunks:
        assert 0 < size(chunk) <= limit
        assert chunk == chunk.strip()


@steady
@given(texts, st.integers(40, 300))
def test_no_tiny_tail_that_would_have_fitted(text: str, limit: int) -> None:
    chunks = plan(text, limit)
    if len(chunks) > 1 and size(chunks[-1]) < SHORT_BYTES:
        assert size(chunks[-2]) + 1 + size(chunks[-1]) > limit


@steady
@given(st.lists(st.text(alphabet="abz.,!?", min_size=1, max_size=39), min_size=1, max_size=60), st.integers(40, 300))
def test_english_words_are_never_cut_or_joined(said: list[str], limit: int) -> None:
    assert " ".join(plan(" ".join(said), limit)).split() == said


@pytest.mark.parametrize("text", ["привет мир " * 40, "dégoûté été cliché à " * 30, "안녕 세계 " * 40])
def test_words_with_accents_or_in_cyrillic_keep_their_spaces(text: str) -> None:
    assert " ".join(plan(text, 200)).split() == text.split()


def test_a_tiny_tail_joins_even_a_full_first_chunk() -> None:
    text = EN * 2 + "And so it goes on."
    assert size(text) > FIRST_BYTES
    assert plan(text, 200) == [text]
    assert len(plan(text + " It does.", 200)) == 1
    assert len(plan(EN * 2 + "And so it goes on and on.", 200)) == 2


def test_a_short_text_is_one_chunk() -> None:
    assert plan("Hello.", 300) == ["Hello."]
    assert plan("你好。", 300) == ["你好。"]
    assert plan("", 300) == []


def test_english_is_cut_at_sentences_and_the_first_is_short() -> None:
    chunks = plan((EN * 12).strip(), 200)
    assert chunks[0] == (EN * 2).strip()
    assert chunks[1] == (EN * 4).strip()
    assert all(chunk.endswith("dog.") for chunk in chunks)
    assert size(chunks[0]) <= FIRST_BYTES < size(chunks[1])


def test_chinese_is_cut_at_sentences_and_gets_no_spaces() -> None:
    chunks = plan(ZH * 12, 200)
    assert "".join(chunks) == ZH * 12
    assert all(chunk.endswith("。") for chunk in chunks)
    assert size(chunks[0]) <= FIRST_BYTES


def test_a_long_sentence_is_cut_at_clauses_and_then_at_words() -> None:
    clause = "and then we went to the market near the old station"
    assert all(chunk.endswith((",", ".")) for chunk in plan(", ".join([clause] * 8) + ".", 120))
    assert all(set(chunk.split()) == {"word"} for chunk in plan(" ".join(["word"] * 200), 120))


def test_a_decimal_point_is_no_sentence_end() -> None:
    assert any("3.14159" in chunk for chunk in plan("Pi is 3.14159 and so on. " * 8, 60))


@pytest.mark.parametrize("word", ["x" * 5000, "好" * 3000, "\U0001f600" * 2000, "é" * 4000])
def test_a_very_long_word_is_cut_anywhere(word: str) -> None:
    chunks = plan(word, 100)
    assert "".join(chunks) == word
    assert all(90 < size(chunk) <= 100 for chunk in chunks[:-1])
    assert size(chunks[-1]) <= 100


def test_a_long_first_sentence_is_cut_for_an_early_first_sound() -> None:
    chunks = plan(", ".join(["and then we went to the market"] * 8) + ".", 400)
    assert size(chunks[0]) <= 1.5 * FIRST_BYTES


@pytest.mark.parametrize("text", ["Hi. " + EN.strip(". \n") * 3 + ".", "好。" + "今天天气很好" * 6 + "。"])
def test_no_tiny_head_that_would_have_fitted(text: str) -> None:
    assert size(plan(text, 400)[0]) >= SHORT_BYTES


def test_first_can_be_set() -> None:
    assert len(plan((EN * 4).strip(), 500, first=500)) == 1
    assert plan((EN * 4).strip(), 500, first=50)[0] == EN.strip()


def test_max_bytes_follows_the_reference() -> None:
    assert max_bytes(100, 10.0, 1.0) == 100 * (TOTAL_S - 10) / 10
    assert max_bytes(100, 10.0, 2.0) == 2 * max_bytes(100, 10.0, 1.0)
    assert max_bytes(100, 30.0, 1.0) == 2 * SHORT_BYTES
    assert max_bytes(0, 10.0, 1.0) == 2 * SHORT_BYTES
