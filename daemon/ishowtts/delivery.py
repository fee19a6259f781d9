"""How a live request's messages reach its client: audio under credit, heartbeats, exactly one terminal. Pure.

The one place that ends a request, so that nothing can follow a terminal and none can be sent twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ishowtts.requests import Live, Peer, Request
from ishowtts.wire.codec import refuse
from ishowtts.wire.constants import HEARTBEAT_MS
from ishowtts.wire.errors import Reason, Refusal
from ishowtts.wire.messages import Audio, Done, Message, Progress, Times

# Delivers one message; False when the client is no longer there.
Send = Callable[[Peer, Message, bytes], bool]

STALL_S = 60.0


@dataclass
class Counts:
    """``accepted == ended + live`` at every moment; the service checks it."""

    accepted: int = 0
    done: int = 0
    errors: int = 0

    @property
    def ended(self) -> int:
        return self.done + self.errors


class Delivery:
    def __init__(self, send: Send, boot: str, on_end: Callable[[Request, Refusal | None], None]) -> None:
        self._send, self.boot, self._on_end = send, boot, on_end
        self.live = Live()
        self.counts = Counts()

    def accept(self, request: Request) -> None:
        self.live.add(request)
        self.counts.accepted += 1

    def tell(self, request: Request, message: Message, now_s: float, pcm: bytes = b"") -> bool:
        """Send one message of a live request; a client that is gone ends all it had under way."""
        if request.ended:
            return False
        if self._send(request.peer, message, pcm):
            request.heard_s = now_s
            return True
        self.peer_gone(request.peer)
        return False

    def pump(self, request: Request, now_s: float) -> None:
        """Send what credit allows, then ``done`` if that was all."""
        while not request.ended and (piece := request.stream.take()) is not None:
            seq, pcm = piece
            if request.first_audio_s is None:
                request.first_audio_s = now_s
            self.tell(request, Audio(id=request.synth.id, seq=seq), now_s, pcm)
            request.stalled_s = None
        if request.ended:
            return
        if not request.stream.waits_for_credit:
            request.stalled_s = None
        elif request.stalled_s is None:
            request.stalled_s = now_s
        if request.spoken and request.stream.drained:
            self._finish(request, now_s)

    def fail(self, request: Request, refusal: Refusal) -> None:
        if request.ended:
            return
        self._end(request, refusal)
        self._send(request.peer, refuse(request.synth.id, refusal), b"")

    def peer_gone(self, peer: Peer) -> None:
        for request in self.live.of_peer(peer):
            self._end(request, Refusal(Reason.CLIENT_GONE, "the client is gone."))

    def check_time(self, now_s: float, place: Callable[[Request], tuple[int, float | None]]) -> None:
        """Deadlines, stalls and heartbeats of everything that is live."""
        for request in self.live:
            if self.overdue(request, now_s):
                continue
            if now_s - request.heard_s >= 0.9 * HEARTBEAT_MS / 1000:
                queue, eta_s = place(request)
                self.tell(request, self._progress(request, queue, eta_s), now_s)

    def overdue(self, request: Request, now_s: float) -> bool:
        """True when its time is over; it has then been told."""
        late = _overdue(request, now_s)
        if late is not None:
            self.fail(request, late)
        return late is not None

    def _progress(self, request: Request, queue: int, eta_s: float | None) -> Progress:
        return Progress(
            id=request.synth.id,
            boot=self.boot,
            state="queued" if request.started_s is None else "running",
            queue=queue,
            pct=request.pct,
            eta_ms=None if eta_s is None else int(eta_s * 1000),
        )

    def _finish(self, request: Request, now_s: float) -> None:
        def since(then_s: float | None) -> int:
            return int(1000 * ((now_s if then_s is None else then_s) - request.arrived_s))

        done = Done(
            id=request.synth.id,
            chunks=request.stream.chunks,
            bytes=request.stream.bytes,
            sha256=request.stream.sha256,
            audio_ms=1000 * request.stream.samples // request.synth.rate,
            times=Times(queue=since(request.started_s), first=since(request.first_audio_s), total=since(None)),
            rtf=round(request.rtf, 4),
            nfe=request.nfe,
            seed=request.seed,
        )
        self._end(request, None)
        self._send(request.peer, done, b"")

    def _end(self, request: Request, refusal: Refusal | None) -> None:
        request.ended = True
        self.live.remove(request)
        if refusal is None:
            self.counts.done += 1
        else:
            self.counts.errors += 1
        self._on_end(request, refusal)


def _overdue(request: Request, now_s: float) -> Refusal | None:
    if now_s >= request.deadline_s:
        return Refusal(Reason.TIMEOUT, f"the request was not done within its {request.synth.timeout_ms} ms.")
    if request.started_s is None and now_s >= request.start_by_s:
        return Refusal(Reason.MAX_WAIT, f"the request did not start within its {request.synth.max_wait_ms} ms.")
    if request.stalled_s is not None and now_s - request.stalled_s >= STALL_S:
        return Refusal(Reason.SLOW_CONSUMER, f"no credit came for {STALL_S:.0f} s while audio was waiting.")
    return None
