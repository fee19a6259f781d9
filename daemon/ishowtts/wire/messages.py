"""One struct per message of IST1; the two tuples at the end are the whole protocol.

Unknown fields are ignored by both sides, so a new optional field never breaks an old peer. Times on the wire are
relative milliseconds.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from .constants import CREDIT_MAX

# \A and \Z, not ^ and $: `$` also matches before a trailing newline, which would let one into the log.
Id = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9._-]{1,64}\Z")]
VoiceName = Annotated[str, Meta(pattern=r"\A[a-z0-9_-]{1,64}\Z")]
Credit_ = Annotated[int, Meta(ge=1, le=CREDIT_MAX)]
Milliseconds = Annotated[int, Meta(ge=1, le=86_400_000)]
Priority = Literal["interactive", "normal", "batch"]
SampleFormat = Literal["pcm_s16le", "pcm_f32le"]
SampleRate = Literal[8000, 16000, 22050, 24000, 44100, 48000]
TunedNfe = Annotated[int, Meta(ge=3, le=64)]
DecisionNumber = Annotated[int, Meta(ge=1, le=2**31 - 1)]
VoteKind = Literal["prefer", "veto", "allow"]
Topic = Literal["state", "queue", "engine", "tune"]

CAPABILITIES = ("stream", "credit", "cancel", "deadline", "priority", "subscribe", "rate", "speed", "tune", "reload")


class Message(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="op"):
    id: Id


# --- client to daemon ---------------------------------------------------------------------------------------------


class Hello(Message, frozen=True, kw_only=True, tag="hello"):
    client: str = ""


class Synth(Message, frozen=True, kw_only=True, tag="synth"):
    """Speak ``text``. Answered by accepted, started, audio and progress, then exactly one done or error."""

    text: str
    voice: VoiceName = "default"
    lang: str = ""
    speed: Annotated[float, Meta(ge=0.25, le=4.0)] = 1.0
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    nfe: Annotated[int, Meta(ge=1, le=128)] | None = None
    cfg: Annotated[float, Meta(ge=0.0, le=10.0)] | None = None
    format: SampleFormat = "pcm_s16le"
    rate: SampleRate = 24000
    chunk_ms: Annotated[int, Meta(ge=20, le=1000)] = 100
    prio: Priority = "normal"
    timeout_ms: Milliseconds = 60_000
    max_wait_ms: Milliseconds | None = None
    credit: Credit_ = 64


class Credit(Message, frozen=True, kw_only=True, tag="credit"):
    """The client can take ``n`` more audio chunks (or events)."""

    n: Credit_


class Cancel(Message, frozen=True, kw_only=True, tag="cancel"):
    """Stop request ``id``. With ``rid`` an ``ok`` with that id comes back; an unknown target is not an error."""

    rid: Id | None = None


class Ping(Message, frozen=True, kw_only=True, tag="ping"):
    pass


class Status(Message, frozen=True, kw_only=True, tag="status"):
    pass


class Voices(Message, frozen=True, kw_only=True, tag="voices"):
    pass


class Subscribe(Message, frozen=True, kw_only=True, tag="subscribe"):
    topics: Annotated[list[Topic], Meta(min_length=1, max_length=8)]
    credit: Credit_ = 64


class Drain(Message, frozen=True, kw_only=True, tag="drain"):
    """Admin socket only: finish what was accepted, refuse the rest, then exit."""


class EngineRestart(Message, frozen=True, kw_only=True, tag="engine.restart"):
    """Admin socket only: end the engine child and start a new one."""


class Tune(Message, frozen=True, kw_only=True, tag="tune"):
    """Admin socket only: begin a round now. Answered by ok; what becomes of it comes as events of the topic `tune`.

    ``dry_run`` changes nothing; ``sweep``: NFEs to measure instead of the configured ones; ``runs`` of each, all of
    them; ``search``: look for better grids for these NFEs instead of measuring times.
    """

    dry_run: bool = False
    sweep: Annotated[list[TunedNfe], Meta(max_length=16)] = field(default_factory=list)
    runs: Annotated[int, Meta(ge=3, le=100)] | None = None
    search: Annotated[list[TunedNfe], Meta(max_length=16)] = field(default_factory=list)


class TuneStop(Message, frozen=True, kw_only=True, tag="tune.stop"):
    """Admin socket only: end the round or the search under way; nothing changes."""


class TunePin(Message, frozen=True, kw_only=True, tag="tune.pin"):
    """Admin socket only: speak with ``nfe`` whatever the rounds say; without it, let them decide again."""

    nfe: TunedNfe | None = None


class TuneRollback(Message, frozen=True, kw_only=True, tag="tune.rollback"):
    """Admin socket only: speak as after decision ``to``; without it, as before the last change."""

    to: DecisionNumber | None = None


class Vote(Message, frozen=True, kw_only=True, tag="vote"):
    """Admin socket only: a person's judgement. A veto keeps ``nfe`` from being chosen until it is allowed again."""

    kind: VoteKind
    nfe: TunedNfe
    over: TunedNfe | None = None
    text: Annotated[str, Meta(max_length=64)] = ""
    kit: Annotated[str, Meta(max_length=64)] = ""
    note: Annotated[str, Meta(max_length=500)] = ""


