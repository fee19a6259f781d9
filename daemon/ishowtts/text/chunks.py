"""Cut a text into the chunks that the engine speaks one by one.

The model was trained on utterances of up to about 30 s of reference plus speech; upstream keeps the two together
under 22 s (f5_tts/infer/utils_infer.py, infer_process). Lengths are UTF-8 bytes, upstream's measure of duration.
"""

from __future__ import annotations

import re
import unicodedata

TOTAL_S = 22.0
FIRST_BYTES = 100  # about 6 s of English: the first sound comes early, the rest is spoken while it plays
SHORT_BYTES = 20  # below about three words the model garbles: such a tail joins its neighbour

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")
_CLAUSE_END = re.compile(r"(?<=[,;:])\s+|(?<=[，；：、])")


def max_bytes(reference_bytes: int, reference_s: float, speed: float) -> int:
    """How many bytes of text fit one chunk beside a reference of ``reference_s`` with ``reference_bytes`` of text."""
    return max(int(reference_bytes / reference_s * (TOTAL_S - reference_s) * speed), 2 * SHORT_BYTES)


def plan(text: str, limit: int, *, first: int = FIRST_BYTES) -> list[str]:
    """Return the chunks of ``text``, each at most ``limit`` bytes, the first about ``first`` bytes.

    Cuts at sentence ends, then clause ends, then spaces, then anywhere. Nothing but white space is lost.
    """
    pieces = _split(text, limit, [_SENTENCE_END, _CLAUSE_END, re.compile(r"\s+")])
    if pieces and _size(pieces[0]) > first:
        pieces[:1] = _cut(pieces[0], _CLAUSE_END)
    chunks: list[str] = []
    for piece in pieces:
        early = len(chunks) == 1 and min(_size(piece), _size(chunks[0])) >= SHORT_BYTES
        room = min(first, limit) if early else limit
        if chunks and _size(_join(chunks[-1], piece)) <= room:
            chunks[-1] = _join(chunks[-1], piece)
        else:
            chunks.append(piece)
    return chunks


def _split(text: str, limit: int, ends: list[re.Pattern[str]]) -> list[str]:
    """Pieces of at most ``limit`` bytes, cut at the first kind of end that makes them small enough."""
    if not ends:
        return _hard_split(text, limit)
    pieces: list[str] = []
    for piece in _cut(text, ends[0]):
        pieces.extend([piece] if _size(piece) <= limit else _split(piece, limit, ends[1:]))
    return pieces


def _cut(text: str, end: re.Pattern[str]) -> list[str]:
    return [part.strip() for part in end.split(text) if part.strip()]


def _hard_split(text: str, limit: int) -> list[str]:
    pieces, current = [], ""
    for char in text:
        if current and _size(current + char) > limit:
            pieces.append(current)
            current = ""
        current += char
    return [*pieces, current] if current else pieces


def _join(left: str, right: str) -> str:
    """Put a space back, except between neighbours of a script that is written without."""
    return left + right if _unspaced(left[-1]) and _unspaced(right[0]) else f"{left} {right}"


def _unspaced(char: str) -> bool:
    """Chinese and Japanese; Korean is as wide and has spaces."""
    return unicodedata.east_asian_width(char) in "WF" and not unicodedata.name(char, "").startswith("HANGUL")


def _size(text: str) -> int:
    return len(text.encode())
