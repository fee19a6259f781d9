"""The voices this daemon knows: a reference clip and exactly the words spoken in it.

Here only names, files and texts are looked at; the engine child reads the audio and says what is wrong with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ishowtts import config, files

_NAME = re.compile(r"\A[a-z0-9_-]{1,64}\Z")
_SUFFIXES = (".wav", ".flac")


@dataclass(frozen=True)
class Voice:
    name: str
    audio: Path
    text: str


def load(settings: config.Voices, base: Path) -> dict[str, Voice]:
    """Voices by name: the configured clips, then NAME.wav (or .flac) beside NAME.txt in the folder.

    Raises ConfigError for a clip or a file that cannot be a voice. A folder that does not exist has none.
    """
    found = {
        _checked(name, "voices.clips"): Voice(name, files.resolve(clip.audio, base), " ".join(clip.text.split()))
        for name, clip in settings.clips.items()
    }
    folder = files.resolve(settings.folder, base)
    for audio in sorted(folder.glob("*")) if folder.is_dir() else []:
        if audio.suffix.lower() in _SUFFIXES:
            found[_checked(audio.stem, str(audio))] = Voice(audio.stem, audio, _transcript(audio))
    if settings.default not in found and found:
        names = ", ".join(sorted(found))
        raise config.ConfigError(f"voices.default: there is no voice {settings.default!r}; there are {names}")
    return found


def _transcript(audio: Path) -> str:
    file = audio.with_suffix(".txt")
    try:
        text = " ".join(file.read_text(encoding="utf-8-sig").split())
    except (OSError, UnicodeDecodeError):
        text = ""
    if not text:
        raise config.ConfigError(f"{audio}: needs {file.name} beside it with the words spoken in it, in UTF-8")
    return text


def _checked(name: str, where: str) -> str:
    if not _NAME.match(name) or name == "default":
        raise config.ConfigError(f"{where}: {name!r} cannot be a voice's name (a-z 0-9 _ -, not `default`)")
    return name
