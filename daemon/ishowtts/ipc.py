"""What the front process and the engine child say to each other over their socketpair.

Each message is 4 + 4 bytes of big-endian lengths, a JSON header and raw PCM (possibly empty). Bytes that do not fit
raise Garbled: whoever sent them is broken and is replaced, never believed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from msgspec import DecodeError, Struct, ValidationError, field, json

_LENGTHS = struct.Struct(">II")
# Tells the front what is being loaded.
Say = Callable[[str], None]

HEADER_MAX_BYTES = 4 << 20
PAYLOAD_MAX_BYTES = 64 << 20


class Garbled(Exception):
    """The other end sent something that is not a message."""


class _Message(Struct, frozen=True, kw_only=True, tag_field="op"):
    pass


# --- front to engine ----------------------------------------------------------------------------------------------


class VoiceFiles(Struct, frozen=True, kw_only=True):
    name: str
    audio: str
    text: str


class Configure(_Message, frozen=True, kw_only=True, tag="configure"):
    """The first message: what to load. Paths are absolute or empty."""

    kind: str
    model_config: str = ""
    checkpoint: str = ""
    vocab: str = ""
    vocoder: str = ""
    device: str = "auto"
    dtype: str = "auto"
    threads: int = 0
    capture_s: float = 0.0
    fake_rtf: float = 0.02
    voices: list[VoiceFiles] = field(default_factory=list)


class Speak(_Message, frozen=True, kw_only=True, tag="speak"):
    """Speak one chunk of text on the time grid ``times``; without one, on the usual grid for ``nfe``."""

    job: int
    text: str
    voice: str
    seed: int
    nfe: int
    times: tuple[float, ...] = ()
    cfg: float
    speed: float
    sample_format: str
    rate: int


class SpeakMany(_Message, frozen=True, kw_only=True, tag="speak_many"):
    """Speak several chunks at once: same NFE and guidance, near lengths. Each is answered for itself."""

    jobs: list[Speak]


class Compare(_Message, frozen=True, kw_only=True, tag="compare"):
    """Make the mel of ``text`` twice from one noise, on ``times`` and on ``reference``, and say how far apart they are.

    The reference's mel is kept: the next grid for the same text needs only its own.
    """

    job: int
    text: str
    voice: str
    seed: int
    cfg: float
    times: tuple[float, ...]
    reference: tuple[float, ...]


class CancelJob(_Message, frozen=True, kw_only=True, tag="cancel"):
    job: int


# --- engine to front ----------------------------------------------------------------------------------------------


class Loading(_Message, frozen=True, kw_only=True, tag="loading"):
    what: str


class VoiceInfo(Struct, frozen=True, kw_only=True):
    """A voice the engine has read; ``problem`` says why not, and then it cannot be used."""

    name: str
    seconds: float = 0.0
    text_bytes: int = 0
    fingerprint: str = ""
    problem: str = ""


class Counters(Struct, frozen=True, kw_only=True):
    """What the engine keeps on its GPU: captured shapes, how many captures and compilations since it was ready, memory.

    A compilation after that is a bug: somebody waited for it.
    """

    graphs: int = 0
    captures: int = 0
    recompiles: int = 0
    peak_mib: float = 0.0


class Ready(_Message, frozen=True, kw_only=True, tag="ready"):
    model: str
    device: str
    dtype: str
    torch: str
    characters: str
    pinyin: bool
    voices: list[VoiceInfo]
    note: str = ""
    load_s: float = 0.0
    batch_max: int = 1
    kernels: str = ""
    fingerprint: str = ""  # of the weights and all that shapes their sound
    counters: Counters = field(default_factory=Counters)


class Unavailable(_Message, frozen=True, kw_only=True, tag="unavailable"):
    """The engine cannot serve until somebody mends it: what is wrong (file, key, shape) and the command that helps."""

    what: str
    mend: str


class Stepped(_Message, frozen=True, kw_only=True, tag="stepped"):
    """Sign of life of a running job: ``done`` of ``total`` ODE steps."""

    job: int
    done: int
    total: int


class Spoken(_Message, frozen=True, kw_only=True, tag="spoken"):
    """The job's PCM is the payload; ``produced_s`` is CLOCK_MONOTONIC when it was ready."""

    job: int
    audio_s: float
    compute_s: float
    produced_s: float
    counters: Counters = field(default_factory=Counters)


class Compared(_Message, frozen=True, kw_only=True, tag="compared"):
    """Means over the generated frames; ``problem`` says what makes it no speech. See engine/compare.py.

    The payload is the speech on ``times``, pcm_s16le at 24 kHz.
    """

    job: int
    log_mel_db: float
    mcd_db: float
    problem: str
    compute_s: float


class Failed(_Message, frozen=True, kw_only=True, tag="failed"):
    """The job ended without audio; ``reason`` is one of the protocol's reasons."""

    job: int
    reason: str
    msg: str


class Dropped(_Message, frozen=True, kw_only=True, tag="dropped"):
    """The job was cancelled between two ODE steps."""

    job: int


ToEngine = Configure | Speak | SpeakMany | Compare | CancelJob
FromEngine = Loading | Ready | Unavailable | Stepped | Spoken | Compared | Failed | Dropped

_to_engine = json.Decoder(ToEngine)
_from_engine = json.Decoder(FromEngine)
_encoder = json.Encoder()


def pack(message: ToEngine | FromEngine, payload: bytes = b"") -> bytes:
    header = _encoder.encode(message)
    return _LENGTHS.pack(len(header), len(payload)) + header + payload


class Unpacker:
    """Bytes in, messages out; keeps what is incomplete."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """The (header, payload) pairs that are now complete; raises Garbled when lengths are absurd."""
        self._buffer += data
        complete = []
        while len(self._buffer) >= _LENGTHS.size:
            header_len, payload_len = _LENGTHS.unpack_from(self._buffer)
            if header_len > HEADER_MAX_BYTES or payload_len > PAYLOAD_MAX_BYTES:
                raise Garbled(f"a message of {header_len} + {payload_len} bytes was announced")
            end = _LENGTHS.size + header_len + payload_len
            if len(self._buffer) < end:
                break
            header = bytes(self._buffer[_LENGTHS.size : _LENGTHS.size + header_len])
            payload = bytes(self._buffer[_LENGTHS.size + header_len : end])
            del self._buffer[:end]
            complete.append((header, payload))
        return complete


def read_to_engine(header: bytes) -> ToEngine:
    message: ToEngine = _decode(_to_engine, header)
    return message


def read_from_engine(header: bytes) -> FromEngine:
    message: FromEngine = _decode(_from_engine, header)
    return message


def _decode(decoder: Any, header: bytes) -> Any:
    try:
        return decoder.decode(header)
    except (ValidationError, DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Garbled(str(error)) from None
