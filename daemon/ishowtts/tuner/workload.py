"""What is spoken to measure: pinned, so that numbers of different days and machines mean the same. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ishowtts.tuner.plan import BUCKETS, QUALITY_ITEMS
from ishowtts.tuner.policy import Bucket

SEED = 20_250_731
# Plain words of letters alone, so that every vocabulary can say them. Ours.
PASSAGE = (
    "The harbour was still asleep when the first boat came in. An old man stood at the rail and counted the lamps "
    "along the quay, as he had done every morning for thirty years. Nobody spoke. The water moved slowly between the "
    "stones, and somewhere behind the houses a door was opened and closed again. Then the bell of the small church "
    "rang, and one window after another turned yellow. Bread was baked, coffee was poured, and the children were told "
    "to hurry. By the time the sun had found its way over the hill, the market was full of voices, and the old man "
    "was far out on the sea again, where the wind is cold and the silence is wide."
)
SENTENCES = (
    "There is a garden behind the old house by the river.",
    "She opened the window and looked at the falling snow.",
    "Nobody knew why the train had stopped in the field.",
    "Please bring me a cup of tea and the morning paper.",
)
assert len(SENTENCES) == QUALITY_ITEMS


@dataclass(frozen=True)
class Workload:
    """``texts`` by bucket, of about that many seconds in ``voice``; ``quality_texts`` are for comparing mels."""

    voice: str
    cfg: float
    texts: Mapping[Bucket, str]
    quality_texts: tuple[str, ...] = SENTENCES
    seed: int = SEED

    @property
    def fingerprint(self) -> str:
        parts = [self.voice, str(self.cfg), str(self.seed), *self.texts.values(), *self.quality_texts]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def make(voice: str, cfg: float, seconds: float, text_bytes: int, longest_bytes: int) -> Workload:
    """For a voice whose clip of ``seconds`` says ``text_bytes``. f5-tts gives each byte of text the same time.

    A text ends with a word and has at most ``longest_bytes``, what the voice can speak in one piece.
    """
    per_byte_s = seconds / max(text_bytes, 1)
    texts = {bucket: _words(min(int(wanted_s / per_byte_s), longest_bytes)) for bucket, wanted_s in BUCKETS.items()}
    return Workload(voice, cfg, texts)


def fit(made: Workload, change: Callable[[str], str]) -> Workload:
    """With every text as the model's vocabulary can say it."""
    texts = {bucket: change(text) for bucket, text in made.texts.items()}
    return replace(made, texts=texts, quality_texts=tuple(map(change, made.quality_texts)))


def _words(most: int) -> str:
    """The passage, over and over, up to the last word that ends within ``most`` bytes (all are ASCII)."""
    text = " ".join([PASSAGE] * (most // len(PASSAGE) + 1))
    cut = text[: most + 1].rsplit(" ", 1)[0].rstrip(",.")
    return f"{cut}." if cut else "Yes."
