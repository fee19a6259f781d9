"""A daemon of another age or kind: a real socket that answers what a test wants it to."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zmq

Answer = Callable[[dict[str, Any]], list[list[bytes]]]


def frames(**header: Any) -> list[bytes]:
    return [b"IST1", json.dumps(header).encode()]


class OtherDaemon:
    """A ROUTER that answers each request with the messages that ``answer`` gives for it."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self.path, self._answer = path, answer
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
            router.bind(f"ipc://{self.path}")
            while not self._stop.is_set():
                if router.poll(20):
                    identity, _, header = router.recv_multipart()
                    for reply in self._answer(json.loads(header)):
                        router.send_multipart([identity, *reply])

    def ctl(self, *args: str, **more: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ishowctl", *args, "--endpoint", str(self.path)]
        more = {"stdin": subprocess.DEVNULL, **more} if "input" not in more else more
        return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=self.path.parent, **more)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
