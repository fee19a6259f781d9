"""Client and daemon of different ages: they work together, or the sentence says what to upgrade."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.ctl.other import Answer, OtherDaemon, frames


def test_a_daemon_of_another_major_version(other: Callable[[Answer], OtherDaemon]) -> None:
    error = {"code": "UNIMPLEMENTED", "reason": "VERSION", "msg": "no", "supported": ["IST2"]}
    run = other(lambda request: [frames(op="error", id=request["id"], **error)]).ctl("wait-ready", "--timeout", "1")
    assert run.returncode == 4
    assert "speaks IST1, the daemon speaks IST2: upgrade the older of the two." in run.stderr


def test_an_older_daemon_that_lacks_an_op(other: Callable[[Answer], OtherDaemon]) -> None:
    error = {"code": "UNIMPLEMENTED", "reason": "OP", "msg": "there is no op 'voices'."}
    run = other(lambda request: [frames(op="error", id=request["id"], **error)]).ctl("voices")
    assert (run.returncode, "The daemon is older than this ishowctl" in run.stderr) == (4, True)


def test_an_older_daemons_poorer_status(other: Callable[[Answer], OtherDaemon]) -> None:
    daemon = other(lambda request: [frames(op="status", id=request["id"], status={"state": "ready"})])
    assert daemon.ctl("status").stdout.startswith("● ready")
    assert json.loads(daemon.ctl("status", "--json").stdout)["state"] == "ready"


def test_a_newer_daemons_unknown_messages_and_fields_pass(other: Callable[[Answer], OtherDaemon]) -> None:
    def answer(request: dict[str, Any]) -> list[list[bytes]]:
        if request["op"] != "synth":
            return []
        id = request["id"]
        audio = {"format": "pcm_s16le", "rate": 24000, "channels": 1, "spatial": None}
        done = {"audio_ms": 100, "rtf": 0.1, "nfe": 7, "seed": 1, "mood": "good"}
        return [
            frames(op="applause", id=id, n=3),
            frames(op="started", id=id, audio=audio, nfe=7),
            frames(op="audio", id="somebody-elses", seq=0),
            [*frames(op="audio", id=id, seq=0, colour="red"), b"\x01\x00" * 2400],
            frames(op="done", id=id, **done),
        ]

    daemon = other(answer)
    assert daemon.ctl("say", "hello", "-o", "x.wav").returncode == 0
    assert (daemon.path.parent / "x.wav").stat().st_size == 44 + 4800


def test_an_error_this_client_does_not_know_is_a_failure(other: Callable[[Answer], OtherDaemon]) -> None:
    error = {"code": "NEW", "reason": "NEWER", "msg": "something new happened"}
    run = other(lambda request: [frames(op="error", id=request["id"], **error)]).ctl("ping")
    assert (run.returncode, run.stderr) == (6, "ishowctl: something new happened.\n")


@pytest.mark.parametrize("reply", [[b"HTTP/1.1 400 Bad Request"], [b"IST1"], [b"IST1", b"{"], [b"IST1", b"[]"]])
def test_something_else_answers(other: Callable[[Answer], OtherDaemon], reply: list[bytes]) -> None:
    run = other(lambda _request: [reply]).ctl("ping")
    assert run.returncode == 3
    assert "does not speak IST1" in run.stderr
