"""One file over HTTP into a `.part`: resumed by range where it broke off, and proven by the hub's own checksum."""

from __future__ import annotations

import errno
import hashlib
import http.client
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import IO, Any, NoReturn
from urllib.parse import urlsplit

from ishowtts import __version__
from ishowtts.setup.errors import SetupError

CHUNK_BYTES = 1 << 18
SILENCE_S = 30.0
BACK_OFF_S = (
    1.0,
    2.0,
    5.0,
    10.0,
    20.0,
)  # between attempts that brought nothing; one that brought something starts anew
OFFLINE = "Without a network, bring the files in a folder: `sudo ishowctl setup --from DIR`."

OnProgress = Callable[[int, int | None], None]


class _Broken(Exception):
    """This attempt brought no more; the next may."""


@dataclass(frozen=True)
class Proof:
    """``kind``: `sha256`, `git` (a blob's SHA-1, the hub's word for small files), or `length`: nothing better known."""

    kind: str
    digest: str = ""


@dataclass
class _Answer:
    body: IO[bytes] | None  # None: the part is at least as long as the file
    start: int
    total: int | None
    proof: Proof


@dataclass
class _Hops(urllib.request.HTTPRedirectHandler):
    """Keeps the headers of every redirect: a hub names the checksum there, and its storage elsewhere does not."""

    seen: list[tuple[str, Message]] = field(default_factory=list)

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if urlsplit(req.full_url).scheme == "https" and urlsplit(newurl).scheme != "https":
            raise SetupError(f"{req.full_url} redirects to {newurl}, which is not encrypted.", OFFLINE)
        self.seen.append((req.full_url, headers))
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(url: str, part: Path, on_progress: OnProgress, sleep: Callable[[float], None] = time.sleep) -> Proof:
    """Make ``part`` the whole of ``url`` and say what proves it. Raises SetupError, and keeps what came for the next.

    A part is only added to where a checksum will tell whether the two pieces belong together.
    """
    fruitless, resumed = 0, size(part) > 0
    while True:
        before = size(part)
        try:
            answer = _ask(url, before)
            if answer.start and answer.proof.kind == "length":
                _close(answer)
                part.unlink()
                continue
            if answer.start not in (0, before):
                _close(answer)
                part.unlink(missing_ok=True)
                raise _Broken(f"the server sent byte {answer.start} where byte {before} was asked for")
            _receive(answer, part, on_progress)
        except _Broken as why:
            fruitless = 0 if size(part) > before else fruitless + 1
            if fruitless > len(BACK_OFF_S):
                raise SetupError(f"{url}: {why}, {fruitless} times in a row.", f"Try again later. {OFFLINE}") from None
            sleep(BACK_OFF_S[max(fruitless - 1, 0)])
            resumed = True
            continue
        if (wrong := _differs(part, answer)) is None:
            return answer.proof
        part.unlink(missing_ok=True)
        if not resumed:
            raise SetupError(f"{url}: what came is not what was announced: {wrong}.", "Try again later.")
        resumed = False  # perhaps the older piece was at fault: once more, from nothing


def announced(url: str, file: Path) -> Proof | None:
    """What proves that ``file`` is the whole of ``url`` already; None: it is not, or only its length speaks for it."""
    try:
        answer = _ask(url, 0)  # closed before its content comes
    except _Broken as why:
        raise SetupError(f"{url}: {why}.", OFFLINE) from None
    _close(answer)
    return answer.proof if answer.proof.kind != "length" and _differs(file, answer) is None else None


