"""Frames in, messages or exactly one reason out."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ishowtts.wire import codec
from ishowtts.wire import messages as m
from ishowtts.wire.errors import CODE_OF, RETRYABLE, Code, Reason, Refusal
from tests.steady import steady


def unpack_reply(frames: list[bytes]) -> tuple[m.Message, bytes]:
    """A reply and its PCM, read with the structs that the daemon writes them from."""
    magic, raw, *pcm = frames
    assert magic == b"IST1"
    kind = next(kind for kind in m.REPLIES if kind.__struct_config__.tag == json.loads(raw)["op"])
    return msgspec.json.decode(raw, type=kind), pcm[0] if pcm else b""


REPLIES: list[m.Message] = [
    m.Welcome(id="a", boot="b", server="s/1", proto=["IST1"], caps=["stream"], limits={"text": 20_000}),
    m.Accepted(id="a", boot="b", queue=3, eta_ms=700),
    m.Accepted(id="a", boot="b", queue=0),
    m.Started(id="a", boot="b", audio=m.AudioFormat(format="pcm_s16le", rate=24000), nfe=7, schedule="epss-7", seed=1),
    m.Audio(id="a", seq=0),
    m.Progress(id="a", boot="b", state="queued", queue=2, pct=0),
    m.Event(id="a", topic="state", n=1, dropped=0, data={"state": "ready"}),
    m.Done(
        id="a",
        chunks=2,
        bytes=9600,
        sha256="0" * 64,
        audio_ms=200,
        times=m.Times(queue=1, first=2, total=3),
        rtf=0.2,
        nfe=7,
        seed=2**63 - 1,
    ),
    m.Error(id="", code="INTERNAL", reason="BUG", msg="é \n 语"),
    m.Ok(id="a"),
    m.Pong(id="a", boot="b"),
    m.Reloaded(id="a", changed=["engine"], restart=["server.runtime_dir"], engine=True, msg="taken over."),
    m.HistoryReply(id="a", decisions=[{"id": 1}], votes=[]),
    m.StatusReply(id="a", status={"state": "ready"}),
    m.VoicesReply(id="a", voices=[{"name": "english"}]),
]
REQUESTS: list[m.Message] = [
    m.Hello(id="a", client="test/1"),
    m.Synth(id="a", text="Hello."),
    m.Synth(
        id="A.b_c-9",
        text='你好\n"quoted"\\',
        voice="anna-2",
        lang="zh",
        speed=0.25,
        seed=2**63 - 1,
        nfe=128,
        cfg=0.0,
        format="pcm_f32le",
        rate=48000,
        chunk_ms=20,
        prio="batch",
        timeout_ms=86_400_000,
        max_wait_ms=1,
        credit=4096,
    ),
    m.Credit(id="a", n=1),
    m.Cancel(id="a"),
    m.Cancel(id="a", rid="b"),
    m.Ping(id="x" * 64),
    m.Status(id="a"),
    m.Voices(id="a"),
    m.Subscribe(id="a", topics=["state", "queue"], credit=2),
    m.Drain(id="a"),
    m.EngineRestart(id="a"),
    m.Reload(id="a"),
    m.Tune(id="a"),
    m.Tune(id="a", dry_run=True, sweep=[5, 6], runs=3, search=[8]),
    m.TuneStop(id="a"),
    m.TunePin(id="a", nfe=7),
    m.TunePin(id="a"),
    m.TuneRollback(id="a", to=12),
    m.Vote(id="a", kind="prefer", nfe=7, over=6, text="t2", kit="k", note="é"),
    m.History(id="a", limit=3, before=9),
    m.History(id="a", number=4),
]


def header(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def refused(frames: list[bytes]) -> tuple[Reason, str]:
    with pytest.raises(codec.BadMessage) as caught:
        codec.unpack_request(frames)
    assert len(caught.value.msg) > 10
    return caught.value.reason, caught.value.id


@pytest.mark.parametrize("message", REQUESTS, ids=lambda r: type(r).__name__)
def test_a_request_comes_back_as_it_went(message: m.Message) -> None:
    frames = codec.pack(message)
    assert frames[0] == b"IST1"
    assert len(frames) == 2
    assert codec.unpack_request(frames) == message


@pytest.mark.parametrize("message", REPLIES, ids=lambda r: type(r).__name__)
def test_a_reply_comes_back_as_it_went(message: m.Message) -> None:
    assert unpack_reply(codec.pack(message)) == (message, b"")
    assert unpack_reply(codec.pack(message, b"\x00\x01")) == (message, b"\x00\x01")


def test_every_kind_is_in_the_round_trips() -> None:
    assert {type(message) for message in REQUESTS} == set(m.REQUESTS)
    assert {type(message) for message in REPLIES} == set(m.REPLIES)


def test_pcm_is_the_third_frame() -> None:
    assert codec.pack(m.Audio(id="a", seq=7), b"\x01\x02")[2:] == [b"\x01\x02"]


OK = header(op="ping", id="a1")
SYNTH = {"op": "synth", "id": "a1", "text": "x"}
SCHEMA: list[dict[str, Any]] = [
    {"op": "synth", "id": "a1"},
    {"id": "a1"},
    {"op": 7, "id": "a1"},
    {"op": "ping", "id": "a1", "need": "stream"},
    SYNTH | {"text": 5},
    SYNTH | {"text": None},
    SYNTH | {"voice": "../x"},
    SYNTH | {"voice": "anna\n"},
    SYNTH | {"voice": "Anna"},
    SYNTH | {"voice": ""},
    SYNTH | {"speed": 4.01},
    SYNTH | {"speed": True},
    SYNTH | {"speed": "1"},
    SYNTH | {"seed": -1},
    SYNTH | {"seed": 2**63},
    SYNTH | {"seed": 10**400},
    SYNTH | {"nfe": 0},
    SYNTH | {"nfe": True},
    SYNTH | {"format": "mp3"},
    SYNTH | {"rate": 24001},
    SYNTH | {"chunk_ms": 19},
    SYNTH | {"prio": "urgent"},
    SYNTH | {"timeout_ms": 0},
    SYNTH | {"max_wait_ms": 86_400_001},
    SYNTH | {"credit": 0},
    SYNTH | {"credit": 4097},
    {"op": "credit", "id": "a1"},
    {"op": "credit", "id": "a1", "n": 0},
    {"op": "credit", "id": "a1", "n": 1.5},
    {"op": "cancel", "id": "a1", "rid": "a b"},
    {"op": "subscribe", "id": "a1", "topics": []},
    {"op": "subscribe", "id": "a1", "topics": ["secrets"]},
    {"op": "subscribe", "id": "a1", "topics": ["state"] * 9},
]


@pytest.mark.parametrize("fields", SCHEMA, ids=str)
def test_a_wrong_field_is_schema_and_names_the_request(fields: dict[str, Any]) -> None:
    assert refused([b"IST1", json.dumps(fields).encode()]) == (Reason.SCHEMA, "a1")


@pytest.mark.parametrize("id", ["", "a b", "a\n", "a\x00", "é", "x" * 65, "a/b", 5, None, [], True])
def test_a_bad_id_is_schema_and_is_not_repeated(id: object) -> None:
    assert refused([b"IST1", header(op="ping", id=id)]) == (Reason.SCHEMA, "")


@pytest.mark.parametrize(
    ("raw", "id"),
    [
        (b"", ""),
        (b"{", ""),
        (b"\x00", ""),
        (OK + b"x", ""),
        (OK + OK, ""),
        (b"\xef\xbb\xbf" + OK, ""),
        (b'{"op":"ping","id":"a1","x":NaN}', ""),
        (b'{"op":"ping","id":"a1","x":-Infinity}', ""),
        (b'{"op":"synth","id":"a1","text":"\xff"}', "a1"),
        (b'{"op":"synth","id":"a1","text":"\\ud800"}', ""),
        (b'{"op":"synth","id":"a1","text":"\xed\xa0\x80"}', "a1"),
        (b'{"op":"ping","id":"\xff"}', ""),
        (b'{"op":"ping","id":"a1","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", ""),
        (b'{"op":"ping","id":"a1","x":' + b'{"x":' * 40_000 + b"1" + b"}" * 40_000 + b"}", ""),
        (b'{"op":"ping","id":"a1","x":"' + b"x" * 262_144 + b'"}', ""),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_not_json_is_header(raw: bytes, id: str) -> None:
    assert refused([b"IST1", raw]) == (Reason.HEADER, id)


@pytest.mark.parametrize("raw", [b"[]", b"[" * 200_000, b"null", b"1", b'"x"', b'{"op":"ping"}'])
def test_json_that_is_no_message_is_schema(raw: bytes) -> None:
    assert refused([b"IST1", raw]) == (Reason.SCHEMA, "")


def test_a_number_beyond_all_floats_is_schema() -> None:
    assert refused([b"IST1", b'{"op":"synth","id":"a1","text":"x","speed":1e999}'])[0] is Reason.SCHEMA


@pytest.mark.parametrize("count", range(13))
def test_frame_counts(count: int) -> None:
    frames = [b"IST1", OK, *[b"pcm"] * 11][:count]
    if count == 2:
        assert codec.unpack_request(frames) == m.Ping(id="a1")
    else:
        wanted = Reason.VERSION if count == 0 else Reason.FRAMES
        assert refused(frames) == (wanted, "a1" if count > 2 else "")


@pytest.mark.parametrize("magic", [b"IST0", b"IST2", b"IST10", b"ist1", b"IST1\n", b"IST", b"\xff" * 4, OK])
def test_other_versions_are_told_the_version(magic: bytes) -> None:
    assert refused([magic, OK]) == (Reason.VERSION, "a1")


def test_the_hint_names_both_versions() -> None:
    with pytest.raises(codec.BadMessage, match=r"IST1, not IST2"):
        codec.unpack_request([b"IST2", OK])


def test_a_req_socket_is_told_so() -> None:
    """A REQ socket puts an empty frame first."""
    with pytest.raises(codec.BadMessage, match="DEALER") as caught:
        codec.unpack_request([b"", b"IST1", OK])
    assert caught.value.reason is Reason.VERSION


def test_a_req_sockets_id_is_repeated() -> None:
    assert refused([b"", b"IST1", OK]) == (Reason.VERSION, "a1")


def test_unknown_op_and_need() -> None:
    assert refused([b"IST1", header(op="sing", id="a1")]) == (Reason.OP, "a1")
    assert refused([b"IST1", header(op="ping", id="a1", need=["stream", "resume"])]) == (Reason.NEED, "a1")
    assert codec.unpack_request([b"IST1", header(op="ping", id="a1", need=list(m.CAPABILITIES))]) == m.Ping(id="a1")


def test_unknown_fields_are_ignored() -> None:
    assert codec.unpack_request([b"IST1", header(op="ping", id="a1", hue={"a": [1]})]) == m.Ping(id="a1")


def test_every_reason_has_one_code_and_a_readable_error() -> None:
    assert set(CODE_OF) == set(Reason)
    for reason in Reason:
        error = codec.refuse("a", Refusal(reason, "x" * 1000, retry_after_ms=5))
        assert (error.code, error.reason) == (CODE_OF[reason].value, reason.value)
        assert len(error.msg) == 300
        assert error.retry_after_ms == 5
        assert error.retry is (reason in RETRYABLE)
        assert error.supported == (["IST1"] if reason is Reason.VERSION else [])
        assert unpack_reply(codec.pack(error)) == (error, b"")
    assert CODE_OF[Reason.SLOW_CONSUMER] is Code.ABORTED


frame = st.binary(max_size=40) | st.sampled_from([b"IST1", OK, b"", b"IST2"])
value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
ops = st.sampled_from([str(kind.__struct_config__.tag) for kind in (*m.REQUESTS, *m.REPLIES)]) | value
names = st.sampled_from(["text", "voice", "need", "n", "rid", "topics", "credit", "speed", "seq", "data", "limits"])
near_miss = st.builds(
    lambda op, name, rest: json.dumps(rest | {"op": op, "id": name}).encode(),
    ops,
    st.just("a1") | value,
    st.dictionaries(names, value, max_size=4),
)


@steady
@given(st.lists(frame, max_size=5) | near_miss.map(lambda raw: [b"IST1", raw]))
def test_any_bytes_are_a_message_or_a_bad_message(frames: list[bytes]) -> None:
    try:
        codec.unpack_request(frames)
    except codec.BadMessage as bad:
        error = codec.refuse(bad.id, bad)
        assert unpack_reply(codec.pack(error))[0] == error


@steady
@given(st.data(), st.sampled_from(REQUESTS))
def test_one_wrong_byte_raises_nothing_else(data: st.DataObject, message: m.Message) -> None:
    raw = bytearray(codec.pack(message)[1])
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        codec.unpack_request([b"IST1", bytes(raw)])
    except codec.BadMessage as bad:
        assert bad.id == "" or codec._ID.match(bad.id)
