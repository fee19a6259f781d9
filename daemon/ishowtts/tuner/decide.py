"""The decision at the end of a round: which schedule should be spoken with, and why, in one sentence. Pure.

While the active one meets the target it is left only for a better-sounding one with room to spare (``climb_below``);
between that and the target lies the band that stops flapping. When it misses, the best-sounding one within the target
is taken; when none is, the fastest that passes quality.
"""

from __future__ import annotations

from collections.abc import Sequence

from ishowtts.schedules import Schedule
from ishowtts.tuner.model import Choice, Standing
from ishowtts.tuner.policy import Policy

SAME = 0.03  # scores this near sound the same: then the faster one is better


def choose(standings: Sequence[Standing], active: Schedule, policy: Policy) -> Choice:
    """``standings`` hold the active one, measured. Those without RTF or quality are never chosen.

    One that the configuration does not name is not chosen either, and left where it is the active one.
    """
    home = next(standing for standing in standings if standing.schedule == active)
    named = [standing for standing in standings if standing.schedule.nfe in policy.candidates]
    fit = [standing for standing in named if standing.passes and standing.rtf is not None]
    if not fit:
        return Choice(active.nfe, "kept", f"{_name(active)} stays: no candidate passes quality. {_why_not(standings)}")
    may_stay = home in fit and _rtf(home) <= policy.rtf_target
    limit = policy.rtf_target * (policy.climb_below if may_stay else 1.0)
    within = [standing for standing in fit if _rtf(standing) <= limit]
    if may_stay:
        better = [standing for standing in within if _score(standing) < _score(home) * (1 - SAME)]
        return _moved(_best(better), home, policy) if better else _kept(home, standings, policy)
    if within:
        return _moved(_best(within), home, policy)
    return _missed(min(fit, key=_rtf), home, policy)


def _best(standings: Sequence[Standing]) -> Standing:
    """The fastest among those that sound as good as the best."""
    best = min(map(_score, standings))
    return min((one for one in standings if _score(one) <= best / (1 - SAME)), key=_rtf)


def _kept(home: Standing, standings: Sequence[Standing], policy: Policy) -> Choice:
    better = [one for one in standings if one.passes and one.rtf and _score(one) < _score(home) * (1 - SAME)]
    text = f"{_name(home.schedule)} stays: RTF {_rtf(home):.3f}, target {policy.rtf_target:.3f}"
    if better:
        next_ = min(better, key=_rtf)
        needed = policy.climb_below * policy.rtf_target
        text += f"; {_name(next_.schedule)} sounds better but is at {_rtf(next_):.3f}, needs {needed:.3f}"
    else:
        text += ", and none sounds better"
    return Choice(home.schedule.nfe, "kept", f"{text}.")


def _moved(to: Standing, home: Standing, policy: Policy) -> Choice:
    if home.schedule.nfe not in policy.candidates:
        reason = f"{_name(home.schedule)} is no candidate of the configuration"
    elif not home.passes:
        reason = f"{_name(home.schedule)} is {'vetoed' if home.vetoed else 'not good enough'}"
    elif _rtf(home) > policy.rtf_target:
        reason = f"{_name(home.schedule)} misses the target {policy.rtf_target:.3f} with RTF {_rtf(home):.3f}"
    else:
        reason = f"it sounds better than {_name(home.schedule)} and is within {policy.climb_below:.0%} of the target"
    text = f"{_name(to.schedule)} with RTF {_rtf(to):.3f}: {reason}."
    return Choice(to.schedule.nfe, "changed", text)


def _missed(fastest: Standing, home: Standing, policy: Policy) -> Choice:
    over = _rtf(fastest) / policy.rtf_target - 1
    text = f"the target {policy.rtf_target:.3f} is missed by {over:.0%}: the fastest that passes quality is "
    text += f"{_name(fastest.schedule)} with RTF {_rtf(fastest):.3f}."
    return Choice(fastest.schedule.nfe, "changed" if fastest.schedule != home.schedule else "missed", text)


def _why_not(standings: Sequence[Standing]) -> str:
    whys = [
        f"{_name(one.schedule)} {'is vetoed' if one.vetoed else one.quality.why if one.quality else 'was not compared'}"
        for one in standings
    ]
    return f"{'; '.join(whys)}."


def _name(schedule: Schedule) -> str:
    return f"NFE {schedule.nfe}"


def _rtf(standing: Standing) -> float:
    return standing.rtf.median if standing.rtf else float("inf")


def _score(standing: Standing) -> float:
    return standing.quality.score if standing.quality else float("inf")
