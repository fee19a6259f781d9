"""What is measured: the pinned reference and texts, and the cells (text, NFE, batch) in the order they are run.

RTF depends on the reference's and the text's length: a figure without this page means nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# f5-tts's own English clip, 5.33 s, and the words in it.
REFERENCE_AUDIO = "f5_tts:infer/examples/basic/basic_ref_en.wav"
REFERENCE_TEXT = "Some call me nature, others call me mother nature."
VOICE = "bench"
RATE_HZ, HOP = 24000, 256  # of every model here: 93.75 frames a second
CFG = 2.0  # f5-tts's default guidance: a conditional and an unconditional row for each sequence

# Named by about how long they are spoken beside that reference (a tenth of a second a byte).
TEXTS = {
    "1.5s": "It is raining.",
    "5.7s": "Hello world, this is a test of the optimized TTS system.",
    "14s": (
        "The quick brown fox jumps over the lazy dog while the band plays on, and nobody in the audience minds at all, "
        "because the evening is warm."
    ),
    # Longer than one piece may be: each engine cuts it by its own rule.
    "60s": (
        "The harbour lay quiet in the morning, and the boats moved only a little on the water. A man in a blue coat "
        "walked along the wall, counted the ropes, and wrote the number into a small book. Nobody had asked him to do "
        "it, but he had done it every day for thirty years. When the first ferry came in, he closed the book, put it "
        "into his pocket, and went to help with the lines. The captain waved to him from the bridge, as he always did. "
        "By noon the sun had burned the mist away, the market was full of people, and the book was already forgotten "
        "until the next day."
    ),
}
NFES = (7, 6, 8, 16, 32)
BATCHES = (8, 4, 2)
HEADLINE_NFE = 7


@dataclass(frozen=True)
class Cell:
    """One measured point; ``batch`` copies of the text are spoken together."""

    text: str
    nfe: int
    batch: int = 1

    def __str__(self) -> str:
        return f"{self.text} NFE {self.nfe}" + (f" batch {self.batch}" if self.batch > 1 else "")


HEADLINE = (Cell("5.7s", 7), Cell("14s", 7), Cell("5.7s", 7, 8))
# Where a fast GPU has stock f5-tts done in about five minutes.
QUICK = (
    *HEADLINE,
    Cell("1.5s", 7),
    Cell("60s", 7),
    *(Cell("5.7s", nfe) for nfe in NFES if nfe != HEADLINE_NFE),
    *(Cell("5.7s", HEADLINE_NFE, batch) for batch in BATCHES),
)
FULL = (
    *QUICK,
    *(Cell(text, nfe) for text in TEXTS for nfe in NFES),
    *(Cell(text, HEADLINE_NFE, batch) for text in ("1.5s", "14s") for batch in BATCHES),
)


def cells(
    *, quick: bool, texts: Iterable[str] = (), nfes: Iterable[int] = (), batches: Iterable[int] = ()
) -> list[Cell]:
    """The cells to run, the headline first, each once; an empty filter lets everything through."""
    wanted_texts, wanted_nfes, wanted_batches = set(texts), set(nfes), set(batches)
    return [
        cell
        for cell in dict.fromkeys(QUICK if quick else FULL)
        if (not wanted_texts or cell.text in wanted_texts)
        and (not wanted_nfes or cell.nfe in wanted_nfes)
        and (not wanted_batches or cell.batch in wanted_batches)
    ]


@dataclass(frozen=True)
class Reference:
    """The voice's clip: a WAV and exactly the words in it."""

    audio: str
    text: str
    seconds: float
    sha256: str


def sequence_frames(reference_frames: int, reference_bytes: int, text_bytes: int) -> int:
    """Mel frames of reference and speech together, f5-tts's rule at speed 1 (utils_infer.py, _infer_basic)."""
    return reference_frames + int(reference_frames / reference_bytes * text_bytes)
