"""A Service in hand: its two ports as plain recorders, and the protocol's promises checked on every message it sends.

The recorders are implementations of the ports, not mocks: they keep what they are given and obey `Send` and `Engine`.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from dataclasses import dataclass, field
from typing import Any

from ishowtts import ipc
from ishowtts.admission import Limits
from ishowtts.lane import Defaults
from ishowtts.reload import Outcome
from ishowtts.requests import Peer
from ishowtts.service import Ports, Service
from ishowtts.status import Identity
from ishowtts.wire import messages as m
from ishowtts.wire.errors import Refusal

ANN, ANN_TOO, BOB = Peer("user", b"a1", 1000), Peer("user", b"a2", 1000), Peer("user", b"b1", 1001)
ROOT = Peer("admin", b"r1", 0)
VOICES = {"english": "Some call me nature.", "broken": "x"}
# Error reasons that end an accepted request. Any other one refuses a message, and a request with its id goes on.
TERMINAL = {"TIMEOUT", "MAX_WAIT", "BY_CLIENT", "CLIENT_GONE", "SLOW_CONSUMER", "ENGINE_ERROR", "OOM", "BUG"}
TERMINAL |= {"ENGINE_RESTART", "SETUP_REQUIRED", "UNSUPPORTED_TEXT", "VOICE", "DRAINING"}
RATE = 8000
LETTERS = "".join(map(chr, range(32, 127))) + "é"


@dataclass
class Talk:
    """What the client of one accepted request has heard."""

    peer: Peer
    credit: int
    heard_s: float
    started: bool = False
    seq: int = 0
    pcm: bytes = b""
    end: m.Done | m.Error | None = None


@dataclass
class Clients:
    """The `Send` port: every live connection's inbox."""

    inbox: list[tuple[Peer, m.Message, bytes]] = field(default_factory=list)
    talks: dict[tuple[int, str], Talk] = field(default_factory=dict)  # the open ones
    ended: list[Talk] = field(default_factory=list)
    asked: dict[tuple[int, str], tuple[Peer, int]] = field(default_factory=dict)  # synths not yet answered
    gone: set[Peer] = field(default_factory=set)
    now_s: float = 0.0

    def __call__(self, peer: Peer, message: m.Message, pcm: bytes) -> bool:
        if peer in self.gone:
            return False
        assert (pcm != b"") == isinstance(message, m.Audio)
        self.inbox.append((peer, message, pcm))
        key = (peer.uid, message.id)
        if isinstance(message, m.Accepted):
            self._accepted(key, peer)
        elif isinstance(message, m.Started | m.Audio | m.Progress | m.Done):
            self._of_a_talk(self.talks[key], peer, message, pcm)  # KeyError: it follows a terminal
        elif isinstance(message, m.Error):
            self._error(key, peer, message)
        return True

    def _accepted(self, key: tuple[int, str], peer: Peer) -> None:
        asker, credit = self.asked.pop(key)
        assert key not in self.talks
        assert asker == peer
        self.talks[key] = Talk(peer, credit, self.now_s)

    def _of_a_talk(self, talk: Talk, peer: Peer, message: m.Message, pcm: bytes) -> None:
        assert talk.peer == peer
        talk.heard_s = self.now_s
        if isinstance(message, m.Started):
            assert not talk.started
            talk.started = True
        elif isinstance(message, m.Audio):
            assert talk.started
            assert message.seq == talk.seq
            assert talk.credit > 0
            talk.seq, talk.credit, talk.pcm = talk.seq + 1, talk.credit - 1, talk.pcm + pcm
        elif isinstance(message, m.Done):
            assert (message.chunks, message.bytes) == (talk.seq, len(talk.pcm))
            assert message.sha256 == hashlib.sha256(talk.pcm).hexdigest()
            self._end(message, peer)

    def _error(self, key: tuple[int, str], peer: Peer, error: m.Error) -> None:
        if key in self.asked and self.asked[key][0] == peer:
            del self.asked[key]  # refused
        elif error.reason in TERMINAL:
            assert self.talks[key].peer == peer  # KeyError: it follows a terminal
            self._end(error, peer)

    def _end(self, message: m.Done | m.Error, peer: Peer) -> None:
        talk = self.talks.pop((peer.uid, message.id))
        talk.end = message
        self.ended.append(talk)

    def heard(self, peer: Peer) -> list[m.Message]:
        return [message for to, message, _ in self.inbox if to == peer]

    def ops(self, peer: Peer) -> list[str]:
        return [str(message.__struct_config__.tag) for message in self.heard(peer)]


BATCH_MAX = 3


@dataclass
class Hand:
    """The engine port: one job or one batch at most, ended by whoever holds the hand."""

    jobs: list[ipc.Speak] = field(default_factory=list)
    cancelled: bool = False
    spoke: list[ipc.Speak] = field(default_factory=list)
    late_cancels: int = 0
    restarts: int = 0
    renewals: int = 0

    @property
    def job(self) -> ipc.Speak | None:
        return self.jobs[0] if self.jobs else None

    def speak(self, jobs: list[ipc.Speak]) -> None:
        assert not self.jobs, "the engine has a job already"
        assert len(jobs) <= BATCH_MAX
        assert len({(job.nfe, job.cfg) for job in jobs}) == 1
        for job in jobs:
            assert job.job > (self.spoke[-1].job if self.spoke else 0)
            self.spoke.append(job)
        self.jobs, self.cancelled = list(jobs), False

    def cancel(self, job: int) -> None:
        if job not in [other.job for other in self.jobs]:
            self.late_cancels += 1
        self.cancelled = True


