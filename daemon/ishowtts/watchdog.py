"""Whether systemd may be told that all is well. Pure.

An engine that loads, hangs, is being restarted or must be mended is no reason to restart the daemon: each has a
deadline of its own (engine.start_s, engine.hang_s, back-off), kept by killing the child. What only systemd can mend is
a loop that is always late, and a child that outlives SIGKILL because a driver holds it.
"""

from __future__ import annotations

LATE_S = 2.0
UNKILLABLE_S = 10.0


def trouble(late_s: float, killed_for_s: float) -> str:
    """Why not, or "". ``late_s``: the loop's delay; ``killed_for_s``: how long the child has outlived SIGKILL."""
    if late_s > LATE_S:
        return f"the loop was {late_s:.1f} s late"
    if killed_for_s > UNKILLABLE_S:
        return f"the engine is still there {killed_for_s:.0f} s after SIGKILL"
    return ""
