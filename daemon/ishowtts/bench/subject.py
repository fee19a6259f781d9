"""What is measured: something that speaks texts, and says what it made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ishowtts.bench.rows import Made


class LeftOut(Exception):
    """This cannot be measured here; one sentence why. The rest goes on."""


class Subject(Protocol):
    @property
    def name(self) -> str:
        """`stock` or `ishowtts`: the `engine` of its rows."""

    def prepare(self) -> None:
        """Load. Raises LeftOut."""

    def run(self, texts: Sequence[str], nfe: int) -> Made:
        """Speak ``texts`` together; returns with the waveform in the host's memory. Raises LeftOut."""
