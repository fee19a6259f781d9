"""Check and clean what a person wrote, before it is cut into chunks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from ishowtts.text import spoken
from ishowtts.wire.constants import TEXT_MAX_CHARS
from ishowtts.wire.errors import Reason, Refusal

MARKS_MAX = 8
_WHITESPACE = {"\t", "\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029"}

# Tried only for characters that the model's vocabulary lacks; each keeps the sound and the pause.
_STAND_INS = {
    "…": "...",
    "—": " - ",
    "–": "-",
    "‐": "-",
    "‑": "-",
    "«": '"',
    "»": '"',
    "„": '"',
    "‹": "'",
    "›": "'",
    "′": "'",
    "″": '"',
    "•": ",",
    "·": " ",
    "×": "x",
    "ß": "ss",
    "´": "'",
    "`": "'",
    "−": "-",
}
_BRACKETS = {"(": ", ", ")": ", ", "[": ", ", "]": ", ", "{": ", ", "}": ", ", '"': "", "“": "", "”": ""}
# f5-tts replaces these before it looks a character up (convert_char_to_pinyin in f5_tts/model/utils.py).
_UPSTREAM = {";": ",", "“": '"', "”": '"', "‘": "'", "’": "'"}


def clean(text: str) -> str:
    """Return ``text`` in one line of NFC; raise Refusal when it is empty, too long or has control characters."""
    if len(text) > TEXT_MAX_CHARS:
        raise Refusal(Reason.TEXT_TOO_LONG, f"the text has {len(text)} characters; at most {TEXT_MAX_CHARS} are taken.")
    pieces: list[str] = []
    marks = 0
    for position, char in enumerate(text):
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks > MARKS_MAX:  # no writing stacks so many, and sorting them takes quadratic time
            continue
        if char in _WHITESPACE or unicodedata.category(char) == "Zs":
            pieces.append(" ")
        elif unicodedata.category(char) in ("Cc", "Cs"):
            raise Refusal(
                Reason.TEXT_CONTROL, f"the text holds a control character (U+{ord(char):04X} at {position}): remove it."
            )
        elif unicodedata.category(char) != "Cf":  # zero-width and direction marks have no sound
            pieces.append(char)
    cleaned = unicodedata.normalize("NFC", " ".join("".join(pieces).split()))
    if not any(unicodedata.category(char)[0] in "LN" for char in cleaned):
        raise Refusal(Reason.TEXT_EMPTY, "the text has nothing to speak: give it at least one letter or digit.")
    return cleaned


def is_hanzi(char: str) -> bool:
    """True where f5-tts speaks a character through pinyin (the range is its own)."""
    return "\u3100" <= char <= "\u9fff"


def fit(text: str, characters: AbstractSet[str], *, pinyin: bool) -> str:
    """Replace what the vocabulary lacks by a stand-in of the same sound; raise Refusal naming what is left.

    ``characters`` are the vocabulary's single characters; with ``pinyin`` it can speak hanzi as well.
    """
    if "0" not in characters:
        text = _spell(text, characters)
    fitted = "".join(piece for char in text for piece in _fit_char(char, characters, pinyin))
    missing = list(dict.fromkeys(char for char in fitted if not _known(char, characters, pinyin)))
    if missing:
        raise unsupported(missing)
    return fitted


def _spell(text: str, characters: AbstractSet[str]) -> str:
    """For a vocabulary without digits, which is an English one: numbers and symbols as words, brackets as pauses."""
    text = spoken.spell_numbers(text)
    text = " ".join(spoken.spell_symbols(text, "".join(characters)).split())
    text = "".join(_BRACKETS.get(char, char) if char not in characters else char for char in text)
    text = re.sub(r"\s*,(?:\s*,)*\s*(?=[,.!?:]|$)", "", text)  # a pause before another pause is one
    return re.sub(r"\s+([,.!?:])", r"\1", " ".join(text.split())).lstrip(", ")


def unsupported(missing: list[str]) -> Refusal:
    """The refusal that names the first few characters the model cannot speak."""
    named = " ".join(missing[:5]) + (" ..." if len(missing) > 5 else "")
    plural = "" if len(missing) == 1 else "s"
    return Refusal(
        Reason.UNSUPPORTED_TEXT,
        f"the loaded model cannot speak {len(missing)} character{plural} of this text: {named}",
    )


def _known(char: str, characters: AbstractSet[str], pinyin: bool) -> bool:
    return _UPSTREAM.get(char, char) in characters or (pinyin and is_hanzi(char))


def _fit_char(char: str, characters: AbstractSet[str], pinyin: bool) -> Iterator[str]:
    if _known(char, characters, pinyin):
        yield char
        return
    plain = "".join(piece for piece in unicodedata.normalize("NFKD", char) if not unicodedata.combining(piece))
    for candidate in (_STAND_INS.get(char), unicodedata.normalize("NFKC", char), plain):
        if candidate and all(_known(piece, characters, pinyin) for piece in candidate):
            yield candidate
            return
    yield char
