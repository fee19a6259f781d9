"""Every ordering hypothesis can think of: the promises of PROTOCOL.md hold after each step."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ishowtts import ipc
from ishowtts.admission import Limits
from ishowtts.reload import Outcome
from ishowtts.requests import Peer
from ishowtts.wire.messages import Reloaded
from tests.service_kit import ANN, ANN_TOO, BOB, ROOT, Desk
from tests.steady import steady

LIMITS = Limits(queue=4, per_user=3, queued_chars=1200)
SENTENCE = "The quick brown fox jumps over the lazy dog. "
SEED_STEP = 1000  # the engine's seed says whose job it has

who = st.sampled_from([0, 1, 2])
ids = st.sampled_from(["x", "y", "z", "v", "w"])


class Orderings(RuleBasedStateMachine):
    @initialize(ready=st.booleans())
    def begin(self, ready: bool) -> None:
        self.desk = Desk(LIMITS, ready=ready)
        self.peers = [ANN, ANN_TOO, BOB]
        self.owners: dict[int, tuple[int, str]] = {}
        self.setup_required = False

    @rule(
        who=who,
        id=ids,
        sentences=st.sampled_from([1, 1, 9, 30]),
        credit=st.sampled_from([1, 2, 64]),
        prio=st.sampled_from(["interactive", "normal", "batch"]),
        timeout_ms=st.sampled_from([300, 5_000, 600_000]),
        max_wait_ms=st.sampled_from([None, 500]),
    )
    def synth(self, who: int, id: str, sentences: int, **fields: object) -> None:
        peer, seed = self.peers[who], SEED_STEP * (len(self.owners) + 1)
        self.owners[seed // SEED_STEP] = (peer.uid, id)
        before = (peer.uid, id) in self.desk.clients.talks
        self.desk.ask(peer, "synth", id, text=SENTENCE * sentences, seed=seed, **fields)
        answer = self.desk.clients.heard(peer)
        assert answer, "every message is answered"
        if before:
            self.owners[seed // SEED_STEP] = (-1, "never accepted")
            assert answer[-1].id == id

    @rule(who=who, id=ids, n=st.sampled_from([1, 2, 100]))
    def credit(self, who: int, id: str, n: int) -> None:
        self.desk.ask(self.peers[who], "credit", id, n=n)

    @rule(who=who, id=ids)
    def cancel(self, who: int, id: str) -> None:
        peer = self.peers[who]
        self.desk.ask(peer, "cancel", id, rid="rid")
        assert (peer.uid, id) not in self.desk.clients.talks
        assert self.desk.clients.heard(peer)[-1].id == "rid"

    @rule(who=who)
    def vanish(self, who: int) -> None:
        old = self.peers[who]
        self.desk.clients.gone.add(old)
        self.peers[who] = replace(old, identity=old.identity + b"+")

    @precondition(lambda self: self.desk.engine.job is not None)
    @rule(samples=st.sampled_from([1, 700, 2400, 9000]))
    def spoken(self, samples: int) -> None:
        self.desk.spoken(samples)

    @precondition(lambda self: self.desk.engine.job is not None)
    @rule(done=st.integers(1, 7))
    def stepped(self, done: int) -> None:
        assert self.desk.engine.job is not None
        self.desk.event(ipc.Stepped(job=self.desk.engine.job.job, done=done, total=7))

    @precondition(lambda self: self.desk.engine.job is not None and self.desk.engine.cancelled)
    @rule()
    def dropped(self) -> None:
        self.desk.dropped()

    @precondition(lambda self: self.desk.engine.job is not None)
    @rule(reason=st.sampled_from(["ENGINE_ERROR", "OOM", "UNSUPPORTED_TEXT", "NEWER_THAN_US"]))
    def failed(self, reason: str) -> None:
        self.desk.failed(reason)

    @precondition(lambda self: not self.setup_required)
    @rule(again=st.booleans())
    def die(self, again: bool) -> None:
        self.desk.die()
        if again:
            self.desk.ready()

    @precondition(lambda self: self.desk.service.lane.ready is None or self.desk.engine.job is None)
    @rule()
    def comes_up(self) -> None:
        self.desk.event(ipc.Loading(what="weights"))
        self.setup_required = False
        self.desk.ready()

    @precondition(lambda self: self.desk.engine.job is None)
    @rule()
    def unavailable(self) -> None:
        self.setup_required = True
        self.desk.event(ipc.Unavailable(what="no weights.", mend="run ishowctl setup."))
        assert all(request.spoken for request in self.desk.service.delivery.live)  # these only wait for credit

    @rule(engine=st.booleans())
    def reload(self, engine: bool) -> None:
        self.desk.reloads = Outcome((), (), engine=engine)
        answer = self.desk.ask(ROOT, "reload")
        assert isinstance(answer, Reloaded)
        self.setup_required = self.setup_required and not engine

    @rule(job=st.integers(-1, 3))
    def stale_word_of_the_engine(self, job: int) -> None:
        if self.desk.engine.job is None or job < self.desk.engine.job.job:
            stale = ipc.Spoken(job=job, audio_s=1.0, compute_s=1.0, produced_s=0.0)
            before = len(self.desk.clients.inbox)
            self.desk.event(stale, b"\x01\x00" * 9000)
            assert len(self.desk.clients.inbox) == before

    @rule(seconds=st.sampled_from([0.05, 0.4, 3.0]))
    def time_passes(self, seconds: float) -> None:
        self.desk.wait(seconds)

    @invariant()
    def the_engine_works_for_somebody(self) -> None:
        """Each of its jobs belongs to a live request, or something has been cancelled."""
        for job in self.desk.engine.jobs:
            wanted = self.owners[job.seed // SEED_STEP] in self.desk.clients.talks
            assert wanted or self.desk.engine.cancelled

    @invariant()
    def limits_hold(self) -> None:
        waiting = self.desk.service.lane.queue.waiting
        assert len(waiting) <= LIMITS.queue
        assert len(waiting) <= 1 or sum(len(request.text) for request in waiting) <= LIMITS.queued_chars
        for uid in (ANN.uid, BOB.uid):
            assert self.desk.service.delivery.live.of_uid(uid) <= LIMITS.per_user

    def teardown(self) -> None:
        """Whoever asked and is still there gets an end."""
        if not hasattr(self, "desk"):
            return
        for _ in range(300):
            if not self.desk.clients.talks:
                break
            for uid, id in list(self.desk.clients.talks):
                self.desk.ask(_of(self.peers, uid), "credit", id, n=100)
            if self.desk.engine.job is not None:
                self.desk.spoken()
            elif len(self.desk.service.lane.queue):
                self.desk.ready()
            self.desk.wait(0.1)
        assert self.desk.service.idle
        assert len(self.desk.service.lane.queue) == 0


def _of(peers: list[Peer], uid: int) -> Peer:
    return next(peer for peer in peers if peer.uid == uid)


Orderings.TestCase.settings = settings(steady, max_examples=150, stateful_step_count=40)
TestOrderings = Orderings.TestCase
