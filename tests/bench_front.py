"""`make bench-front`: the figures of the README's "Measured" table, on this machine, with the small model.

Not a test: times belong to a machine. Prints a Markdown table and leaves .build/bench-front.json.
"""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from msgspec import json

from tests.daemon import Daemon, Wire

ROOT = Path(__file__).parent.parent
PINGS = 1500
PACE_S = 0.03  # below the daemon's limit of 50 messages a second and user


def main() -> None:
    settings = yaml.safe_load((ROOT / "config/development.yaml").read_text(encoding="utf-8"))
    engine = settings["engine"]
    for key in ("model_config", "checkpoint", "vocab", "vocoder"):
        engine[key] = str((ROOT / "config" / engine[key]).resolve())
    with tempfile.TemporaryDirectory() as folder:
        begun_s = time.monotonic()
        daemon = Daemon(Path(folder), {"engine": engine})
        try:
            figures = measure(daemon, begun_s)
        finally:
            daemon.stop()
    report(figures)


def measure(daemon: Daemon, begun_s: float) -> dict[str, float]:
    daemon.wait_ready()
    ready_s = time.monotonic() - begun_s
    wire = Wire(daemon.endpoint)
    idle = pings(wire, 300)
    busy_id = wire.send(
        "synth", text="This sentence keeps the engine at work. " * 300, timeout_ms=3_600_000, credit=4096
    )
    wire.until("started", id=busy_id)
    busy = pings(wire, PINGS)
    wire.send("status")
    assert wire.until("status")[-1]["status"]["queue"]["speaking"], "the engine was to be at work during the pings"
    wire.send("cancel", id=busy_id)
    for _ in range(20):
        wire.finish(wire.send("synth", text="A short one."))
    wire.send("status")
    status = wire.until("status")[-1]["status"]
    wire.close()
    return {
        "front process, RSS, MiB": round(daemon.rss_mib(), 1),
        "ping, engine idle, median, ms": round(statistics.median(idle), 2),
        "ping, engine at full load, median, ms": round(statistics.median(busy), 2),
        f"ping, engine at full load, p99 of {PINGS}, ms": round(p99(busy), 2),
        "first frame after the engine has the audio, p99, ms": status["front_lag_ms"],
        "daemon start to engine ready, s": round(ready_s, 2),
        "of which torch's own import, s": round(torch_import_s(), 2),
        "`ishowctl status`, median of 10, ms": status_ms(daemon),
    }


def pings(wire: Wire, count: int) -> list[float]:
    """Round trips in ms; audio that comes in between is let pass."""
    taken = []
    for _ in range(count):
        begun_s = time.perf_counter()
        id = wire.send("ping")
        wire.until("pong", id=id)
        taken.append(1000 * (time.perf_counter() - begun_s))
        time.sleep(PACE_S)
    return taken


def p99(values: list[float]) -> float:
    return sorted(values)[int(0.99 * (len(values) - 1))]


def torch_import_s() -> float:
    code = "import time; t = time.perf_counter(); import torch; print(time.perf_counter() - t)"
    runs = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(3)]
    return statistics.median(runs)


def status_ms(daemon: Daemon) -> float:
    ctl = str(ROOT / ".venv/bin/ishowctl")
    taken = []
    for _ in range(10):
        begun_s = time.perf_counter()
        subprocess.run([ctl, "status", "--endpoint", daemon.endpoint], check=True, stdout=subprocess.DEVNULL)
        taken.append(1000 * (time.perf_counter() - begun_s))
    return round(statistics.median(taken))


def report(figures: dict[str, float]) -> None:
    cpu = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    print(f"{cpu[0] if cpu else '?'}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print("| | |\n|---|--:|")
    for name, value in figures.items():
        print(f"| {name} | {value} |")
    (ROOT / ".build/bench-front.json").write_bytes(json.encode(figures))


if __name__ == "__main__":
    main()
