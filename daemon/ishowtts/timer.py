"""The alarm clock: the only module that knows APScheduler."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from apscheduler.schedulers.asyncio import AsyncIOScheduler


class Timer:
    """One alarm at a time; ``ring`` is called in the event loop. It must be made and armed in one."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._scheduler = AsyncIOScheduler(timezone=timezone.utc)

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        self._scheduler.shutdown(wait=False)

    def arm(self, delay_s: float) -> None:
        """In place of the alarm that was set before."""
        self._scheduler.add_job(
            self._on_time,
            "date",
            run_date=datetime.now(timezone.utc) + timedelta(seconds=delay_s),
            id="tuner",
            replace_existing=True,
            misfire_grace_time=None,  # a late alarm still rings: the default drops one that is a second late
        )

    def disarm(self) -> None:
        if self._scheduler.get_job("tuner"):
            self._scheduler.remove_job("tuner")

    async def _on_time(self) -> None:  # async: a plain function would be run in another thread
        self._ring()
