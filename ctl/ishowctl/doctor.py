"""`ishowctl doctor`: is everything as it should be? Sockets and groups from here; files, torch, the board in a child.

The child is `python -m ishowtts.doctor` of this interpreter: ishowctl itself imports nothing of the daemon.
"""

from __future__ import annotations

import argparse
import grp
import json
import os
import pwd
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

from ishowctl import exits
from ishowctl.client import Client, Refused, Unreachable, normal_endpoint
from ishowtts import children

Check = dict[str, str]
CHILD_S = 180.0
_START = "sudo systemctl start ishowttsd (in a checkout: make run)"
_MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


def run(args: argparse.Namespace) -> int:
    checks = examine(args.endpoint, args.config)
    worst = next((level for level in ("fail", "warn") if any(check["level"] == level for check in checks)), "ok")
    if args.json:
        print(json.dumps({"worst": worst, "checks": checks}, indent=2, ensure_ascii=False))
    else:
        print("\n".join(line for check in checks for line in _lines(check)))
    return exits.FAILED if worst == "fail" else exits.DONE


def examine(endpoint: str, config: str) -> list[Check]:
    path = Path(normal_endpoint(endpoint).removeprefix("ipc://"))
    answer, voices, problem = _ask(endpoint)
    checks = [_sockets(path, problem), _permissions(path), _group(path), _engine(answer)]
    deep = _deep(config)
    if broken := [voice for voice in voices if voice.get("problem")]:
        text = "; ".join(f"{voice.get('name')}: {voice['problem']}" for voice in broken)
        mend = "mend the clip or its words in the voices folder, then `ishowctl reload`"
        deep = [_check("voices", "warn", text, mend) if check["name"] == "voices" else check for check in deep]
    return checks + deep


def _ask(endpoint: str) -> tuple[dict[str, Any] | None, list[dict[str, Any]], str]:
    """(status, voices, why there is none)"""
    try:
        with Client(endpoint) as client:
            return dict(client.ask("status")["status"]), list(client.ask("voices")["voices"]), ""
    except (Unreachable, Refused) as error:
        return None, [], str(error)


def _sockets(path: Path, problem: str) -> Check:
    if not problem:
        return _check("sockets", "ok", f"the daemon answers at {path}")
    try:
        is_socket = stat.S_ISSOCK(path.stat().st_mode)
    except FileNotFoundError:
        return _check("sockets", "fail", f"no daemon: {path} is not there", _START)
    except OSError as error:
        return _check("sockets", "fail", f"{path}: {error.strerror}", "see the check `permissions`")
    if not is_socket:
        return _check("sockets", "fail", f"{path} is no socket", "name another with --endpoint")
    return _check("sockets", "fail", problem.rstrip("."), f"journalctl -u ishowttsd, then {_START}")


def _permissions(path: Path) -> Check:
    """May we speak, and steer?"""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return _check("permissions", "warn", "not checked: there is no socket", _START)
    except OSError:
        return _check("permissions", "fail", f"you may not look into {path.parent}", _join(path.parent))
    if not os.access(path, os.W_OK):
        return _check("permissions", "fail", f"you may not use {path}", _join(path))
    if mode & stat.S_IWOTH:
        return _check("permissions", "warn", f"everybody on this machine may use {path}", f"chmod o-rwx {path}")
    steer = "and steer" if os.access(path.with_name("admin.sock"), os.W_OK) else "but not steer"
    return _check("permissions", "ok", f"you may speak, {steer}")


def _group(path: Path) -> Check:
    try:
        gid = path.stat().st_gid
    except OSError:
        try:
            gid = grp.getgrnam("ishowtts").gr_gid
        except KeyError:
            return _check("group", "warn", "there is no group ishowtts on this machine", "install the package")
    name, user = _group_name(gid), _user_name()
    if os.getuid() == 0 or gid in (os.getegid(), *os.getgroups()):
        return _check("group", "ok", f"{user} is in {name}" if os.getuid() else f"{user} needs no group")
    if user in _members(gid):
        return _check("group", "warn", f"{user} is in {name}, but this session began before", "log in again")
    return _check("group", "fail", f"{user} is not in {name}", f"sudo usermod -aG {name} {user}, then log in again")


def _engine(answer: dict[str, Any] | None) -> Check:
    if answer is None:
        return _check("engine", "warn", "not checked: the daemon does not answer", _START)
    text, mend = str(answer.get("detail") or answer.get("state")), str(answer.get("mend") or "")
    if answer.get("state") == "ready":
        engine = answer.get("engine") or {}
        return _check("engine", "ok", f"{engine.get('model')} on {engine.get('device')}, {engine.get('dtype')}")
    if (answer.get("engine") or {}).get("state") == "setup_required":
        return _check("engine", "fail", text, mend or "ishowctl restart-engine")
    return _check("engine", "warn", text, mend or "ishowctl wait-ready")


def _deep(config: str) -> list[Check]:
    options = ["--config", config] if config else []
    command = children.command(sys.executable, "ishowtts.doctor", "--json", *options)
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}  # nothing is changed, not even a cache
    mend = "install ishowtts with its `daemon` extra into ishowctl's Python, or run doctor where the daemon runs"
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=CHILD_S, env=env)
    except subprocess.TimeoutExpired:
        return [_check("files", "fail", f"the checks of files and torch took over {CHILD_S:.0f} s", mend)]
    try:
        checks = json.loads(child.stdout)["checks"]
        return [_check(*(str(check[key]) for key in ("name", "level", "text", "mend"))) for check in checks]
    except (ValueError, KeyError, TypeError):
        last = (child.stderr.strip().splitlines() or ["no answer"])[-1]
        return [_check("files", "fail", f"the checks of files and torch cannot be run: {last}", mend)]


def _check(name: str, level: str, text: str, mend: str = "") -> Check:
    return {"name": name, "level": level, "text": text, "mend": mend}


def _lines(check: Check) -> list[str]:
    lines = [f"{_MARKS.get(check['level'], check['level'])}  {check['name']:<12}{check['text']}"]
    return lines + ([f"{'':18}-> {check['mend']}"] if check["mend"] and check["level"] != "ok" else [])


def _join(path: Path) -> str:
    try:
        group = _group_name(path.stat().st_gid)
    except OSError:
        group = "ishowtts"
    return f"sudo usermod -aG {group} {_user_name()}, then log in again"


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _members(gid: int) -> list[str]:
    try:
        return grp.getgrgid(gid).gr_mem
    except KeyError:
        return []
