"""A decision as plain data: what is kept in the history, sent to clients and shown to people. Pure.

The other direction, too: what the next start needs of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ishowtts.schedules import Schedule
from ishowtts.tuner.model import Decision, Look, Standing, Summary
from ishowtts.tuner.policy import Policy


def decision(made: Decision, policy: Policy) -> dict[str, Any]:
    """Without id, time and machine, which the history adds."""
    target = next((one.rtf for one in made.standings if one.rtf), None)
    fit, measured = made.fit, made.wanted or made.after
    return {
        "reason": made.order.reason,
        "outcome": made.choice.outcome,
        "sentence": made.choice.sentence,
        "mode": made.mode or None,
        "fingerprint": made.key,
        "before": schedule(made.before),
        "after": schedule(made.after),
        "wanted": schedule(made.wanted or made.after),
        "target": {
            "rtf": policy.rtf_target,
            "bucket": policy.bucket,
            "audio_s": round(target.audio_s, 2) if target else None,
        },
        "candidates": [_standing(one, policy) for one in made.standings],
        "buckets": [
            {"bucket": name, "audio_s": round(summary.audio_s, 2), "nfe": measured.nfe, "rtf": _rtf(summary)}
            for name, summary in made.buckets.items()
        ],
        "fit": fit
        and {
            "fixed_s": round(fit.fixed_s, 5),
            "per_nfe_s": round(fit.per_nfe_s, 5),
            "r2": round(fit.r2, 5),
            "nfe_max": fit.nfe_max,
        },
        "yardsticks": {name: round(db, 3) for name, db in made.yardsticks.items()},
        "gpu_s": round(made.gpu_s, 3),
        "wall_s": round(made.wall_s, 3),
        "trials": made.trials,
        "board": {"before": _board(made.first), "after": _board(made.last)},
    }


def schedule(one: Schedule) -> dict[str, Any]:
    return {"nfe": one.nfe, "schedule": one.name}


def points(record: Mapping[str, Any], nfe: int) -> list[tuple[float, float]]:
    """(seconds of speech, seconds of work) of ``nfe`` in each bucket where the round measured it, for drift.Watch."""
    return [
        (bucket["audio_s"], bucket["audio_s"] * bucket["rtf"]["median"])
        for bucket in record.get("buckets", [])
        if bucket.get("rtf") and bucket["nfe"] == nfe
    ]


def _standing(one: Standing, policy: Policy) -> dict[str, Any]:
    quality = one.quality
    return {
        **schedule(one.schedule),
        "times": [round(time, 6) for time in one.schedule.times],
        "rtf": _rtf(one.rtf) if one.rtf else None,
        "quality": quality
        and {
            "score": round(quality.score, 4),
            "log_mel_db": round(quality.log_mel_db, 3),
            "mcd_db": round(quality.mcd_db, 3),
            "passes": quality.passes,
            "why": quality.why,
            "wer": None if quality.wer is None else round(quality.wer, 4),
        },
        "verdict": _verdict(one, policy),
    }


def _verdict(one: Standing, policy: Policy) -> str:
    if one.vetoed:
        return "vetoed by a person"
    if one.quality and not one.quality.passes:
        return f"rejected: {one.quality.why}"
    if one.rtf is None:
        return "not measured"
    over = one.rtf.median / policy.rtf_target - 1
    return "meets the target" if over <= 0 else f"too slow by {over:.1%}"


def _rtf(summary: Summary) -> dict[str, Any]:
    runs = summary.runs
    return {
        "median": round(summary.median, 5),
        "mean": round(sum(runs) / len(runs), 5),
        "best": round(min(runs), 5),
        "worst": round(max(runs), 5),
        "mad": round(summary.mad, 6),
        "spread": round(summary.spread, 4),
        "runs": [round(run, 5) for run in runs],
    }


def _board(look: Look | None) -> dict[str, Any] | None:
    return dict(look.board) if look and look.board is not None else None
