"""Runs in the container: speaks one sentence after the other until /tmp/enough is there; a line of JSON for each.

``fate``: done, error (the daemon's one answer), not_accepted (no answer, and nothing was promised), or lost: accepted,
and then neither finished nor answered.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path[:0] = [f"/usr/lib/ishowtts/{part}" for part in ("app", "vendor/cp311", "vendor/any")]

from ishowctl.client import Client, Refused, Unreachable  # noqa: E402 (found only now)


def speak() -> dict[str, object]:
    accepted = False
    try:
        with Client() as client:
            for message, _ in client.speak(text="The quick brown fox jumps over the lazy dog."):
                accepted = accepted or message["op"] == "accepted"
        return {"fate": "done"}
    except Refused as error:
        return {"fate": "error", "accepted": accepted, "code": error.error.get("code"), "msg": error.error.get("msg")}
    except Unreachable as error:
        return {"fate": "lost" if accepted else "not_accepted", "msg": str(error)}


while not Path("/tmp/enough").exists():
    print(json.dumps(speak()), flush=True)
