"""What ``status``, ``voices`` and ``welcome`` say, the same to a person, a script and a subscriber. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msgspec import to_builtins

from ishowtts import ipc, schedules
from ishowtts.admission import Limits
from ishowtts.delivery import Delivery
from ishowtts.lane import EngineState, Lane
from ishowtts.wire import constants
from ishowtts.wire import messages as m


@dataclass(frozen=True)
class Identity:
    """Of this process; ``boot`` is new at each start and tells clients that what they had accepted is gone."""

    version: str
    boot: str
    pid: int
    started_s: float


@dataclass
class EngineNote:
    """In a person's words: what the engine does or lacks, and the command that mends it."""

    text: str = "the engine is starting."
    mend: str = ""
    restarts: int = 0


_STATES = {
    EngineState.STARTING: "loading",
    EngineState.READY: "ready",
    EngineState.RESTARTING: "degraded",
    EngineState.SETUP_REQUIRED: "degraded",
}


def build(
    lane: Lane, delivery: Delivery, note: EngineNote, identity: Identity, limits: Limits, now_s: float, draining: bool
) -> dict[str, Any]:
    ready, counts, live = lane.ready, delivery.counts, len(delivery.live)
    schedule = schedules.pick(lane.defaults.nfe)
    return {
        "state": "draining" if draining else "loading" if lane.held else _STATES[lane.state],
        "detail": f"{live} requests are being finished, no new ones are taken." if draining else note.text,
        "mend": note.mend,
        "pid": identity.pid,
        "boot": identity.boot,
        "uptime_s": round(now_s - identity.started_s, 1),
        "versions": {
            "daemon": identity.version,
            "protocol": list(constants.PROTOCOLS),
            "torch": ready.torch if ready else None,
        },
        "engine": {
            "state": lane.state.value,
            "note": note.text,
            "model": ready.model if ready else None,
            "device": ready.device if ready else None,
            "dtype": ready.dtype if ready else None,
            "load_s": ready.load_s if ready else None,
            "restarts": note.restarts,
            "kernels": ready.kernels if ready else None,
            **to_builtins(lane.counters),
        },
        "queue": {
            "waiting": len(lane.queue.waiting),
            "live": live,
            "speaking": lane.speaking,
            "capacity": limits.queue,
        },
        "nfe": lane.defaults.nfe,
        "schedule": {"name": schedule.name, "times": [round(t, 6) for t in schedule.times]},
        "rtf": {"median": _rounded(lane.rtf_median), "last": _rounded(lane.rtf_last)},
        "requests": {"accepted": counts.accepted, "done": counts.done, "errors": counts.errors},
        "voices": sum(not voice.problem for voice in ready.voices) if ready else 0,
        "front_lag_ms": _p99_ms(lane.front_lags_s),
    }


def welcome(id: str, identity: Identity, limits: Limits) -> m.Welcome:
    return m.Welcome(
        id=id,
        boot=identity.boot,
        server=f"ishowttsd/{identity.version}",
        proto=list(constants.PROTOCOLS),
        caps=list(m.CAPABILITIES),
        limits={
            "header": constants.HEADER_MAX_BYTES,
            "text": constants.TEXT_MAX_CHARS,
            "queue": limits.queue,
            "per_user": limits.per_user,
            "credit": constants.CREDIT_MAX,
            "hb_ms": constants.HEARTBEAT_MS,
        },
    )


def voice(name: str, text: str, info: ipc.VoiceInfo | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "text": text, "usable": info is not None and not info.problem}
    if info is not None:
        entry |= {"seconds": round(info.seconds, 3)} if not info.problem else {"problem": info.problem}
    return entry


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _p99_ms(values_s: list[float]) -> float | None:
    """From the engine having the audio to its first frame having left the daemon, over the last 200 chunks."""
    return round(1000 * sorted(values_s)[int(0.99 * (len(values_s) - 1))], 2) if values_s else None
