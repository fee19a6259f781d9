"""The engine child: started, listened to, killed when it hangs, started again. The only place that spawns.

EOF on the socketpair is how its death is seen. Nothing it sends is believed beyond the message format.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from ishowtts import children, ipc, places

BACK_OFF_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_READ_BYTES = 1 << 20


@dataclass(frozen=True)
class Plan:
    """How to start the child and when to lose patience with it."""

    python: str
    configure: ipc.Configure
    start_s: float
    hang_s: float


class Supervisor:
    def __init__(
        self,
        plan: Plan,
        on_event: Callable[[ipc.FromEngine, bytes], None],
        on_death: Callable[[str], None],
        log: Callable[..., None],
    ) -> None:
        self.plan, self._on_event, self._on_death, self._log = plan, on_event, on_death, log
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._stopping = False
        self._renewing = False
        self._jobs: set[int] = set()
        self._heard_s = 0.0
        self._loaded = False
        self._failures = 0
        self._killed_for = ""
        self._killed_s: float | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep_running(), name="engine")

    async def stop(self) -> None:
        """End the child: it leaves when the socket closes, or is killed after a moment."""
        self._stopping = True
        self._wake.set()
        if self._writer is not None:
            self._writer.close()
        if self._process is not None and self._process.returncode is None:
            try:
                await asyncio.wait_for(self._process.wait(), timeout=2.0)
            except asyncio.TimeoutError:
                self._kill("it did not leave when asked")
        if self._task is not None:
            await self._task

    def restart(self) -> None:
        """For an operator: a new child now, also when the last one said that something must be mended first."""
        self._failures = 0
        self._kill("an operator asked for it")
        self._wake.set()

    def renew(self) -> None:
        """A new child now, started by what ``plan`` has become: no death, so nothing is reported and nothing waits."""
        self._failures, self._renewing = 0, True
        if self._writer is not None:
            self._writer.close()
        self._wake.set()

    def speak(self, jobs: list[ipc.Speak]) -> None:
        self._jobs = {job.job for job in jobs}
        self._heard_s = asyncio.get_running_loop().time()
        self._send(jobs[0] if len(jobs) == 1 else ipc.SpeakMany(jobs=jobs))

    def try_out(self, work: ipc.Speak | ipc.Compare) -> None:
        self._jobs = {work.job}
        self._heard_s = asyncio.get_running_loop().time()
        self._send(work)

    def cancel(self, job: int) -> None:
        self._send(ipc.CancelJob(job=job))

    def check(self, now_s: float) -> None:
        """Kill a child that has been silent for too long while it had something to do."""
        if self._task is not None and self._task.done() and not self._stopping:
            self._task.result()  # a bug of ours: better a loud end than a daemon without an engine
        if self._process is None:
            return
        silent_s = now_s - self._heard_s
        if not self._loaded and silent_s > self.plan.start_s:
            self._kill(f"it was not ready {self.plan.start_s:.0f} s after its last sign of life")
        elif self._jobs and silent_s > self.plan.hang_s:
            self._kill(f"it hung: no step in {self.plan.hang_s:.0f} s")

    def killed_for_s(self, now_s: float) -> float:
        """How long the child has been there since it was sent SIGKILL; 0 when it has not or is gone."""
        return 0.0 if self._killed_s is None else now_s - self._killed_s

    # --- within ---------------------------------------------------------------------------------------------------

    async def _keep_running(self) -> None:
        while not self._is_stopping():
            self._wake.clear()
            needs_mending = await self._run_once()
            delay_s = None if needs_mending else BACK_OFF_S[min(self._failures, len(BACK_OFF_S)) - 1]
            if not self._is_stopping():
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), delay_s)

    def _is_stopping(self) -> bool:
        return self._stopping

    async def _run_once(self) -> bool:
        """One life of the child. True when it said that somebody must mend something."""
        ours, theirs = socket.socketpair()
        command = children.command(self.plan.python, "ishowtts.engine", str(theirs.fileno()))
        self._loaded, self._jobs, self._killed_for, self._renewing = False, set(), "", False
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                env=_environment(self.plan.python),
            )
        except OSError as error:
            ours.close()
            what = f"the engine's Python {self.plan.python} cannot be started: {error.strerror}."
            mend = places.mend_by_setup("Set engine.python in the configuration.")
            self._hear(ipc.Unavailable(what=what, mend=mend), b"")
            return True
        finally:
            theirs.close()
        self._log("engine.started", pid=self._process.pid)
        self._heard_s = asyncio.get_running_loop().time()
        reader, self._writer = await asyncio.open_connection(sock=ours, limit=_READ_BYTES)
        self._send(self.plan.configure)
        if self._stopping or self._renewing:
            self._writer.close()
        needs_mending = await self._listen(reader)
        self._writer.close()
        await self._bury(needs_mending)
        return needs_mending

    async def _listen(self, reader: asyncio.StreamReader) -> bool:
        unpacker, needs_mending = ipc.Unpacker(), False
        try:
            while data := await reader.read(_READ_BYTES):
                self._heard_s = asyncio.get_running_loop().time()
                for header, pcm in unpacker.feed(data):
                    event = ipc.read_from_engine(header)
                    needs_mending = needs_mending or isinstance(event, ipc.Unavailable)
                    self._hear(event, pcm)
        except ipc.Garbled as error:
            self._kill(f"it sent garbage: {error}")
        except OSError as error:
            self._kill(f"its socket failed: {error.strerror}")
        return needs_mending

    def _hear(self, event: ipc.FromEngine, pcm: bytes) -> None:
        if self._renewing:
            return  # the last words of a child that is no longer meant
        if isinstance(event, ipc.Ready):
            self._loaded = True
            self._log("engine.ready", model=event.model, device=event.device, dtype=event.dtype, load_s=event.load_s)
            for voice in event.voices:
                if voice.problem:
                    self._log("voice.unusable", level="warning", voice=voice.name, problem=voice.problem)
        elif isinstance(event, ipc.Unavailable):
            self._log("engine.setup_required", level="warning", what=event.what, mend=event.mend)
        elif isinstance(event, ipc.Spoken | ipc.Compared | ipc.Failed | ipc.Dropped):
            self._jobs.discard(event.job)
            self._failures = 0
        self._on_event(event, pcm)

    async def _bury(self, needs_mending: bool) -> None:
        """Wait for the child to be gone and say how it ended."""
        assert self._process is not None
        try:
            code = await asyncio.wait_for(self._process.wait(), timeout=2.0)
        except asyncio.TimeoutError:
            self._kill("it closed its socket and stayed")
            code = await self._process.wait()
        self._process, self._writer, self._jobs, self._killed_s = None, None, set(), None
        if self._stopping or self._renewing or needs_mending:
            return
        self._failures += 1
        why = self._killed_for or _cause(code)
        self._log("engine.died", level="error", why=why)
        self._on_death(why)

    def _send(self, message: ipc.ToEngine) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(ipc.pack(message))

    def _kill(self, why: str) -> None:
        if self._process is not None and self._process.returncode is None:
            self._killed_for = self._killed_for or why
            self._killed_s = self._killed_s or asyncio.get_running_loop().time()
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)


def _cause(code: int) -> str:
    if code >= 0:
        return f"it ended with exit code {code}"
    with suppress(ValueError):
        return f"it was ended by {signal.Signals(-code).name}"
    return f"it was ended by signal {-code}"


def _environment(python: str) -> dict[str, str]:
    env = dict(os.environ)
    env.pop("NOTIFY_SOCKET", None)
    if "OMP_WAIT_POLICY" not in env:
        # OpenMP's default spins for milliseconds: beside one busy core the CPU engine took 8.6 s instead of 5.2 s.
        env.setdefault("GOMP_SPINCOUNT", "20000")
    return {**env, **children.variables(python)}
