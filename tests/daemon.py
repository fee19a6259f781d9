"""A real ishowttsd in a folder of its own, for tests; and a bare client that sees every frame."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml
import zmq
from msgspec import json

PATIENCE_S = 30.0


def wait_for(true: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Poll until ``true()`` is; its value."""
    until_s = time.monotonic() + patience_s
    while time.monotonic() < until_s:
        value = true()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"waited {patience_s:.0f} s for {what}")


class Daemon:
    def __init__(
        self,
        folder: Path,
        settings: dict[str, Any],
        *,
        limits: Callable[[], None] | None = None,
        program: Sequence[str] = ("-m", "ishowtts"),
        fds: Sequence[int] = (),
    ) -> None:
        self.folder, self.runtime = folder, folder / "run"
        self.config = folder / "ishowtts.yaml"
        settings = {**settings, "tuner": {"auto": False, "history": "history.db", **settings.get("tuner", {})}}
        self.config.write_text(yaml.safe_dump(settings), encoding="utf-8")
        self._log = (folder / "log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, *program, "--config", str(self.config), "--runtime-dir", str(self.runtime)],
            stdin=subprocess.DEVNULL,
            stderr=self._log,
            preexec_fn=limits,
            pass_fds=fds,
        )

    @property
    def endpoint(self) -> str:
        return f"ipc://{self.runtime}/tts.sock"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def wait_ready(self) -> Daemon:
        wait_for(lambda: self.process.poll() is not None or "engine.ready" in self.log, "the engine to be ready")
        assert self.process.poll() is None, self.log
        return self

    def wait_log(self, text: str) -> None:
        wait_for(lambda: text in self.log, f"{text!r} in the log")

    def engine_pid(self) -> int:
        """Of the running engine child."""
        starts = [line for line in self.log.splitlines() if "engine.started" in line]
        return int(starts[-1].rsplit("pid=", 1)[1])

    def rss_mib(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024

    def let_strangers_near(self) -> None:
        """Every folder on the way to the sockets may be entered by anybody; the sockets stay as they are."""
        for folder in [self.folder, *self.folder.parents]:
            if folder.stat().st_uid == 0 and folder != Path("/"):
                folder.chmod(folder.stat().st_mode | 0o055)
        self.runtime.chmod(0o755)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        self._log.close()
        return self.process.returncode

    def ctl(self, *args: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run ishowctl against this daemon."""
        env = {**os.environ, "ISHOWTTS_ENDPOINT": self.endpoint}
        more = {"capture_output": True, "text": True, "timeout": 60, "stdin": subprocess.DEVNULL, **more}
        if "input" in more:
            del more["stdin"]
        return subprocess.run([sys.executable, "-m", "ishowctl", *args], env=env, cwd=self.folder, **more)


class Wire:
    """A DEALER that sends and shows raw frames."""

    def __init__(self, endpoint: str) -> None:
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.DEALER)
        self.socket.set(zmq.LINGER, 0)
        self.socket.connect(endpoint)

    def send(self, op: str, **fields: Any) -> str:
        """Send one header; its id."""
        fields.setdefault("id", secrets.token_hex(4))
        self.socket.send_multipart([b"IST1", json.encode({"op": op, **fields})])
        return str(fields["id"])

    def receive(self, patience_s: float = PATIENCE_S) -> dict[str, Any]:
        """The next header; its PCM under `pcm`."""
        assert self.socket.poll(int(1000 * patience_s)), "no answer"
        magic, header, *pcm = self.socket.recv_multipart()
        assert magic == b"IST1"
        return {**json.decode(header), **({"pcm": pcm[0]} if pcm else {})}

    def until(self, *ops: str, id: str | None = None) -> list[dict[str, Any]]:
        """Messages up to the first whose op is one of ``ops`` (of request ``id``), that one included."""
        seen = []
        while True:
            message = self.receive()
            if id is None or message.get("id") == id:
                seen.append(message)
                if message["op"] in ops:
                    return seen

    def finish(self, id: str) -> dict[str, Any]:
        """The terminal of request ``id``."""
        return self.until("done", "error", id=id)[-1]

    def close(self) -> None:
        self._context.destroy(linger=0)
