"""What the tuner's commands ask of a daemon, answered as PROTOCOL.md says: status, synth, history, vote."""

from __future__ import annotations

import math
from array import array
from typing import Any

from ishowtts import schedules
from tests.ctl.other import frames

RATE = 24_000
TEXTS = ["The kettle is on.", 'She said: "</script> & so on", then left.']


def status(**tune: Any) -> dict[str, Any]:
    workload = {
        "voice": "english", "seed": 1234, "fingerprint": "9f8e7d6c", "quality_texts": TEXTS,
        "texts": {"short": "One.", "medium": "Two and three.", "long": "Four, five, six and seven."},
    }  # fmt: skip
    candidates = [
        {"nfe": nfe, "schedule": schedules.pick(nfe).name, "active": nfe == 7, "vetoed": nfe == 5}
        for nfe in (5, 6, 7, 8)
    ]
    return {
        "state": "ready", "detail": "", "mend": "", "pid": 4711, "uptime_s": 86400.0, "nfe": 7, "voices": 3,
        "versions": {"daemon": "0.1.0", "protocol": ["IST1"], "torch": "2.8.0"},
        "engine": {"state": "ready", "model": "F5TTS_v1_Base", "device": "cuda:0 (Orin)", "dtype": "fp16"},
        "schedule": {"name": "epss-7", "times": list(schedules.pick(7).times)},
        "board": {
            "verdict": "trusted", "sentence": "trusted: MAXN, GPU locked at 1300.5 MHz, 48.5 C", "mend": "",
            "reasons": [], "notes": [], "model": "NVIDIA Jetson AGX Orin", "l4t": "36.4.3", "jetpack": "6.2",
            "mode": {"id": 0, "name": "MAXN", "uncapped": True}, "gpu": {"cur_hz": 1300500000, "max_hz": 1300500000},
            "cpus_locked": True, "hottest": {"name": "gpu", "temp_c": 48.5, "trip_c": 99.0}, "throttled_by": [],
        },
        "tune": {
            "state": "resting", "sentence": "the next round begins in 60 min.", "next_s": 3600.5, "pinned": None,
            "refusals": [], "warning": "",
            "last": {"id": 30, "at": "2026-11-30T02:40:00Z", "outcome": "kept", "sentence": "NFE 7 stays."},
            "target": {"rtf": 0.2, "bucket": "medium", "audio_s": 8.02}, "candidates": candidates, "progress": None,
            "workload": workload, **tune,
        },
    }  # fmt: skip


def speech(nfe: int, text: str) -> array[int]:
    """Two bursts of a tone and a pause; louder with each step. 8 sounds as 7 does, to the byte."""
    amplitude, pitch = 1500 * min(nfe, 7), 180 + len(text)
    tone = [round(amplitude * math.sin(2 * math.pi * pitch * i / RATE)) for i in range(RATE // 4)]
    return array("h", tone + [0] * (RATE // 10) + tone)


class Tuning:
    """An `Answer` that remembers what it was asked and which votes were cast."""

    def __init__(self, state: dict[str, Any], decisions: list[dict[str, Any]], votes: list[dict[str, Any]]) -> None:
        self.asked: list[dict[str, Any]] = []
        self._state, self._decisions, self._votes = state, decisions, votes

    def __call__(self, request: dict[str, Any]) -> list[list[bytes]]:
        self.asked.append(request)
        id, op = request["id"], request["op"]
        if op == "status":
            return [frames(op="status", id=id, status=self._state)]
        if op == "history":
            return [self._history(request)]
        if op == "vote" and request["nfe"] == 99:
            return [frames(op="error", id=id, code="INVALID_ARGUMENT", reason="NFE", msg="NFE 99 is no candidate.")]
        if op == "vote":
            return [frames(op="ok", id=id)]
        return self._speak(request) if op == "synth" else []

    def _history(self, request: dict[str, Any]) -> list[bytes]:
        """One decision whole, or the newest `limit` before the id `before`."""
        assert 1 <= request.get("limit", 1) <= 20
        id, number = request["id"], request.get("number")
        if number is not None:
            found = [entry for entry in self._decisions if entry["id"] == number]
            missing = {"code": "NOT_FOUND", "reason": "DECISION", "msg": f"there is no decision {number}."}
            return (
                frames(op="history", id=id, decisions=found, votes=[])
                if found
                else frames(op="error", id=id, **missing)
            )
        older = [entry for entry in self._decisions if entry["id"] < request.get("before", 1 << 62)]
        return frames(op="history", id=id, decisions=older[: request["limit"]], votes=self._votes)

    def of(self, op: str) -> list[dict[str, Any]]:
        return [request for request in self.asked if request["op"] == op]

    @staticmethod
    def _speak(request: dict[str, Any]) -> list[list[bytes]]:
        id, nfe = request["id"], request["nfe"]
        pcm = speech(nfe, request["text"])
        half = len(pcm) // 2
        audio = {"format": "pcm_s16le", "rate": RATE, "channels": 1}
        done = {"audio_ms": 1000 * len(pcm) // RATE, "rtf": 0.03 * nfe, "nfe": nfe, "seed": request["seed"]}
        return [
            frames(op="started", id=id, audio=audio, nfe=nfe, schedule=schedules.pick(nfe).name, seed=request["seed"]),
            [*frames(op="audio", id=id, seq=0), pcm[:half].tobytes()],
            [*frames(op="audio", id=id, seq=1), pcm[half:].tobytes()],
            frames(op="done", id=id, **done),
        ]
