"""The configuration as the engine child's first message: what to load, every path absolute."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ishowtts import files, ipc
from ishowtts.config import Engine
from ishowtts.voices import Voice


def engine(settings: Engine, voices: Iterable[Voice], base: Path) -> ipc.Configure:
    """``base``: the folder that relative paths start from. Raises BadPath."""
    return ipc.Configure(
        kind=settings.kind,
        model_config=str(files.resolve(settings.model_config, base)),
        checkpoint=str(files.resolve(settings.checkpoint, base)),
        vocab=str(files.resolve(settings.vocab, base)),
        vocoder=str(files.resolve(settings.vocoder, base)),
        device=settings.device,
        dtype=settings.dtype,
        threads=settings.threads,
        capture_s=settings.capture_s,
        fake_rtf=settings.fake_rtf,
        voices=[ipc.VoiceFiles(name=voice.name, audio=str(voice.audio), text=voice.text) for voice in voices],
    )
