"""The listening kit: which samples are compared, and what its kit.json says. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import combinations
from typing import Any


@dataclass(frozen=True)
class Sample:
    """One text spoken by one candidate, level-matched. ``wav`` is the whole file; ``text`` is its key, such as t2."""

    text: str
    nfe: int
    schedule: str
    seconds: float
    rtf: float
    gain_db: float
    wav: bytes

    @property
    def name(self) -> str:
        return f"{self.text}-nfe{self.nfe}.wav"

    @property
    def digest(self) -> str:
        return sha256(self.wav).hexdigest()


def identity(samples: Sequence[Sample]) -> str:
    """Eight hex digits that follow from what is heard: votes name the kit they were made with."""
    return sha256("".join(sample.digest for sample in samples).encode()).hexdigest()[:8]


def pairs(samples: Sequence[Sample]) -> list[tuple[str, str]]:
    """The names of what is compared: any two candidates on one text, unless they are the same to the byte."""
    return [(a.name, b.name) for a, b in combinations(samples, 2) if a.text == b.text and a.wav != b.wav]


def description(
    samples: Sequence[Sample], texts: dict[str, str], made: dict[str, Any], level_dbfs: float
) -> dict[str, Any]:
    """kit.json: everything but the audio. ``made`` says by whom and of what."""
    candidates = {sample.nfe: sample.schedule for sample in samples}
    return {
        "kit": identity(samples),
        **made,
        "level_dbfs": round(level_dbfs, 2),
        "texts": texts,
        "candidates": [{"nfe": nfe, "schedule": schedule} for nfe, schedule in candidates.items()],
        "samples": [
            {
                "file": sample.name, "text": sample.text, "nfe": sample.nfe, "schedule": sample.schedule,
                "seconds": round(sample.seconds, 3), "rtf": sample.rtf, "gain_db": round(sample.gain_db, 2),
                "sha256": sample.digest,
            }
            for sample in samples
        ],
        "pairs": [list(pair) for pair in pairs(samples)],
    }  # fmt: skip
