"""The client library: one DEALER socket, blocking. The only zmq in the client.

    with Client("ipc:///run/ishowtts/tts.sock") as client:
        for message, pcm in client.speak(text="Hello."): ...

Messages are plain dictionaries with the fields of PROTOCOL.md: what this client does not know, it lets pass. Imported
at every start of ishowctl, which has 200 ms on a small board: no pathlib, no dataclasses, no validator here.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from collections.abc import Iterator
from typing import Any

import zmq

from ishowtts.wire.constants import HEADER_MAX_BYTES, HEARTBEAT_MS, MAGIC

DEFAULT_ENDPOINT = "ipc:///run/ishowtts/tts.sock"
ANSWER_S = 5.0
TRIES = 4
_HARMLESS_TWICE = ("hello", "ping", "status", "voices")

Message = dict[str, Any]


class Unreachable(Exception):
    """No daemon answers there, or it may not be spoken to; one sentence with what to do."""


class Gone(Unreachable):
    """The connection broke while an answer was awaited. The socket connects again by itself."""


class Refused(Exception):
    """The daemon answered with an error, which is here whole."""

    def __init__(self, error: Message) -> None:
        super().__init__(str(error.get("msg", "")))
        self.error = error

    @classmethod
    def here(cls, reason: str, msg: str) -> Refused:
        """What the daemon would say, without asking it."""
        return cls({"op": "error", "id": "", "code": "INVALID_ARGUMENT", "reason": reason, "msg": msg})


def new_id() -> str:
    return os.urandom(8).hex()  # `secrets` would cost 10 ms of every start


def normal_endpoint(text: str) -> str:
    """A bare path is an ipc endpoint too."""
    return text if "://" in text else f"ipc://{os.path.abspath(os.path.expanduser(text))}"


def admin_endpoint(endpoint: str) -> str:
    """The admin socket beside the user socket."""
    return f"ipc://{os.path.join(os.path.dirname(endpoint.removeprefix('ipc://')), 'admin.sock')}"


class Client:
    """Raises Unreachable at once when nothing listens at ``endpoint`` or it is not for us.

    Without one, $ISHOWTTS_ENDPOINT or the system's daemon.
    """

    def __init__(self, endpoint: str = "") -> None:
        self.endpoint = normal_endpoint(endpoint or os.environ.get("ISHOWTTS_ENDPOINT", DEFAULT_ENDPOINT))
        _probe(self.endpoint)
        self._context = zmq.Context()
        self._dealer = self._context.socket(zmq.DEALER)
        for option, value in {
            zmq.IMMEDIATE: 1,  # nothing is sent into a void, to be delivered late to somebody else
            zmq.LINGER: 0,
            zmq.SNDTIMEO: int(1000 * ANSWER_S),
            zmq.HEARTBEAT_IVL: 2000,
            zmq.HEARTBEAT_TIMEOUT: 6000,
            zmq.HEARTBEAT_TTL: 6000,
            zmq.RECONNECT_IVL: 100,
        }.items():
            self._dealer.set(option, value)
        # The socket itself says nothing when the daemon dies; its monitor does, within milliseconds.
        self._monitor = self._dealer.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self._poller = zmq.Poller()
        self._poller.register(self._dealer, zmq.POLLIN)
        self._poller.register(self._monitor, zmq.POLLIN)
        try:
            self._dealer.connect(self.endpoint)
        except (zmq.ZMQError, ValueError) as error:
            self.close()
            raise Unreachable(f"{self.endpoint!a} is no endpoint: {error}.") from None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._context.destroy(linger=0)

    def send(self, op: str, *, id: str = "", **fields: Any) -> str:
        """Send one message; its id, a new one if none is given. Fields that are None are left out."""
        message = {"op": op, "id": id or new_id(), **fields}
        try:
            header = json.dumps({key: value for key, value in message.items() if value is not None}).encode()
        except ValueError:
            raise Refused.here("SCHEMA", "the request holds what cannot be sent as JSON.") from None
        if len(header) > HEADER_MAX_BYTES:
            msg = f"the text is too long: {len(header)} bytes as a message, at most {HEADER_MAX_BYTES} are taken."
            raise Refused.here("TEXT_TOO_LONG", msg)
        try:
            self._dealer.send_multipart([MAGIC, header])
        except zmq.Again:
            _probe(self.endpoint)  # nothing listens there any more: that says it better
            raise Unreachable(
                f"the daemon at {self.endpoint} takes no messages: is it stopped or overloaded?"
            ) from None
        return str(message["id"])

    def receive(self, timeout_s: float) -> tuple[Message, bytes]:
        """The next message and its PCM; Unreachable after ``timeout_s`` of silence or when the daemon dies."""
        until_s = time.monotonic() + timeout_s
        while True:
            ready = dict(self._poller.poll(max(int(1000 * (until_s - time.monotonic())), 0)))
            if self._dealer in ready:
                return self._read(self._dealer.recv_multipart())
            if self._monitor in ready:
                self._forget_breaks()
                raise Gone(f"the daemon at {self.endpoint} went away: see `journalctl -u ishowttsd`.")
            if time.monotonic() >= until_s:
                raise Unreachable(f"the daemon at {self.endpoint} did not answer within {timeout_s:.0f} s.")

    def ask(self, op: str, **fields: Any) -> Message:
        """Send one request that has one answer, and return it; raises Refused for an ``error``.

        Where the daemon is restarted meanwhile, a question that changes nothing is asked of the next one.
        """
        try:
            return self._ask(op, fields)
        except Gone:
            if op not in _HARMLESS_TWICE:
                raise
            return self._ask(op, fields)

    def _ask(self, op: str, fields: dict[str, Any]) -> Message:
        self._forget_breaks()
        id = self.send(op, **fields)
        while True:
            answer, _ = self.receive(ANSWER_S)
            if answer["op"] == "error" and answer.get("id") in (id, ""):
                raise Refused(answer)
            if answer.get("id") == id:
                return answer

    def _forget_breaks(self) -> None:
        """A connection that broke before a request was sent does not concern it: the socket has found its way back."""
        while self._monitor.poll(0):
            self._monitor.recv_multipart()

    def speak(self, **fields: Any) -> Iterator[tuple[Message, bytes]]:
        """Everything the daemon says about a `synth` with these fields, in order, up to ``done``.

        Gives credit as audio is taken. A daemon that is about to end is given time to be followed by the next. Raises
        Refused for an ``error``, Unreachable when the daemon goes away or falls silent.
        """
        for _ in range(TRIES - 1):
            heard = False
            try:
                for answer in self._speak(fields):
                    heard = True
                    yield answer
                return
            except Refused as refused:
                if heard or refused.error.get("reason") != "DRAINING":
                    raise
                time.sleep((refused.error.get("retry_after_ms") or 1000) / 1000)
        yield from self._speak(fields)

    def _speak(self, fields: dict[str, Any]) -> Iterator[tuple[Message, bytes]]:
        self._forget_breaks()
        id = self.send("synth", **fields)
        expected = 0
        while True:
            message, pcm = self.receive(3 * HEARTBEAT_MS / 1000)
            if message["op"] == "error" and message.get("id") in (id, ""):
                raise Refused(message)
            if message.get("id") != id:
                continue
            if message["op"] == "audio":
                if message["seq"] != expected:
                    raise Unreachable(f"audio frame {expected} was lost on the way: say it again.")
                expected += 1
                self.send("credit", id=id, n=1)
            yield message, pcm
            if message["op"] == "done":
                return

    def cancel(self, id: str) -> None:
        """Stop request ``id`` and wait, shortly, for the daemon's word that it is stopped."""
        receipt = new_id()
        self.send("cancel", id=id, rid=receipt)
        until_s = time.monotonic() + 1.0
        while time.monotonic() < until_s:
            message, _ = self.receive(1.0)
            if message.get("id") == receipt:
                return

    def _read(self, frames: list[bytes]) -> tuple[Message, bytes]:
        try:
            message = json.loads(frames[1]) if frames[0] == MAGIC else None
        except (ValueError, IndexError):
            message = None
        if not isinstance(message, dict) or "op" not in message:
            raise Unreachable(f"what answers at {self.endpoint} does not speak IST1: upgrade the older of the two.")
        return message, frames[2] if len(frames) > 2 else b""


