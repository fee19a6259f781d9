"""The listening sockets under the ROUTERs: handed over by systemd, so that they outlive us, or made here."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

_BACKLOG = 64
_FIRST_FD = 3  # sd_listen_fds(3)
_VARIABLES = ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")


@dataclass(frozen=True)
class Listener:
    """``ours``: we made the file, so we remove it; systemd keeps its own, with the clients that wait there."""

    socket: socket.socket
    path: Path
    ours: bool

    def close(self) -> None:
        self.socket.close()
        if self.ours:
            self.path.unlink(missing_ok=True)


def handed_over(names: Collection[str]) -> dict[str, Listener]:
    """What systemd gave this process, by FileDescriptorName=; nothing when started otherwise.

    Raises OSError, one sentence, for anything that is not a listening unix socket with one of ``names``.
    """
    count, pid, given_names = (
        os.environ.pop(name, "") for name in _VARIABLES
    )  # no child of ours shall think it is meant
    if pid != str(os.getpid()):
        return {}
    found: dict[str, Listener] = {}
    for fd, name in zip(range(_FIRST_FD, _FIRST_FD + int(count)), given_names.split(":"), strict=False):
        os.set_inheritable(fd, False)
        listener = socket.socket(fileno=fd)
        if name not in names:
            raise OSError(f"systemd handed over {name!r}, expected FileDescriptorName= one of {', '.join(names)}")
        listens = listener.family == socket.AF_UNIX and listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if not listens or not str(listener.getsockname()).startswith("/"):
            raise OSError(f"what systemd handed over as {name!r} is no listening unix socket with a path")
        listener.setblocking(False)
        found[name] = Listener(listener, Path(listener.getsockname()), ours=False)
    return found


def listen_at(path: Path, group: str) -> Listener:
    """A socket of our own, mode 0660 from the first moment. Raises OSError, or LookupError for an unknown group."""
    path.unlink(missing_ok=True)  # the lock file says that nobody uses it
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    umask = os.umask(0o117)
    try:
        listener.bind(str(path))
    except OSError as error:
        hint = " (choose a shorter --runtime-dir)" if len(os.fsencode(path)) > 107 else ""
        raise OSError(f"{path}: {error.strerror or error}{hint}") from None
    finally:
        os.umask(umask)
    if group:
        shutil.chown(path, group=group)
    listener.listen(_BACKLOG)
    return Listener(listener, path, ours=True)
