"""A request from its arrival to its one terminal message, and the table of those that are live. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ishowtts.pcm import PcmStream
from ishowtts.wire.messages import Synth

Key = tuple[int, str]


@dataclass(frozen=True)
class Peer:
    """One connection: the identity is the ROUTER's, good only while this process lives; the uid is the kernel's."""

    socket: str
    identity: bytes
    uid: int
    delimiter: bool = False  # it sent an empty frame first, as a REQ socket does, and would drop an answer without one


@dataclass(eq=False)
class Request:
    peer: Peer
    synth: Synth
    voice: str
    text: str
    seed: int
    arrived_s: float
    stream: PcmStream
    heard_s: float  # when the client was last told anything
    chunks: list[str] = field(default_factory=list)
    next_chunk: int = 0
    step_part: float = 0.0  # of the chunk being spoken
    nfe: int = 0
    times: tuple[float, ...] = ()
    started_s: float | None = None
    first_audio_s: float | None = None
    stalled_s: float | None = None  # since when the client gives no credit
    compute_s: float = 0.0
    audio_s: float = 0.0
    ended: bool = False
    alone: bool = False  # was in a batch that was interrupted or took the engine down: not again

    @classmethod
    def of(cls, peer: Peer, synth: Synth, *, voice: str, text: str, seed: int, now_s: float) -> Request:
        """One that arrives now; ``text`` is normalised."""
        stream = PcmStream(sample_format=synth.format, rate=synth.rate, chunk_ms=synth.chunk_ms, credit=synth.credit)
        return cls(peer, synth, voice, text, seed, arrived_s=now_s, stream=stream, heard_s=now_s)

    def summary(self, now_s: float) -> dict[str, Any]:
        """For the journal, at its end."""
        return {
            "audio_s": round(self.stream.samples / self.synth.rate, 3),
            "rtf": round(self.rtf, 4),
            "nfe": self.nfe,
            "total_ms": int(1000 * (now_s - self.arrived_s)),
        }

    @property
    def key(self) -> Key:
        return self.peer.uid, self.synth.id

    @property
    def deadline_s(self) -> float:
        return self.arrived_s + self.synth.timeout_ms / 1000

    @property
    def start_by_s(self) -> float:
        wait_ms = self.synth.max_wait_ms
        return self.deadline_s if wait_ms is None else min(self.deadline_s, self.arrived_s + wait_ms / 1000)

    @property
    def spoken(self) -> bool:
        """The engine has nothing left to do for it."""
        return bool(self.chunks) and self.next_chunk >= len(self.chunks)

    @property
    def rtf(self) -> float:
        return self.compute_s / self.audio_s if self.audio_s else 0.0

    @property
    def pct(self) -> int:
        return int(100 * (self.next_chunk + self.step_part) / len(self.chunks)) if self.chunks else 0

    @property
    def chars_left(self) -> int:
        return sum(map(len, self.chunks[self.next_chunk :])) if self.chunks else len(self.text)


class Live:
    """The requests between ``accepted`` and their terminal."""

    def __init__(self) -> None:
        self._by_key: dict[Key, Request] = {}

    def add(self, request: Request) -> None:
        self._by_key[request.key] = request

    def remove(self, request: Request) -> None:
        self._by_key.pop(request.key, None)

    def get(self, uid: int, id: str) -> Request | None:
        return self._by_key.get((uid, id))

    def of_peer(self, peer: Peer) -> list[Request]:
        return [request for request in self._by_key.values() if request.peer == peer]

    def credit_of_peer(self, peer: Peer) -> int:
        return sum(request.stream.credit for request in self.of_peer(peer))

    def of_uid(self, uid: int) -> int:
        return sum(request.peer.uid == uid for request in self._by_key.values())

    def __iter__(self) -> Iterator[Request]:
        return iter(list(self._by_key.values()))

    def __len__(self) -> int:
        return len(self._by_key)
