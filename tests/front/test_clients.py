"""Clients that leave, stall, flood or talk nonsense cost the others nothing."""

from __future__ import annotations

import random
import resource
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

import pytest
import zmq
from msgspec import json

from tests.daemon import Daemon, Wire, wait_for
from tests.flood import FLOOD

SLOW = {"engine": {"fake_rtf": 20}}


def test_the_whole_exchange(wire: Wire) -> None:
    id = wire.send("synth", text="Hello.", credit=2, seed=5)
    messages = wire.until("audio", id=id)
    assert [message["op"] for message in messages] == ["accepted", "started", "audio"]
    assert messages[1]["audio"] == {"format": "pcm_s16le", "rate": 24000, "channels": 1}
    assert wire.until("audio", id=id)[-1]["seq"] == 1
    wire.send("status", id="s")
    assert wire.until("status", "audio")[-1]["op"] == "status", "no third frame without credit"
    wire.send("credit", id=id, n=100)
    done = wire.finish(id)
    assert (done["op"], done["seed"], done["nfe"]) == ("done", 5, 7)
    assert done["bytes"] == 2 * int(0.36 * 24000)


def test_a_killed_client_frees_the_engine(start: Callable[..., Daemon], connect: Callable[..., Wire]) -> None:
    daemon = start(SLOW).wait_ready()
    code = (
        "import sys; from ishowctl.client import Client\n"
        "for m, _ in Client(sys.argv[1]).speak(id='doomed', text='hello world'): print(m, flush=True)"
    )
    client = subprocess.Popen([sys.executable, "-c", code, daemon.endpoint], stdout=subprocess.PIPE)
    daemon.wait_log("request.started id=doomed")
    client.kill()
    client.communicate()
    daemon.wait_log("request.ended id=doomed uid=0 outcome=CLIENT_GONE")
    wire = connect(daemon)

    def idle() -> bool:
        wire.send("status")
        return wire.until("status")[-1]["status"]["queue"]["speaking"] is False

    wait_for(idle, "the engine to be free")


def test_cancel_while_running_and_while_waiting(start: Callable[..., Daemon], connect: Callable[..., Wire]) -> None:
    wire = connect(start(SLOW).wait_ready())
    running = wire.send("synth", text="one two three")
    wire.until("started", id=running)
    waiting = wire.send("synth", text="four five six")
    wire.until("accepted", id=waiting)
    for target in (waiting, running, "never-heard-of"):
        wire.send("cancel", id=target, rid=f"r-{target}")
    seen = wire.until("ok", id="r-never-heard-of")
    assert seen
    wire.send("status")
    status = wire.until("status")[-1]["status"]
    assert status["requests"] == {"accepted": 2, "done": 0, "errors": 2}


def test_deadlines(start: Callable[..., Daemon], connect: Callable[..., Wire]) -> None:
    wire = connect(start(SLOW).wait_ready())
    first = wire.send("synth", text="one two three", timeout_ms=600)
    second = wire.send("synth", text="four five six", max_wait_ms=200)
    assert wire.until("error")[-1] | {"retry_after_ms": None} == {
        "op": "error", "id": second, "code": "DEADLINE_EXCEEDED", "reason": "MAX_WAIT", "retry": False,
        "retry_after_ms": None, "supported": [], "msg": "the request did not start within its 200 ms.",
    }  # fmt: skip
    assert wire.finish(first)["reason"] == "TIMEOUT"


def test_a_stopped_consumer_does_not_hold_others_up(start: Callable[..., Daemon], connect: Callable[..., Wire]) -> None:
    daemon = start({"engine": {"fake_rtf": 0}}).wait_ready()
    lazy, keen = connect(daemon), connect(daemon)
    stuck = lazy.send("synth", text="x" * 2000, credit=1)
    lazy.until("audio", id=stuck)
    for _ in range(5):
        assert keen.finish(keen.send("synth", text="I am quick"))["op"] == "done"


def test_limits_answer_everybody(start: Callable[..., Daemon], connect: Callable[..., Wire]) -> None:
    daemon = start({"engine": {"fake_rtf": 20}, "limits": {"queue": 8, "per_user": 100}}).wait_ready()
    wire = connect(daemon)
    ids = {wire.send("synth", text="hello", prio="interactive") for _ in range(60)}
    answers: dict[str, str] = {}
    while len(answers) < 60:
        message = wire.receive()
        answers.setdefault(message["id"], message.get("reason", message["op"]))
    assert set(answers) == ids
    kinds = list(answers.values())
    assert kinds.count("accepted") in (8, 9)  # one may have started before the last came
    assert kinds.count("accepted") + kinds.count("QUEUE_FULL") == 60


