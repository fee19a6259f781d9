"""The figures of a whole engine on this machine: starts, first request, time to first audio."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import yaml

from ishowtts import children, ipc
from ishowtts.bench import ours, stats
from ishowtts.bench.rows import Figure
from ishowtts.bench.start import Start, engine_start
from ishowtts.bench.subject import LeftOut
from ishowtts.bench.workload import HEADLINE_NFE, TEXTS, VOICE

TTFA_S = 420.0
SHORT, USUAL = TEXTS["1.5s"], TEXTS["5.7s"]
Measured = list[Figure]


@dataclass(frozen=True)
class Machine:
    """``python`` is the daemon's; ``folder`` is the run's own, for configuration, sockets and the engine's cache."""

    python: str
    configure: ipc.Configure
    folder: Path
    ttfa_runs: int

    @property
    def environment(self) -> dict[str, str]:
        """The engine keeps compiled artefacts here, so that a second start finds what the first made."""
        return {"ISHOWTTS_CACHE": str(self.folder / "cache")}

    def parts(self) -> list[tuple[str, Callable[[], Measured]]]:
        """In this order: the cold start comes first, while the cache is empty."""
        return [
            ("engine, cold start", lambda: start_figures("cold", self._start())),
            ("engine, warm start", lambda: start_figures("warm", self._start())),
            ("time to first audio through ZeroMQ", self._ttfa),
        ]

    def _start(self) -> Start:
        Path(self.environment["ISHOWTTS_CACHE"]).mkdir(exist_ok=True)
        return engine_start(self.python, self.configure, ours.job(USUAL, HEADLINE_NFE), self.environment)

    def _ttfa(self) -> Measured:
        runtime = self.folder / "run"
        runtime.mkdir(exist_ok=True)
        config = self.folder / "ishowtts.yaml"
        config.write_text(yaml.safe_dump(self._settings()), encoding="utf-8")
        try:
            done = subprocess.run(
                children.command(
                    self.python, "ishowtts.bench.ttfa", str(config), str(runtime), SHORT, str(self.ttfa_runs)
                ),
                capture_output=True,
                text=True,
                timeout=TTFA_S,
                env={**os.environ, **self.environment},
            )
        except subprocess.TimeoutExpired:
            raise LeftOut(f"it took more than {TTFA_S:.0f} s.") from None
        if done.returncode != 0:
            log = runtime / "log"
            said = (done.stderr.strip() or "no word").splitlines()[-1]
            last = (log.read_text(errors="replace").strip() if log.exists() else "").splitlines()[-1:]
            raise LeftOut(" ".join([f"{said.rstrip('.')}.", *last]))
        return ttfa_figures(json.loads(done.stdout))

    def _settings(self) -> dict[str, object]:
        configure, voice = self.configure, self.configure.voices[0]
        engine = {
            key: getattr(configure, key)
            for key in ("kind", "model_config", "checkpoint", "vocab", "vocoder", "device", "dtype", "threads")
        }
        clips = {VOICE: {"audio": voice.audio, "text": voice.text}}
        voices = {"folder": str(self.folder / "voices"), "default": VOICE, "clips": clips}
        return {"engine": engine, "voices": voices, "synthesis": {"nfe": HEADLINE_NFE}}


def start_figures(kind: str, start: Start) -> Measured:
    """``kind``: cold (nothing kept from before) or warm (what the cold start kept is there)."""
    about = f"torch {start.ready.torch}, {start.ready.device}, {start.ready.dtype}"
    figures = [Figure(name=f"engine, {kind} start to ready", value=round(start.ready_s, 3), unit="s", note=about)]
    if kind == "cold":
        return figures
    usual = f"5.7s at NFE {HEADLINE_NFE}, to and from the engine's process"
    return [
        *figures,
        Figure(name="first request after it", value=round(1000 * start.first_s, 2), unit="ms", note=usual),
        Figure(name="later requests, median", value=round(1000 * start.later_s, 2), unit="ms", note=usual),
        Figure(name="engine process, peak host memory", value=round(start.peak_rss_mib, 1), unit="MiB"),
    ]


def ttfa_figures(measured: dict[str, object]) -> Measured:
    """From what ttfa.py printed."""
    runs_s, first_s, ready_s = measured["runs_s"], measured["first_s"], measured["ready_s"]
    assert isinstance(runs_s, list) and isinstance(first_s, float) and isinstance(ready_s, float)
    note = f"client to client over ipc, {SHORT!r}, NFE {HEADLINE_NFE}, {len(runs_s)} requests"
    return [
        Figure(name="daemon, warm start to ready", value=round(ready_s, 3), unit="s"),
        Figure(name="time to first audio, median", value=round(1000 * median(runs_s), 2), unit="ms", note=note),
        Figure(name="time to first audio, p95", value=round(1000 * stats.percentile(runs_s, 0.95), 2), unit="ms"),
        Figure(name="time to first audio, first request", value=round(1000 * first_s, 2), unit="ms"),
    ]
