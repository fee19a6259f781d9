"""The demo model that is shipped: stock f5-tts loads it as its command line would, and makes the same of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from f5_tts.infer import utils_infer
from f5_tts.model import CFM
from f5_tts.model.utils import convert_char_to_pinyin
from hydra.utils import get_class
from omegaconf import OmegaConf
from safetensors.torch import load_file

from ishowtts import files, ipc, schedules
from ishowtts.engine.native import NativeEngine
from ishowtts.engine.reference import ReferenceEngine
from ishowtts.engine.sampler import Sampler
from ishowtts.engine.step import Item

from .models import relative_l2

MODEL = files.demo_model()
CLIP = MODEL / "voices" / "slt.wav"
TEXT = "The lines are drawn in the order listed."
MEL_TOLERANCE, WAVE_TOLERANCE = 1e-5, 1e-4
JOB = ipc.Speak(
    job=1, text=TEXT, voice="slt", seed=42, nfe=7, cfg=2.0, speed=1.0, sample_format="pcm_f32le", rate=24000
)


@pytest.fixture(scope="module")
def configure() -> ipc.Configure:
    return ipc.Configure(
        kind="native",
        model_config=str(MODEL / "model.yaml"),
        checkpoint=str(MODEL / "model.safetensors"),
        vocab=str(MODEL / "vocab.txt"),
        vocoder=str(MODEL / "vocos"),
        device="cpu",
        voices=[ipc.VoiceFiles(name="slt", audio=str(CLIP), text=CLIP.with_suffix(".txt").read_text().strip())],
    )


@pytest.fixture(scope="module")
def stock() -> CFM:
    """As f5_tts/infer/infer_cli.py does with --model_cfg, --ckpt_file and --vocab_file."""
    tree: Any = OmegaConf.load(MODEL / "model.yaml")
    kind = get_class(f"f5_tts.model.{tree.model.backbone}")
    return utils_infer.load_model(
        kind,
        tree.model.arch,
        str(MODEL / "model.safetensors"),
        mel_spec_type=tree.model.mel_spec.mel_spec_type,
        vocab_file=str(MODEL / "vocab.txt"),
        device="cpu",
    )


@pytest.fixture(scope="module")
def engine(configure: ipc.Configure) -> NativeEngine:
    return NativeEngine(configure, _ignore)


def _ignore(_text: str) -> None:
    pass


def test_every_key_of_the_checkpoint_has_its_place(stock: CFM) -> None:
    """load_model is strict today; this holds if it should become lenient."""
    keys = {key.removeprefix("ema_model.") for key in load_file(MODEL / "model.safetensors")}
    wanted = {key for key in stock.state_dict() if not key.startswith("mel_spec.")}
    assert keys == wanted
    assert len(stock.vocab_char_map) == len((MODEL / "vocab.txt").read_text().splitlines())


def test_every_key_of_the_vocoder_has_its_place() -> None:
    vocoder = utils_infer.load_vocoder("vocos", is_local=True, local_path=str(MODEL / "vocos"), device="cpu")
    state = torch.load(MODEL / "vocos" / "pytorch_model.bin", map_location="cpu", weights_only=True)
    assert set(state) == set(vocoder.state_dict())


def test_the_mel_is_the_same(stock: CFM, engine: NativeEngine) -> None:
    reference = engine.references["slt"]
    total = reference.total_frames(TEXT, 1.0)
    text = convert_char_to_pinyin([reference.text + TEXT])
    theirs, _ = stock.sample(
        _wave(CLIP)[None], text, total, steps=7, cfg_strength=2.0, sway_sampling_coef=-1.0, seed=JOB.seed
    )
    item = Item(reference.mel, engine.vocabulary.encode(reference.text + TEXT), total, JOB.seed)
    ours = Sampler(engine.dit).sample([item], schedules.pick(7), 2.0, lambda _done, _total: None)[0]
    assert relative_l2(ours[reference.frames :], theirs[0, reference.frames :]) <= MEL_TOLERANCE


def test_the_wave_is_the_same(configure: ipc.Configure, engine: NativeEngine) -> None:
    ours = np.frombuffer(engine.speak(JOB, lambda _done, _total: None).pcm, "<f4")
    theirs = np.frombuffer(ReferenceEngine(configure, _ignore).speak(JOB, lambda _done, _total: None).pcm, "<f4")
    assert np.linalg.norm(ours - theirs) / np.linalg.norm(theirs) <= WAVE_TOLERANCE


def _wave(file: Path) -> torch.Tensor:
    import soundfile

    samples, rate = soundfile.read(file, dtype="float32")
    assert rate == 24000
    wave = torch.from_numpy(samples)
    assert float(wave.square().mean().sqrt()) >= 0.1, "stock would make a quieter clip louder"
    return wave
