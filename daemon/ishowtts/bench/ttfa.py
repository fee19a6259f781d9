"""`python -m ishowtts.bench.ttfa CONFIG RUNTIME_DIR TEXT RUNS`: time to first audio, from client to client.

A real daemon on CONFIG, the product's client library, ZeroMQ between them. A program of its own, since it is run by
the daemon's Python, which need not be the one that has stock f5-tts. Prints one JSON object.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from ishowctl.client import Client, Refused, Unreachable
from ishowtts import children

START_S, LEAVE_S = 300.0, 30.0
ALL_S = 380  # whoever waits for this program kills it soon after, and the daemon would be left alone
WARM_UPS = 2
FAILED = 6


def main() -> None:
    config, runtime, text, runs = sys.argv[1:]
    signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(ALL_S)
    begun_s = time.perf_counter()
    with Path(runtime, "log").open("wb") as log:
        daemon = subprocess.Popen(
            children.command(sys.executable, "ishowtts", "--config", config, "--runtime-dir", runtime),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            print(json.dumps(measure(f"ipc://{runtime}/tts.sock", text, int(runs), daemon, begun_s)))
        except (Refused, Unreachable) as error:
            print(error, file=sys.stderr)
            sys.exit(FAILED)
        finally:
            daemon.terminate()
            try:
                daemon.wait(LEAVE_S)
            except subprocess.TimeoutExpired:
                daemon.kill()


def _give_up(_number: int, _frame: FrameType | None) -> None:
    raise Unreachable(f"it took more than {ALL_S} s.")


def measure(endpoint: str, text: str, runs: int, daemon: subprocess.Popen[bytes], begun_s: float) -> dict[str, object]:
    """Seconds: daemon start to ready, then each request's send to its first PCM."""
    with _ready(endpoint, daemon) as client:
        ready_s = time.perf_counter() - begun_s
        firsts_s = [first_audio_s(client, text) for _ in range(WARM_UPS + runs)]
    return {"ready_s": ready_s, "first_s": firsts_s[0], "runs_s": firsts_s[WARM_UPS:]}


def first_audio_s(client: Client, text: str) -> float:
    begun_s = time.perf_counter()
    first_s = None
    for _message, pcm in client.speak(text=text, seed=1, prio="interactive"):
        if pcm and first_s is None:
            first_s = time.perf_counter() - begun_s
    if first_s is None:
        raise Unreachable("the daemon said done without any audio.")
    return first_s


def _ready(endpoint: str, daemon: subprocess.Popen[bytes]) -> Client:
    """A client of the daemon once its engine can speak."""
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s:
        if daemon.poll() is not None:
            raise Unreachable(f"the daemon ended with status {daemon.returncode}.")
        try:
            client = Client(endpoint)
        except Unreachable:  # its socket is not there yet
            time.sleep(0.02)
            continue
        while time.monotonic() < until_s:
            status = client.ask("status")["status"]
            if status["state"] == "ready":
                return client
            if status["engine"]["state"] == "setup_required":
                raise Unreachable(f"{status['detail']} {status['mend']}")
            time.sleep(0.1)
    raise Unreachable(f"the daemon was not ready after {START_S:.0f} s.")


if __name__ == "__main__":
    main()
