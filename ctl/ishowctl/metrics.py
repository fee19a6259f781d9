"""The status as Prometheus text (exposition format 0.0.4), for node_exporter's textfile collector or a script. Pure."""

from __future__ import annotations

from typing import Any

from ishowctl.reading import at

Sample = tuple[dict[str, str], Any]
STATES = ("loading", "ready", "degraded", "draining")
VERDICTS = ("trusted", "rejected", "unknown")
# name without its prefix, kind, help, path in the status, factor to the base unit
_PLAIN = (
    ("uptime_seconds", "gauge", "Since the daemon started.", "uptime_s", 1),
    ("engine_restarts_total", "counter", "Times the speech engine died.", "engine.restarts", 1),
    ("queue_waiting", "gauge", "Requests accepted, not started.", "queue.waiting", 1),
    ("queue_live", "gauge", "Requests accepted, not ended.", "queue.live", 1),
    ("queue_capacity", "gauge", "Places for waiting requests.", "queue.capacity", 1),
    ("engine_speaking", "gauge", "1 while the engine works.", "queue.speaking", 1),
    ("nfe", "gauge", "ODE steps where a request names none.", "nfe", 1),
    ("rtf_median", "gauge", "Compute seconds a second of audio, of the last 200 requests.", "rtf.median", 1),
    ("rtf_last", "gauge", "The same, of the last request.", "rtf.last", 1),
    ("requests_accepted_total", "counter", "Since the daemon started.", "requests.accepted", 1),
    ("requests_done_total", "counter", "Ended with all their audio.", "requests.done", 1),
    ("requests_errors_total", "counter", "Ended with an error.", "requests.errors", 1),
    ("voices", "gauge", "Voices the engine has loaded.", "voices", 1),
    ("front_lag_seconds", "gauge", "From audio made to its first message sent, p99.", "front_lag_ms", 1e-3),
    ("board_usable", "gauge", "1 where the tuner measures.", "board.usable", 1),
    ("board_age_seconds", "gauge", "Since the board was looked at.", "board.age_s", 1),
    ("board_mode_uncapped", "gauge", "1 when the power mode leaves the GPU alone.", "board.mode.uncapped", 1),
    ("board_gpu_hertz", "gauge", "The GPU's clock.", "board.gpu.cur_hz", 1),
    ("board_gpu_min_hertz", "gauge", "Its floor.", "board.gpu.min_hz", 1),
    ("board_gpu_max_hertz", "gauge", "Its ceiling now.", "board.gpu.max_hz", 1),
    ("board_gpu_table_max_hertz", "gauge", "What the hardware can do.", "board.gpu.table_max_hz", 1),
    ("board_cpus_locked", "gauge", "1 when every CPU is held at its ceiling.", "board.cpus_locked", 1),
    ("board_trip_celsius", "gauge", "Where the hottest zone begins to slow down.", "board.hottest.trip_c", 1),
)
# name, kind, help, list in the board, label's key, value's key, factor
_LISTS = (
    ("board_temperature_celsius", "gauge", "Of a thermal zone.", "temps", "zone", "temp_c", 1),
    ("board_power_watts", "gauge", "Of a power rail.", "rails", "rail", "power_mw", 1e-3),
    ("board_over_current_total", "counter", "Throttles since the board started.", "over_current", "kind", "count", 1),
)


def prometheus(status: dict[str, Any]) -> str:
    """What is not known is left out, never 0."""
    families: list[tuple[str, str, str, list[Sample]]] = [
        (name, kind, help, [({}, _scaled(at(status, path), by))]) for name, kind, help, path, by in _PLAIN
    ]
    board = at(status, "board") if isinstance(at(status, "board"), dict) else {}
    for name, kind, help, key, label, value, by in _LISTS:
        listed = board.get(key)
        entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
        by_name = {str(entry.get("name")): entry for entry in reversed(entries)}  # of two zones of one name, the first
        samples = [({label: found}, _scaled(entry.get(value), by)) for found, entry in by_name.items()]
        families.append((name, kind, help, samples))
    versions = {"version": str(at(status, "versions.daemon"))}
    families.append(("build_info", "gauge", "Always 1; the version is its label.", [(versions, 1)]))
    families.append(("state", "gauge", "1 for the state it is in.", _one_of(STATES, "state", status.get("state"))))
    verdicts = _one_of(VERDICTS, "verdict", board.get("verdict")) if board else []
    families.append(("board_verdict", "gauge", "1 for the verdict on the board.", verdicts))
    return "".join(_family(f"ishowtts_{name}", kind, help, samples) for name, kind, help, samples in families)


def _one_of(all: tuple[str, ...], label: str, now: object) -> list[Sample]:
    return [({label: value}, int(value == now)) for value in all]


def _family(name: str, kind: str, help: str, samples: list[Sample]) -> str:
    lines = [f"{name}{_labels(labels)} {value!r}" for labels, value in samples if value is not None]
    return "\n".join([f"# HELP {name} {help}", f"# TYPE {name} {kind}", *lines, ""]) if lines else ""


def _labels(labels: dict[str, str]) -> str:
    parts = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{parts}}}" if parts else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _scaled(value: Any, by: float) -> Any:
    """The number in its base unit, 0 or 1 for a truth, None for anything else."""
    if isinstance(value, bool):
        return int(value)
    if not isinstance(value, int | float) or value - value != 0:  # infinity and NaN are no figures
        return None
    return value if by == 1 else round(value * by, 9)
