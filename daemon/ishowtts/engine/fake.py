"""Tones instead of speech: no torch, no weights. For client programs, and for testing how failures are handled.

The tone's length follows the text, its time follows NFE (``fake_rtf`` at NFE 7). A text that holds one of these words
makes the engine misbehave: ``{error} {oom} {silence} {nan} {exit} {segv} {hang} {garbage}``.
"""

from __future__ import annotations

import math
import os
import signal
import time
import wave
from array import array
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from ishowtts import ipc
from ishowtts.engine.base import Comparison, OnStep, OutOfMemory, Speech

SECONDS_PER_CHAR = 0.06


class FakeEngine:
    def __init__(self, configure: ipc.Configure) -> None:
        self._rtf = configure.fake_rtf
        self._voices = [_look_at(voice) for voice in configure.voices]

    def ready(self) -> ipc.Ready:
        note = "the fake engine: tones instead of speech."
        return ipc.Ready(
            model="fake",
            fingerprint="fake",
            device="none",
            dtype="none",
            torch="",
            characters="",
            pinyin=True,
            voices=self._voices,
            note=note,
            batch_max=8,
        )

    def speak(self, job: ipc.Speak, on_step: OnStep) -> Speech:
        audio_s = max(len(job.text) * SECONDS_PER_CHAR / job.speed, 0.1)
        for step in range(job.nfe):
            time.sleep(audio_s * self._rtf / 7)
            on_step(step + 1, job.nfe)
        peak = _misbehave(job.text)
        samples = int(audio_s * job.rate)
        pitch_hz = 200 + (job.seed % 400)
        tone = (0.3 * peak * math.sin(2 * math.pi * pitch_hz * i / job.rate) for i in range(samples))
        if job.sample_format == "pcm_f32le":
            pcm = array("f", tone).tobytes()
        else:
            pcm = array("h", (0 if math.isnan(value) else int(32767 * value) for value in tone)).tobytes()
        return Speech(pcm, samples / job.rate, 0.3 * peak)

    def speak_many(self, jobs: Sequence[ipc.Speak], on_step: OnStep) -> list[Speech]:
        """In the time of the first: the others wait for nothing."""
        spoken = [self.speak(jobs[0], on_step)]
        rtf, self._rtf = self._rtf, 0.0
        try:
            return spoken + [self.speak(job, lambda _done, _total: None) for job in jobs[1:]]
        finally:
            self._rtf = rtf

    def compare(self, job: ipc.Compare, on_step: OnStep) -> Comparison:
        """A figure that grows with the steps' lengths, as the error of Euler's method does."""
        audio_s = max(len(job.text) * SECONDS_PER_CHAR, 0.1)
        steps = len(job.times) - 1
        for step in range(steps):
            time.sleep(audio_s * self._rtf / 7)
            on_step(step + 1, steps)
        _misbehave(job.text)
        error = _error(job.times) - _error(job.reference)
        return Comparison(log_mel_db=round(4 * error, 6), mcd_db=round(6 * error, 6), pcm=b"\0\0" * 2400)

    def counters(self) -> ipc.Counters:
        return ipc.Counters()


def _error(times: Sequence[float]) -> float:
    return math.fsum((there - here) ** 1.3 for here, there in pairwise(times))


def _misbehave(text: str) -> float:
    """Do what the text asks for; otherwise the factor for the tone (1, or 0 for silence, or NaN)."""
    if "{error}" in text:
        raise RuntimeError("asked to fail")
    if "{oom}" in text:
        raise OutOfMemory("the device has too little memory for this text: make it shorter.")
    if "{exit}" in text:
        os._exit(3)
    if "{segv}" in text:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "{garbage}" in text:
        os.write(_socket_fd(), b"\xff" * 64)
    if "{hang}" in text:
        time.sleep(3600)
    return math.nan if "{nan}" in text else 0.0 if "{silence}" in text else 1.0


def _socket_fd() -> int:
    return next(int(fd) for fd in os.listdir("/proc/self/fd") if _is_socket(int(fd)))  # noqa: PTH208


def _is_socket(fd: int) -> bool:
    try:
        return str(Path(f"/proc/self/fd/{fd}").readlink()).startswith("socket:")
    except OSError:
        return False


def _look_at(voice: ipc.VoiceFiles) -> ipc.VoiceInfo:
    try:
        with wave.open(voice.audio) as clip:
            seconds = clip.getnframes() / clip.getframerate()
    except (OSError, EOFError, wave.Error) as error:
        return ipc.VoiceInfo(name=voice.name, problem=f"{voice.audio} cannot be read: {error}")
    return ipc.VoiceInfo(
        name=voice.name, seconds=seconds, text_bytes=len(voice.text.encode()), fingerprint=voice.text[:16]
    )
