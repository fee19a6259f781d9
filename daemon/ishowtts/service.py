"""What each message does. Pure: the socket, the engine, the log and the clock are handed in.

Every message is answered; a bad one by one ``error``. `receive`, `engine` and `tick` are the only ways in, all called
from the one event loop.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ishowtts import ipc, status
from ishowtts.admission import Limits, TokenBucket
from ishowtts.delivery import Delivery, Send
from ishowtts.engine_port import Defaults, Engine, EngineState
from ishowtts.lane import Lane
from ishowtts.reload import Outcome
from ishowtts.requests import Peer, Request
from ishowtts.status import EngineNote, Identity
from ishowtts.subscriptions import Subscriptions
from ishowtts.text import normalize
from ishowtts.wire import codec, constants
from ishowtts.wire import messages as m
from ishowtts.wire.errors import Reason, Refusal

MESSAGES_PER_S, MESSAGES_BURST = 50.0, 200.0
_RENEWING = "the engine starts anew with the new configuration; requests wait for it."


@dataclass(frozen=True)
class Ports:
    """The outside world. ``random_seed`` gives a seed where a client gave none, ``board`` its part of the status.

    ``renew_engine`` starts it anew without a death; ``reload`` calls `configure`, or raises Refusal for a bad file.
    """

    send: Send
    engine: Engine
    restart_engine: Callable[[], None]
    renew_engine: Callable[[], None]
    reload: Callable[[], Outcome]
    log: Callable[..., None]
    random_seed: Callable[[], int]
    board: Callable[[], dict[str, Any]]
    tune: Callable[[], dict[str, Any]]
    steer: Callable[[Peer, m.Message], None]


class Service:
    def __init__(
        self,
        ports: Ports,
        identity: Identity,
        limits: Limits,
        defaults: Defaults,
        voice_texts: Mapping[str, str],
        default_voice: str,
    ) -> None:
        self._ports, self._identity, self._limits = ports, identity, limits
        self._voice_texts, self._default_voice = dict(voice_texts), default_voice
        self._bucket = TokenBucket(MESSAGES_PER_S, MESSAGES_BURST)
        self.delivery = Delivery(ports.send, identity.boot, self._on_end)
        self.lane = Lane(ports.engine, self.delivery, limits, defaults, ports.log)
        self.subscriptions = Subscriptions(ports.send, identity.boot)
        self.draining = False
        self.note = EngineNote()
        self._published: tuple[Any, ...] = ()
        self._now_s = self._served_s = identity.started_s

    def configure(
        self, limits: Limits, defaults: Defaults, voice_texts: Mapping[str, str], default_voice: str, *, renew: bool
    ) -> None:
        """Take over new settings. ``renew``: the engine starts anew after what has been started; the rest waits."""
        self._limits, self._voice_texts, self._default_voice = limits, dict(voice_texts), default_voice
        self.lane.queue.limits, self.lane.defaults = limits, defaults
        if renew:
            self.lane.held = True
            self.note.text, self.note.mend = _RENEWING, ""

    # --- from clients ---------------------------------------------------------------------------------------------

    def receive(self, peer: Peer, frames: Sequence[bytes], now_s: float) -> None:
        """Answer one message. Never raises for anything a client can send."""
        self._now_s = now_s
        try:
            message = codec.unpack_request(frames)
        except codec.BadMessage as bad:
            limited = None if self._bucket.take(peer.uid, now_s) else self._bucket.too_fast()
            self._refuse(peer, bad.id, limited or bad)
            return
        try:
            if not isinstance(message, m.Credit | m.Cancel) and not self._bucket.take(peer.uid, now_s):
                raise self._bucket.too_fast()
            if isinstance(message, m.ADMIN_ONLY) and peer.socket != "admin":
                raise Refusal(Reason.ADMIN_ONLY, "this is for operators: use the admin socket (group ishowtts-admin).")
            self._handle(peer, message, now_s)
            self._settle(now_s)
        except Refusal as refusal:
            self._refuse(peer, message.id, refusal)
        except Exception:  # noqa: BLE001 (a bug of ours is answered too, and the daemon lives on)
            incident = f"{self._ports.random_seed():08x}"
            self._ports.log("bug", level="error", incident=incident, trace=traceback.format_exc())
            msg = f"the daemon has a bug: look for incident {incident} in its journal and report it."
            self._refuse(peer, message.id, Refusal(Reason.BUG, msg))

    def _handle(self, peer: Peer, message: m.Message, now_s: float) -> None:  # noqa: C901 (one line an op)
        match message:
            case m.Synth():
                self._synth(peer, message, now_s)
            case m.Credit():
                self._credit(peer, message, now_s)
            case m.Cancel():
                self._cancel(peer, message)
            case m.Ping():
                self._reply(peer, m.Pong(id=message.id, boot=self._identity.boot))
            case m.Status():
                self._reply(peer, m.StatusReply(id=message.id, status=self.status(now_s)))
            case m.Voices():
                self._reply(peer, m.VoicesReply(id=message.id, voices=self._list_voices()))
            case m.Hello():
                self._reply(peer, status.welcome(message.id, self._identity, self._limits))
            case m.Subscribe():
                if self.delivery.live.get(peer.uid, message.id):
                    raise Refusal(Reason.ID_REUSED, f"id {message.id!r} is still in use: choose another.")
                self.subscriptions.add(peer, message, now_s)
                self._reply(peer, m.Ok(id=message.id))
                self._published = ()
            case m.Drain():
                self.drain("asked by an operator")
                self._reply(peer, m.Ok(id=message.id))
            case m.EngineRestart():
                self._ports.restart_engine()
                self._reply(peer, m.Ok(id=message.id))
            case m.Reload():
                self._reply(peer, self._ports.reload().reply(message.id))
            case _ if isinstance(message, m.TUNING):
                self._ports.steer(peer, message)

    def _synth(self, peer: Peer, synth: m.Synth, now_s: float) -> None:
        if self.draining:
            raise Refusal(Reason.DRAINING, "the daemon is shutting down: try again in a moment.", retry_after_ms=2000)
        if self.delivery.live.get(peer.uid, synth.id) or self.subscriptions.has(peer.uid, synth.id):
            raise Refusal(Reason.ID_REUSED, f"id {synth.id!r} is still in use: choose another.")
        if self.delivery.live.credit_of_peer(peer) + synth.credit > constants.CREDIT_MAX:
            raise Refusal(
                Reason.CLIENT_LIMIT,
                f"this connection has credit for {constants.CREDIT_MAX} chunks out, all it may have: ask for less.",
                retry_after_ms=1000,
            )
        voice = self._default_voice if synth.voice == "default" else synth.voice
        if voice not in self._voice_texts:
            names = ", ".join(sorted(self._voice_texts)) or "none"
            raise Refusal(Reason.VOICE, f"there is no voice {voice!r}; this daemon has {names}.")
        if self.lane.state is EngineState.SETUP_REQUIRED:
            raise Refusal(Reason.SETUP_REQUIRED, f"{self.note.text} {self.note.mend}".strip())
        text = normalize.clean(synth.text)
        seed = self._ports.random_seed() if synth.seed is None else synth.seed
        request = Request.of(peer, synth, voice=voice, text=text, seed=seed, now_s=now_s)
        self.lane.check(request)
        position, eta_s = self.lane.place(request, now_s)
        self.lane.queue.admit(request, live_of_user=self.delivery.live.of_uid(peer.uid), eta_s=eta_s)
        self.delivery.accept(request)
        self._ports.log("request.accepted", id=synth.id, uid=peer.uid, chars=len(text), prio=synth.prio, queue=position)
        eta_ms = None if eta_s is None else int(eta_s * 1000)
        accepted = m.Accepted(id=synth.id, boot=self._identity.boot, queue=position, eta_ms=eta_ms)
        self.delivery.tell(request, accepted, now_s)

    def _credit(self, peer: Peer, credit: m.Credit, now_s: float) -> None:
        """Unknown ids are not answered: the request may just have ended."""
        if self.subscriptions.grant(peer.uid, credit.id, credit.n):
            return
        request = self.delivery.live.get(peer.uid, credit.id)
        if request is not None:
            request.stream.credit = min(request.stream.credit + credit.n, constants.CREDIT_MAX)
            self.delivery.pump(request, now_s)

    def _cancel(self, peer: Peer, cancel: m.Cancel) -> None:
        self.subscriptions.remove(peer.uid, cancel.id)
        request = self.delivery.live.get(peer.uid, cancel.id)
        if request is not None:
            self.delivery.fail(request, Refusal(Reason.BY_CLIENT, "cancelled, as you asked."))
        if cancel.rid is not None:
            self._reply(peer, m.Ok(id=cancel.rid))

    def _list_voices(self) -> list[dict[str, Any]]:
        known = {voice.name: voice for voice in self.lane.ready.voices} if self.lane.ready else {}
        return [status.voice(name, text, known.get(name)) for name, text in self._voice_texts.items()]

    # --- from the engine ------------------------------------------------------------------------------------------

    def engine(self, event: ipc.FromEngine, pcm: bytes, now_s: float) -> None:
        """Take one message of the engine child."""
        self._now_s = now_s
        lane = self.lane
        match event:
            case ipc.Loading():
                lane.on_loading()
                self.note.text, self.note.mend = event.what, ""
            case ipc.Ready():
                lane.on_ready(event)
                self.note.text, self.note.mend = event.note, ""
            case ipc.Unavailable():
                lane.on_unavailable()
                self.note.text, self.note.mend = event.what, event.mend
                for request in [request for request in self.delivery.live if not request.spoken]:
                    self.delivery.fail(request, Refusal(Reason.SETUP_REQUIRED, f"{event.what} {event.mend}".strip()))
            case ipc.Stepped():
                lane.on_stepped(event)
            case ipc.Spoken():
                lane.on_spoken(event, pcm, now_s)
            case ipc.Failed():
                lane.on_failed(event)
            case ipc.Dropped():
                lane.on_dropped(event)
            case ipc.Compared():
                lane.on_compared(event, pcm)
        self._settle(now_s)

    def engine_died(self, why: str, now_s: float) -> None:
        """The child ended without being asked to; the supervisor starts another."""
        self._now_s = now_s
        self.note.restarts += 1
        self.note.text = f"the engine stopped ({why}) and is being restarted."
        self.lane.on_death(f"the speech engine stopped ({why}) and is being restarted: send the request again.")
        self._settle(now_s)

    # --- from the clock -------------------------------------------------------------------------------------------

    def tick(self, now_s: float) -> None:
        """Deadlines, heartbeats, events. Called some twenty times a second while anything is live."""
        self._now_s = now_s
        self.delivery.check_time(now_s, lambda request: self.lane.place(request, now_s))
        self.subscriptions.check_time(now_s)
        self._settle(now_s)

    def drain(self, why: str) -> None:
        if not self.draining:
            self._ports.log("drain", why=why, live=len(self.delivery.live))
        self.draining = True

    def give_up(self, msg: str) -> None:
        """End everything that is live with one error each: the process is about to go."""
        for request in self.delivery.live:
            self.delivery.fail(request, Refusal(Reason.DRAINING, msg, retry_after_ms=2000))

    @property
    def idle(self) -> bool:
        return not self.delivery.live

    def status(self, now_s: float) -> dict[str, Any]:
        whole = status.build(self.lane, self.delivery, self.note, self._identity, self._limits, now_s, self.draining)
        return whole | {"board": self._ports.board(), "tune": self._ports.tune()}

    def idle_s(self, now_s: float) -> float:
        """How long nobody has been served; at first since the start."""
        return 0.0 if self.delivery.live else now_s - self._served_s

    def answer(self, peer: Peer, message: m.Message | Refusal, id: str) -> None:
        """What a port has worked out meanwhile."""
        if isinstance(message, Refusal):
            self._refuse(peer, id, message)
        else:
            self._reply(peer, message)

    # --- within ---------------------------------------------------------------------------------------------------

    def _settle(self, now_s: float) -> None:
        if self.delivery.live:
            self._served_s = now_s
        self.lane.pump(now_s)
        if self.lane.held and self.lane.at_rest:
            self.lane.held = False
            self.lane.on_loading()
            self._ports.renew_engine()
        if not len(self.subscriptions):
            return
        seen = (self.lane.state, self.note.text, self.draining, len(self.lane.queue), self.lane.speaking)
        if seen != self._published:
            self._published = seen
            whole = self.status(now_s)
            self.subscriptions.publish("state", {"state": whole["state"], "detail": whole["detail"]})
            self.subscriptions.publish("queue", whole["queue"])
            self.subscriptions.publish("engine", whole["engine"])

    def _on_end(self, request: Request, refusal: Refusal | None) -> None:
        self.lane.forget(request)
        outcome, who = refusal.reason.value if refusal else "done", request.peer.uid
        self._ports.log("request.ended", id=request.synth.id, uid=who, outcome=outcome, **request.summary(self._now_s))

    def _reply(self, peer: Peer, message: m.Message) -> None:
        if not self._ports.send(peer, message, b""):
            self.delivery.peer_gone(peer)
            self.subscriptions.peer_gone(peer)

    def _refuse(self, peer: Peer, id: str, refusal: Refusal) -> None:
        self._ports.log("request.refused", id=id, uid=peer.uid, reason=refusal.reason.value)
        self._reply(peer, codec.refuse(id, refusal))