def _probe(endpoint: str) -> None:
    """libzmq retries a socket it may not open for ever without a word; connect(2) says why."""
    path = endpoint.removeprefix("ipc://")
    if path == endpoint:
        return
    probe = socket.socket(socket.AF_UNIX)
    probe.settimeout(ANSWER_S)  # with a full backlog connect(2) would wait for ever
    try:
        probe.connect(path)
    except TimeoutError:
        raise Unreachable(f"the daemon at {path} lets nobody in: is it stopped or overloaded?") from None
    except OSError as error:
        raise Unreachable(_why(path, error)) from None
    except ValueError:
        raise Unreachable(f"{path!a} is no path of a socket.") from None
    finally:
        probe.close()


def _why(path: str, error: OSError) -> str:
    if error.errno == errno.EAGAIN:
        return f"the daemon at {path} lets nobody in: is it stopped or overloaded?"
    if error.errno == errno.ENOENT:
        return (
            f"no daemon at {path}: start it with `sudo systemctl start ishowttsd` (in a checkout `make run`), "
            "or name another with --endpoint."
        )
    if error.errno == errno.ECONNREFUSED:
        return f"nobody listens at {path} any more: start the daemon with `sudo systemctl start ishowttsd`."
    if error.errno in (errno.EACCES, errno.EPERM):
        group = "ishowtts-admin" if path.endswith("admin.sock") else "ishowtts"
        return f"you may not use {path}: join its group with `sudo usermod -aG {group} $USER` and log in again."
    return f"{path}: {error.strerror or error}."
