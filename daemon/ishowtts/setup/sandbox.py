"""A program run as the daemon would run it: its user, and where systemd is there, its unit's sandbox."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ishowtts.device.child import ask
from ishowtts.places import UNIT, Places
from ishowtts.setup import runtime
from ishowtts.setup.errors import SetupError

# What a unit says about rights, limits and surroundings; not what it says about a service's life. RuntimeDirectory
# stays out: when the test ends, it would take the live sockets with it.
_RIGHTS = re.compile(
    r"(User|Group|SupplementaryGroups|UMask|Environment|EnvironmentFile|UnsetEnvironment|NoNewPrivileges|LockPersonality"
    r"|MemoryDenyWriteExecute|ProcSubset|RemoveIPC|KeyringMode|CacheDirectory\w*|Limit\w+|OOMScoreAdjust|Nice"
    r"|(?:Protect|Private|Restrict|SystemCall|Capability|Ambient|Device|ReadWrite|ReadOnly|Inaccessible|Bind|IPAddress"
    r"|Temporary)\w*)=.*"
)


def user() -> str:
    """The daemon's user; a test under $ISHOWTTS_ROOT may name another."""
    return (os.environ.get("ISHOWTTS_USER") if os.environ.get("ISHOWTTS_ROOT") else None) or "ishowtts"


def _group() -> int:
    """The user's own; raises SetupError where there is no such user."""
    try:
        return pwd.getpwnam(user()).pw_gid
    except KeyError:
        raise SetupError(f"there is no user {user()} on this machine.", "Install the package again.") from None


def rights(unit: str) -> list[str]:
    """Of a unit's text, drop-ins and all, the lines that a test of its sandbox needs. Pure."""
    found, section = [], ""
    for line in unit.replace("\\\n", " ").splitlines():
        line = line.strip()
        section = line if line.startswith("[") else section
        if section == "[Service]" and _RIGHTS.fullmatch(line):
            found.append(line)
    return found


def pythonpath(places: Places) -> str:
    return f"{places.program / 'app'}:{places.program / 'vendor' / runtime.abi()}"


def has_systemd(places: Places) -> bool:
    return places.root == Path("/") and Path("/run/systemd/system").is_dir()


def describe(places: Places) -> str:
    if has_systemd(places):
        return f"in the sandbox of {UNIT}"
    return f"as user {user()}, without its sandbox: systemd does not run here" if os.geteuid() == 0 else "as yourself"


def run(places: Places, command: Sequence[str], limit_s: float) -> dict[str, Any]:
    """The JSON that ``command`` prints, see `device.child.ask`; raises ChildFailed."""
    inside = ["/usr/bin/env", f"PYTHONPATH={pythonpath(places)}", "PYTHONDONTWRITEBYTECODE=1", *command]
    return ask([*_as_the_daemon(places, limit_s), *inside], limit_s)


def _as_the_daemon(places: Places, limit_s: float) -> list[str]:
    if has_systemd(places):
        unit = subprocess.run(["systemctl", "cat", UNIT], capture_output=True, text=True, check=False).stdout
        limit = ["-p", f"RuntimeMaxSec={limit_s:.0f}", "-p", "WorkingDirectory=/"]
        rest = [part for line in rights(unit) or [f"User={user()}"] for part in ("-p", line)]
        return ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", *limit, *rest, "--"]
    if os.geteuid() == 0:
        return ["setpriv", f"--reuid={user()}", f"--regid={_group()}", "--init-groups", "--reset-env", "--"]
    return []
