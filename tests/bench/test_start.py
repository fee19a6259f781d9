"""What a start that fails leaves: one sentence, and no process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ishowtts import ipc
from ishowtts.bench import ours
from ishowtts.bench.start import engine_start
from ishowtts.bench.subject import LeftOut

FAKE = ipc.Configure(kind="fake", fake_rtf=0.0, voices=[ipc.VoiceFiles(name="bench", audio="", text="a")])
JOB = ours.job("Hello there.", 7)


def test_the_fake_engine_starts_and_speaks() -> None:
    start = engine_start(sys.executable, FAKE, JOB, {})
    assert start.ready_s > 0 < start.first_s
    assert start.peak_rss_mib > 5


def test_a_process_that_dies_is_told_with_its_last_word(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho first >&2; echo 'no such thing' >&2; exit 3\n")
    python.chmod(0o755)
    with pytest.raises(LeftOut, match="ended: no such thing"):
        engine_start(str(python), FAKE, JOB, {})


def test_what_an_engine_needs_is_told(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    missing = ipc.Configure(kind="native", vocab=str(tmp_path / "vocab.txt"), device="cpu")
    with pytest.raises(LeftOut, match=r"vocab\.txt cannot be read"):
        engine_start(sys.executable, missing, JOB, {})
