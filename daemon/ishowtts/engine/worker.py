"""The child's loop: one thread reads the socketpair, one works. Whatever a job does, exactly one message answers it."""

from __future__ import annotations

import ctypes
import math
import os
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path

from msgspec import structs

from ishowtts import ipc, places
from ishowtts.engine.base import Cancelled, Engine, OutOfMemory, SetupRequired, Speech
from ishowtts.wire.errors import Reason, Refusal

SILENCE = 1e-4  # a peak below -80 dBFS is no speech
MEND = "Mend the engine section of the configuration, then run `ishowctl restart-engine`."
CPU_NICENESS = 5  # on the CPU it fills every core: the front, which only wakes to answer, goes first
_PR_SET_PDEATHSIG = 1


class Worker:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._inbox: queue.Queue[ipc.ToEngine] = queue.Queue()
        self._cancelled: set[int] = set()

    def run(self) -> None:
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        configure = self._inbox.get()
        assert isinstance(configure, ipc.Configure)
        engine = self._load(configure)
        if engine is None:
            return
        while True:
            job = self._inbox.get()
            if isinstance(job, ipc.SpeakMany):
                self._answer_many(engine, job.jobs)
            else:
                assert isinstance(job, ipc.Speak | ipc.Compare)
                self._answer(engine, job)

    def _read(self) -> None:
        """Until the front is gone; then there is nobody left to work for."""
        unpacker = ipc.Unpacker()
        while data := self._connection.recv(1 << 16):
            for header, _ in unpacker.feed(data):
                message = ipc.read_to_engine(header)
                if isinstance(message, ipc.CancelJob):
                    self._cancelled.add(message.job)
                else:
                    self._inbox.put(message)
        os._exit(0)

    def _load(self, configure: ipc.Configure) -> Engine | None:
        begun_s = time.monotonic()
        try:
            engine = _build(configure, lambda what: self._send(ipc.Loading(what=what)))
        except SetupRequired as problem:
            self._send(ipc.Unavailable(what=problem.what, mend=problem.mend or MEND))
            return None
        except Exception as error:  # noqa: BLE001 (a file that nobody foresaw is a state too, not a crash loop)
            traceback.print_exc()
            what = f"the engine could not be loaded ({type(error).__name__}: {str(error)[:200]})."
            self._send(ipc.Unavailable(what=what, mend=MEND))
            return None
        ready = engine.ready()
        if ready.device == "cpu":
            os.nice(CPU_NICENESS)
        self._send(structs.replace(ready, load_s=round(time.monotonic() - begun_s, 2)))
        return engine

    def _answer(self, engine: Engine, job: ipc.Speak | ipc.Compare) -> None:
        try:
            if isinstance(job, ipc.Compare):
                self._compare(engine, job)
            else:
                self._speak(engine, job)
        except Cancelled:
            self._send(ipc.Dropped(job=job.job))
        except Refusal as refusal:
            self._send(ipc.Failed(job=job.job, reason=refusal.reason.value, msg=refusal.msg))
        except OutOfMemory as error:
            self._send(ipc.Failed(job=job.job, reason=Reason.OOM.value, msg=str(error)))
        except Exception as error:  # noqa: BLE001 (whatever happens, the job gets its one answer)
            traceback.print_exc()
            msg = f"the engine failed on this request ({type(error).__name__}: {str(error)[:120]})."
            self._send(ipc.Failed(job=job.job, reason=Reason.ENGINE_ERROR.value, msg=msg))
        self._cancelled.discard(job.job)

    def _speak(self, engine: Engine, job: ipc.Speak) -> None:
        begun_s = time.monotonic()
        speech = engine.speak(job, lambda done, total: self._on_step(job.job, done, total))
        self._check(speech)
        self._deliver(engine, job, speech, time.monotonic() - begun_s)

    def _compare(self, engine: Engine, job: ipc.Compare) -> None:
        begun_s = time.monotonic()
        found = engine.compare(job, lambda done, total: self._on_step(job.job, done, total))
        compared = ipc.Compared(
            job=job.job,
            log_mel_db=found.log_mel_db,
            mcd_db=found.mcd_db,
            problem=found.problem,
            compute_s=round(time.monotonic() - begun_s, 6),
        )
        self._send(compared, found.pcm)

    def _answer_many(self, engine: Engine, jobs: list[ipc.Speak]) -> None:
        begun_s, spoken = time.monotonic(), self._speak_many(engine, jobs)
        if spoken is None:  # and the exception is gone, with all the memory that it held
            for job in jobs:
                self._answer(engine, job)
            return
        each_s = (time.monotonic() - begun_s) / len(jobs)
        for job, speech in zip(jobs, spoken, strict=False):
            self._deliver(engine, job, speech, each_s)
        for job in jobs[len(spoken) :]:
            self._send(ipc.Dropped(job=job.job))
        self._cancelled.difference_update(job.job for job in jobs)

    def _speak_many(self, engine: Engine, jobs: list[ipc.Speak]) -> list[Speech] | None:
        """Empty when all were cancelled, None when each has to be tried alone: only the one at fault fails then."""
        try:
            spoken = engine.speak_many(jobs, lambda done, total: self._on_step_of_all(jobs, done, total))
            for speech in spoken:
                self._check(speech)
        except Cancelled:
            return []
        except Exception:  # noqa: BLE001 (the reason shows when it is tried alone)
            return None
        return spoken

    def _deliver(self, engine: Engine, job: ipc.Speak, speech: Speech, compute_s: float) -> None:
        spoken = ipc.Spoken(
            job=job.job,
            audio_s=speech.audio_s,
            compute_s=round(compute_s, 6),
            produced_s=time.monotonic(),
            counters=engine.counters(),
        )
        self._send(spoken, speech.pcm)

    def _on_step(self, job: int, done: int, total: int) -> None:
        if job in self._cancelled:
            raise Cancelled
        self._send(ipc.Stepped(job=job, done=done, total=total))

    def _on_step_of_all(self, jobs: list[ipc.Speak], done: int, total: int) -> None:
        if self._cancelled.issuperset(job.job for job in jobs):
            raise Cancelled
        for job in jobs:
            self._send(ipc.Stepped(job=job.job, done=done, total=total))

    @staticmethod
    def _check(speech: Speech) -> None:
        """Noise that is no audio never leaves as a WAV."""
        if math.isnan(speech.peak):
            raise Refusal(Reason.ENGINE_ERROR, "the engine produced numbers that are no audio (NaN or infinity).")
        if speech.peak < SILENCE or not speech.pcm:
            raise Refusal(Reason.ENGINE_ERROR, "the engine produced silence for this text.")

    def _send(self, message: ipc.FromEngine, pcm: bytes = b"") -> None:
        self._connection.sendall(ipc.pack(message, pcm))


def _build(configure: ipc.Configure, say: ipc.Say) -> Engine:
    if configure.kind == "fake":
        from ishowtts.engine.fake import FakeEngine

        return FakeEngine(configure)
    say("importing torch.")
    try:
        if configure.kind == "reference":
            from ishowtts.engine.reference import ReferenceEngine

            return ReferenceEngine(configure, say)
        from ishowtts.engine.native import NativeEngine

        return NativeEngine(configure, say)
    except ImportError as error:
        what = f"the engine's Python ({sys.executable}) cannot import {error.name or error}."
        mend = places.mend_by_setup("Install it there or set engine.python to an environment that has it.")
        raise SetupRequired(what, mend) from None


def prepare_process() -> None:
    """Die with the front; be the one the kernel kills when memory is short, so that the front can say so."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the front to handle
