"""The two ROUTER sockets: frames in, frames out. The only zmq in the daemon.

What libzmq does when a peer is slow, dead or hostile was measured (PROTOCOL.md, "Traps"); the options and the rules
here follow from it: ROUTER_MANDATORY, every send without blocking, one task that receives, a guard on file descriptors.
"""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import zmq
import zmq.asyncio
from zmq.utils.monitor import parse_monitor_message

from ishowtts import sockets
from ishowtts.requests import Peer
from ishowtts.wire.codec import pack, refuse
from ishowtts.wire.constants import HEADER_MAX_BYTES
from ishowtts.wire.errors import Reason, Refusal
from ishowtts.wire.messages import Message

Receive = Callable[[Peer, Sequence[bytes]], None]

LAST_WORDS_S = 0.2
_MANY = 512  # far more connections than a board's programs open
_DESCRIPTORS = 65_536

_OPTIONS = {
    zmq.ROUTER_MANDATORY: 1,
    zmq.SNDHWM: 5000,  # above the CREDIT_MAX of one connection, so that a pipe never fills
    zmq.RCVHWM: 64,
    zmq.MAXMSGSIZE: 4 * HEADER_MAX_BYTES,  # a little too long is answered, far too long is cut off
    zmq.HANDSHAKE_IVL: 3000,
    zmq.HEARTBEAT_IVL: 2000,
    zmq.HEARTBEAT_TIMEOUT: 6000,
    zmq.HEARTBEAT_TTL: 6000,
    zmq.LINGER: 500,
}


class Server:
    """``paths`` names the sockets: {"user": /run/ishowtts/tts.sock, "admin": ...}."""

    def __init__(self, paths: dict[str, Path], groups: dict[str, str], receive: Receive) -> None:
        self._paths, self._groups, self._receive = paths, groups, receive
        self._context = zmq.asyncio.Context()
        self._doors: dict[str, _Door] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def open(self) -> None:
        """Listen, mode 0660. Raises OSError when a path cannot be bound, LookupError for an unknown group.

        A socket that systemd handed over is taken as it is, wherever it is and whosever.
        """
        given = sockets.handed_over(self._paths)
        for name, path in self._paths.items():
            router = self._context.socket(zmq.ROUTER)
            for option, value in _OPTIONS.items():
                router.set(option, value)
            listener = given.get(name) or sockets.listen_at(path, self._groups.get(name, ""))
            door = self._doors[name] = _Door(router, listener)
            self._spawn(door.guard(), f"{name} guard")
            door.open()
            self._spawn(self._listen(name, router), name)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    async def watch(self) -> None:
        """Wait for a task of ours to end, which none ever should: raises what ended it."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def close(self) -> None:
        await asyncio.sleep(LAST_WORDS_S)  # libzmq's thread still has the last answers to write
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._context.destroy(linger=_OPTIONS[zmq.LINGER])
        for door in self._doors.values():
            door.remove()

    @property
    def endpoint(self) -> str:
        """Where clients speak; once open."""
        return self._doors["user"].endpoint

    def send(self, peer: Peer, message: Message, pcm: bytes) -> bool:
        """Hand one message to libzmq; False when the peer is gone or takes nothing any more."""
        router = self._doors[peer.socket].router
        # Without blocking the future is always done: its exception says what happened.
        envelope = [peer.identity, b""] if peer.delimiter else [peer.identity]
        future = router.send_multipart([*envelope, *pack(message, pcm)], flags=zmq.NOBLOCK)
        error = cast("asyncio.Future[object]", future).exception()
        if error is None:
            return True
        if isinstance(error, zmq.ZMQError) and error.errno in (errno.EHOSTUNREACH, errno.EAGAIN):
            return False
        raise error

    async def _listen(self, name: str, router: zmq.asyncio.Socket) -> None:
        while True:
            identity, *frames = await router.recv_multipart(copy=False)
            contents = [frame.bytes for frame in frames]
            peer = Peer(name, identity.bytes, _uid(identity), delimiter=contents[:1] == [b""])
            if _made_by_libzmq(identity.bytes):
                self._receive(peer, contents)
            else:
                self.send(peer, refuse("", Refusal(Reason.FRAMES, "set no routing id on your socket.")), b"")


def _made_by_libzmq(identity: bytes) -> bool:
    """A name that a client chose could be chosen again by another user, who would then get the first one's audio."""
    return len(identity) == 5 and identity[0] == 0


def _uid(frame: zmq.Frame) -> int:
    """The kernel's word for who connected: Peer-Address is `host:uid:gid:pid` on ipc."""
    with suppress(zmq.ZMQError, ValueError, IndexError):
        return int(str(frame.get("Peer-Address")).rsplit(":", 3)[1])
    return -1


def _raise_descriptor_limit() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


class _Door:
    """One ROUTER and the listening socket it accepts from; shut for a moment when descriptors run out.

    libzmq 4.3.5 aborts the process when accept() on an ipc socket meets EMFILE. So from _MANY descriptors on nobody is
    accepted: newcomers wait in the kernel's queue, those just let in are shown out. The rest up to the limit is the
    time this takes to happen: accept() runs in libzmq's own thread.
    """

    def __init__(self, router: zmq.asyncio.Socket, listener: sockets.Listener) -> None:
        self.router, self._listener = router, listener
        self.endpoint = f"ipc://{listener.path}"
        self._monitor = router.get_monitor_socket(zmq.EVENT_ACCEPTED)
        self._limit = min(_raise_descriptor_limit() // 2, _MANY)

    def open(self) -> None:
        self.router.set(zmq.USE_FD, os.dup(self._listener.socket.fileno()))  # libzmq closes what it gets
        self.router.bind(self.endpoint)

    async def guard(self) -> None:
        while True:
            newcomer = int(parse_monitor_message(await self._monitor.recv_multipart())["value"])
            if newcomer < self._limit:
                continue
            self.router.unbind(self.endpoint)
            _show_out(newcomer)
            while await self._monitor.poll(100) or len(list(Path("/proc/self/fd").iterdir())) >= self._limit:
                while await self._monitor.poll(0):
                    newcomer = int(parse_monitor_message(await self._monitor.recv_multipart())["value"])
                    if newcomer >= self._limit:
                        _show_out(newcomer)
                await asyncio.sleep(0)
            self.open()

    def remove(self) -> None:
        self._listener.close()


def _show_out(fd: int) -> None:
    """libzmq has no call to disconnect a peer: shutting its connection down has that effect."""
    with suppress(OSError):
        newcomer = socket.socket(fileno=os.dup(fd))
        newcomer.shutdown(socket.SHUT_RDWR)
        newcomer.close()
