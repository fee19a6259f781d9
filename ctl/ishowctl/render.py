"""Answers of the daemon as text for a person."""

from __future__ import annotations

import os
from typing import Any

_MARKS = {"ready": "●", "loading": "○", "draining": "○", "degraded": "▲"}


def status(answer: dict[str, Any]) -> str:
    """A screen: the state first, then what a person looks for."""
    versions, engine, queue = _of(answer, "versions"), _of(answer, "engine"), _of(answer, "queue")
    requests, rtf, schedule = _of(answer, "requests"), _of(answer, "rtf"), _of(answer, "schedule")
    state = str(answer.get("state", "unknown"))
    daemon = f"ishowttsd {versions.get('daemon', '?')}, pid {answer.get('pid', '?')}"
    lines = [f"{_MARKS.get(state, '▲')} {state}: {daemon}, up {_age(answer.get('uptime_s') or 0)}"]
    if answer.get("detail"):
        lines.append(f"  {answer['detail']}")
    if answer.get("mend"):
        lines.append(f"  {answer['mend']}")
    rows = [("engine", _engine(engine, versions))]
    rows.append(("nfe", f"{answer.get('nfe', '?')} ({schedule.get('name', '?')})"))
    median, last = rtf.get("median"), rtf.get("last")
    rows.append(("rtf", "nothing spoken yet" if median is None else f"{median:.3f} median, {last:.3f} last"))
    waiting = f"{queue.get('waiting', 0)} waiting of {queue.get('capacity', '?')}, {queue.get('live', 0)} under way"
    rows.append(("queue", waiting))
    rows.append(("requests", f"{requests.get('done', 0)} done, {requests.get('errors', 0)} ended with an error"))
    rows.append(("voices", str(answer.get("voices", 0))))
    if board := _of(answer, "board"):
        rows.append(("board", _board(board)))
    if versions.get("client") != versions.get("daemon"):
        rows.append(("versions", f"this ishowctl is {versions.get('client')}, the daemon {versions.get('daemon')}"))
    return "\n".join(lines + [f"  {name:<10}{value}" for name, value in rows])


def voices(answer: list[dict[str, Any]]) -> str:
    if not answer:
        return "no voices: put NAME.wav and NAME.txt into the voices folder, then `ishowctl reload`."
    width = max(len(str(voice["name"])) for voice in answer)
    columns = os.get_terminal_size().columns if os.isatty(1) else None
    return "\n".join(_voice(voice, width)[:columns] for voice in answer)


def _voice(voice: dict[str, Any], width: int) -> str:
    about = (
        f"{voice['seconds']:4.1f} s  {voice.get('text', '')}" if "seconds" in voice else voice.get("problem", "loading")
    )
    return f"{voice['name']:<{width}}  {about}"


def _engine(engine: dict[str, Any], versions: dict[str, Any]) -> str:
    if not engine.get("model"):
        text = str(engine.get("state", "?"))
    else:
        text = f"{engine['model']} on {engine.get('device')}, {engine.get('dtype')}"
        text += f", torch {versions['torch']}" if versions.get("torch") else ""
    restarts = engine.get("restarts") or 0
    return text + (f", restarted {restarts} time{'s' if restarts > 1 else ''}" if restarts else "")


def _board(board: dict[str, Any]) -> str:
    """One line: the verdict and what mends it."""
    sentence, mend = str(board.get("sentence") or board.get("verdict") or "?"), board.get("mend")
    return f"{sentence} -> {mend}" if mend else sentence


def _of(answer: dict[str, Any], key: str) -> dict[str, Any]:
    """A part of the answer; empty where an older daemon does not send it."""
    part = answer.get(key)
    return part if isinstance(part, dict) else {}


def _age(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
