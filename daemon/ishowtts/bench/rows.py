"""The saved table: one Row for each engine and cell, Figures of the machine, and what was left out and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from msgspec import Struct, field, structs

from ishowtts.bench import cost, stats
from ishowtts.bench.models import ModelSize
from ishowtts.bench.workload import Cell

STOCK, OURS = "stock", "ishowtts"
Key = tuple[str, str, str, str, int, int]


class Row(Struct, frozen=True, kw_only=True):
    """Times in ms on the host's clock, to the waveform in the host's memory."""

    engine: str
    device: str
    model: str
    dtype: str
    text: str
    nfe: int
    batch: int
    pieces: int  # sequences a batch item was cut into
    audio_s: float  # of speech, all items together
    frames: int  # through the model: reference and speech, all sequences together
    runs_ms: list[float]
    median_ms: float
    p95_ms: float
    best_ms: float
    spread: float  # MAD / median
    ms_per_nfe: float  # of one sequence after the other; batch items count as one
    rtf: float
    roofline_ms: float
    times_roofline: float
    ratio_to_stock: float | None = None  # how many times faster than stock in the same cell of the same run
    peak_mib: float | None = None  # GPU memory of this engine in this cell, torch's count


class Figure(Struct, frozen=True, kw_only=True):
    """One number about the engine on this machine, such as its start."""

    name: str
    value: float
    unit: str
    note: str = ""


class Missing(Struct, frozen=True, kw_only=True):
    """What was not measured, and why."""

    what: str
    reason: str


class Report(Struct, frozen=True, kw_only=True):
    meta: dict[str, Any]
    rows: list[Row] = field(default_factory=list)
    machine: list[Figure] = field(default_factory=list)
    left_out: list[Missing] = field(default_factory=list)


@dataclass(frozen=True)
class Made:
    """What one run gave: seconds of speech, and the frames (reference and speech) of each sequence."""

    audio_s: float
    sequences: tuple[int, ...]


@dataclass(frozen=True)
class Timing:
    runs_s: Sequence[float]
    made: Made
    peak_bytes: int | None = None


@dataclass(frozen=True)
class Setting:
    """What all rows of a run share."""

    device: str
    dtype: str
    size: ModelSize
    reference_frames: int
    peak: cost.Peak


def build(setting: Setting, cell: Cell, timings: Mapping[str, Timing]) -> list[Row]:
    """The rows of one cell, in the order of ``timings``."""
    rows = [_row(setting, cell, engine, timing) for engine, timing in timings.items()]
    stock_ms = next((row.median_ms for row in rows if row.engine == STOCK), None)
    if stock_ms is None:
        return rows
    return [structs.replace(row, ratio_to_stock=round(stock_ms / row.median_ms, 3)) for row in rows]


def _row(setting: Setting, cell: Cell, engine: str, timing: Timing) -> Row:
    runs_ms = [1000 * run_s for run_s in timing.runs_s]
    made, middle = timing.made, median(runs_ms)
    flop = cost.request_flop(setting.size, made.sequences, setting.reference_frames, cell.nfe)
    roofline_ms = cost.roofline_ms(flop, setting.peak)
    pieces = len(made.sequences) // cell.batch
    return Row(
        engine=engine,
        device=setting.device,
        model=setting.size.name,
        dtype=setting.dtype,
        text=cell.text,
        nfe=cell.nfe,
        batch=cell.batch,
        pieces=pieces,
        audio_s=round(made.audio_s, 4),
        frames=sum(made.sequences),
        runs_ms=[round(run, 4) for run in runs_ms],
        median_ms=round(middle, 4),
        p95_ms=round(stats.percentile(runs_ms, 0.95), 4),
        best_ms=round(min(runs_ms), 4),
        spread=round(stats.spread(runs_ms), 5),
        ms_per_nfe=round(middle / cell.nfe / pieces, 4),
        rtf=round(middle / 1000 / made.audio_s, 6),
        roofline_ms=round(roofline_ms, 4),
        times_roofline=round(middle / roofline_ms, 3),
        peak_mib=None if timing.peak_bytes is None else round(timing.peak_bytes / 2**20, 1),
    )


def key(row: Row) -> Key:
    """What makes two rows comparable, the device aside."""
    return row.engine, row.model, row.dtype, row.text, row.nfe, row.batch


def is_done(report: Report, cell: Cell, engines: Sequence[str]) -> bool:
    """Whether ``report`` has this cell for every one of ``engines``."""
    there = {row.engine for row in report.rows if (row.text, row.nfe, row.batch) == (cell.text, cell.nfe, cell.batch)}
    return there >= set(engines)


def put(report: Report, cell: Cell, rows: Sequence[Row], left_out: Sequence[Missing]) -> Report:
    """``report`` with this cell's rows and gaps instead of older ones."""
    others = [row for row in report.rows if (row.text, row.nfe, row.batch) != (cell.text, cell.nfe, cell.batch)]
    gaps = [gap for gap in report.left_out if not gap.what.endswith(f": {cell}")]
    return structs.replace(report, rows=[*others, *rows], left_out=[*gaps, *left_out])