def test_nonsense_gets_one_error_each(daemon: Daemon, wire: Wire) -> None:
    dice = random.Random(3)
    good = json.encode({"op": "synth", "id": "x1", "text": "hello", "speed": 1.0})
    errors = 0
    for _ in range(150):
        mutated = bytearray(good)
        for _ in range(dice.randint(1, 6)):
            mutated[dice.randrange(len(mutated))] = dice.randrange(256)
        wire.socket.send_multipart([b"IST1", bytes(mutated)])
        last = wire.until("error", "done")[-1]  # some are still good enough to be spoken
        errors += last["op"] == "error"
        assert last["op"] == "done" or last["msg"]
    assert errors > 100
    assert daemon.process.poll() is None


@pytest.mark.parametrize("frames", [[b"IST2", b'{"op":"ping","id":"a"}'], [b"IST1"] * 9, [b"x" * 1000]])
def test_wrong_frames_are_answered(wire: Wire, frames: list[bytes]) -> None:
    wire.socket.send_multipart(frames)
    assert wire.receive()["op"] == "error"


def test_a_req_socket_hears_why_it_is_wrong(daemon: Daemon, wire: Wire) -> None:
    wire.socket.send_multipart([b"", b"IST1", b'{"op":"ping","id":"a"}'])
    assert wire.socket.poll(5000)
    delimiter, magic, header = wire.socket.recv_multipart()
    assert (delimiter, magic) == (b"", b"IST1")
    assert json.decode(header) | {"msg": ""} == {
        "op": "error", "id": "a", "code": "UNIMPLEMENTED", "reason": "VERSION", "msg": "", "retry": False,
        "retry_after_ms": None, "supported": ["IST1"],
    }  # fmt: skip


def test_raw_garbage_on_the_socket_leaves_it_serving(daemon: Daemon, wire: Wire) -> None:
    dice = random.Random(5)
    for _ in range(300):
        with socket.socket(socket.AF_UNIX) as raw, suppress(OSError):
            raw.connect(str(daemon.runtime / "tts.sock"))
            raw.send(dice.randbytes(dice.randint(1, 200)))
    wire.send("ping")
    assert wire.receive()["op"] == "pong"


def test_a_flood_of_connections_does_not_kill_it(start: Callable[..., Daemon], connect: Callable[..., Wire]) -> None:
    """libzmq 4.3.5 aborts on EMFILE in its ipc listener: the guard closes newcomers before."""

    def few_descriptors() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 8192))

    daemon = start(limits=few_descriptors).wait_ready()
    flood = subprocess.run([sys.executable, "-c", FLOOD, str(daemon.runtime / "tts.sock")], check=True, timeout=60)
    assert flood.returncode == 0
    wire = connect(daemon)
    assert daemon.process.poll() is None, f"ended with {daemon.process.returncode}"

    def served() -> bool:
        wire.send("ping")
        return bool(wire.socket.poll(500)) and wire.receive()["op"] == "pong"

    wait_for(served, "to be served again")


def test_events_under_credit(daemon: Daemon, wire: Wire) -> None:
    subscription = wire.send("subscribe", topics=["queue"], credit=2)
    wire.until("ok", id=subscription)
    for _ in range(3):
        wire.finish(wire.send("synth", text="hello"))
    wire.send("credit", id=subscription, n=50)
    wire.finish(wire.send("synth", text="hello"))
    event = wire.until("event", id=subscription)[-1]
    while event["n"] < 3:
        event = wire.until("event", id=subscription)[-1]
    assert event["dropped"] > 0


def test_a_chosen_routing_id_is_refused(daemon: Daemon) -> None:
    """Its next user would be sent the first one's audio."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.set(zmq.LINGER, 0)
        dealer.set(zmq.ROUTING_ID, b"VICTIM")
        dealer.connect(daemon.endpoint)
        dealer.send_multipart([b"IST1", b'{"op":"synth","id":"v1","text":"hello"}'])
        assert dealer.poll(5000)
        assert json.decode(dealer.recv_multipart()[1])["reason"] == "FRAMES"
        assert not dealer.poll(200)
    assert "request.accepted" not in daemon.log


def test_a_text_of_stacked_marks_does_not_stop_the_clock(wire: Wire) -> None:
    wire.send("synth", text="a" + "\u0301\u0316" * 9990, timeout_ms=1)
    wire.send("ping", id="p")
    assert wire.until("pong", id="p")
