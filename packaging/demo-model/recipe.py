"""What all parts of the recipe agree on: the voices, the characters, the clock and the sound."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "daemon"))
from ishowtts.engine.arch import MelConfig  # noqa: E402

VOICES = ("slt", "rms", "awb")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
VOCAB = [" ", *LETTERS.upper(), *LETTERS, *".,?!'-:"]
INDEX = {char: i for i, char in enumerate(VOCAB)}
RATE = 6  # frames a character: 64 ms, close to what the three voices do by themselves
MEL = MelConfig()
FPS = MEL.target_sample_rate / MEL.hop_length
SHORTEST, LONGEST = 12, 92  # characters
RMS = 0.1


def finish_sentence(text: str) -> str:
    """A reference's text as it stands before the text to speak (ishowtts.engine.reference_clip, upstream's rule)."""
    if not text.endswith(". "):
        text += " " if text.endswith(".") else ". "
    return text + " "


def words_of(sentence: str) -> list[str]:
    return [word.strip(".,?!':-").lower() for word in sentence.split()]
