"""The benchmark with both engines: the same files, the same frames, one table."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ishowtts.bench import store

FIELDS = (
    "engine",
    "device",
    "model",
    "text",
    "nfe",
    "batch",
    "audio_s",
    "frames",
    "median_ms",
    "p95_ms",
    "rtf",
    "ratio_to_stock",
    "roofline_ms",
)  # what issue 4 asks of each row


def test_stock_and_ours_side_by_side(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "ishowtts.bench",
            "--model",
            "tiny",
            "--device",
            "cpu",
            "--texts",
            "1.5s,5.7s",
            "--nfe",
            "7",
            "--batch",
            "1",
            "--runs",
            "1",
            "--warm-ups",
            "0",
            "--no-machine",
            "--out",
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    report = store.read(tmp_path / "bench.json")
    assert report.left_out == [], report.left_out
    assert [(row.text, row.engine) for row in report.rows] == [
        (text, engine) for text in ("5.7s", "1.5s") for engine in ("stock", "ishowtts")
    ]
    for stock, ours in (report.rows[:2], report.rows[2:]):
        assert all(getattr(row, name) is not None for row in (stock, ours) for name in FIELDS)
        assert ours.frames == stock.frames > 499
        assert ours.audio_s == stock.audio_s
        assert ours.roofline_ms == stock.roofline_ms > 0
        assert stock.ratio_to_stock == 1
        assert abs(ours.ratio_to_stock - stock.median_ms / ours.median_ms) < 1e-3
    assert report.meta["versions"]["f5-tts"] == "1.1.22"
