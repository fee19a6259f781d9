"""Decisions as the daemon tells them, for tests: the table measured by hand on an AGX Orin, and a month after it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from ishowtts import schedules

# Median RTF on the bucket of 8 s, AGX Orin, MAXN at 1300.5 MHz.
BY_HAND = {6: 0.184, 7: 0.213, 8: 0.243, 9: 0.271, 10: 0.298}
QUALITY = {6: 1.31, 7: 1.0, 8: 0.86, 9: 0.71, 10: 0.58}
HOSTILE = (
    "</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">\x1b[2J&amp; 'q'"
)


def rtf(median: float) -> dict[str, Any]:
    runs = [round(median * (1 + 0.006 * ((7 * i) % 10 - 5) / 5), 4) for i in range(10)]
    return {
        "median": median, "mean": round(median * 1.002, 4), "best": min(runs), "worst": max(runs),
        "mad": round(median * 0.003, 4), "spread": 0.003, "runs": runs,
    }  # fmt: skip


def candidate(nfe: int, *, faster: float = 1.0, target: float = 0.2, passes: bool = True) -> dict[str, Any]:
    schedule, median = schedules.pick(nfe), round(BY_HAND[nfe] / faster, 4)
    over = 100 * (median / target - 1)
    verdict = "meets the target" if over <= 0 else f"too slow by {over:.0f} %"
    quality = {
        "score": QUALITY[nfe],
        "log_mel_db": round(1.92 * QUALITY[nfe], 2),
        "mcd_db": round(3.1 * QUALITY[nfe], 2),
    }
    why = "" if passes else "log-mel distance 2.52 dB, at most 2.11 dB passes"
    return {
        "nfe": nfe, "schedule": schedule.name, "times": list(schedule.times), "rtf": rtf(median),
        "quality": {**quality, "passes": passes, "why": why}, "verdict": verdict if passes else f"rejected: {why}",
    }  # fmt: skip


def board(gpu_c: float, mode: str = "MAXN") -> dict[str, Any]:
    sentence = f"trusted: {mode}, GPU locked at 1300.5 MHz, {gpu_c} C"
    return {
        "state": "trusted",
        "sentence": sentence,
        "mode": mode,
        "gpu_c": gpu_c,
        "gpu_mhz": 1300.5,
        "clocks_locked": True,
    }


def decision(id: int = 1, **changes: Any) -> dict[str, Any]:
    """The first sweep by hand: from 8 to 6 for RTF below 0.20."""
    return {
        "id": id, "at": "2026-11-22T23:59:01Z", "reason": "operator", "outcome": "changed",
        "sentence": "NFE 6 replaces 8: RTF 0.184 at 8.0 s, target 0.200; NFE 7 would be 0.213.",
        "mode": "MAXN", "model": "F5TTS_v1_Base", "fingerprint": "3fa2b1c09d77", "device": "cuda:0 (Orin)",
        "dtype": "fp16", "torch": "2.8.0", "daemon": "0.1.0",
        "before": {"nfe": 8, "schedule": "own-8"}, "after": {"nfe": 6, "schedule": "epss-6"},
        "target": {"rtf": 0.2, "bucket": "medium", "audio_s": 8.02},
        "candidates": [candidate(nfe) for nfe in (10, 9, 8, 7, 6)],
        "buckets": [
            {"bucket": "short", "audio_s": 3.1, "nfe": 6, "rtf": rtf(0.311)},
            {"bucket": "medium", "audio_s": 8.02, "nfe": 6, "rtf": rtf(0.184)},
            {"bucket": "long", "audio_s": 21.4, "nfe": 6, "rtf": rtf(0.152)},
        ],
        "fit": {"fixed_s": 0.11, "per_nfe_s": 0.23, "r2": 0.9991, "nfe_max": 6},
        "yardsticks": {"epss-7": 1.92, "uniform-16": 0.9}, "gpu_s": 141.2, "wall_s": 155.0, "trials": 55,
        "board": {"before": board(48.5), "after": board(54.5)}, **changes,
    }  # fmt: skip


def month() -> list[dict[str, Any]]:
    """Thirty days, newest first: a faster engine lets 7 in, a person pins, the mode changes, a day is too hot."""
    made = [decision(1, at="2026-11-01T02:10:00Z")]
    for day in range(2, 31):
        when = datetime(2026, 11, day, 2, 10, tzinfo=timezone.utc) + timedelta(minutes=(37 * day) % 180)
        made.append(_day(day, when.strftime("%Y-%m-%dT%H:%M:%SZ")))
    return made[::-1]


def _day(day: int, at: str) -> dict[str, Any]:
    capped = 20 <= day < 24
    mode, faster = ("MODE_30W", 0.72) if capped else ("MAXN", 1.0 if day < 9 else 1.2)
    nfe = 6 if capped or day < 10 else 7
    before = {7: 6, 10: 6, 20: 7, 24: 6}.get(day, nfe)
    outcome = "missed" if capped else "changed" if before != nfe else "kept"
    measured = [candidate(each, faster=faster * (1 + 0.01 * (day % 3))) for each in (8, 7, 6)]
    warm = board(47.0 + (5 * day) % 13, mode)
    about = {"at": at, "reason": "timer", "outcome": outcome, "mode": mode, "candidates": measured, "buckets": []}
    said = f"NFE {nfe} {'stays' if before == nfe else f'replaces {before}'}, target 0.200."
    if day == 15:
        nothing = {"outcome": "refused", "candidates": [], "fit": None, "yardsticks": {}, "trials": 0}
        hot = {"board": {"before": board(81.0), "after": None}, "before": choice(7), "after": choice(7)}
        return decision(day, **{**about, **nothing, **hot}, sentence="No round: gpu 81.0 C, rounds start below 70 C.")
    return decision(
        day, **about, sentence=said, before=choice(before), after=choice(nfe), board={"before": warm, "after": warm}
    )


def choice(nfe: int) -> dict[str, Any]:
    return {"nfe": nfe, "schedule": schedules.pick(nfe).name}


def votes() -> list[dict[str, Any]]:
    who = {"at": "2026-11-21T10:00:00Z", "kit": "a1b2c3d4", "who": "uid 1000"}
    return [
        {"id": 2, "kind": "veto", **choice(6), "over": None, "text": "t2", "note": "hisses", **who},
        {"id": 1, "kind": "prefer", **choice(7), "over": choice(6), "text": "t1", "note": "", **who},
    ]


def nothing_known() -> dict[str, Any]:
    """As poor as a decision can be."""
    keys = decision().keys() - {"id", "at"}
    return {"id": 3, "at": None, **dict.fromkeys(keys, None)}


def taint(value: Any) -> Any:
    """The same with every text replaced by one that tries to become markup."""
    if isinstance(value, dict):
        return {key: taint(part) for key, part in value.items()}
    if isinstance(value, list):
        return [taint(part) for part in value]
    return HOSTILE if isinstance(value, str) else value


def hostile() -> dict[str, Any]:
    return {**taint(decision(4)), "at": "2026-11-22T23:59:01Z", "outcome": "changed"}
