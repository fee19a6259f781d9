"""The closed set of error codes and reasons. Codes are gRPC's names; a reason belongs to exactly one code."""

from __future__ import annotations

from enum import Enum


class Code(str, Enum):
    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    UNIMPLEMENTED = "UNIMPLEMENTED"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    FAILED_PRECONDITION = "FAILED_PRECONDITION"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    UNAVAILABLE = "UNAVAILABLE"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    CANCELLED = "CANCELLED"
    ABORTED = "ABORTED"
    INTERNAL = "INTERNAL"


class Reason(str, Enum):
    """Why, within a code. PROTOCOL.md says what each one means; a test holds the two together."""

    FRAMES = "FRAMES"
    HEADER = "HEADER"
    SCHEMA = "SCHEMA"
    TEXT_EMPTY = "TEXT_EMPTY"
    TEXT_TOO_LONG = "TEXT_TOO_LONG"
    TEXT_CONTROL = "TEXT_CONTROL"
    UNSUPPORTED_TEXT = "UNSUPPORTED_TEXT"
    VERSION = "VERSION"
    OP = "OP"
    NEED = "NEED"
    VOICE = "VOICE"
    ID_REUSED = "ID_REUSED"
    CONFIGURATION = "CONFIGURATION"
    ADMIN_ONLY = "ADMIN_ONLY"
    QUEUE_FULL = "QUEUE_FULL"
    CLIENT_LIMIT = "CLIENT_LIMIT"
    RATE = "RATE"
    DRAINING = "DRAINING"
    SETUP_REQUIRED = "SETUP_REQUIRED"
    ENGINE_RESTART = "ENGINE_RESTART"
    TIMEOUT = "TIMEOUT"
    MAX_WAIT = "MAX_WAIT"
    UNREACHABLE = "UNREACHABLE"
    BY_CLIENT = "BY_CLIENT"
    CLIENT_GONE = "CLIENT_GONE"
    SLOW_CONSUMER = "SLOW_CONSUMER"
    ENGINE_ERROR = "ENGINE_ERROR"
    OOM = "OOM"
    BUG = "BUG"


_CODES: dict[Code, tuple[Reason, ...]] = {
    Code.INVALID_ARGUMENT: (
        Reason.FRAMES,
        Reason.HEADER,
        Reason.SCHEMA,
        Reason.TEXT_EMPTY,
        Reason.TEXT_TOO_LONG,
        Reason.TEXT_CONTROL,
        Reason.UNSUPPORTED_TEXT,
    ),
    Code.UNIMPLEMENTED: (Reason.VERSION, Reason.OP, Reason.NEED),
    Code.NOT_FOUND: (Reason.VOICE,),
    Code.ALREADY_EXISTS: (Reason.ID_REUSED,),
    Code.FAILED_PRECONDITION: (Reason.CONFIGURATION,),
    Code.PERMISSION_DENIED: (Reason.ADMIN_ONLY,),
    Code.RESOURCE_EXHAUSTED: (Reason.QUEUE_FULL, Reason.CLIENT_LIMIT, Reason.RATE),
    Code.UNAVAILABLE: (Reason.DRAINING, Reason.SETUP_REQUIRED, Reason.ENGINE_RESTART),
    Code.DEADLINE_EXCEEDED: (Reason.TIMEOUT, Reason.MAX_WAIT, Reason.UNREACHABLE),
    Code.CANCELLED: (Reason.BY_CLIENT, Reason.CLIENT_GONE),
    Code.ABORTED: (Reason.SLOW_CONSUMER,),
    Code.INTERNAL: (Reason.ENGINE_ERROR, Reason.OOM, Reason.BUG),
}

CODE_OF: dict[Reason, Code] = {reason: code for code, reasons in _CODES.items() for reason in reasons}

# The same request, sent again later, can succeed without anybody changing anything.
RETRYABLE = frozenset(
    {Reason.QUEUE_FULL, Reason.CLIENT_LIMIT, Reason.RATE, Reason.DRAINING, Reason.ENGINE_RESTART, Reason.OOM}
)


class Refusal(Exception):
    """A request that gets an ``error``: why, one sentence for a person, and when to try again."""

    def __init__(self, reason: Reason, msg: str, *, retry_after_ms: int | None = None) -> None:
        super().__init__(msg)
        self.reason, self.msg, self.retry_after_ms = reason, msg, retry_after_ms
