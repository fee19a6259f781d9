"""The whole benchmark on a toy model, on the CPU: our engine alone, its starts, the daemon."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import soundfile

from ishowtts import files
from ishowtts.bench import store
from ishowtts.bench.rows import Report

pytest.importorskip("torch", reason="torch is not installed here")

CLIP_S = 1.5
TOY = ["--model", "tiny", "--device", "cpu", "--engines", "ishowtts", "--runs", "2", "--warm-ups", "0"]


@pytest.fixture
def clip(tmp_path: Path) -> list[str]:
    whole, rate = soundfile.read(files.resolve("f5_tts:infer/examples/basic/basic_ref_en.wav", Path("/")))
    soundfile.write(tmp_path / "clip.wav", whole[: int(CLIP_S * rate)], rate)
    return ["--reference", str(tmp_path / "clip.wav"), "--reference-text", "Some call me nature,"]


def bench(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ishowctl", "bench", "--out", str(folder), *arguments]
    # Threads that sleep while they wait: the tests' machine has other things to do.
    env = {**os.environ, "OMP_WAIT_POLICY": "passive", **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=240, env=env)


def test_measure_resume_compare(tmp_path: Path, clip: list[str]) -> None:
    out = tmp_path / "out"
    cells = ("--texts", "1.5s", "--nfe", "6,7", "--batch", "1")
    once = bench(out, *TOY, *clip, *cells)
    assert once.returncode == 0, once.stderr
    report = store.read(out / "bench.json")
    assert [(row.text, row.nfe, row.batch) for row in report.rows] == [("1.5s", 7, 1), ("1.5s", 6, 1)]
    for row in report.rows:
        assert (row.engine, row.model, row.dtype, row.ratio_to_stock) == ("ishowtts", "tiny", "fp32", None)
        # 14 bytes at the clip's pace: 140 frames for its 20 bytes and upstream's three for the sentence's end.
        assert (row.frames, row.pieces) == (140 + int(140 / 23 * 14), 1)
        assert row.audio_s == pytest.approx((row.frames - 140 - 1) * 256 / 24000, abs=1e-3)
        assert len(row.runs_ms) == 2
        assert 0 < row.best_ms <= row.median_ms <= row.p95_ms
    names = {figure.name for figure in report.machine}
    assert {"engine, cold start to ready", "engine, warm start to ready", "time to first audio, median"} <= names
    assert all(figure.value > 0 for figure in report.machine)
    assert report.left_out == []
    assert "time to first audio, median" in once.stdout
    assert (out / "bench.md").read_text() in once.stdout

    steady = with_medians(report, times=1.0)
    store.write(out, steady)
    (tmp_path / "old.json").write_bytes(msgspec.json.encode(with_medians(report, times=0.1)))
    again = bench(out, *TOY, *clip, *cells, "--resume", "--compare", str(tmp_path / "old.json"))
    assert (again.returncode, again.stdout.count("REGRESSION")) == (1, 2), again.stderr
    assert "2 rows are kept" in again.stderr
    resumed = store.read(out / "bench.json")
    assert (resumed.rows, resumed.machine) == (steady.rows, steady.machine)


def with_medians(report: Report, times: float) -> Report:
    """And perfectly steady, so that this machine's noise does not decide."""
    rows = [msgspec.structs.replace(row, median_ms=row.median_ms * times, spread=0.0) for row in report.rows]
    return msgspec.structs.replace(report, rows=rows)


def test_what_is_missing_is_said_in_one_sentence(tmp_path: Path) -> None:
    for arguments, status, words in (
        (["--reference", "/nope.wav", "--reference-text", "a"], 2, "/nope.wav cannot be read"),
        (["--reference", "/nope.wav"], 2, "belong together"),
        (["--compare", str(tmp_path / "old.json")], 2, "old.json: No such file or directory."),
        (["--device", "cuda:7"], 4, "engine.device is cuda:7"),
        (["--texts", "2s"], 2, "'2s' is none of"),
    ):
        told = bench(tmp_path, *arguments, CUDA_VISIBLE_DEVICES="")
        assert (told.returncode, words in told.stderr) == (status, True), told.stderr
        assert "Traceback" not in told.stderr
    assert not list(tmp_path.iterdir())
