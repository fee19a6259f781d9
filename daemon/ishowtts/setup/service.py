"""The service after a change: systemd's part of the activation."""

from __future__ import annotations

import subprocess

from ishowtts.places import UNIT, Places
from ishowtts.setup import sandbox
from ishowtts.setup.errors import SetupError


def restart(places: Places) -> str:
    """Let the daemon run what is activated now; one sentence about it. Raises SetupError when it does not come up."""
    if not sandbox.has_systemd(places):
        return "systemd does not run here: start the daemon yourself."
    if not (_says("is-enabled") or _says("is-active")):
        return f"the service is switched off: sudo systemctl enable --now {UNIT}"
    _systemctl("reset-failed")  # restarts by hand count toward the start limit
    done = _systemctl("restart")
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[0].rstrip(".")
        raise SetupError(f"the service does not start: {said}.", f"Look at: journalctl -u {UNIT} -n 20")
    return "the service has been restarted."


def _says(question: str) -> bool:
    return _systemctl(question, "--quiet").returncode == 0


def _systemctl(verb: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemctl", verb, *options, UNIT], capture_output=True, text=True, check=False)
