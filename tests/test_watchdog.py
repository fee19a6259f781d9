"""When systemd is told that all is well, and when it is left to act."""

from __future__ import annotations

import asyncio
import sys

import pytest

from ishowtts import ipc, watchdog
from ishowtts.supervisor import Plan, Supervisor


@pytest.mark.parametrize(
    ("late_s", "killed_for_s", "says"),
    [
        (0.0, 0.0, ""),
        (1.9, 9.9, ""),
        (2.5, 0.0, "the loop was 2.5 s late"),
        (0.1, 11.0, "the engine is still there 11 s after SIGKILL"),
    ],
)
def test_trouble(late_s: float, killed_for_s: float, says: str) -> None:
    assert watchdog.trouble(late_s, killed_for_s) == says


def test_a_killed_engine_counts_until_it_is_gone() -> None:
    asyncio.run(_kill_an_engine())


async def _kill_an_engine() -> None:
    ready, died = asyncio.Event(), asyncio.Event()

    def hear(event: ipc.FromEngine, _: bytes) -> None:
        if isinstance(event, ipc.Ready):
            ready.set()

    plan = Plan(sys.executable, ipc.Configure(kind="fake"), start_s=60.0, hang_s=60.0)
    supervisor = Supervisor(plan, hear, lambda why: died.set(), lambda *_, **__: None)
    supervisor.start()
    await asyncio.wait_for(ready.wait(), 30)
    now_s = asyncio.get_running_loop().time()
    assert supervisor.killed_for_s(now_s + 60) == 0.0
    supervisor.restart()  # the loop has not run since: the child cannot have been buried
    assert supervisor.killed_for_s(now_s + 60) > 50.0
    await asyncio.wait_for(died.wait(), 30)
    assert supervisor.killed_for_s(now_s + 60) == 0.0
    await supervisor.stop()
