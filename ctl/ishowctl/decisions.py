"""What a table, a plot and a page say about one decision of the tuner. Pure; anything may be unknown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ishowctl.reading import UNKNOWN, at, entries, figure, number, words

Decision = dict[str, Any]
Candidate = dict[str, Any]

# After these the daemon goes on speaking as before: what `after` names was only measured, or not even that.
WITHOUT_EFFECT = ("proposed", "dry_run", "refused", "void", "searched")


def name(choice: Any) -> str:
    """NFE 7 (epss-7)"""
    nfe, schedule = at(choice, "nfe"), at(choice, "schedule")
    if nfe is None:
        return UNKNOWN
    return f"NFE {words(nfe)}" + (f" ({words(schedule)})" if schedule else "")


def change(decision: Decision) -> str:
    """8 → 7; 7 where it stays; 8 (7?) where 7 was looked at only."""
    before, after, wanted = (at(decision, f"{key}.nfe") for key in ("before", "after", "wanted"))
    if before is None or (after is None and wanted is None):
        return words(before if after is None else after)
    if decision.get("outcome") in WITHOUT_EFFECT and (wanted or after) != before:
        return f"{words(before)} ({words(wanted or after)}?)"
    return words(before) if after == before else f"{words(before)} → {words(after)}"


def in_force(decision: Decision) -> Any:
    """The candidate that speaks after the decision: {"nfe", "schedule"}, or None."""
    return decision.get("before" if decision.get("outcome") in WITHOUT_EFFECT else "after")


def candidates(decision: Decision) -> list[Candidate]:
    """In the order of measured quality, best first."""
    return entries(decision, "candidates")


def find(decision: Decision, choice: Any) -> Candidate:
    """The measurements of ``choice`` in this decision; empty where it was not measured."""
    same_nfe = [entry for entry in candidates(decision) if entry.get("nfe") == at(choice, "nfe") is not None]
    same = [entry for entry in same_nfe if entry.get("schedule") == at(choice, "schedule")]
    return (same or same_nfe or [{}])[0]


def is_after(decision: Decision, candidate: Candidate) -> bool:
    return bool(candidate) and find(decision, decision.get("wanted") or decision.get("after")) is candidate


def rtf(decision: Decision) -> float | None:
    """The median RTF of what the decision chose."""
    return number(at(find(decision, decision.get("after")), "rtf.median"))


def target_rtf(decision: Decision) -> float | None:
    return number(at(decision, "target.rtf"))


def target(decision: Any) -> str:
    """RTF 0.200 on medium (8.0 s of speech)"""
    if target_rtf(decision) is None:
        return UNKNOWN
    text, bucket = f"RTF {figure(at(decision, 'target.rtf'))}", at(decision, "target.bucket")
    text += f" on {words(bucket)}" if bucket else ""
    seconds = number(at(decision, "target.audio_s"))
    return text + (f" ({seconds:.1f} s of speech)" if seconds is not None else "")


def gpu_c(decision: Decision) -> float | None:
    """The GPU's temperature in degrees Celsius after the round, else before it."""
    after = number(at(decision, "board.after.gpu_c"))
    return number(at(decision, "board.before.gpu_c")) if after is None else after


def mode(decision: Decision) -> str:
    return words(decision.get("mode"))


def gain(decision: Decision, candidate: Candidate) -> float | None:
    """By which share ``candidate`` is faster than the one before: 0.12 for 12 % less time."""
    before = number(at(find(decision, decision.get("before")), "rtf.median"))
    median = number(at(candidate, "rtf.median"))
    return None if not before or median is None else (before - median) / before


def fit(decision: Decision) -> str:
    """0.110 s + 0.190 s x NFE (R² 0.9991); the largest NFE within the target is 7"""
    fixed_s, per_nfe_s = number(at(decision, "fit.fixed_s")), number(at(decision, "fit.per_nfe_s"))
    if fixed_s is None or per_nfe_s is None:
        return UNKNOWN
    text = f"{fixed_s:.3f} s + {per_nfe_s:.3f} s x NFE (R² {figure(at(decision, 'fit.r2'), 4)})"
    most = at(decision, "fit.nfe_max")
    return text + (f"; the largest NFE within the target is {words(most)}" if most is not None else "")


def yardsticks(decision: Decision) -> str:
    """epss-7 1.92 dB, uniform-16 0.90 dB"""
    known = decision.get("yardsticks")
    known = known if isinstance(known, dict) else {}
    return ", ".join(f"{words(grid)} {figure(value, 2, ' dB')}" for grid, value in known.items()) or UNKNOWN


def board(snapshot: Any) -> str:
    """The sentence about the board, and the figures it leaves out."""
    if not isinstance(snapshot, dict):
        return "not looked at"
    sentence, locked = words(snapshot.get("sentence") or snapshot.get("state")), snapshot.get("clocks_locked")
    parts = [words(snapshot["mode"])] if snapshot.get("mode") else []
    parts += [
        figure(snapshot[key], 1, unit) for key, unit in (("gpu_mhz", " MHz"), ("gpu_c", " C")) if snapshot.get(key)
    ]
    parts += [] if locked is None else ["clocks locked" if locked else "clocks not locked"]
    return ", ".join([sentence, *(part for part in parts if part not in sentence)])


def newest_sweep(decisions: Iterable[Decision]) -> Decision | None:
    """Of decisions, newest first: the first that compared two measured candidates, else the first that measured one."""
    counted = [(sum(at(c, "rtf.median") is not None for c in candidates(d)), d) for d in decisions]
    return next((d for least in (2, 1) for count, d in counted if count >= least), None)


def vote(vote: dict[str, Any]) -> str:
    """NFE 7 (epss-7) sounds better than NFE 6 (epss-6) (t2): "hiss" """
    kind, subject = vote.get("kind"), name(vote)
    if kind == "prefer":
        text = f"{subject} sounds better than {name(vote.get('over'))}"
    else:
        text = {"veto": f"{subject} is never to be chosen", "allow": f"{subject} may be chosen again"}.get(
            str(kind), f"{words(kind)}: {subject}"
        )
    text += f" ({words(vote['text'])})" if vote.get("text") else ""
    return text + (f': "{words(vote["note"])}"' if vote.get("note") else "")
