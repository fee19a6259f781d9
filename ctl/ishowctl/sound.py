"""Where the audio goes: a file, standard output, the loudspeaker. PCM in is 16 bit, mono."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import wave
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from ishowctl import exits
from ishowctl.exits import OutputError

PLAYERS = {
    "pw-play": ["--format=s16", "--rate={rate}", "--channels=1", "--raw", "-"],
    "paplay": ["--raw", "--format=s16le", "--rate={rate}", "--channels=1"],
    "aplay": ["-q", "-t", "raw", "-f", "S16_LE", "-r", "{rate}", "-c", "1"],
}
SUFFIXES = (".wav", ".flac")


class Output(Protocol):
    def open(self, rate: int) -> None: ...

    def write(self, pcm: bytes) -> None: ...

    def keep(self) -> None:
        """All is there: make it final."""

    def drop(self) -> None:
        """It did not become whole: leave nothing behind."""


class FileOutput:
    """Written beside the target and renamed at the end: a file with that name is always whole."""

    def __init__(self, path: Path) -> None:
        path = path.resolve() if path.is_symlink() else path
        self._path = path
        self._part = path.with_name(f".{path.name[:200]}.{os.getpid()}.part")
        self._file: Any = None
        if path.suffix.lower() not in SUFFIXES:
            raise OutputError(f"{path}: the name must end in {' or '.join(SUFFIXES)}.", exits.USAGE)
        if not path.parent.is_dir():
            raise OutputError(f"{path.parent}: there is no such folder.")
        if path.exists() and not path.is_file():
            raise OutputError(f"{path}: is there and is no file; `-o -` writes to a pipe.")
        if not os.access(path.parent, os.W_OK):
            raise OutputError(f"{path.parent}: you may not write there.")

    def open(self, rate: int) -> None:
        writer = _FlacFile if self._path.suffix.lower() == ".flac" else _WavFile
        try:
            self._file = writer(self._part, rate)
        except (OSError, RuntimeError) as error:
            raise OutputError(f"{self._path}: cannot be written: {_reason(error)}.") from None

    def write(self, pcm: bytes) -> None:
        try:
            self._file.write(pcm)
        except (OSError, RuntimeError) as error:
            raise OutputError(f"{self._path}: cannot be written: {_reason(error)}.") from None

    def keep(self) -> None:
        try:
            self._file.close()
            self._part.replace(self._path)
        except (OSError, RuntimeError) as error:
            raise OutputError(f"{self._path}: cannot be written: {_reason(error)}.") from None

    def drop(self) -> None:
        if self._file is not None:
            with suppress(OSError, RuntimeError):
                self._file.close()
        with suppress(OSError):
            self._part.unlink(missing_ok=True)


class _WavFile:
    """The standard library's: it needs no numpy, which a device has for torch alone."""

    def __init__(self, path: Path, rate: int) -> None:
        self._file = path.open("wb")
        self._wave = wave.open(self._file)  # noqa: SIM115 (`close` is below)
        self._wave.setparams((1, 2, rate, 0, "NONE", ""))

    def write(self, pcm: bytes) -> None:
        self._wave.writeframesraw(pcm)

    def close(self) -> None:
        try:
            self._wave.close()
        finally:
            self._file.close()


class _FlacFile:
    def __init__(self, path: Path, rate: int) -> None:
        try:
            import soundfile  # here, not above: it loads numpy
        except (ImportError, OSError) as error:
            text = f"a FLAC needs python-soundfile and numpy ({error}): install them, or write a .wav."
            raise OutputError(text) from None
        self._file = soundfile.SoundFile(path, "w", rate, channels=1, subtype="PCM_16", format="FLAC")

    def write(self, pcm: bytes) -> None:
        self._file.buffer_write(pcm, dtype="int16")

    def close(self) -> None:
        self._file.close()


class StdoutOutput:
    """A WAV whose length is not known yet: the sizes in its header are the largest possible, as for any stream."""

    def __init__(self) -> None:
        if sys.stdout is None:
            raise OutputError("standard output is closed: write a file with -o.", exits.USAGE)
        if sys.stdout.isatty():
            raise OutputError("`-o -` writes a WAV to standard output: send it to a program or a file.", exits.USAGE)

    def open(self, rate: int) -> None:
        fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
        self.write(b"RIFF\xff\xff\xff\xffWAVE" + fmt + b"data\xff\xff\xff\xff")

    def write(self, pcm: bytes) -> None:
        try:
            sys.stdout.buffer.write(pcm)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 (so that the exit does not flush into the pipe)
            raise OutputError("the program that reads the audio has stopped reading.") from None
        except OSError as error:
            sys.stdout = None
            raise OutputError(f"the audio cannot be written: {error.strerror}.") from None

    def keep(self) -> None:
        pass

    def drop(self) -> None:
        pass


class Player:
    """The first of the usual players that is installed, fed as the audio comes."""

    def __init__(self) -> None:
        found = next((name for name in PLAYERS if shutil.which(name)), None)
        if found is None:
            raise OutputError(f"no player found ({', '.join(PLAYERS)}): install alsa-utils, or write a file with -o.")
        self._name = found
        self._process: subprocess.Popen[bytes] | None = None

    def open(self, rate: int) -> None:
        arguments = [part.format(rate=rate) for part in PLAYERS[self._name]]
        self._process = subprocess.Popen([self._name, *arguments], stdin=subprocess.PIPE)

    def write(self, pcm: bytes) -> None:
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(pcm)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise OutputError(f"{self._name} stopped: is there a sound device?") from None

    def keep(self) -> None:
        assert self._process is not None and self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        if self._process.wait() != 0:
            raise OutputError(f"{self._name} failed: is there a sound device?")

    def drop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).rstrip(".")
