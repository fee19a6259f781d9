"""An operator's speech recogniser: a program that is given the path of a WAV file and prints what it hears."""

from __future__ import annotations

import asyncio
import tempfile
import wave
from contextlib import suppress
from pathlib import Path

RATE = 24_000
PATIENCE_S = 120.0


class CannotListen(Exception):
    """The program could not be run or failed; one sentence."""


async def listen(program: str, pcm: bytes) -> str:
    """The words of ``pcm`` (16 bit, mono, 24 kHz). Raises CannotListen."""
    with tempfile.TemporaryDirectory(prefix="ishowtts-") as folder:
        path = Path(folder, "speech.wav")
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes(pcm)
        return await _ask(program, path)


async def _ask(program: str, path: Path) -> str:
    try:
        child = await asyncio.create_subprocess_exec(
            program, str(path), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
        )
    except OSError as error:
        raise CannotListen(f"tuner.recogniser {program} cannot be started: {error.strerror}") from None
    try:
        printed, _ = await asyncio.wait_for(child.communicate(), PATIENCE_S)
    except asyncio.TimeoutError:
        raise CannotListen(f"tuner.recogniser {program} took over {PATIENCE_S:.0f} s for one sentence") from None
    finally:
        with suppress(ProcessLookupError):
            child.kill()
    if child.returncode:
        raise CannotListen(f"tuner.recogniser {program} ended with status {child.returncode}")
    return printed.decode("utf-8", "replace")
