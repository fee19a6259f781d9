"""The tuner's part of the status, and its progress as events: plain data. Pure."""

from __future__ import annotations

from typing import Any

from ishowtts.tuner.core import Tuner
from ishowtts.tuner.events import Committing, Looking, Paused, Resting, State, Working
from ishowtts.tuner.plan import BUCKETS, MIN_RUNS, QUALITY_ITEMS, SIDE_RUNS, Compare, Round, Trial
from ishowtts.tuner.workload import Workload


def status(tuner: Tuner, workload: Workload | None, now_s: float) -> dict[str, Any]:
    """Without what the history knows."""
    policy, state = tuner.policy, tuner.state
    due_s = state.due_s if isinstance(state, Resting) and (policy.auto or state.order.asked) else None
    return {
        "state": word(state) if policy.auto or not isinstance(state, Resting) else "off",
        "outcome": tuner.outcome,
        "sentence": tuner.verdict,
        "next_s": None if due_s is None else round(max(due_s - now_s, 0.0), 1),
        "pinned": tuner.memory.pinned,
        "refusals": _refusals(tuner),
        "target": {"rtf": policy.rtf_target, "bucket": policy.bucket, "audio_s": BUCKETS[policy.bucket]},
        "candidates": [
            {"nfe": nfe, "schedule": tuner.schedule_of(nfe).name, "active": nfe == tuner.active, "vetoed": vetoed}
            for nfe in policy.candidates
            for vetoed in [nfe in tuner.memory.vetoed]
        ],
        "progress": progress(tuner),
        "workload": workload
        and {
            "voice": workload.voice,
            "seed": workload.seed,
            "fingerprint": workload.fingerprint,
            "texts": dict(workload.texts),
            "quality_texts": list(workload.quality_texts),
        },
    }


def word(state: State) -> str:
    match state:
        case Resting():
            return "resting"
        case Looking():
            return "looking"
        case Working(task=Compare()):
            return "judging"
        case Working():
            return "measuring"
        case Paused():
            return "paused"
        case Committing():
            return "deciding"


def progress(tuner: Tuner) -> dict[str, Any] | None:
    """What a round is at; None between rounds."""
    match tuner.state:
        case Working(round=round_, task=Compare() as task):
            known = sum(map(len, round_.distances.values()))
            return {
                "nfe": task.schedule.nfe,
                "schedule": task.schedule.name,
                "run": task.item + 1,
                "of": QUALITY_ITEMS,
                "done": known,
            }
        case Working(round=round_, task=Trial() as task):
            return _of_trial(tuner, round_, task)
        case Paused(round=round_):
            return {"trials": round_.trials}
        case _:
            return None


def event(tuner: Tuner, now_s: float) -> dict[str, Any]:
    """Where it stands now, for those who follow; also the ends of rounds that decide nothing."""
    data: dict[str, Any] = {"kind": word(tuner.state), "progress": progress(tuner)}
    if isinstance(tuner.state, Resting):
        data |= {"outcome": tuner.outcome, "sentence": tuner.verdict, "refusals": _refusals(tuner)}
        data |= {"due": tuner.state.order.reason, "next_s": round(tuner.state.due_s - now_s, 1)}
    return data


def _refusals(tuner: Tuner) -> list[dict[str, str]]:
    return [{"code": one.code, "text": one.text, "mend": one.mend} for one in tuner.refusals]


def _of_trial(tuner: Tuner, round_: Round, task: Trial) -> dict[str, Any]:
    summary = round_.summary(task.schedule, task.bucket)
    most = SIDE_RUNS if round_.side else round_.order.runs or tuner.policy.runs
    return {
        "nfe": task.schedule.nfe,
        "schedule": task.schedule.name,
        "bucket": task.bucket,
        "warm_up": task.warm_up,
        "run": len(summary.runs) + 1 if summary else 1,
        "of": most,
        "at_least": min(MIN_RUNS, most),
        "rtf": round(summary.median, 5) if summary else None,
        "trials": round_.trials,
    }
