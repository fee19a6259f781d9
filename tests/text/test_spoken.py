"""Numbers and symbols as words, for a vocabulary that has none."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ishowtts.text.normalize import clean, fit
from ishowtts.text.spoken import cardinal, ordinal, spell_numbers
from ishowtts.wire.errors import Refusal

LETTERS = frozenset(string.ascii_letters + " .,?!'-:")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (20, "twenty"),
        (42, "forty-two"),
        (100, "one hundred"),
        (1204, "one thousand two hundred four"),
        (1_000_000, "one million"),
        (987_654_321, "nine hundred eighty-seven million six hundred fifty-four thousand three hundred twenty-one"),
    ],
)
def test_cardinals(number: int, words: str) -> None:
    assert cardinal(number) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [(1, "first"), (2, "second"), (12, "twelfth"), (20, "twentieth"), (21, "twenty-first"), (100, "one hundredth")],
)
def test_ordinals(number: int, words: str) -> None:
    assert ordinal(number) == words


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("I have 2 apples.", "I have two apples."),
        ("1,204 files", "one thousand two hundred four files"),
        ("It costs $5.50.", "It costs five point five zero dollars."),
        ("$1", "one dollar"),
        ("the 21st", "the twenty-first"),
        ("-3 degrees, 5-4", "minus three degrees, five-four"),
        ("007", "zero zero seven"),
        ("NFE7x", "NFE seven x"),
        ("12:30", "twelve:thirty"),
        ("1.5", "one point five"),
        ("5 000", "five zero zero zero"),
    ],
)
def test_numbers_in_text(text: str, spoken: str) -> None:
    assert spell_numbers(text) == spoken


@pytest.mark.parametrize(
    ("text", "fitted"),
    [
        ("50% of A&B", "fifty percent of A and B"),
        ('He said (quietly) "no".', "He said, quietly, no."),
        ("[1] first", "one, first"),
        ("a; b", "a; b"),
        ("Café naïve", "Cafe naive"),
        ("x_1 = 2/3", "x underscore one equals two slash three"),
        ("(really?)", "really?"),
        ("It works :)", "It works:"),
        ("10 m²", "ten m squared"),
        ("½ cup, don´t", "one half cup, don't"),
        ("10−3", "ten minus three"),
    ],
)
def test_fit_to_letters(text: str, fitted: str) -> None:
    assert fit(text, LETTERS, pinyin=False) == fitted


def test_with_digits_in_the_vocabulary_nothing_is_spelled() -> None:
    assert fit("2 of 3", LETTERS | set(string.digits), pinyin=False) == "2 of 3"


@given(st.integers(min_value=0, max_value=10**15 - 1))
def test_every_number_is_letters(number: int) -> None:
    assert set(cardinal(number)) <= set(string.ascii_lowercase + " -")
    assert set(ordinal(number)) <= set(string.ascii_lowercase + " -")


@given(st.text(alphabet=string.printable, min_size=1, max_size=80))
def test_any_ascii_is_spoken_or_refused(text: str) -> None:
    try:
        fitted = fit(clean(text), LETTERS, pinyin=False)
    except Refusal:
        return
    assert set(fitted) <= LETTERS | {";"}
    assert fitted.strip()
