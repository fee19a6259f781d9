"""May a round begin, or go on? Every refusal says which limit, and by how much. Pure."""

from __future__ import annotations

from ishowtts.tuner.model import Look, Refusal
from ishowtts.tuner.policy import Policy


def before(look: Look, policy: Policy) -> tuple[Refusal, ...]:
    """What keeps a round from beginning, or an interrupted one from going on."""
    found = list(look.why_not) if not look.usable else []
    if look.hottest_c is not None and look.hottest_c >= policy.start_below_c:
        text = f"{look.hottest_c:.1f} C, a round begins below {policy.start_below_c:.0f} C"
        found.append(Refusal("hot", text, "let it cool down"))
    if look.idle_s < policy.idle_s:
        text = f"somebody was spoken for {look.idle_s:.0f} s ago, a round begins after {policy.idle_s:.0f} s of silence"
        found.append(Refusal("busy", text, "wait"))
    return tuple(found)


def during(start: Look, look: Look, policy: Policy) -> tuple[Refusal, ...]:
    """What makes a round under way worthless."""
    found = list(look.why_not) if not look.usable else []
    if look.mode != start.mode:
        found.append(Refusal("mode", f"the power mode changed from {start.mode or '-'} to {look.mode or '-'}"))
    if look.key != start.key:
        found.append(Refusal("changed", "the model, the voice or the engine changed"))
    if look.hottest_c is not None and look.hottest_c >= policy.abort_above_c:
        text = f"{look.hottest_c:.1f} C, a round ends at {policy.abort_above_c:.0f} C"
        found.append(Refusal("hot", text, "let it cool down"))
    return tuple(found)
