"""A small hub of weights on 127.0.0.1, as good or as bad as a test wants it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Hub:
    """``files``: bytes by path. As the real one: small files by their git blob, big ones by SHA-256 and from storage.

    ``breaks``: how many bytes each of the next answers brings before the connection is cut. ``pause``: bytes after
    which an answer waits until ``go`` is set.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    storage: bool = True  # big files are on another host name
    checksums: bool = True
    digest: str = ""  # announced instead of the true one
    length_lie: int = 0  # added to each Content-Length
    start_lie: int = 0  # added to the start of each Content-Range
    statuses: list[int] = field(default_factory=list)  # of the next answers, before any is good
    breaks: list[int] = field(default_factory=list)
    pause: int = 0
    paused: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)
    asked: list[tuple[str, str]] = field(default_factory=list)  # path and Range, of what was answered with content
    address: str = ""

    def of(self, path: str) -> str:
        return f"{self.address}/{path}"


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    class Handler(_Handler):
        it = hub

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        hub.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield hub
        finally:
            hub.go.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    it: Hub

    def do_GET(self) -> None:
        hub = self.it
        path = self.path.removeprefix("/storage").lstrip("/")
        data = hub.files.get(path)
        if data is None:
            self.send_error(404)
        elif hub.statuses:
            self.send_error(hub.statuses.pop(0))
        elif hub.storage and len(data) >= 1000 and not self.path.startswith("/storage/"):
            self._redirect(path, data)
        else:
            self._content(path, data)

    def _redirect(self, path: str, data: bytes) -> None:
        self.send_response(302)
        self._announce(data)
        port = self.it.address.rsplit(":", 1)[1]
        self.send_header("Location", f"http://localhost:{port}/storage/{path}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _announce(self, data: bytes) -> None:
        hub = self.it
        if not hub.checksums:
            return
        self.send_header("X-Repo-Commit", "0123abcd")
        if len(data) >= 1000:
            self.send_header("X-Linked-ETag", f'"{hub.digest or hashlib.sha256(data).hexdigest()}"')
            self.send_header("X-Linked-Size", str(len(data)))
        else:
            blob = hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()
            self.send_header("ETag", f'"{hub.digest or blob}"')

    def _content(self, path: str, data: bytes) -> None:
        hub = self.it
        wanted = self.headers.get("Range") or ""
        hub.asked.append((path, wanted))
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and hub.ranges else 0
        if wanted and start >= len(data):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if wanted and hub.ranges else 200)
        if wanted and hub.ranges:
            self.send_header("Content-Range", f"bytes {start + hub.start_lie}-{len(data) - 1}/{len(data)}")
        if self.path.startswith("/storage/"):
            self.send_header("ETag", '"' + "f" * 64 + '"')  # storage names its own things
        else:
            self._announce(data)
        self.send_header("Content-Length", str(len(data) - start + hub.length_lie))
        self.end_headers()
        self._body(data[start:])

    def _body(self, data: bytes) -> None:
        hub = self.it
        data = data[: hub.breaks.pop(0)] if hub.breaks else data
        with suppress(ConnectionError):  # who asked may be killed
            self._send(data)

    def _send(self, data: bytes) -> None:
        hub = self.it
        if hub.pause and len(data) > hub.pause:
            self.wfile.write(data[: hub.pause])
            self.wfile.flush()
            hub.paused.set()
            hub.go.wait()
            data = data[hub.pause :]
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass
