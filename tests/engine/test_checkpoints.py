"""What users have is loaded; what is missing or does not fit is said: which file, which key, which shape."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from msgspec import structs
from safetensors.torch import load_file, save_file

from ishowtts import ipc
from ishowtts.engine.base import SetupRequired
from ishowtts.engine.native import NativeEngine
from ishowtts.engine.untrained import SMALL, SMALL_VOCOS, VOCAB, write

from .test_native import JOB, ignore


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A seeded checkpoint in upstream's layout, small enough to be copied and spoiled fifty times."""
    folder = tmp_path_factory.mktemp("model")
    write(folder, SMALL, SMALL_VOCOS, VOCAB, seed=1)
    return folder


@pytest.fixture
def copy(model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model, tmp_path / "model"))


def at(configure: ipc.Configure, folder: Path, **changes: Any) -> ipc.Configure:
    paths = {
        "model_config": str(folder / "model.yaml"),
        "checkpoint": str(folder / "model.safetensors"),
        "vocab": str(folder / "vocab.txt"),
        "vocoder": str(folder / "vocos"),
    }
    return structs.replace(configure, **{**paths, **changes})


def speak(configure: ipc.Configure) -> bytes:
    return NativeEngine(configure, lambda _what: None).speak(JOB, ignore).pcm


def refusal(configure: ipc.Configure) -> str:
    with pytest.raises(SetupRequired) as problem:
        NativeEngine(configure, lambda _what: None)
    return problem.value.what


def bare(folder: Path) -> dict[str, torch.Tensor]:
    return {key.removeprefix("ema_model."): value for key, value in load_file(folder / "model.safetensors").items()}


LEGACY = ("mel_spec.mel_stft.mel_scale.fb", "mel_spec.mel_stft.spectrogram.window")
LAYOUTS = {
    "ema safetensors with counters": lambda s: {"initted": torch.tensor(True), "step": torch.tensor(3), **_ema(s)},
    "pt with ema": lambda s: {
        "ema_model_state_dict": {"step": torch.zeros(1), **_ema(s)},
        "model_state_dict": _zero(s),
    },
    "pt without ema": lambda s: {"model_state_dict": s},
    "pt of a parallel run": lambda s: {"model_state_dict": {f"module.{key}": value for key, value in s.items()}},
    "legacy mel buffers": lambda s: {"model_state_dict": {**s, **dict.fromkeys(LEGACY, torch.zeros(3))}},
    "bare": lambda s: s,
}


def _ema(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"ema_model.{key}": value for key, value in state.items()}


def _zero(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key: torch.zeros_like(value) for key, value in state.items()}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_speaks_the_same(configure: ipc.Configure, copy: Path, layout: str) -> None:
    expected = speak(at(configure, copy))
    state = LAYOUTS[layout](bare(copy))
    if layout.startswith("ema"):
        save_file(state, copy / "other.safetensors")
        file = copy / "other.safetensors"
    else:
        file = copy / "other.pt"
        torch.save(state, file)
    assert speak(at(configure, copy, checkpoint=str(file))) == expected


def test_vocos_as_safetensors(configure: ipc.Configure, copy: Path) -> None:
    expected = np.frombuffer(speak(at(configure, copy)), "<i2")
    state = torch.load(copy / "vocos/pytorch_model.bin", weights_only=True)
    save_file({key: value.clone() for key, value in state.items()}, copy / "vocos/model.safetensors")
    (copy / "vocos/pytorch_model.bin").unlink()
    assert np.array_equal(np.frombuffer(speak(at(configure, copy)), "<i2"), expected)


def test_a_missing_key_is_named_with_its_shape(configure: ipc.Configure, copy: Path) -> None:
    state = load_file(copy / "model.safetensors")
    del state["ema_model.transformer.transformer_blocks.2.attn.to_q.weight"]
    save_file(state, copy / "model.safetensors")
    assert refusal(at(configure, copy)) == (
        f"{copy}/model.safetensors lacks transformer.transformer_blocks.2.attn.to_q.weight of shape 128x128: "
        "does the model configuration belong to this checkpoint?"
    )


def test_a_wrong_vocabulary_is_a_wrong_shape(configure: ipc.Configure, copy: Path) -> None:
    with (copy / "vocab.txt").open("a", encoding="utf-8") as file:
        file.write("é\n")
    said = refusal(at(configure, copy))
    assert "transformer.text_embed.text_embed.weight has shape 84x128 where 85x128 is needed" in said


