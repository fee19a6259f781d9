"""Words to systemd. Outside of it (no NOTIFY_SOCKET) they go nowhere."""

from __future__ import annotations

import time

from sdnotify import SystemdNotifier


class Notifier:
    def __init__(self) -> None:
        self._systemd = SystemdNotifier()
        self._status = ""

    def ready(self) -> None:
        self._systemd.notify("READY=1")

    def reloading(self) -> None:
        """Until the next `ready`; sd_notify(3) wants the time with it."""
        self._systemd.notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def status(self, text: str) -> None:
        if text != self._status:
            self._status = text
            self._systemd.notify(f"STATUS={text}")

    def alive(self) -> None:
        self._systemd.notify("WATCHDOG=1")

    def stopping(self) -> None:
        self._systemd.notify("STOPPING=1")
