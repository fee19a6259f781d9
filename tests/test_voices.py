"""Voices by name: configured clips, then the folder's."""

from __future__ import annotations

from pathlib import Path

import pytest

from ishowtts import config, files, voices
from ishowtts.config import Clip, ConfigError


def settings(folder: Path, default: str = "anna", /, **clips: str) -> config.Voices:
    return config.Voices(
        folder=str(folder), default=default, clips={name: Clip(audio=audio, text="x") for name, audio in clips.items()}
    )


def put(folder: Path, name: str, text: str | bytes | None = "spoken words") -> None:
    (folder / name).write_bytes(b"RIFF")
    if text is not None:
        (folder / name).with_suffix(".txt").write_bytes(text if isinstance(text, bytes) else text.encode())


def test_clips_and_folder(tmp_path: Path) -> None:
    put(tmp_path, "bert.wav", " two\n  words\n")
    put(tmp_path, "carla.FLAC", "你好")
    put(tmp_path, "notes.md", None)
    found = voices.load(settings(tmp_path, anna="clips/a.wav"), tmp_path)
    assert found == {
        "anna": voices.Voice("anna", tmp_path / "clips/a.wav", "x"),
        "bert": voices.Voice("bert", tmp_path / "bert.wav", "two words"),
        "carla": voices.Voice("carla", tmp_path / "carla.FLAC", "你好"),
    }


def test_a_file_in_the_folder_goes_over_a_clip(tmp_path: Path) -> None:
    put(tmp_path, "anna.wav")
    assert voices.load(settings(tmp_path, anna="a.wav"), tmp_path)["anna"].text == "spoken words"


def test_no_folder_is_no_voices(tmp_path: Path) -> None:
    assert list(voices.load(settings(tmp_path / "none", anna="a.wav"), tmp_path)) == ["anna"]
    assert voices.load(settings(tmp_path / "none"), tmp_path) == {}


@pytest.mark.parametrize("text", [None, "", " \n\t", b"\xff\xfe"])
def test_a_voice_needs_its_words(tmp_path: Path, text: str | bytes | None) -> None:
    put(tmp_path, "bert.wav", text)
    with pytest.raises(ConfigError, match=r"bert\.wav: needs bert\.txt"):
        voices.load(settings(tmp_path, "bert"), tmp_path)


def test_a_byte_order_mark_is_no_word(tmp_path: Path) -> None:
    put(tmp_path, "bert.wav", b"\xef\xbb\xbfHello")
    assert voices.load(settings(tmp_path, "bert"), tmp_path)["bert"].text == "Hello"


@pytest.mark.parametrize("name", ["Bert", "a b", "a.b", "é", "default", "x" * 65])
def test_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"voices\.clips: .* cannot be a voice's name"):
        voices.load(settings(tmp_path, **{name: "a.wav"}), tmp_path)
    put(tmp_path, f"{name}.wav")
    with pytest.raises(ConfigError, match="cannot be a voice's name") as caught:
        voices.load(settings(tmp_path), tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("name", ["", "a\n", "a/b", "../a"])
def test_hostile_names_of_clips(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        voices.load(settings(tmp_path, **{name: "a.wav"}), tmp_path)
    assert len(str(caught.value).splitlines()) == 1


def test_the_default_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"voices\.default: there is no voice 'zoe'; there are anna, bert"):
        voices.load(settings(tmp_path, "zoe", bert="b.wav", anna="a.wav"), tmp_path)


def test_paths(tmp_path: Path) -> None:
    assert files.resolve("/abs/x.wav", tmp_path) == Path("/abs/x.wav")
    assert files.resolve("sub/../x.wav", tmp_path) == tmp_path / "x.wav"
    assert files.resolve("no_such_package_7:data/x.wav", tmp_path) == Path(
        "/package-not-installed/no_such_package_7/data/x.wav"
    )
    inside = files.resolve("ishowtts:wire/codec.py", tmp_path)
    assert inside.is_file()
    assert inside.parent.name == "wire"
    assert files.resolve("a-b:c", tmp_path) == tmp_path / "a-b:c"
    assert files.resolve("demo:vocos/config.yaml", tmp_path).is_file()
