"""Segments in, numbered frames out: nothing lost but the overlap of the fades, nothing without credit."""

from __future__ import annotations

import hashlib
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ishowtts.pcm import FADE_MS, PcmStream
from tests.steady import steady

RATE, CHUNK_MS = 8000, 20
FRAME = RATE * CHUNK_MS // 1000  # samples
FADE = RATE * FADE_MS // 1000
TYPECODE = {"pcm_s16le": "h", "pcm_f32le": "f"}


def stream(sample_format: str = "pcm_s16le", credit: int = 100_000, chunk_ms: int = CHUNK_MS) -> PcmStream:
    return PcmStream(sample_format=sample_format, rate=RATE, chunk_ms=chunk_ms, credit=credit)


def pcm(values: list[float], sample_format: str = "pcm_s16le") -> bytes:
    code = TYPECODE[sample_format]
    return array(code, [int(v) for v in values] if code == "h" else values).tobytes()


def take_all(source: PcmStream) -> list[bytes]:
    frames: list[bytes] = []
    while (piece := source.take()) is not None:
        assert piece[0] == source.chunks - 1
        frames.append(piece[1])
    return frames


def joined(segments: list[list[float]], sample_format: str = "pcm_s16le") -> list[float]:
    source = stream(sample_format)
    for i, segment in enumerate(segments):
        source.push(pcm(segment, sample_format), last=i == len(segments) - 1)
    return list(array(TYPECODE[sample_format], b"".join(take_all(source))))


@pytest.mark.parametrize("sample_format", ["pcm_s16le", "pcm_f32le"])
@pytest.mark.parametrize("samples", [1, FRAME - 1, FRAME, FRAME + 1, 10 * FRAME + 7])
def test_one_segment_goes_through_unchanged(samples: int, sample_format: str) -> None:
    segment = [float(i % 100) for i in range(samples)]
    assert joined([segment], sample_format) == segment


def test_frames_are_whole_but_the_last() -> None:
    source = stream()
    source.push(pcm([1] * (3 * FRAME + 5)), last=True)
    assert [len(frame) for frame in take_all(source)] == [2 * FRAME] * 3 + [10]
    assert source.drained
    assert (source.chunks, source.bytes, source.samples) == (4, 6 * FRAME + 10, 3 * FRAME + 5)


@pytest.mark.parametrize(("sample_format", "bytes_"), [("pcm_s16le", 1600), ("pcm_f32le", 3200)])
def test_a_frame_is_chunk_ms_long(sample_format: str, bytes_: int) -> None:
    source = stream(sample_format, chunk_ms=100)
    source.push(pcm([0.0] * RATE, sample_format), last=True)
    assert [len(frame) for frame in take_all(source)] == [bytes_] * 10


def test_the_end_of_a_segment_waits_for_the_next() -> None:
    source = stream()
    source.push(pcm([5] * (FADE + FRAME)), last=False)
    assert len(take_all(source)) == 1
    assert source.backlog_bytes == 2 * FADE
    assert not source.drained
    source.push(b"", last=True)
    assert sum(map(len, take_all(source))) == 2 * FADE


def test_the_fade_is_linear_and_complete() -> None:
    said = joined([[0] * 2 * FADE, [10_000] * 2 * FADE])
    assert len(said) == 3 * FADE
    assert said[:FADE] == [0] * FADE
    assert said[2 * FADE :] == [10_000] * FADE
    wanted = [10_000 * i / (FADE - 1) for i in range(FADE)]
    assert said[FADE : 2 * FADE] == pytest.approx(wanted, abs=1.0)


@pytest.mark.parametrize("value", [0, 1, -1, 1000, 32767, -32768])
def test_a_constant_stays_within_one_step(value: int) -> None:
    said = joined([[value] * 2000] * 3)
    assert len(said) == 6000 - 2 * FADE
    assert all(abs(sample - value) <= 1 for sample in said)


@pytest.mark.parametrize("value", [1000, -1000, 32767])
def test_a_constant_stays_exactly(value: int) -> None:
    assert set(joined([[value] * 2000] * 3)) == {value}


def test_a_constant_stays_in_floats() -> None:
    assert joined([[0.3] * 2000] * 3, "pcm_f32le") == pytest.approx([0.3] * (6000 - 2 * FADE), abs=1e-6)


def test_full_scale_neighbours_do_not_overflow() -> None:
    said = joined([[32767] * 2000, [-32768] * 2000, [32767] * 2000])
    assert min(said) >= -32768
    assert max(said) <= 32767


@pytest.mark.parametrize("short", [1, 2, 10, FADE - 1, FADE])
def test_segments_shorter_than_the_fade_cost_their_own_length_at_most(short: int) -> None:
    said = joined([[100] * 3000, [100] * short, [100] * 3000])
    assert len(said) == 3000 + short - short + 3000 - FADE
    assert all(abs(sample - 100) <= 1 for sample in said)


@steady
@given(
    st.lists(st.lists(st.integers(-32768, 32767), max_size=3 * FADE // 2), min_size=1, max_size=5),
    st.lists(st.integers(0, 5), max_size=40),
)
def test_credit_sequence_length_and_digest(segments: list[list[int]], grants: list[int]) -> None:
    source, taken, granted = stream(credit=1), [], 1
    for i, segment in enumerate(segments):
        source.push(pcm([float(v) for v in segment]), last=i == len(segments) - 1)
        frames = take_all(source)
        taken += frames
        extra = grants[i] if i < len(grants) else 0
        source.credit += extra
        granted += extra
        assert len(taken) <= granted
        assert source.chunks == len(taken)
    source.credit += 100_000
    taken += take_all(source)
    lengths = list(map(len, segments))
    held = total = lengths[0]
    held = min(held, FADE)
    for length in lengths[1:]:
        overlap = min(held, length)
        total += length - overlap
        held = min(held + length - overlap, FADE)
    assert sum(map(len, taken)) == 2 * total == source.bytes
    assert source.sha256 == hashlib.sha256(b"".join(taken)).hexdigest()
    assert source.drained
    assert source.backlog_bytes == 0


def test_waits_for_credit_only_when_a_frame_could_go() -> None:
    source = stream(credit=1)
    assert not source.waits_for_credit
    source.push(pcm([1] * (FADE + FRAME + 1)), last=False)
    assert not source.waits_for_credit
    assert len(take_all(source)) == 1
    assert not source.waits_for_credit  # one sample is left: no frame yet
    source.push(pcm([1] * (FADE + FRAME)), last=False)
    assert source.waits_for_credit
    assert source.take() is None
    source.credit = 100
    take_all(source)
    source.credit = 0
    assert not source.waits_for_credit
    source.push(b"", last=True)
    assert source.waits_for_credit  # the short rest of an ended stream is a frame
    assert not source.drained


def test_the_digest_is_of_what_was_taken() -> None:
    source = stream(credit=1)
    source.push(pcm([7] * 1000), last=True)
    frames = take_all(source)
    assert source.sha256 == hashlib.sha256(frames[0]).hexdigest()
    assert source.bytes == len(frames[0])


def test_an_empty_stream_ends() -> None:
    source = stream()
    source.push(b"", last=True)
    assert source.take() is None
    assert source.drained
    assert not source.waits_for_credit
