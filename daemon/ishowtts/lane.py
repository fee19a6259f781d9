"""The one lane to the engine: one chunk at a time, the next chosen anew after each. Pure: the engine is a port.

A request that the engine fails, crashes or hangs on gets one explicit error; the others stay where they are.
"""

from __future__ import annotations

from collections.abc import Callable

from ishowtts import ipc, schedules
from ishowtts.admission import Limits, Queue
from ishowtts.delivery import Delivery
from ishowtts.engine_port import Defaults, Engine, EngineState
from ishowtts.figures import Figures
from ishowtts.guest import Guest
from ishowtts.requests import Request
from ishowtts.text import chunks, normalize
from ishowtts.wire.errors import Reason, Refusal
from ishowtts.wire.messages import AudioFormat, Started

BACKLOG_MAX_BYTES = 8 << 20  # a request whose client does not take its audio pauses here
BACKLOG_TOTAL_BYTES = 64 << 20  # and all of them together here


class Lane:
    def __init__(
        self, engine: Engine, delivery: Delivery, limits: Limits, defaults: Defaults, log: Callable[..., None]
    ) -> None:
        self._engine, self._delivery, self._log = engine, delivery, log
        self.queue = Queue(limits)
        self.defaults = defaults
        self.tuned: int | None = None  # the tuner's choice, which goes before the configured one
        self.grids = schedules.Book()
        self.guest = Guest(engine)
        self.observe: Callable[[Request, ipc.Spoken], None] = lambda _request, _spoken: None
        self.state = EngineState.STARTING
        self.held = False  # only what has been started goes on: the engine is about to be renewed
        self.ready: ipc.Ready | None = None
        self.counters = ipc.Counters()
        self._job = 0
        self._jobs: dict[int, Request | None] = {}  # what the engine has; None: nobody wants it any more
        self._characters: frozenset[str] = frozenset()
        self.figures = Figures()

    # --- what the service asks ------------------------------------------------------------------------------------

    def check(self, request: Request) -> None:
        """Raise Refusal for what the engine is already known to be unable to speak."""
        if self.ready is None:
            return
        voice = next((voice for voice in self.ready.voices if voice.name == request.voice), None)
        if voice is not None and voice.problem:
            raise Refusal(Reason.VOICE, f"voice {voice.name!r} cannot be used: {voice.problem}")
        if self._characters:
            request.text = normalize.fit(request.text, self._characters, pinyin=self.ready.pinyin)

    def place(self, request: Request, now_s: float) -> tuple[int, float | None]:
        """(requests ahead, estimated seconds to the first sound)."""
        wait_s = self.figures.wait_s(self.queue.chars_ahead(request, now_s))
        return self.queue.position(request, now_s), wait_s

    def forget(self, request: Request) -> None:
        """The request ended: it leaves the queue, and the engine drops its job between two ODE steps."""
        self.queue.remove(request)
        self._give_up(request)

    @property
    def speaking(self) -> bool:
        return bool(self._jobs)

    @property
    def nfe(self) -> int:
        """Of requests that ask for none."""
        return self.tuned or self.defaults.nfe

    @property
    def at_rest(self) -> bool:
        """Renewing the engine now costs nobody what was begun."""
        return not self._jobs and not (self.state is EngineState.READY and self.queue.has(lambda r: bool(r.chunks)))

    def pump(self, now_s: float) -> None:
        """Give the engine its next chunk, if it can take one."""
        if len(self._jobs) > 1 and self.queue.has(lambda r: r.synth.prio == "interactive" and self._runnable(r)):
            for interrupted in self._running():
                interrupted.alone = True  # so that it is not interrupted over and over
                self._give_up(interrupted)  # somebody is waiting: what the batch has done so far is spoken again later
        if self.guest.running and self.queue.has(self._runnable):
            self.guest.give_way()
        while self.state is EngineState.READY and not self._jobs and not self.guest.running:
            request = self._next(now_s, self._runnable)
            if request is None:
                if self.guest.waiting:
                    self._job += 1
                    self.guest.begin(self._job)
                return
            companions = self._companions(request, now_s)
            if not request.ended:  # its client may have gone while others were started
                self._speak([request, *companions])

    # --- what the engine tells ------------------------------------------------------------------------------------

    def on_ready(self, ready: ipc.Ready) -> None:
        self.state, self.ready, self.counters = EngineState.READY, ready, ready.counters
        self._jobs.clear()
        self.guest.lost("the engine was started anew.")
        self._characters = frozenset(ready.characters)

    def on_loading(self) -> None:
        self.state, self.ready = EngineState.STARTING, None

    def on_unavailable(self) -> None:
        """Somebody has to mend something first: nothing that waits can be served."""
        self.state, self.ready = EngineState.SETUP_REQUIRED, None
        self._jobs.clear()
        self.guest.lost("the engine cannot work.")

    def on_death(self, msg: str) -> None:
        """The child is gone: the request it had fails, the queue stays."""
        self.state = EngineState.RESTARTING
        requests = self._running()
        self._jobs.clear()
        self.guest.lost(msg)
        if len(requests) == 1:
            self._delivery.fail(requests[0], Refusal(Reason.ENGINE_RESTART, msg, retry_after_ms=2000))
        for request in requests:
            request.alone = True  # of a batch, each is tried again alone

    def on_stepped(self, event: ipc.Stepped) -> None:
        request = self._jobs.get(event.job)
        if request is not None:
            request.step_part = event.done / max(event.total, 1)

    def on_spoken(self, event: ipc.Spoken, pcm: bytes, now_s: float) -> None:
        self.counters = event.counters
        alone = len(self._jobs) == 1
        request = self._jobs.pop(event.job, None)
        if request is None:
            self.guest.took(event, pcm)
            return
        if not pcm or len(pcm) % request.stream.width:
            broken = f"the engine sent {len(pcm)} bytes, which are no whole samples."
            self._delivery.fail(request, Refusal(Reason.ENGINE_ERROR, broken))
            return
        request.compute_s += event.compute_s
        request.audio_s += event.audio_s
        if alone:
            self.observe(request, event)
        self.figures.spoke(event.compute_s, len(_chunk(request)))
        request.next_chunk += 1
        request.step_part = 0.0
        request.stream.push(pcm, last=request.spoken)
        if request.spoken:
            self.figures.ended(request.rtf)
            self.queue.remove(request)
        self._delivery.pump(request, now_s)
        self.figures.delivered(now_s - event.produced_s)

    def on_failed(self, event: ipc.Failed) -> None:
        request = self._jobs.pop(event.job, None)
        if request is not None:
            self._delivery.fail(request, Refusal(_reason(event.reason), event.msg))
        else:
            self.guest.took(event)

    def on_dropped(self, event: ipc.Dropped) -> None:
        self._jobs.pop(event.job, None)
        self.guest.took(event)

    def on_compared(self, event: ipc.Compared, pcm: bytes) -> None:
        self.guest.took(event, pcm)

    # --- within ---------------------------------------------------------------------------------------------------

    def _start(self, request: Request, now_s: float) -> bool:
        """Plan the chunks and announce the request; False when it ended instead."""
        assert self.ready is not None
        voice = next((voice for voice in self.ready.voices if voice.name == request.voice), None)
        try:
            self.check(request)
            if voice is None or voice.seconds <= 0:
                raise Refusal(Reason.VOICE, f"there is no voice {request.voice!r}.")
        except Refusal as refusal:
            self._delivery.fail(request, refusal)
            return False
        request.started_s = now_s
        request.chunks = chunks.plan(
            request.text, chunks.max_bytes(voice.text_bytes, voice.seconds, request.synth.speed)
        )
        schedule = self.grids.pick(request.synth.nfe or self.nfe)
        request.nfe, request.times = schedule.nfe, schedule.times
        pieces = len(request.chunks)
        self._log("request.started", id=request.synth.id, uid=request.peer.uid, nfe=request.nfe, chunks=pieces)
        started = Started(
            id=request.synth.id,
            boot=self._delivery.boot,
            audio=AudioFormat(format=request.synth.format, rate=request.synth.rate),
            nfe=request.nfe,
            schedule=schedule.name,
            seed=request.seed,
        )
        return self._delivery.tell(request, started, now_s)

    def _next(self, now_s: float, wanted: Callable[[Request], bool]) -> Request | None:
        """The next request that can be spoken now: started, in time, its client still there."""
        while (request := self.queue.pick(now_s, wanted)) is not None:
            if not self._delivery.overdue(request, now_s) and (request.chunks or self._start(request, now_s)):
                return request
        return None

    def _companions(self, first: Request, now_s: float) -> list[Request]:
        """Others to speak together with a request of class `batch`: nobody waits for those, and together is faster."""
        assert self.ready is not None
        if first.synth.prio != "batch" or first.alone:
            return []
        if self.queue.has(lambda r: r.synth.prio != "batch" and self._runnable(r)):
            return []  # somebody waits
        group = [first]
        limit = max(map(len, first.chunks))

        def fits(request: Request) -> bool:
            times = request.times or self.grids.pick(request.synth.nfe or self.nfe).times
            same = (request.synth.prio, times, self._cfg(request))
            length = len(_chunk(request)) if request.chunks else min(len(request.text), limit)
            near = _near(length, len(_chunk(first)))
            return (
                not request.alone
                and request not in group
                and same == ("batch", first.times, self._cfg(first))
                and near
                and self._runnable(request)
            )

        while len(group) < self.ready.batch_max:
            request = self._next(now_s, fits)
            if request is None:
                break
            if _near(len(_chunk(request)), len(_chunk(first))):
                group.append(request)
        return [request for request in group[1:] if not request.ended]

    def _speak(self, requests: list[Request]) -> None:
        jobs = []
        for request in requests:
            synth = request.synth
            self._job += 1
            self._jobs[self._job] = request
            jobs.append(
                ipc.Speak(
                    job=self._job,
                    text=_chunk(request),
                    voice=request.voice,
                    seed=(request.seed + request.next_chunk) % 2**63,
                    nfe=request.nfe,
                    times=request.times,
                    cfg=self._cfg(request),
                    speed=synth.speed,
                    sample_format=synth.format,
                    rate=synth.rate,
                )
            )
        self._engine.speak(jobs)

    def _cfg(self, request: Request) -> float:
        return self.defaults.cfg if request.synth.cfg is None else request.synth.cfg

    def _running(self) -> list[Request]:
        return [request for request in self._jobs.values() if request is not None]

    def _give_up(self, request: Request) -> None:
        for job, other in self._jobs.items():
            if other is request:
                self._jobs[job] = None
                self._engine.cancel(job)

    def _runnable(self, request: Request) -> bool:
        if self.held and not request.chunks:
            return False
        if request.stream.backlog_bytes >= BACKLOG_MAX_BYTES:
            return False
        if not request.stream.backlog_bytes:
            return True  # whoever takes the audio is served, whatever others leave lying
        return sum(other.stream.backlog_bytes for other in self._delivery.live) < BACKLOG_TOTAL_BYTES


def _chunk(request: Request) -> str:
    return request.chunks[request.next_chunk]


def _near(one: int, other: int) -> bool:
    """Lengths that go together: a batch takes as long as its longest."""
    return max(one, other) <= 1.5 * min(one, other) + 20


def _reason(name: str) -> Reason:
    try:
        return Reason(name)
    except ValueError:
        return Reason.ENGINE_ERROR
