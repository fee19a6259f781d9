"""The engine's tests run on the demo model. They need torch: where it is not installed they are left out aloud."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="torch is not installed here")

from ishowtts import files, ipc
from ishowtts.engine.native import NativeEngine

VOICE = "slt"


@pytest.fixture(scope="session")
def configure() -> ipc.Configure:
    model = files.demo_model()
    return ipc.Configure(
        kind="native",
        model_config=str(model / "model.yaml"),
        checkpoint=str(model / "model.safetensors"),
        vocab=str(model / "vocab.txt"),
        vocoder=str(model / "vocos"),
        device="cpu",
        voices=[
            ipc.VoiceFiles(
                name=VOICE,
                audio=str(model / "voices" / f"{VOICE}.wav"),
                text=(model / "voices" / f"{VOICE}.txt").read_text().strip(),
            )
        ],
    )


@pytest.fixture(scope="session")
def engine(configure: ipc.Configure) -> NativeEngine:
    return NativeEngine(configure, lambda _what: None)
