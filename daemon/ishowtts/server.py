"""The two ROUTER sockets: frames in, frames out. The only zmq in the daemon.

What libzmq does when a peer is slow, dead or hostile was measured (PROTOCOL.md, "Traps"); the options and the rules
here follow from it: ROUTER_MANDATORY, every send without blocking, one task that receives, a guard on file descriptors.
"""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import shutil
import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import zmq
import zmq.asyncio
from zmq.utils.monitor import parse_monitor_message

from ishowtts.requests import Peer
from ishowtts.wire.codec import pack
from ishowtts.wire.messages import HEADER_MAX_BYTES, Message

Receive = Callable[[Peer, Sequence[bytes]], None]

# libzmq 4.3.5 aborts the process when accept() on an ipc socket meets EMFILE: newcomers are closed before that.
FD_RESERVE = 64

_OPTIONS = {
    zmq.ROUTER_MANDATORY: 1,
    zmq.SNDHWM: 5000,  # above the 4096 credits of one client, so that a pipe never fills
    zmq.RCVHWM: 64,
    zmq.MAXMSGSIZE: 4 * HEADER_MAX_BYTES,  # a little too long is answered, far too long is cut off
    zmq.HANDSHAKE_IVL: 3000,
    zmq.HEARTBEAT_IVL: 2000,
    zmq.HEARTBEAT_TIMEOUT: 6000,
    zmq.HEARTBEAT_TTL: 6000,
    zmq.BACKLOG: 64,
    zmq.LINGER: 500,
}


class Server:
    """``paths`` names the sockets: {"user": /run/ishowtts/tts.sock, "admin": ...}."""

    def __init__(self, paths: dict[str, Path], groups: dict[str, str], receive: Receive) -> None:
        self._paths, self._groups, self._receive = paths, groups, receive
        self._context = zmq.asyncio.Context()
        self._sockets: dict[str, zmq.asyncio.Socket] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def open(self) -> None:
        """Bind, mode 0660. Raises OSError when a path cannot be bound or a group cannot be given."""
        for name, path in self._paths.items():
            router = self._context.socket(zmq.ROUTER)
            for option, value in _OPTIONS.items():
                router.set(option, value)
            self._sockets[name] = router
            monitor = router.get_monitor_socket(zmq.EVENT_ACCEPTED)
            umask = os.umask(0o117)
            try:
                router.bind(f"ipc://{path}")
            except zmq.ZMQError as error:
                raise OSError(error.errno, f"{path}: {error.strerror}") from None
            finally:
                os.umask(umask)
            if self._groups.get(name):
                shutil.chown(path, group=self._groups[name])
            self._spawn(self._listen(name, router), name)
            self._spawn(_guard(monitor), f"{name} guard")

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    async def watch(self) -> None:
        """Wait for a task of ours to end, which none ever should: raises what ended it."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._context.destroy(linger=_OPTIONS[zmq.LINGER])
        for name in self._sockets:
            self._paths[name].unlink(missing_ok=True)

    def send(self, peer: Peer, message: Message, pcm: bytes) -> bool:
        """Hand one message to libzmq; False when the peer is gone or takes nothing any more."""
        router = self._sockets[peer.socket]
        # Without blocking the future is always done: its exception says what happened.
        future = router.send_multipart([peer.identity, *pack(message, pcm)], flags=zmq.NOBLOCK)
        error = cast("asyncio.Future[object]", future).exception()
        if error is None:
            return True
        if isinstance(error, zmq.ZMQError) and error.errno in (errno.EHOSTUNREACH, errno.EAGAIN):
            return False
        raise error

    async def _listen(self, name: str, router: zmq.asyncio.Socket) -> None:
        while True:
            identity, *frames = await router.recv_multipart(copy=False)
            peer = Peer(name, identity.bytes, _uid(identity))
            self._receive(peer, [frame.bytes for frame in frames])


def _uid(frame: zmq.Frame) -> int:
    """The kernel's word for who connected: Peer-Address is `host:uid:gid:pid` on ipc."""
    with suppress(zmq.ZMQError, ValueError, IndexError):
        return int(str(frame.get("Peer-Address")).rsplit(":", 3)[1])
    return -1


async def _guard(monitor: zmq.asyncio.Socket) -> None:
    """Close newcomers while the process still has descriptors left for its own work."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    while True:
        fd = int(parse_monitor_message(await monitor.recv_multipart())["value"])
        if fd < limit - FD_RESERVE:
            continue
        with suppress(OSError):
            newcomer = socket.socket(fileno=os.dup(fd))
            newcomer.shutdown(socket.SHUT_RDWR)
            newcomer.close()
