"""What is shipped: its size, precision and clips, and that an installed package has it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
import torch
from safetensors.torch import load_file

from ishowtts import files
from ishowtts.engine import arch, mel, native
from ishowtts.engine.arch import MelConfig

ROOT = Path(__file__).parents[2]
LARGEST_BYTES = 32_000_000
NO_WEIGHTS = ("rotary_embed.", "feature_extractor.", "head.istft.")  # tables, as exact as upstream has them


def test_it_is_small_and_in_fp16(demo: Path) -> None:
    assert sum(file.stat().st_size for file in demo.rglob("*") if file.is_file()) <= LARGEST_BYTES
    states = [
        load_file(demo / "model.safetensors"),
        torch.load(demo / "vocos" / "pytorch_model.bin", weights_only=True),
    ]
    for state in states:
        weights = {key: value for key, value in state.items() if not any(part in key for part in NO_WEIGHTS)}
        assert len(weights) > 50
        assert {value.dtype for value in weights.values()} == {torch.float16}
        assert all(bool(torch.isfinite(value).all()) for value in weights.values())


@pytest.mark.parametrize("voice", ["slt", "rms", "awb"])
def test_the_clips_are_of_the_promised_length(demo: Path, voice: str) -> None:
    assert 2.5 <= soundfile.info(demo / "voices" / f"{voice}.wav").duration <= 4
    text = (demo / "voices" / f"{voice}.txt").read_text().strip()
    assert text.endswith(".")
    assert set(text) <= set((demo / "vocab.txt").read_text().replace("\n", ""))


@pytest.mark.parametrize("voice", ["slt", "rms", "awb"])
def test_no_clip_holds_digital_silence(demo: Path, voice: str) -> None:
    """Flite's silence is not zero, so training saw none; behind such a clip the voice was lost."""
    samples, _rate = soundfile.read(demo / "voices" / f"{voice}.wav", dtype="float32")
    loudest = mel.log_mel(torch.from_numpy(samples), MelConfig()).max(1).values
    assert float(loudest[:-1].min()) > -10


def test_the_vocoder_is_silent_where_no_mel_listens(demo: Path) -> None:
    """The bins of 0 Hz and 12 kHz once held half of the power: see train_vocos.silence_edges."""
    samples, _rate = soundfile.read(demo / "voices" / "slt.wav", dtype="float32")
    config = arch.read(demo / "model.yaml", 60)
    vocos = native.load_vocos(demo / "vocos", config, torch.device("cpu"))
    power = torch.fft.rfft(vocos([mel.log_mel(torch.from_numpy(samples), config.mel)])[0]).abs().square()
    hertz = torch.linspace(0, 12000, len(power))
    for unheard in (hertz < 30, hertz > 11900):
        assert float(power[unheard].sum() / power.sum()) < 1e-3


def test_a_configuration_can_name_its_files(tmp_path: Path) -> None:
    assert files.resolve("demo:model.safetensors", tmp_path) == files.demo_model() / "model.safetensors"
    assert files.resolve("demo:model.safetensors", tmp_path).is_file()
    assert files.resolve("demo:vocos", tmp_path).is_dir()


def test_an_installed_package_has_it(demo: Path, tmp_path: Path) -> None:
    """Built, installed into an empty environment, and asked there."""
    wheel_at, python = tmp_path / "wheel", tmp_path / "venv" / "bin" / "python"
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheel_at))
    (wheel,) = wheel_at.glob("*.whl")
    _run(sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv"))
    _run(sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index", str(wheel))
    say = "from ishowtts import files; print(files.demo_model())"
    installed = Path(_run(str(python), "-I", "-c", say).strip())
    assert installed.is_relative_to(tmp_path / "venv")
    shipped = [file for file in demo.rglob("*") if file.is_file()]
    assert len(shipped) == 11
    for file in shipped:
        assert (installed / file.relative_to(demo)).read_bytes() == file.read_bytes(), file


def _run(*command: str) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
