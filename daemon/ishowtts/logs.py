"""One line per event on standard error: `request.ended id=a1 outcome=done audio_s=2.1`. Never the user's text.

Under systemd each line starts with its priority, which the journal takes off again (sd-daemon(3)).
"""

from __future__ import annotations

import json
import os
import re
import sys
from datetime import datetime, timezone
from typing import Any

_LEVELS = {"debug": 7, "info": 6, "warning": 4, "error": 3}
_LONGEST = {"trace": 8000}
_PLAIN = re.compile(r"\A[\w.:/+-]+\Z", re.ASCII)


class Log:
    """``log("event", key=value, level="warning")``"""

    def __init__(self, level: str) -> None:
        self.set_level(level)
        self._journal = "JOURNAL_STREAM" in os.environ

    def set_level(self, level: str) -> None:
        self._most = _LEVELS[level]

    def __call__(self, event: str, *, level: str = "info", **fields: Any) -> None:
        if _LEVELS[level] > self._most:
            return
        line = " ".join([event, *(f"{key}={_value(value, _LONGEST.get(key, 200))}" for key, value in fields.items())])
        if self._journal:
            prefix = f"<{_LEVELS[level]}>"
        else:
            prefix = f"{datetime.now(timezone.utc).isoformat(timespec='milliseconds')} {level} "
        print(prefix + line, file=sys.stderr, flush=True)


def _value(value: Any, longest: int) -> str:
    """Cut; unquoted when plain, otherwise as a JSON string: no line break or quote gets through."""
    text = str(value)
    text = text if len(text) <= longest else f"{text[:longest]}..."
    return text if _PLAIN.match(text) else json.dumps(text)
