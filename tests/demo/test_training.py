"""The whole recipe at toy size on the CPU: texts, flite, Vocos, DiT, exported files, speech. Seeded."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from speaking import load

from ishowtts import ipc

LAYOUT = {
    "model.safetensors", "model.yaml", "vocab.txt", "vocos/config.yaml", "vocos/pytorch_model.bin",
    *(f"voices/{voice}.{suffix}" for voice in ("slt", "rms", "awb") for suffix in ("wav", "txt")),
}  # fmt: skip
RESUME = "--tiny --resume --steps 1 --steps-a-line 1 --single-frames 1200 --pair-frames 1200 --characters 30000"
LOSS = r"dit .*, loss ([\d.]+),"
RIGHT = r"singles: .*?right ([\d.]+);"  # the loss on held-out singles
AT_MOST_S = 600  # against a hang


@dataclass(frozen=True)
class Trained:
    out: Path
    data: Path
    log: str


def _environment(work: Path) -> dict[str, str]:
    return os.environ | {"PYTHON": sys.executable, "DEMO_WORK": str(work), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, recipe: Path) -> list[Trained]:
    """Two runs, side by side since one does not fill two cores."""
    try:
        ctypes.CDLL("libflite.so.1")
    except OSError:
        if not os.environ.get("CI"):  # .ci/run installs it
            pytest.skip("flite's library is not on this machine: `apt install libflite1`")
    folders = [tmp_path_factory.mktemp("recipe") for _ in range(2)]
    command = [str(recipe / "run_gpu.sh"), "--tiny"]
    running = [subprocess.Popen([*command, str(f / "out")], env=_environment(f / "work")) for f in folders]
    codes = [each.wait(AT_MOST_S) for each in running]
    runs = [Trained(f / "out", f / "work" / "data", (f / "out" / "log.txt").read_text()) for f in folders]
    assert codes == [0, 0], "\n\n".join(run.log for run in runs)
    return runs


def _figures(pattern: str, log: str) -> list[float]:
    return [float(found) for found in re.findall(pattern, log)]


def test_the_losses_go_down(runs: list[Trained]) -> None:
    flow = _figures(LOSS, runs[0].log)
    assert len(flow) == 2
    assert flow[1] < 0.85 * flow[0]
    mel = _figures(r"vocos .*, mel ([\d.]+),", runs[0].log)
    assert len(mel) == 3
    assert mel[2] < 0.85 * mel[0]


def test_the_same_seed_gives_the_same_files(runs: list[Trained]) -> None:
    first, second = runs
    names = sorted(str(file.relative_to(first.out)) for file in first.out.rglob("*") if file.is_file())
    assert {"dit-0.safetensors", "dit-1.safetensors", "vocos.safetensors", "sample-slt.wav"} <= set(names)
    for name in names:
        if name != "log.txt":  # it has times
            assert (first.out / name).read_bytes() == (second.out / name).read_bytes(), name
    assert _figures(LOSS, first.log) == _figures(LOSS, second.log)
    shards = sorted(file.name for file in first.data.glob("*.npz"))
    assert len(shards) == 3
    for name in shards:
        one, other = np.load(first.data / name), np.load(second.data / name)
        assert one.files == other.files
        assert all(np.array_equal(one[key], other[key]) for key in one.files), name


def test_a_recording_does_not_depend_on_what_was_spoken_before(runs: list[Trained]) -> None:
    from flite import Flite

    flite = Flite()
    first, _rate, _spans = flite.speak("awb", "Say it.")
    flite.speak("slt", "And now something else.")
    assert np.array_equal(flite.speak("awb", "Say it.")[0], first)


def test_it_resumes_where_it_was(runs: list[Trained], recipe: Path, tmp_path: Path) -> None:
    for piece in runs[0].out.glob("dit-*.safetensors"):
        shutil.copy(piece, tmp_path)
    command = [sys.executable, "train_dit.py", str(runs[0].data), str(tmp_path), *RESUME.split()]
    resumed = subprocess.run(
        command, cwd=recipe, env=_environment(tmp_path), capture_output=True, text=True, timeout=AT_MOST_S, check=False
    )
    assert resumed.returncode == 0, resumed.stderr
    assert "resumed from the saved average" in resumed.stdout
    halfway, _end = _figures(RIGHT, runs[0].log)
    (now,) = _figures(RIGHT, resumed.stdout)
    assert now < halfway, "one step after resuming it is better than the first run was at half time"


def test_the_exported_files_speak(runs: list[Trained]) -> None:
    model = runs[0].out / "model"
    assert {str(file.relative_to(model)) for file in model.rglob("*") if file.is_file()} == LAYOUT
    engine = load(model)
    assert [voice.name for voice in engine.ready().voices] == ["slt", "rms", "awb"]
    for voice in engine.references:
        job = ipc.Speak(
            job=1, text="Hello there.", voice=voice, seed=1, nfe=5, cfg=2.0, speed=1.0,
            sample_format="pcm_f32le", rate=24000,
        )  # fmt: skip
        speech = engine.speak(job, lambda _done, _total: None)
        samples = np.frombuffer(speech.pcm, "<f4")
        assert len(samples) > 0.5 * 24000
        assert np.isfinite(samples).all()
        assert speech.peak > 1e-4


def test_what_was_shipped_has_this_layout(demo: Path) -> None:
    assert {str(file.relative_to(demo)) for file in demo.rglob("*") if file.is_file()} == LAYOUT
