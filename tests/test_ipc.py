"""The socketpair's messages, cut anywhere and mutilated."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ishowtts import ipc
from tests.steady import steady

SPEAK = ipc.Speak(
    job=1, text="你好\n", voice="v", seed=2**63 - 1, nfe=7, cfg=2.0, speed=1.0, sample_format="pcm_s16le", rate=24000
)
TO_ENGINE: list[ipc.ToEngine] = [
    ipc.Configure(kind="fake", voices=[ipc.VoiceFiles(name="v", audio="/a.wav", text="x")]),
    SPEAK,
    ipc.CancelJob(job=1),
]
FROM_ENGINE: list[ipc.FromEngine] = [
    ipc.Loading(what="torch"),
    ipc.Ready(
        model="m",
        device="cuda",
        dtype="fp16",
        torch="2.4",
        characters="ab语",
        pinyin=True,
        voices=[ipc.VoiceInfo(name="v", seconds=1.5, text_bytes=9), ipc.VoiceInfo(name="w", problem="silent")],
    ),
    ipc.Unavailable(what="no weights", mend="ishowctl setup"),
    ipc.Stepped(job=1, done=2, total=7),
    ipc.Spoken(job=1, audio_s=1.0, compute_s=0.1, produced_s=5.5),
    ipc.Failed(job=1, reason="OOM", msg="x"),
    ipc.Dropped(job=1),
]


@pytest.mark.parametrize("message", TO_ENGINE, ids=lambda value: type(value).__name__)
def test_to_the_engine_and_back(message: ipc.ToEngine) -> None:
    [(header, payload)] = ipc.Unpacker().feed(ipc.pack(message))
    assert (ipc.read_to_engine(header), payload) == (message, b"")


@pytest.mark.parametrize("message", FROM_ENGINE, ids=lambda value: type(value).__name__)
def test_from_the_engine_and_back(message: ipc.FromEngine) -> None:
    [(header, payload)] = ipc.Unpacker().feed(ipc.pack(message, b"\x00\xff"))
    assert (ipc.read_from_engine(header), payload) == (message, b"\x00\xff")


messages = st.lists(st.tuples(st.sampled_from(FROM_ENGINE), st.binary(max_size=50)), max_size=6)


@steady
@given(messages, st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_cut_anywhere_they_come_out_whole_and_in_order(
    sent: list[tuple[ipc.FromEngine, bytes]], sizes: list[int]
) -> None:
    data = b"".join(ipc.pack(message, payload) for message, payload in sent)
    unpacker, got, turn = ipc.Unpacker(), [], 0
    while data:
        size = sizes[turn % len(sizes)]
        piece, data, turn = data[:size], data[size:], turn + 1
        got += [(ipc.read_from_engine(header), payload) for header, payload in unpacker.feed(piece)]
    assert got == sent


def test_an_incomplete_message_waits() -> None:
    data, unpacker = ipc.pack(SPEAK, b"abc"), ipc.Unpacker()
    assert list(unpacker.feed(data[:-1])) == []
    assert list(unpacker.feed(b"")) == []
    assert [payload for _, payload in unpacker.feed(data[-1:] + data[:5])] == [b"abc"]
    assert [payload for _, payload in unpacker.feed(data[5:])] == [b"abc"]


@pytest.mark.parametrize(
    ("header", "payload"),
    [(ipc.HEADER_MAX_BYTES + 1, 0), (0, ipc.PAYLOAD_MAX_BYTES + 1), (2**32 - 1, 2**32 - 1)],
)
def test_absurd_lengths_are_garbled_before_they_are_read(header: int, payload: int) -> None:
    with pytest.raises(ipc.Garbled, match="announced"):
        list(ipc.Unpacker().feed(struct.pack(">II", header, payload)))


def test_the_largest_lengths_are_waited_for() -> None:
    assert list(ipc.Unpacker().feed(struct.pack(">II", ipc.HEADER_MAX_BYTES, ipc.PAYLOAD_MAX_BYTES))) == []


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b'{"op":"speak"}',
        b'{"op":"dropped","job":"1"}',
        b'{"op":"dropped","job":1.5}',
        b'{"op":"spoken","job":1,"audio_s":NaN,"compute_s":0,"produced_s":0}',
        b'{"op":"spoken","job":1,"audio_s":null,"compute_s":0,"produced_s":0}',
        b'{"op":"applause"}',
        b'{"op":"dropped","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"op":"loading","what":"\xff"}',
        ipc.pack(SPEAK)[8:],
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_no_word_of_the_engine_is_garbled(header: bytes) -> None:
    with pytest.raises(ipc.Garbled):
        ipc.read_from_engine(header)


@steady
@given(st.binary(max_size=80), st.binary(max_size=20))
def test_random_bytes_are_garbled_or_waited_for(data: bytes, header: bytes) -> None:
    framed = struct.pack(">II", len(header), 0) + header
    for read in (ipc.read_from_engine, ipc.read_to_engine):
        try:
            for got, _ in ipc.Unpacker().feed(framed + data):
                read(got)
        except ipc.Garbled:
            continue
