"""The whole way, from files: a checkpoint in upstream's layout, loaded by both, speaks the same waveform."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from ishowtts import ipc
from ishowtts.engine.native import NativeEngine
from ishowtts.engine.reference import ReferenceEngine
from ishowtts.engine.untrained import SMALL, SMALL_VOCOS, VOCAB, write

TEXT = "Some call me nature, others call me mother nature."


@pytest.fixture(scope="module")
def configure(tmp_path_factory: pytest.TempPathFactory) -> ipc.Configure:
    folder = tmp_path_factory.mktemp("model")
    write(folder, SMALL, SMALL_VOCOS, VOCAB, seed=3)
    clip = str(files("f5_tts").joinpath("infer/examples/basic/basic_ref_en.wav"))
    return ipc.Configure(
        kind="native",
        model_config=str(folder / "model.yaml"),
        checkpoint=str(folder / "model.safetensors"),
        vocab=str(folder / "vocab.txt"),
        vocoder=str(folder / "vocos"),
        device="cpu",
        voices=[ipc.VoiceFiles(name="english", audio=clip, text=TEXT)],
    )


def _ignore(_text: str) -> None:
    pass


@pytest.mark.parametrize("text", ["Hello world, this is a test.", "Hi.", 'What? It\'s 3.14; "fine"!'])
def test_both_engines_speak_the_same_wave(configure: ipc.Configure, text: str) -> None:
    job = ipc.Speak(
        job=1, text=text, voice="english", seed=42, nfe=7, cfg=2.0, speed=1.0, sample_format="pcm_f32le", rate=24000
    )
    ours = NativeEngine(configure, _ignore).speak(job, lambda _done, _total: None)
    theirs = ReferenceEngine(configure, _ignore).speak(job, lambda _done, _total: None)
    a, b = np.frombuffer(ours.pcm, "<f4"), np.frombuffer(theirs.pcm, "<f4")
    assert ours.audio_s == theirs.audio_s
    assert np.linalg.norm(a - b) / np.linalg.norm(b) <= 1e-4


def test_files_are_where_upstream_looks_for_them(configure: ipc.Configure) -> None:
    assert (Path(configure.vocoder) / "pytorch_model.bin").exists()
    assert ReferenceEngine(configure, _ignore).ready().model.endswith("(stock f5-tts)")
