"""What the tests do on a machine with the package: install, configure, look at the unit, put load on it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.deb.machine import Machine

PATIENCE_S = 60.0
UNIT = "ishowttsd.service"
UNITS = f"{UNIT} ishowttsd.socket ishowttsd-admin.socket"


class Board:
    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.run, self.sh = machine.run, machine.sh
        self.sh("useradd -m member && useradd -m stranger")

    def install(self, deb: Path) -> str:
        keep = "-o Dpkg::Options::=--force-confold"
        said = self.sh(f"apt-get install -qy --allow-downgrades {keep} /mnt/deb/{deb.name} 2>&1")
        self.sh("usermod -aG ishowtts member")
        return said

    def configure(self, text: str) -> None:
        """A file in conf.d, and the daemon started with it."""
        self.write("/etc/ishowtts/conf.d/50-test.yaml", text)
        self.sh(f"systemctl reset-failed {UNITS}; systemctl restart {UNIT}")

    def speak_tones(self, fake_rtf: float = 0.1) -> None:
        """The fake engine instead of torch; ready when this returns."""
        self.configure(f"engine:\n  kind: fake\n  fake_rtf: {fake_rtf}\n")
        self.sh("ishowctl wait-ready --timeout 60")

    def override(self, lines: str) -> None:
        """A drop-in of the unit."""
        self.write(f"/etc/systemd/system/{UNIT}.d/test.conf", f"{lines}\n")
        self.sh("systemctl daemon-reload")

    def write(self, path: str, text: str) -> None:
        file = self.machine.root / path.lstrip("/")
        done = subprocess.run(
            self.machine.command(f"mkdir -p $(dirname {path}) && cat > {path}"), input=text, text=True
        )
        assert done.returncode == 0, file

    def show(self, name: str, unit: str = UNIT) -> str:
        """A property of the unit."""
        return self.sh(f"systemctl show -P {name} {unit}")

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.sh("ishowctl status --json")))

    def engine_pid(self) -> str:
        return self.sh("pgrep -f '[l]aunch.py ishowtts.engine'")

    def journal(self, pattern: str) -> list[str]:
        """Lines of the daemon's that hold ``pattern``."""
        self.sh("journalctl --sync")
        lines = self.sh(f"journalctl -u {UNIT} -o cat --no-pager").splitlines()
        return [line for line in lines if pattern in line]

    def wait_for(self, true: Callable[[], Any], what: str) -> Any:
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            if value := true():
                return value
            time.sleep(0.05)
        raise AssertionError(f"waited {PATIENCE_S:.0f} s for {what}\n{self.sh(f'journalctl -u {UNIT} | tail -30')}")


class Load:
    """Members who speak without a pause until told to stop; each request's fate is one line of JSON."""

    def __init__(self, board: Board, speakers: int = 4) -> None:
        self._board = board
        board.sh("rm -f /tmp/enough")
        self._speakers = [board.machine.start("python3 -I /mnt/tests/load.py", user="member") for _ in range(speakers)]

    def wait_accepted(self, count: int) -> None:
        """Until so many more requests were accepted, whatever happened before."""
        before = len(self._board.journal("request.accepted"))
        enough = lambda: len(self._board.journal("request.accepted")) >= before + count  # noqa: E731
        self._board.wait_for(enough, f"{count} more requests")

    def stop(self) -> list[dict[str, Any]]:
        """The fates of all."""
        self._board.sh("touch /tmp/enough")
        fates = []
        for speaker in self._speakers:
            said, errors = speaker.communicate(timeout=PATIENCE_S)
            assert speaker.returncode == 0, errors
            fates += [json.loads(line) for line in said.splitlines()]
        return fates
