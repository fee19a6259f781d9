"""Our engine as the product runs it, in this process: NativeEngine, jobs in, PCM out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ishowtts import ipc
from ishowtts.bench.rows import OURS, Made
from ishowtts.bench.subject import LeftOut
from ishowtts.bench.workload import CFG, HOP, RATE_HZ, VOICE
from ishowtts.engine.base import OutOfMemory, SetupRequired, Speech
from ishowtts.text import chunks


class Ours:
    name = OURS

    def __init__(self, configure: ipc.Configure) -> None:
        self._configure = configure
        self._engine: Any = None  # NativeEngine; speak_many is asked for, not known
        self._voice = ipc.VoiceInfo(name=VOICE)

    def prepare(self) -> None:
        from ishowtts.engine.native import NativeEngine

        try:
            self._engine = NativeEngine(self._configure, lambda _what: None)
        except SetupRequired as problem:
            raise LeftOut(f"{problem.what} {problem.mend}".strip()) from None
        self._voice = self._engine.ready().voices[0]
        if self._voice.problem:
            raise LeftOut(self._voice.problem)

    @property
    def reference_frames(self) -> int:
        return round(self._voice.seconds * RATE_HZ) // HOP

    def run(self, texts: Sequence[str], nfe: int) -> Made:
        jobs = [job(piece, nfe, number) for number, piece in enumerate(p for text in texts for p in self._pieces(text))]
        try:
            if len(texts) == 1:
                speeches = [self._engine.speak(job, _ignore) for job in jobs]
            else:
                speeches = self._together()(jobs, _ignore)
        except OutOfMemory as error:
            raise LeftOut(str(error)) from None
        return Made(sum(speech.audio_s for speech in speeches), tuple(self._frames(speech) for speech in speeches))

    def _pieces(self, text: str) -> list[str]:
        """One, unless the text is longer than the model may speak at once: then as the daemon cuts it."""
        limit = chunks.max_bytes(self._voice.text_bytes, self._voice.seconds, 1.0)
        return [text] if len(text.encode()) <= limit else chunks.plan(text, limit)

    def _together(self) -> Any:
        speak_many = getattr(self._engine, "speak_many", None)
        if speak_many is None:
            raise LeftOut("this engine has no batching.")
        return speak_many

    def _frames(self, speech: Speech) -> int:
        """Reference and speech: Vocos makes HOP samples of each frame but the last."""
        if not math.isfinite(speech.peak) or speech.peak <= 0:
            raise LeftOut("the engine made no sound: a time without speech means nothing.")
        return self.reference_frames + round(speech.audio_s * RATE_HZ) // HOP + 1


def job(text: str, nfe: int, number: int = 0) -> ipc.Speak:
    return ipc.Speak(
        job=number, text=text, voice=VOICE, seed=number, nfe=nfe, cfg=CFG, speed=1.0,
        sample_format="pcm_s16le", rate=RATE_HZ,
    )  # fmt: skip


def _ignore(_done: int, _total: int) -> None:
    pass
