"""One verdict over snapshots: can a measurement made between them be trusted? Pure.

Trusted needs proof of everything: an uncapped power mode; the GPU pinned at the hardware's (and the expected) maximum,
and running there while it is powered; every CPU pinned; nothing that throttles; heat below the trips with a margin; the
over-current counters readable, and unchanged between the two. What contradicts any of it rejects; what is missing,
unreadable or garbage leaves it unknown. A machine that is no Jetson is never trusted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ishowtts.device import checks, witnesses
from ishowtts.device.checks import Findings, Reason
from ishowtts.device.snapshot import Snapshot

State = Literal["trusted", "rejected", "unknown"]


@dataclass(frozen=True)
class Verdict:
    """``reasons`` say why it is not trusted, the most fundamental first: mend them in this order."""

    state: State
    reasons: tuple[Reason, ...] = ()
    notes: tuple[str, ...] = ()

    def usable(self, accept_unknown: bool) -> bool:
        """May the tuner measure? ``accept_unknown`` is the operator's word for machines that cannot prove it."""
        return self.state == "trusted" or (accept_unknown and self.state == "unknown")

    def as_json(self) -> dict[str, Any]:
        reasons = [{"text": reason.text, "mend": reason.mend} for reason in self.reasons]
        return {"state": self.state, "reasons": reasons, "notes": list(self.notes)}


def judge(before: Snapshot, after: Snapshot | None = None, expected_gpu_mhz: float | None = None) -> Verdict:
    """The verdict on ``before``, or on what happened between the two.

    ``expected_gpu_mhz`` is what the operator knows of this board's GPU. A clock table can end too early (old firmware),
    and then nothing on the board itself contradicts it.
    """
    first = _look_at(before, expected_gpu_mhz)
    if after is None:
        return _verdict(first)
    last = _look_at(after, expected_gpu_mhz)
    both = Findings(
        bad=_merge(first.bad, last.bad), unknown=_merge(first.unknown, last.unknown), notes=_united(first, last)
    )
    checks.counted_between(before, after, both)
    return _verdict(both)


def _look_at(snapshot: Snapshot, expected_gpu_mhz: float | None) -> Findings:
    found = Findings()
    if snapshot.soc is None:
        checks.no_jetson(snapshot, found)
        return found
    capped = checks.power_mode(snapshot, found)
    checks.gpu_clock(snapshot, expected_gpu_mhz, capped, found)
    checks.cpu_clocks(snapshot, found)
    checks.throttling(snapshot, found)
    checks.heat(snapshot, found)
    checks.counters(snapshot, found)
    witnesses.memory_clock(snapshot, found)
    witnesses.jtop(snapshot, found)
    return found


def _verdict(found: Findings) -> Verdict:
    if found.bad:
        unproven = tuple(reason.text for reason in found.unknown)
        return Verdict("rejected", tuple(found.bad), (*unproven, *found.notes))
    return Verdict("unknown" if found.unknown else "trusted", tuple(found.unknown), tuple(found.notes))


def _merge(first: list[Reason], last: list[Reason]) -> list[Reason]:
    """What held at both ends once, what held at one end with its end."""
    merged = [reason if reason in last else Reason(f"before: {reason.text}", reason.mend) for reason in first]
    return merged + [Reason(f"after: {reason.text}", reason.mend) for reason in last if reason not in first]


def _united(first: Findings, last: Findings) -> list[str]:
    return list(dict.fromkeys([*first.notes, *last.notes]))
