"""Cut a text into the chunks that the engine speaks one by one.

The model was trained on utterances of up to about 30 s of reference plus speech; upstream keeps the two together
under 22 s (f5_tts/infer/utils_infer.py, infer_process). Lengths are UTF-8 bytes, upstream's measure of duration.
"""

from __future__ import annotations

import re

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
    chunks: list[str] = []
    for piece in pieces:
        room = min(first, limit) if len(chunks) == 1 and _size(piece) >= SHORT_BYTES else limit
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
    for piece in filter(None, (part.strip() for part in ends[0].split(text))):
        pieces.extend([piece] if _size(piece) <= limit else _split(piece, limit, ends[1:]))
    return pieces


def _hard_split(text: str, limit: int) -> list[str]:
    pieces, current = [], ""
    for char in text:
        if current and _size(current + char) > limit:
            pieces.append(current)
            current = ""
        current += char
    return [*pieces, current] if current else pieces


def _join(left: str, right: str) -> str:
    """Put a space back, except between full-width neighbours, which had none."""
    return left + right if _size(left[-1]) > 1 and _size(right[0]) > 1 else f"{left} {right}"


def _size(text: str) -> int:
    return len(text.encode())