def size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _ask(url: str, offset: int) -> _Answer:
    headers = {"User-Agent": f"ishowtts/{__version__}", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    hops = _Hops()
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 (an address of ours or of the operator)
        body = urllib.request.build_opener(hops).open(request, timeout=SILENCE_S)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and offset:
            return _Answer(
                None, offset, _total(error.headers, 416), proof_of(url, [*hops.seen, (error.url, error.headers)])
            )
        _explain(url, error)
    except urllib.error.URLError as error:
        raise _Broken(f"{urlsplit(url).netloc} cannot be reached ({error.reason})") from None
    except (http.client.HTTPException, OSError) as error:
        raise _Broken(f"the connection broke ({error or type(error).__name__})") from None
    seen = [*hops.seen, (body.url, body.headers)]
    start = _start(body.headers) if body.status == 206 else 0
    return _Answer(body, start, _linked_size(url, seen) or _total(body.headers, body.status), proof_of(url, seen))


def _explain(url: str, error: urllib.error.HTTPError) -> NoReturn:
    if error.code in (408, 425, 429) or error.code >= 500:
        raise _Broken(f"the server answers {error.code} {error.reason}") from None
    raise SetupError(f"{url}: the server answers {error.code} {error.reason}.", OFFLINE) from None


def proof_of(url: str, seen: list[tuple[str, Message]]) -> Proof:
    """From the answers of the host that was asked, in their order. Another's ETag may be any number. Pure."""
    own = [headers for hop, headers in seen if urlsplit(hop).netloc == urlsplit(url).netloc]
    for headers in reversed(own):
        linked = headers.get("X-Linked-ETag")
        tag = linked or (headers.get("ETag") if headers.get("X-Repo-Commit") else None)
        digest = (tag or "").removeprefix("W/").strip('"').lower()
        if re.fullmatch("[0-9a-f]{64}", digest):
            return Proof("sha256", digest)
        if re.fullmatch("[0-9a-f]{40}", digest):
            return Proof("git", digest)
    return Proof("length")


def _linked_size(url: str, seen: list[tuple[str, Message]]) -> int | None:
    own = [headers.get("X-Linked-Size") for hop, headers in seen if urlsplit(hop).netloc == urlsplit(url).netloc]
    return next((int(text) for text in own if text and text.isdecimal()), None)


def _start(headers: Message) -> int:
    found = re.match(r"bytes (\d+)-", headers.get("Content-Range") or "")
    return int(found[1]) if found else 0


def _total(headers: Message, status: int) -> int | None:
    if status in (206, 416):
        found = re.search(r"/(\d+)$", headers.get("Content-Range") or "")
        return int(found[1]) if found else None
    length = headers.get("Content-Length") or ""
    return int(length) if length.isdecimal() else None


def _receive(answer: _Answer, part: Path, on_progress: OnProgress) -> None:
    if answer.body is None:
        return
    have = answer.start
    try:
        with answer.body, part.open("ab" if answer.start else "wb") as out:
            while data := _read(answer.body):
                out.write(data)
                have += len(data)
                on_progress(have, answer.total)
                if have > (answer.total or have):
                    break  # it will not match, and a disk is soon full
    except OSError as error:
        mend = "Make room" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "Mend that"
        raise SetupError(f"{part} cannot be written: {error.strerror}.", f"{mend}, then run setup again.") from None
    if answer.total is not None and have < answer.total:
        raise _Broken(f"the connection broke at {have} of {answer.total} bytes")


def _read(body: IO[bytes]) -> bytes:
    try:
        return body.read(CHUNK_BYTES)
    except (http.client.HTTPException, OSError) as error:
        raise _Broken(f"the connection broke ({error or type(error).__name__})") from None


def _close(answer: _Answer) -> None:
    if answer.body is not None:
        answer.body.close()


def _differs(part: Path, answer: _Answer) -> str | None:
    """Why ``part`` is not what was announced; None: it is."""
    have = size(part)
    if answer.total is not None and have != answer.total:
        return f"{have} bytes instead of {answer.total}"
    if answer.proof.kind == "length":
        return None if answer.total is not None else "the server names neither a length nor a checksum"
    digest = sha256(part) if answer.proof.kind == "sha256" else git_blob(part)
    return None if digest == answer.proof.digest else f"its checksum is {digest}, not {answer.proof.digest}"


def sha256(file: Path) -> str:
    return _digest(file, hashlib.sha256())


def git_blob(file: Path) -> str:
    """As git names a file's content."""
    start = hashlib.sha1(f"blob {file.stat().st_size}\0".encode(), usedforsecurity=False)
    return _digest(file, start)


def _digest(file: Path, digest: Any) -> str:
    with file.open("rb") as data:
        while block := data.read(1 << 20):
            digest.update(block)
    return str(digest.hexdigest())
