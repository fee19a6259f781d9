"""A report as Markdown, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ishowtts.bench.rows import Report, Row

_COLUMNS = (
    "text", "NFE", "batch", "engine", "audio s", "frames", "median ms", "p95 ms", "spread", "ms/NFE", "RTF",
    "x real time", "x stock", "roofline ms", "x roofline", "GPU MiB",
)  # fmt: skip


def markdown(report: Report) -> str:
    """Head, rows, machine figures, what is missing: in this order, each only if there is any."""
    parts = [_head(report.meta)]
    if report.rows:
        parts.append(_table(_COLUMNS, [_cells(row) for row in _sorted(report.rows)], text_columns=(0, 3)))
        parts.append(_legend(report.meta))
    if report.machine:
        cells = [[figure.name, f"{figure.value:g}", figure.unit, figure.note] for figure in report.machine]
        parts.append(_table(("machine", "value", "unit", ""), cells, text_columns=(0, 2, 3)))
    if report.left_out:
        parts.append("\n".join(f"- left out, {gap.what}: {gap.reason}" for gap in report.left_out))
    return "\n\n".join(parts) + "\n"


def _head(meta: dict[str, Any]) -> str:
    lines = [f"# {meta.get('model')} on {meta.get('device')}, {meta.get('dtype')}", ""]
    shown = (
        "date",
        "weights",
        "versions",
        "driver",
        "clocks",
        "reference_s",
        "reference_text",
        "peak",
        "probe_tflops",
        "warning",
    )
    return "\n".join([*lines, *(f"- {name}: {_flat(meta[name])}" for name in shown if meta.get(name))])


def _flat(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_flat(part)}" for key, part in value.items() if part not in (None, ""))
    return str(value)


def _sorted(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (float(row.text.rstrip("s")), row.batch, row.nfe, row.engine != "stock"))


def _cells(row: Row) -> list[str]:
    return [
        row.text,
        str(row.nfe),
        str(row.batch),
        row.engine,
        f"{row.audio_s:.2f}",
        str(row.frames),
        _three(row.median_ms),
        _three(row.p95_ms),
        f"{100 * row.spread:.1f} %",
        _three(row.ms_per_nfe),
        f"{row.rtf:.4f}",
        _three(1 / row.rtf),
        "" if row.ratio_to_stock is None else f"{row.ratio_to_stock:.2f}",
        _three(row.roofline_ms),
        f"{row.times_roofline:.2f}",
        "" if row.peak_mib is None else f"{row.peak_mib:.0f}",
    ]


def _three(value: float) -> str:
    """Three significant digits, no exponent, whole from 100 on."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3g}"


def _legend(meta: dict[str, Any]) -> str:
    peak = meta.get("peak") or {}
    return (
        "Medians of interleaved runs, to the waveform in the host's memory. frames: reference and speech through the "
        "model. spread: MAD / median. x stock: times faster than stock f5-tts in the same cell. roofline: "
        f"the request's matrix arithmetic at {peak.get('tflops', 0):.4g} TFLOP/s ({peak.get('source', 'unknown')}). "
        "GPU MiB: the most this engine took in the cell, without torch's reserve."
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], text_columns: Sequence[int]) -> str:
    rule = ["---" if i in text_columns else "--:" for i in range(len(head))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *rows))
