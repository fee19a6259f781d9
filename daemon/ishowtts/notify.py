"""Words to systemd. Outside of it (no NOTIFY_SOCKET) they go nowhere."""

from __future__ import annotations

import time

from sdnotify import SystemdNotifier


class Notifier:
    def __init__(self) -> None:
        self._systemd = SystemdNotifier()
        self._status = ""
        self._pinged_s = float("-inf")

    def ready(self) -> None:
        self._systemd.notify("READY=1")

    def reloading(self) -> None:
        """Until the next `ready`; sd_notify(3) wants the time with it."""
        self._systemd.notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def status(self, text: str) -> None:
        if text != self._status:
            self._status = text
            self._systemd.notify(f"STATUS={text}")

    def alive(self, now_s: float, *, stopping_s: float = 0.0) -> None:
        """Sent once a second: the call blocks while systemd is slow to read.

        With ``stopping_s`` also: do not kill us for so long, whatever TimeoutStopSec= says.
        """
        if now_s >= self._pinged_s + 1.0:
            self._pinged_s = now_s
            more = f"\nEXTEND_TIMEOUT_USEC={int(1e6 * stopping_s)}" if stopping_s else ""
            self._systemd.notify(f"WATCHDOG=1{more}")

    def stopping(self) -> None:
        self._systemd.notify("STOPPING=1")
        self._pinged_s = float("-inf")  # its time to stop runs from now: the next `alive` must not wait
