"""From what was heard to figures, and from figures to the bars that the demo model must pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np
from hearing import QUIET_DB, Heard, words
from recipe import VOICES

LEAK_WORDS = 3
COLUMNS = (
    "what", "voice", "sentences", "WER", "identified", "right voice", "last word", "quiet end", "leaks", "mean length",
    "RTF",
)  # fmt: skip
HEADER = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|"
# The bars of issue 3.
NFE, MANY_NFE = 7, 32
WER_POINTS, NFE_POINTS, IDENTIFIED, RIGHT_VOICE = 12.0, 5.0, 95.0, 95.0  # per cent
RTF, MEMORY_MIB, SIZE_MB = 0.45, 900, 32


def distance(a: Sequence[str], b: Sequence[str]) -> int:
    """Levenshtein's."""
    row = np.arange(len(b) + 1)
    for i, x in enumerate(a, 1):
        new = np.empty_like(row)
        new[0] = i
        for j, y in enumerate(b, 1):
            new[j] = min(row[j] + 1, new[j - 1] + 1, row[j - 1] + (x != y))
        row = new
    return int(row[-1])


def identified(heard: str, text: str, candidates: Sequence[str]) -> bool:
    """Whether ``text`` is the nearest of ``candidates``, by edit distance over letters, relative to length."""
    plain = [" ".join(words(each)) for each in candidates]
    away = [distance(heard, each) / max(len(heard), len(each)) for each in plain]
    return bool(heard) and candidates[int(np.argmin(away))] == text


def leaked(heard: str, text: str, transcript: str) -> bool:
    """Whether three words of the reference's transcript in a row were heard that the text does not have."""

    def runs(of: str) -> set[tuple[str, ...]]:
        spoken = words(of)
        return {tuple(spoken[i : i + LEAK_WORDS]) for i in range(len(spoken) - LEAK_WORDS + 1)}

    return bool(runs(heard) & runs(transcript) - runs(text))


@dataclass(frozen=True)
class Figures:
    sentences: int
    wer: float  # per cent, as all shares here
    identified: float
    right_voice: float
    last_word: float
    quiet_ends: int
    leaks: int
    audio_s: float
    rtf: float

    def row(self, what: str, voice: str) -> str:
        rtf = f"{self.rtf:.2f}" if self.rtf else "-"
        return (
            f"| {what} | {voice} | {self.sentences} | {self.wer:.1f} % | {self.identified:.0f} % |"
            f" {self.right_voice:.0f} % | {self.last_word:.0f} % | {self.quiet_ends} of {self.sentences} |"
            f" {self.leaks} | {self.audio_s:.2f} s | {rtf} |"
        )


def figures(rows: list[Heard], candidates: Sequence[str], transcripts: dict[str, str]) -> Figures:
    said = [(words(row.text), words(row.heard)) for row in rows]
    seconds = sum(row.audio_s for row in rows)
    return Figures(
        sentences=len(rows),
        wer=100 * sum(distance(a, b) for a, b in said) / sum(len(a) for a, _ in said),
        identified=100 * mean(identified(row.heard, row.text, candidates) for row in rows),
        right_voice=100 * mean(row.sounds_like == row.voice for row in rows),
        last_word=100 * mean(bool(b) and a[-1] == b[-1] for a, b in said),
        quiet_ends=sum(row.tail_db <= QUIET_DB for row in rows),
        leaks=sum(leaked(row.heard, row.text, transcripts[row.voice]) for row in rows),
        audio_s=seconds / len(rows),
        rtf=sum(row.made_s for row in rows) / seconds,
    )


def table(what: str, rows: list[Heard], candidates: Sequence[str], transcripts: dict[str, str]) -> list[str]:
    parts = [(voice, [row for row in rows if row.voice == voice]) for voice in VOICES]
    parts = [part for part in parts if part[1]] + [("all", rows)]
    return [figures(part, candidates, transcripts).row(what, voice) for voice, part in parts]


@dataclass(frozen=True)
class Bar:
    passed: bool
    what: str

    def __str__(self) -> str:
        return f"{'PASS' if self.passed else 'FAIL'}: {self.what}"


def speech_bars(teacher: Figures, made: dict[int, Figures]) -> list[Bar]:
    """``made`` by NFE; a bar whose NFE was not spoken is left out."""
    bars = []
    if NFE in made:
        few = made[NFE]
        cut = few.sentences - few.quiet_ends
        bars += [
            Bar(few.wer <= teacher.wer + WER_POINTS,
                f"WER at NFE {NFE} is {few.wer:.1f} %, the teacher's {teacher.wer:.1f} % + {WER_POINTS:.0f} at most"),
            Bar(few.identified >= IDENTIFIED, f"identified {few.identified:.1f} %, {IDENTIFIED:.0f} % at least"),
            Bar(few.right_voice >= RIGHT_VOICE, f"right voice {few.right_voice:.1f} %, {RIGHT_VOICE:.0f} % at least"),
            Bar(few.leaks == 0, f"{few.leaks} sentences with words of the reference"),
            Bar(cut == 0 and few.last_word >= teacher.last_word - WER_POINTS,
                f"{cut} cut endings; last word recognised in {few.last_word:.0f} %, the teacher's"
                f" {teacher.last_word:.0f} % - {WER_POINTS:.0f} at least"),
        ]  # fmt: skip
    if NFE in made and MANY_NFE in made:
        gain = made[NFE].wer - made[MANY_NFE].wer
        bars.append(
            Bar(
                gain <= NFE_POINTS,
                f"NFE {MANY_NFE} is {gain:+.1f} points better than NFE {NFE}, {NFE_POINTS:.0f} at most",
            )
        )
    return bars


def size_bar(folder: Path) -> Bar:
    size_mb = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
    return Bar(size_mb <= SIZE_MB, f"{size_mb:.1f} MB of files, {SIZE_MB} at most")


def speed_bars(rtf: float, audio_s: float, memory_mib: float) -> list[Bar]:
    return [
        Bar(rtf <= RTF, f"RTF {rtf:.2f} for {audio_s:.1f} s at NFE {NFE}, {RTF} at most"),
        Bar(memory_mib < MEMORY_MIB, f"{memory_mib:.0f} MiB of memory at most, less than {MEMORY_MIB}"),
    ]