class History(Message, frozen=True, kw_only=True, tag="history"):
    """Decisions and votes, the newest first, shortened; with ``number`` that one decision, whole.

    ``before``: only decisions with a smaller number.
    """

    number: DecisionNumber | None = None
    limit: Annotated[int, Meta(ge=1, le=20)] = 20
    before: DecisionNumber | None = None


class Reload(Message, frozen=True, kw_only=True, tag="reload"):
    """Admin socket only: read the configuration again and take over what can change while the daemon runs."""


# --- daemon to client ---------------------------------------------------------------------------------------------


class Welcome(Message, frozen=True, kw_only=True, tag="welcome"):
    boot: str
    server: str
    proto: list[str]
    caps: list[str]
    limits: dict[str, int]


class Accepted(Message, frozen=True, kw_only=True, tag="accepted"):
    boot: str
    queue: int
    eta_ms: int | None = None
    attached: bool = False


class AudioFormat(Struct, frozen=True, kw_only=True):
    format: str
    rate: int
    channels: int = 1


class Started(Message, frozen=True, kw_only=True, omit_defaults=False, tag="started"):
    boot: str
    audio: AudioFormat
    nfe: int
    schedule: str
    seed: int


class Audio(Message, frozen=True, kw_only=True, omit_defaults=False, tag="audio"):
    """The PCM is frame 2."""

    seq: int


class Progress(Message, frozen=True, kw_only=True, omit_defaults=False, tag="progress"):
    boot: str
    state: str
    queue: int
    pct: int
    eta_ms: int | None = None


class Event(Message, frozen=True, kw_only=True, omit_defaults=False, tag="event"):
    topic: str
    n: int
    dropped: int
    data: dict[str, Any]


class Times(Struct, frozen=True, kw_only=True):
    """Milliseconds since the request arrived."""

    queue: int
    first: int
    total: int


class Done(Message, frozen=True, kw_only=True, omit_defaults=False, tag="done"):
    chunks: int
    bytes: int
    sha256: str
    audio_ms: int
    times: Times
    rtf: float
    nfe: int
    seed: int


class Error(Message, frozen=True, kw_only=True, omit_defaults=False, tag="error"):
    """The refusal or the failure of a request. ``id`` is empty when the message was too broken to have one."""

    id: str = ""
    code: str  # a Code; a string here, so that an old client can read a new daemon's
    reason: str
    msg: str
    retry: bool = False
    retry_after_ms: int | None = None
    supported: list[str] = field(default_factory=list)


class Ok(Message, frozen=True, kw_only=True, tag="ok"):
    pass


class Pong(Message, frozen=True, kw_only=True, tag="pong"):
    boot: str = ""


class Reloaded(Message, frozen=True, kw_only=True, omit_defaults=False, tag="reloaded"):
    changed: list[str]
    restart: list[str]
    engine: bool
    msg: str


class HistoryReply(Message, frozen=True, kw_only=True, omit_defaults=False, tag="history"):
    decisions: list[dict[str, Any]]
    votes: list[dict[str, Any]]


class StatusReply(Message, frozen=True, kw_only=True, omit_defaults=False, tag="status"):
    status: dict[str, Any]


class VoicesReply(Message, frozen=True, kw_only=True, omit_defaults=False, tag="voices"):
    voices: list[dict[str, Any]]


REQUESTS: tuple[type[Message], ...] = (
    Hello,
    Synth,
    Credit,
    Cancel,
    Ping,
    Status,
    Voices,
    Subscribe,
    Drain,
    EngineRestart,
    Reload,
    Tune,
    TuneStop,
    TunePin,
    TuneRollback,
    Vote,
    History,
)
TUNING: tuple[type[Message], ...] = (Tune, TuneStop, TunePin, TuneRollback, Vote, History)
ADMIN_ONLY: tuple[type[Message], ...] = (
    Drain,
    EngineRestart,
    Reload,
    Tune,
    TuneStop,
    TunePin,
    TuneRollback,
    Vote,
)
REPLIES: tuple[type[Message], ...] = (
    Welcome,
    Accepted,
    Started,
    Audio,
    Progress,
    Event,
    Done,
    Error,
    Ok,
    Pong,
    Reloaded,
    HistoryReply,
    StatusReply,
    VoicesReply,
)
