"""Messages to frames and back: ``[b"IST1", JSON header, optional PCM]``. No sockets here."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import DecodeError, Struct, ValidationError, json

from .constants import HEADER_MAX_BYTES, MAGIC, PROTOCOLS
from .errors import CODE_OF, RETRYABLE, Reason, Refusal
from .messages import CAPABILITIES, REQUESTS, Error, Message

_ID = re.compile(r"\A[A-Za-z0-9._-]{1,64}\Z")


class _Head(Struct):
    """What is read first, leniently, so that even a refused message is answered to the right request."""

    op: str
    id: str = ""
    need: list[str] = []


class BadMessage(Refusal):
    """Frames that are not a request of ours; carries the id they asked with, if it could be read."""

    def __init__(self, reason: Reason, msg: str, id: str = "") -> None:
        super().__init__(reason, msg)
        self.id = id


_head = json.Decoder(_Head)
_requests = {str(kind.__struct_config__.tag): json.Decoder(kind) for kind in REQUESTS}
_encoder = json.Encoder()

# Bad UTF-8 inside a string comes out of msgspec as UnicodeDecodeError, deep nesting as RecursionError.
_BROKEN = (DecodeError, UnicodeDecodeError, RecursionError)
_NOT_JSON = "the header is not one JSON object in UTF-8."


def pack(message: Message, pcm: bytes = b"") -> list[bytes]:
    """Return the frames of ``message``; ``pcm`` becomes frame 2 when there is any."""
    frames = [MAGIC, _encoder.encode(message)]
    return [*frames, pcm] if pcm else frames


def refuse(id: str, refusal: Refusal) -> Error:
    """Turn a refusal into the ``error`` message that answers request ``id``."""
    return Error(
        id=id,
        code=CODE_OF[refusal.reason],
        reason=refusal.reason,
        msg=refusal.msg[:300],
        retry=refusal.reason in RETRYABLE,
        retry_after_ms=refusal.retry_after_ms,
        supported=list(PROTOCOLS) if refusal.reason is Reason.VERSION else [],
    )


def unpack_request(frames: Sequence[bytes]) -> Message:
    """Read a client's frames; raise BadMessage, with a sentence for a person, for anything else."""
    header = _header(frames)
    if len(frames) != 2:
        raise BadMessage(Reason.FRAMES, f"a request has 2 frames (IST1, header), not {len(frames)}.", _any_id(header))
    head = _read_head(header)
    decoder = _requests.get(head.op)
    if decoder is None:
        known = ", ".join(sorted(_requests))
        raise BadMessage(Reason.OP, f"there is no op {head.op[:40]!r}; this daemon knows {known}.", head.id)
    missing = [need for need in head.need if need not in CAPABILITIES]
    if missing:
        raise BadMessage(Reason.NEED, f"this daemon cannot do {missing[0][:40]!r}, which the request needs.", head.id)
    try:
        return decoder.decode(header)
    except ValidationError as error:
        raise BadMessage(Reason.SCHEMA, _sentence(error), head.id) from None
    except _BROKEN:
        raise BadMessage(Reason.HEADER, _NOT_JSON, head.id) from None


def _header(frames: Sequence[bytes]) -> bytes:
    magic = frames[0] if frames else b""
    if magic != MAGIC:
        id = next(filter(None, map(_any_id, frames[1:3])), "")
        if not magic and len(frames) > 1:
            hint = "this looks like a REQ socket: use a DEALER socket, whose first frame is IST1."
        elif re.fullmatch(rb"IST[0-9]{1,4}", magic):
            hint = f"this daemon speaks IST1, not {magic.decode()}: use a client of the same major version."
        else:
            hint = "the first frame must be the 4 bytes IST1."
        raise BadMessage(Reason.VERSION, hint, id)
    if len(frames) < 2:
        raise BadMessage(Reason.FRAMES, "the header frame is missing: send IST1 and a JSON object.")
    if len(frames[1]) > HEADER_MAX_BYTES:
        raise BadMessage(Reason.HEADER, f"the header is {len(frames[1])} bytes; at most {HEADER_MAX_BYTES} are read.")
    return frames[1]


def _read_head(header: bytes) -> _Head:
    try:
        head = _head.decode(header)
    except ValidationError as error:
        raise BadMessage(Reason.SCHEMA, _sentence(error), _any_id(header)) from None
    except _BROKEN:
        raise BadMessage(Reason.HEADER, _NOT_JSON, _any_id(header)) from None
    if not _ID.match(head.id):
        raise BadMessage(Reason.SCHEMA, "`id` must be 1 to 64 characters out of A-Z a-z 0-9 . _ -")
    return head


def _any_id(header: bytes) -> str:
    """The id in a header that is otherwise wrong, or ''."""
    try:
        value = json.decode(header)
    except _BROKEN:
        return ""
    id = value.get("id") if isinstance(value, dict) else None
    return id if isinstance(id, str) and _ID.match(id) else ""


def _sentence(error: ValidationError) -> str:
    """msgspec's message with the field first: `speed`: expected `float` <= 4.0."""
    text, _, path = str(error).partition(" - at `$")
    text = re.sub(r"Expected `str` matching regex .*", "this is not an allowed name", text).rstrip(".")
    return f"`{path.strip('`.')}`: {text[0].lower()}{text[1:]}." if path.strip("`.") else f"{text}."
