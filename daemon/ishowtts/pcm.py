"""One request's audio on its way to the client: joined, cut into frames, let out under credit. Pure."""

from __future__ import annotations

import hashlib
from array import array

FADE_MS = 150  # upstream's cross_fade_duration, f5_tts/infer/utils_infer.py
_TYPECODE = {"pcm_s16le": "h", "pcm_f32le": "f"}


class PcmStream:
    """Segments go in with ``push``, numbered frames of ``chunk_ms`` come out of ``take`` while there is credit."""

    def __init__(self, *, sample_format: str, rate: int, chunk_ms: int, credit: int) -> None:
        self._typecode = _TYPECODE[sample_format]
        self.width = array(self._typecode).itemsize
        self._frame_bytes = rate * chunk_ms // 1000 * self.width
        self._fade_samples = rate * FADE_MS // 1000
        self._held = b""  # the last FADE_MS, kept back to be mixed with the next segment's first
        self._ready = bytearray()
        self._ended = False
        self._digest = hashlib.sha256()
        self.credit = credit
        self.chunks = 0
        self.bytes = 0

    def push(self, pcm: bytes, *, last: bool) -> None:
        """Add one segment (whole samples). Neighbours are cross-faded; the last one ends the stream."""
        joined = self._cross_fade(self._held, pcm) if self._held else pcm
        keep = 0 if last else min(self._fade_samples * self.width, len(joined))
        self._ready += joined[: len(joined) - keep]
        self._held = joined[len(joined) - keep :]
        self._ended = last

    def take(self) -> tuple[int, bytes] | None:
        """The next (sequence number, PCM) if there is a whole frame, or the rest of an ended stream, and credit."""
        whole = len(self._ready) >= self._frame_bytes
        if not self.credit or not (whole or (self._ended and self._ready)):
            return None
        frame = bytes(self._ready[: self._frame_bytes])
        del self._ready[: self._frame_bytes]
        self._digest.update(frame)
        self.credit -= 1
        self.chunks += 1
        self.bytes += len(frame)
        return self.chunks - 1, frame

    @property
    def backlog_bytes(self) -> int:
        return len(self._ready) + len(self._held)

    @property
    def waits_for_credit(self) -> bool:
        return not self.credit and len(self._ready) >= (1 if self._ended else self._frame_bytes)

    @property
    def drained(self) -> bool:
        return self._ended and not self._ready

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    @property
    def samples(self) -> int:
        return self.bytes // self.width

    def _cross_fade(self, tail: bytes, head: bytes) -> bytes:
        """Linear fade from ``tail`` into the same length of ``head``, as upstream joins its chunks."""
        count = min(len(tail), len(head)) // self.width
        out, into = array(self._typecode, tail), array(self._typecode, head)
        start = len(out) - count
        for i in range(count):
            weight = i / (count - 1) if count > 1 else 1.0
            mixed = out[start + i] * (1 - weight) + into[i] * weight
            out[start + i] = round(mixed) if self._typecode == "h" else mixed  # type: ignore[assignment]
        return out.tobytes() + head[count * self.width :]
