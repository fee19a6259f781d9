"""A snapshot and its verdict as what `status` and a person are told. Pure."""

from __future__ import annotations

from typing import Any

from ishowtts.device.checks import celsius, mhz
from ishowtts.device.judge import Verdict
from ishowtts.device.snapshot import JtopFailure, JtopView, Snapshot, Zone


def board(snapshot: Snapshot, verdict: Verdict, accept_unknown: bool, now_s: float) -> dict[str, Any]:
    """The `board` of the status: the same keys on every machine, null where something is not known."""
    clock = snapshot.gpu.clock if snapshot.gpu else None
    nvml = snapshot.nvml[0] if snapshot.nvml else None
    hottest, mode, jtop = _hottest(snapshot), snapshot.mode, snapshot.jtop
    return {
        "verdict": verdict.state,
        "usable": verdict.usable(accept_unknown),
        "sentence": sentence(snapshot, verdict, accept_unknown),
        "mend": verdict.reasons[0].mend if verdict.reasons and not verdict.usable(accept_unknown) else "",
        "reasons": verdict.as_json()["reasons"],
        "notes": list(verdict.notes),
        "age_s": round(max(now_s - snapshot.taken_s, 0.0), 1),
        "model": snapshot.model or (nvml.name if nvml else None),
        "l4t": snapshot.l4t,
        "jetpack": snapshot.jetpack,
        "mode": {
            "id": mode.id if mode else None,
            "name": mode.name if mode else None,
            "uncapped": mode.gpu_uncapped if mode else None,
        },
        "gpu": {
            "cur_hz": clock.cur_hz if clock else nvml.clock_hz if nvml else None,
            "min_hz": clock.min_hz if clock else None,
            "max_hz": clock.max_hz if clock else nvml.max_hz if nvml else None,
            "table_max_hz": clock.table_max_hz if clock else None,
            "governor": clock.governor if clock else None,
        },
        "cpus_locked": _cpus_locked(snapshot),
        "hottest": {
            "name": hottest.name if hottest else nvml.name if nvml else None,
            "temp_c": hottest.temp_c if hottest else nvml.temp_c if nvml else None,
            "trip_c": hottest.passive_c if hottest else nvml.slowdown_c if nvml else None,
        },
        "temps": [{"name": zone.name, "temp_c": zone.temp_c} for zone in snapshot.zones if zone.temp_c is not None],
        "throttled_by": [device.name for device in snapshot.cooling if device.slows_down and device.state],
        "over_current": [{"name": counter.name, "count": counter.count} for counter in snapshot.over_current],
        "rails": [{"name": rail.name, "power_mw": rail.power_mw} for rail in snapshot.rails],
        "jtop": {
            "version": jtop.version if isinstance(jtop, JtopView) else None,
            "error": jtop.name if isinstance(jtop, JtopFailure) else None,
            "age_s": jtop.age_s if isinstance(jtop, JtopView) else None,
        },
    }  # fmt: skip


def sentence(snapshot: Snapshot, verdict: Verdict, accept_unknown: bool = False) -> str:
    """The verdict in one line, without the word that mends it."""
    if verdict.state == "trusted":
        return f"trusted: {_figures(snapshot)}"
    if not verdict.reasons:
        return verdict.state
    more = len(verdict.reasons) - 1
    text = f"{verdict.state}: {verdict.reasons[0].text}" + (f" (and {more} more)" if more else "")
    if verdict.state == "unknown" and accept_unknown:
        text += "; accepted by board.accept_unknown"
    return text


def not_looked_at() -> dict[str, Any]:
    """Before the first look."""
    nothing = Verdict("unknown", (), ())
    return board(Snapshot(0.0), nothing, False, 0.0) | {"sentence": "unknown: not looked at yet", "age_s": None}


def _figures(snapshot: Snapshot) -> str:
    parts = [snapshot.mode.name or ""] if snapshot.mode else []
    if snapshot.gpu and snapshot.gpu.clock.max_hz is not None:
        parts.append(f"GPU locked at {mhz(snapshot.gpu.clock.max_hz)} MHz")
    hottest = _hottest(snapshot)
    if hottest is not None and hottest.temp_c is not None:
        parts.append(f"{celsius(hottest.temp_c)} C")
    return ", ".join(filter(None, parts))


def _hottest(snapshot: Snapshot) -> Zone | None:
    zones = [zone for zone in snapshot.zones if zone.is_of_soc and zone.temp_c is not None]
    return max(zones, key=lambda zone: (zone.temp_c or 0.0, zone.passive_c or 0.0), default=None)


def _cpus_locked(snapshot: Snapshot) -> bool | None:
    if not snapshot.cpus or any(cpu.min_hz is None or cpu.max_hz is None for cpu in snapshot.cpus):
        return None
    return all(cpu.min_hz == cpu.max_hz for cpu in snapshot.cpus)
