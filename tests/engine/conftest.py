"""The engine's tests need torch; where it is not installed they are left out, and say so."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

pytest.importorskip("torch", reason="torch is not installed here")

from ishowtts import files, ipc
from ishowtts.engine.untrained import SMALL, SMALL_VOCOS, VOCAB, write

CLIP_S = 1.5


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small seeded checkpoint in upstream's layout."""
    folder = tmp_path_factory.mktemp("model")
    write(folder, SMALL, SMALL_VOCOS, VOCAB, seed=1)
    return folder


@pytest.fixture(scope="session")
def configure(model: Path) -> ipc.Configure:
    whole, rate = soundfile.read(files.resolve("f5_tts:infer/examples/basic/basic_ref_en.wav", Path("/")))
    clip = model / "clip.wav"
    soundfile.write(clip, whole[: int(CLIP_S * rate)], rate)  # short: the tests' time is mostly the reference's frames
    return ipc.Configure(
        kind="native",
        model_config=str(model / "model.yaml"),
        checkpoint=str(model / "model.safetensors"),
        vocab=str(model / "vocab.txt"),
        vocoder=str(model / "vocos"),
        device="cpu",
        voices=[ipc.VoiceFiles(name="english", audio=str(clip), text="Some call me nature,")],
    )
