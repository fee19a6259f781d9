"""Reports for the tests, with the figures that a case is about."""

from __future__ import annotations

from typing import Any

from ishowtts.bench.cost import Peak
from ishowtts.bench.models import SIZES
from ishowtts.bench.rows import Made, Report, Row, Setting, Timing, build
from ishowtts.bench.workload import Cell

META = {"device": "NVIDIA H200", "model": "F5TTS_v1_Base", "dtype": "fp16", "fingerprint": "f"}
SETTING = Setting("NVIDIA H200", "fp16", SIZES["F5TTS_v1_Base"], 499, Peak(750.0, "a test"))
CELL = Cell("5.7s", 7)


def timing(*runs_ms: float, sequences: tuple[int, ...] = (1036,), audio_s: float = 5.7) -> Timing:
    return Timing([run / 1000 for run in runs_ms], Made(audio_s, sequences), 3 << 20)


def rows(cell: Cell = CELL, **runs_ms: list[float]) -> list[Row]:
    """`rows(stock=[400, 410], ishowtts=[20, 21])`."""
    return build(SETTING, cell, {name: timing(*runs) for name, runs in runs_ms.items()})


def report(*made: Row, **meta: Any) -> Report:
    return Report(meta={**META, **meta}, rows=list(made))
