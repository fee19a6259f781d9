"""Word error rate: what a recogniser heard against what was to be said. Pure."""

from __future__ import annotations

import re


def error_rate(said: str, heard: str) -> float:
    """Words that are wrong, missing or too many, over the words of ``said``; case and signs do not count."""
    wanted, got = _words(said), _words(heard)
    before = list(range(len(got) + 1))
    for i, word in enumerate(wanted, 1):
        row = [i]
        for j, other in enumerate(got, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (word != other)))
        before = row
    return before[-1] / max(len(wanted), 1)


def _words(text: str) -> list[str]:
    return re.findall(r"[\w']+", text.lower())
