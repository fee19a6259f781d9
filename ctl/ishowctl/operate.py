"""`reload` and `wait-ready`: what is asked of the daemon may take the engine a while."""

from __future__ import annotations

import argparse
import sys
import time

from ishowctl import exits
from ishowctl.client import Client, Unreachable, admin_endpoint, normal_endpoint


def reload(args: argparse.Namespace) -> int:
    endpoint = admin_endpoint(normal_endpoint(args.endpoint))
    with Client(endpoint) as client:
        answer = client.ask("reload")
    print(answer.get("msg", ""), flush=True)
    if args.wait and answer.get("engine"):
        return until_ready(endpoint, args.timeout)
    return exits.DONE


def until_ready(endpoint: str, timeout_s: float) -> int:
    """Wait for a daemon that can speak; one that must be mended first is not waited for."""
    until_s = time.monotonic() + timeout_s
    while True:
        try:
            with Client(endpoint) as client:
                status = client.ask("status")["status"]
        except Unreachable:
            if time.monotonic() >= until_s:
                raise
        else:
            if status.get("state") == "ready":
                return exits.DONE
            if (status.get("engine") or {}).get("state") == "setup_required":
                return _complain(f"{status.get('detail')} {status.get('mend')}".strip(), exits.REFUSED)
            if time.monotonic() >= until_s:
                return _complain(f"not ready after {timeout_s:.0f} s: {status.get('detail')}", exits.BUSY)
        time.sleep(0.1)


def _complain(sentence: str, status: int) -> int:
    print(f"ishowctl: {sentence}", file=sys.stderr)
    return status