class Desk:
    """One Service with its clock, its clients and its engine."""

    def __init__(self, limits: Limits | None = None, *, ready: bool = True, default: str = "english") -> None:
        self.clients, self.engine, self.logged = Clients(), Hand(), list[tuple[str, dict[str, Any]]]()
        self.reloads: Outcome | Refusal = Outcome(changed=(), restart=(), engine=False)
        self.limits = limits or Limits()
        self.now_s = 100.0
        self.clients.now_s = self.now_s
        ports = Ports(
            send=self.clients,
            engine=self.engine,
            restart_engine=self._restart,
            renew_engine=self._renew,
            reload=self._reload,
            log=lambda event, **fields: self.logged.append((event, fields)),
            random_seed=lambda: 5,
            board=lambda: {"verdict": "unknown"},
        )
        identity = Identity(version="1.2.3", boot="b00t", pid=7, started_s=self.now_s)
        self.service = Service(ports, identity, self.limits, Defaults(), VOICES, default)
        if ready:
            self.ready()

    def _restart(self) -> None:
        self.engine.restarts += 1

    def _renew(self) -> None:
        assert not self.engine.jobs, "what was begun is lost"
        self.engine.renewals += 1

    def _reload(self) -> Outcome:
        """As App does it, with what the test put into ``reloads``."""
        if isinstance(self.reloads, Refusal):
            raise self.reloads
        self.service.configure(self.limits, Defaults(), VOICES, "english", renew=self.reloads.engine)
        return self.reloads

    # --- clients --------------------------------------------------------------------------------------------------

    def ask(self, peer: Peer, op: str, id: str = "a", **fields: Any) -> m.Message | None:
        """Send one request; the last thing the peer heard because of it."""
        if op == "synth":
            fields = {"text": "Hello there.", "rate": RATE} | fields
            self.clients.asked[(peer.uid, id)] = (peer, fields.get("credit", 64))
        if op == "credit" and (peer.uid, id) in self.clients.talks:
            talk = self.clients.talks[(peer.uid, id)]
            talk.credit = min(talk.credit + fields["n"], 4096)
        return self.raw(peer, [b"IST1", json.dumps({"op": op, "id": id} | fields).encode()])

    def raw(self, peer: Peer, frames: list[bytes]) -> m.Message | None:
        before = len(self.clients.inbox)
        self.service.receive(peer, frames, self.now_s)
        self.check()
        heard = [message for to, message, _ in self.clients.inbox[before:] if to == peer]
        return heard[-1] if heard else None

    def refused(self, peer: Peer, op: str, id: str = "a", **fields: Any) -> str:
        answer = self.ask(peer, op, id, **fields)
        assert isinstance(answer, m.Error), answer
        assert answer.id == id
        return answer.reason

    # --- engine ---------------------------------------------------------------------------------------------------

    def ready(self, **fields: Any) -> None:
        voices = [ipc.VoiceInfo(name="english", seconds=5.0, text_bytes=80)]
        voices.append(ipc.VoiceInfo(name="broken", problem="it is silent."))
        about = {"model": "f", "device": "cpu", "dtype": "fp32", "torch": "", "pinyin": False, "batch_max": BATCH_MAX}
        self.event(ipc.Ready(**({"characters": LETTERS, "voices": voices} | about | fields)))

    def event(self, event: ipc.FromEngine, pcm: bytes = b"") -> None:
        self.service.engine(event, pcm, self.now_s)
        self.check()

    def spoken(self, samples: int = 2400, *, pcm: bytes | None = None, compute_s: float = 0.05) -> None:
        job = self._take_job()
        pcm = array("h", [i % 30_000 for i in range(samples)]).tobytes() if pcm is None else pcm
        said = ipc.Spoken(job=job.job, audio_s=samples / RATE, compute_s=compute_s, produced_s=self.now_s)
        self.event(said, pcm)

    def failed(self, reason: str = "ENGINE_ERROR") -> None:
        self.event(ipc.Failed(job=self._take_job().job, reason=reason, msg="it broke."))

    def dropped(self) -> None:
        assert self.engine.cancelled
        self.event(ipc.Dropped(job=self._take_job().job))

    def die(self) -> None:
        self.engine.jobs, self.engine.cancelled = [], False
        self.service.engine_died("it was ended by SIGKILL", self.now_s)
        self.check()

    def _take_job(self) -> ipc.Speak:
        job = self.engine.jobs.pop(0)
        self.engine.cancelled = self.engine.cancelled and bool(self.engine.jobs)
        return job

    # --- time and truth -------------------------------------------------------------------------------------------

    def wait(self, seconds: float, tick_s: float = 0.05) -> None:
        """Let time pass as the app does, and check that nobody who waits hears nothing for 2 s."""
        for _ in range(round(seconds / tick_s)):
            self.now_s += tick_s
            self.clients.now_s = self.now_s
            self.service.tick(self.now_s)
            self.check()
            for talk in self.clients.talks.values():
                assert talk.peer in self.clients.gone or self.now_s - talk.heard_s <= 2.0 + 1e-6

    def check(self) -> None:
        """What is true at every moment."""
        service, counts = self.service, self.service.delivery.counts
        live = {request.key for request in service.delivery.live}
        assert counts.accepted == counts.ended + len(live)
        # A vanished client's request may end unheard; its talk is then closed by hand.
        for key in [key for key, talk in self.clients.talks.items() if key not in live]:
            assert self.clients.talks.pop(key).peer in self.clients.gone
        assert live == set(self.clients.talks)
        assert len(service.lane.queue) <= len(live)
