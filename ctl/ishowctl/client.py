"""The client library: one DEALER socket, blocking. The only zmq in the client.

Imported at every start of ishowctl, which answers in 200 ms on a small board: no pathlib, no dataclasses here.

with Client("ipc:///run/ishowtts/tts.sock") as client:
    for message, pcm in client.speak(Synth(id=new_id(), text="Hello.")): ...
"""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Iterator

import zmq

from ishowtts.wire import codec
from ishowtts.wire.messages import HEADER_MAX_BYTES, HEARTBEAT_MS, Audio, Cancel, Credit, Done, Error, Message, Synth

DEFAULT_ENDPOINT = "ipc:///run/ishowtts/tts.sock"
ANSWER_S = 5.0


class Unreachable(Exception):
    """No daemon answers there, or it may not be spoken to; one sentence with what to do."""


class Refused(Exception):
    """The daemon answered with an error, which is here whole."""

    def __init__(self, error: Error) -> None:
        super().__init__(error.msg)
        self.error = error


def new_id() -> str:
    return os.urandom(8).hex()  # `secrets` would cost 10 ms of every start


def normal_endpoint(text: str) -> str:
    """A bare path is an ipc endpoint too."""
    return text if "://" in text else f"ipc://{os.path.abspath(os.path.expanduser(text))}"


def admin_endpoint(endpoint: str) -> str:
    """The admin socket beside the user socket."""
    return f"ipc://{os.path.join(os.path.dirname(endpoint.removeprefix('ipc://')), 'admin.sock')}"


class Client:
    """Raises Unreachable at once when nothing listens at ``endpoint`` or it is not for us."""

    def __init__(self, endpoint: str = DEFAULT_ENDPOINT) -> None:
        self.endpoint = normal_endpoint(endpoint)
        _probe(self.endpoint)
        self._context = zmq.Context()
        self._dealer = self._context.socket(zmq.DEALER)
        for option, value in {
            zmq.IMMEDIATE: 1,  # nothing is sent into a void, to be delivered late to somebody else
            zmq.LINGER: 0,
            zmq.SNDTIMEO: 2000,
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
        except zmq.ZMQError as error:
            self.close()
            raise Unreachable(f"{self.endpoint} is no endpoint: {error.strerror}.") from None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._context.destroy(linger=0)

    def send(self, message: Message) -> None:
        frames = codec.pack(message)
        if len(frames[1]) > HEADER_MAX_BYTES:
            raise Refused(_too_long(message, len(frames[1])))
        try:
            self._dealer.send_multipart(frames)
        except zmq.Again:
            raise Unreachable(
                f"the daemon at {self.endpoint} takes no messages: is it stopped or overloaded?"
            ) from None

    def receive(self, timeout_s: float) -> tuple[Message, bytes]:
        """The next message this client understands; Unreachable after ``timeout_s`` of silence or when it dies."""
        until_s = time.monotonic() + timeout_s
        while True:
            ready = dict(self._poller.poll(max(int(1000 * (until_s - time.monotonic())), 0)))
            if self._dealer in ready:
                message, pcm = codec.unpack_reply(self._dealer.recv_multipart())
                if message is not None:
                    return message, pcm
            elif self._monitor in ready:
                raise Unreachable(f"the daemon at {self.endpoint} went away: see `journalctl -u ishowttsd`.")
            elif time.monotonic() >= until_s:
                raise Unreachable(f"the daemon at {self.endpoint} did not answer within {timeout_s:.0f} s.")

    def ask(self, message: Message) -> Message:
        """Send one request that has one answer, and return it; raises Refused for an ``error``."""
        self.send(message)
        while True:
            answer, _ = self.receive(ANSWER_S)
            if isinstance(answer, Error) and answer.id in (message.id, ""):
                raise Refused(answer)
            if answer.id == message.id:
                return answer

    def speak(self, synth: Synth) -> Iterator[tuple[Message, bytes]]:
        """Everything the daemon says about this request, in order, up to ``done``; gives credit as audio is taken.

        Raises Refused for an ``error``, Unreachable when the daemon goes away or falls silent.
        """
        self.send(synth)
        expected = 0
        while True:
            message, pcm = self.receive(3 * HEARTBEAT_MS / 1000)
            if isinstance(message, Error) and message.id in (synth.id, ""):
                raise Refused(message)
            if message.id != synth.id:
                continue
            if isinstance(message, Audio):
                if message.seq != expected:
                    raise Unreachable(f"audio frame {expected} was lost on the way: say it again.")
                expected += 1
                self.send(Credit(id=synth.id, n=1))
            yield message, pcm
            if isinstance(message, Done):
                return

    def cancel(self, id: str) -> None:
        """Stop request ``id`` and wait, shortly, for the daemon's word that it is stopped."""
        receipt = new_id()
        self.send(Cancel(id=id, rid=receipt))
        until_s = time.monotonic() + 1.0
        while time.monotonic() < until_s:
            message, _ = self.receive(1.0)
            if message.id == receipt:
                return


def _probe(endpoint: str) -> None:
    """libzmq retries a socket it may not open for ever without a word; connect(2) says why."""
    path = endpoint.removeprefix("ipc://")
    if path == endpoint:
        return
    probe = socket.socket(socket.AF_UNIX)
    try:
        probe.connect(path)
    except OSError as error:
        raise Unreachable(_why(path, error)) from None
    finally:
        probe.close()


def _why(path: str, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return f"no daemon at {path}: start it with `sudo systemctl start ishowttsd`, or name another with --endpoint."
    if error.errno == errno.ECONNREFUSED:
        return f"nobody listens at {path} any more: start the daemon with `sudo systemctl start ishowttsd`."
    if error.errno in (errno.EACCES, errno.EPERM):
        group = "ishowtts-admin" if path.endswith("admin.sock") else "ishowtts"
        return f"you may not use {path}: join its group with `sudo usermod -aG {group} $USER` and log in again."
    return f"{path}: {os.strerror(error.errno or 0)}."


def _too_long(message: Message, size: int) -> Error:
    msg = f"the text is too long: {size} bytes as a message, at most {HEADER_MAX_BYTES} are taken."
    return Error(id=message.id, code="INVALID_ARGUMENT", reason="TEXT_TOO_LONG", msg=msg)