def test_a_key_too_many_is_named(configure: ipc.Configure, copy: Path) -> None:
    state = load_file(copy / "model.safetensors")
    state["ema_model.transformer.surprise.weight"] = torch.zeros(2, 3)
    save_file(state, copy / "model.safetensors")
    assert "has transformer.surprise.weight of shape 2x3, which the model has no place for" in refusal(
        at(configure, copy)
    )


@pytest.mark.parametrize("part", ["checkpoint", "vocab", "vocoder", "model_config"])
def test_a_missing_file_is_named(configure: ipc.Configure, copy: Path, part: str) -> None:
    assert "/nowhere/x" in refusal(at(configure, copy, **{part: "/nowhere/x"}))


@pytest.mark.parametrize("name", ["model.safetensors", "vocos/pytorch_model.bin"])
@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04garbage", b"\x80\x04garbage"])
def test_a_broken_file_is_named(configure: ipc.Configure, copy: Path, name: str, content: bytes) -> None:
    (copy / name).write_bytes(content)
    assert str(copy / name) in refusal(at(configure, copy))


def test_a_pickle_with_code_is_not_run(configure: ipc.Configure, copy: Path, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "owned",)

    torch.save({"model_state_dict": Evil()}, copy / "evil.pt")
    assert "evil.pt" in refusal(at(configure, copy, checkpoint=str(copy / "evil.pt")))
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"backbone": "UNetT"}, "model.backbone is 'UNetT'"),
        ({"mel_spec": {"mel_spec_type": "bigvgan"}}, "mel_spec_type must be vocos"),
        ({"arch": {"dim": 128, "surprise": 1}}, "model.arch.surprise is not known"),
        ({"arch": {"depth": 2}}, "dim"),
        ({"arch": {"dim": 128, "qk_norm": "layer"}}, "qk_norm is 'layer'"),
        ({"arch": None}, "has no model.arch"),
        ({"arch": {"dim": "128"}}, "dim"),
        ({"arch": {"dim": 128.5}}, "dim"),
        ({"arch": {"dim": -1}}, "too small"),
        ({"arch": {"dim": 128, "heads": 2, "pe_attn_head": 99}}, "pe_attn_head is 99"),
        ({"arch": {"dim": 128, "text_mask_padding": "False"}}, "text_mask_padding"),
        ({"mel_spec": {"win_length": 2048}}, "win_length"),
        ({"mel_spec": [1]}, "mel_spec"),
    ],
)
def test_a_configuration_that_cannot_be_built(
    configure: ipc.Configure, copy: Path, change: dict[str, Any], says: str
) -> None:
    tree = yaml.safe_load((copy / "model.yaml").read_text(encoding="utf-8"))
    tree["model"].update(change)
    (copy / "model.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    assert says in refusal(at(configure, copy))


def test_a_bad_clip_is_reported_and_stops_nobody(configure: ipc.Configure, tmp_path: Path) -> None:
    silent = tmp_path / "silent.wav"
    import soundfile

    soundfile.write(silent, np.zeros(48000), 24000)
    soundfile.write(tmp_path / "long.wav", np.random.default_rng(0).normal(0, 0.1, 24000 * 20), 24000)
    voices = [
        *configure.voices,
        ipc.VoiceFiles(name="silent", audio=str(silent), text="Nothing."),
        ipc.VoiceFiles(name="long", audio=str(tmp_path / "long.wav"), text="Too long."),
        ipc.VoiceFiles(name="gone", audio="/nowhere.wav", text="Gone."),
        ipc.VoiceFiles(name="chinese", audio=configure.voices[0].audio, text="你好"),
    ]
    engine = NativeEngine(structs.replace(configure, voices=voices), lambda _what: None)
    problems = {voice.name: voice.problem for voice in engine.ready().voices}
    assert problems["slt"] == ""
    assert "silent" in problems["silent"]
    assert "20.0 s" in problems["long"]
    assert "/nowhere.wav" in problems["gone"]
    assert "cannot speak" in problems["chinese"]


def test_a_gpu_that_is_not_there_is_no_silent_cpu(configure: ipc.Configure) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert "engine.device is cuda" in refusal(structs.replace(configure, device="cuda"))


def test_shipped_f5_configurations_can_be_read() -> None:
    from ishowtts import files
    from ishowtts.engine import arch

    folder = files.resolve("f5_tts:configs", Path("/"))
    for file in sorted(folder.glob("F5TTS_*.yaml")):
        assert arch.read(file, 2545).dit.dim in (768, 1024)
    with pytest.raises(SetupRequired):
        arch.read(folder / "E2TTS_Base.yaml", 2545)
