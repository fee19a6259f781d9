"""Who may wait and who is next, with explicit times."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ishowtts.admission import AGEING_S, Limits, Queue, TokenBucket
from ishowtts.pcm import PcmStream
from ishowtts.requests import Peer, Request
from ishowtts.wire.errors import Reason, Refusal
from ishowtts.wire.messages import Synth
from tests.steady import steady

NOW = 1000.0


def request(uid: int = 1, at: float = NOW, text: str = "x" * 10, **fields: Any) -> Request:
    stream = PcmStream(sample_format="pcm_s16le", rate=8000, chunk_ms=100, credit=1)
    synth = Synth(id=fields.pop("id", "a"), text=text, **fields)
    peer = Peer("user", b"p", uid)
    return Request(
        peer=peer, synth=synth, voice="v", text=text, seed=0, arrived_s=at, heard_s=at, stream=stream, chunks=[text]
    )


def admit(queue: Queue, one: Request, *, live: int = 0, eta_s: float | None = None) -> Reason | None:
    try:
        queue.admit(one, live_of_user=live, eta_s=eta_s)
    except Refusal as refusal:
        assert one not in queue.waiting
        assert refusal.retry_after_ms is not None
        return refusal.reason
    assert queue.waiting[-1] is one
    return None


def anything(_: Request) -> bool:
    return True


@pytest.mark.parametrize(("prio", "places"), [("interactive", 8), ("normal", 6), ("batch", 4)])
def test_each_class_has_its_share(prio: str, places: int) -> None:
    queue = Queue(Limits(queue=8))
    results = [admit(queue, request(prio=prio)) for _ in range(9)]
    assert results == [None] * places + [Reason.QUEUE_FULL] * (9 - places)


def test_a_batch_flood_leaves_room_for_people() -> None:
    queue = Queue(Limits(queue=8))
    assert [admit(queue, request(prio="batch")) for _ in range(5)][-1] is Reason.QUEUE_FULL
    assert [admit(queue, request(prio="normal")) for _ in range(3)] == [None, None, Reason.QUEUE_FULL]
    assert [admit(queue, request(prio="interactive")) for _ in range(3)] == [None, None, Reason.QUEUE_FULL]


@pytest.mark.parametrize("prio", ["normal", "batch"])
def test_a_queue_of_one_has_a_place_for_every_class(prio: str) -> None:
    assert admit(Queue(Limits(queue=1)), request(prio=prio)) is None


def test_started_requests_hold_no_place() -> None:
    queue = Queue(Limits(queue=2))
    first = request(prio="interactive")
    assert admit(queue, first) is None
    assert admit(queue, request(prio="interactive")) is None
    first.started_s = NOW
    assert admit(queue, request(prio="interactive")) is None
    assert admit(queue, request(prio="interactive")) is Reason.QUEUE_FULL


def test_limit_per_user() -> None:
    queue = Queue(Limits(per_user=3))
    assert admit(queue, request(), live=2) is None
    assert admit(queue, request(), live=3) is Reason.CLIENT_LIMIT


def test_characters_are_bounded_but_one_long_text_is_always_taken() -> None:
    queue = Queue(Limits(queued_chars=100))
    assert admit(queue, request(text="x" * 500)) is None
    assert admit(queue, request(text="x")) is Reason.QUEUE_FULL
    queue = Queue(Limits(queued_chars=100))
    assert [admit(queue, request(text="x" * 50)) for _ in range(3)] == [None, None, Reason.QUEUE_FULL]


@pytest.mark.parametrize(
    ("eta_s", "timeout_ms", "max_wait_ms", "reason"),
    [
        (None, 1, 1, None),
        (5.0, 5000, None, None),
        (5.1, 5000, None, Reason.UNREACHABLE),
        (2.0, 60_000, 2000, None),
        (2.1, 60_000, 2000, Reason.UNREACHABLE),
        (0.0, 1, None, None),
    ],
)
def test_what_cannot_be_reached_is_refused_at_once(
    eta_s: float | None, timeout_ms: int, max_wait_ms: int | None, reason: Reason | None
) -> None:
    one = request(timeout_ms=timeout_ms, max_wait_ms=max_wait_ms)
    assert admit(Queue(Limits()), one, eta_s=eta_s) is reason


def test_retry_after_is_the_backlog() -> None:
    queue = Queue(Limits(per_user=1))
    with pytest.raises(Refusal) as caught:
        queue.admit(request(), live_of_user=1, eta_s=2.5)
    assert caught.value.retry_after_ms == 2500


def order(queue: Queue, now_s: float = NOW) -> list[str]:
    """Serve each to its end."""
    ids = []
    while (one := queue.pick(now_s, anything)) is not None:
        ids.append(one.synth.id)
        queue.remove(one)
    return ids


def filled(*requests: Request) -> Queue:
    queue = Queue(Limits())
    for one in requests:
        assert admit(queue, one) is None
    return queue


def test_classes_first_then_arrival() -> None:
    queue = filled(
        request(id="b", prio="batch", at=1000),
        request(id="n2", at=1002),
        request(id="n1", at=1001),
        request(id="i", prio="interactive", at=1003),
    )
    assert order(queue, 1004) == ["i", "n1", "n2", "b"]


@pytest.mark.parametrize(
    ("waited_s", "first"),
    [(0.0, "i"), (2 * AGEING_S - 1, "i"), (2 * AGEING_S, "b")],
)
def test_waiting_improves_the_class(waited_s: float, first: str) -> None:
    queue = filled(request(id="b", prio="batch", at=NOW - waited_s), request(id="i", prio="interactive", at=NOW))
    assert order(queue)[0] == first


def test_users_take_turns_whatever_they_sent() -> None:
    flood = [request(uid=1, id=f"a{i}", at=NOW + i) for i in range(5)]
    late = [request(uid=2, id=f"b{i}", at=NOW + 10 + i) for i in range(2)]
    queue = filled(*flood, *late)
    assert order(queue, NOW + 20) == ["a0", "b0", "a1", "b1", "a2", "a3", "a4"]


def test_a_long_request_shares_with_another_chunk_by_chunk() -> None:
    queue = filled(request(uid=1, id="a"), request(uid=2, id="b", at=NOW + 1), request(uid=3, id="c", at=NOW + 2))
    picked = [queue.pick(NOW + 3, anything) for _ in range(6)]
    assert [one.synth.id for one in picked if one] == ["a", "b", "c"] * 2


def test_two_users_of_short_requests_do_not_starve_a_third_with_a_long_one() -> None:
    queue = filled(request(uid=1, id="long"), request(uid=2, id="s0", at=NOW + 1), request(uid=3, id="s1", at=NOW + 2))
    served: list[int] = []
    for turn in range(12):
        one = queue.pick(NOW + 3 + turn, anything)
        assert one is not None
        served.append(one.peer.uid)
        if one.synth.id != "long":  # it is done; its user sends the next at once
            queue.remove(one)
            assert admit(queue, request(uid=one.peer.uid, id=f"t{turn}", at=NOW + 3 + turn)) is None
    assert served.count(1) >= 3


def test_only_runnable_ones_are_picked() -> None:
    one, two = request(id="a"), request(id="b", at=NOW + 1)
    queue = filled(one, two)
    assert queue.pick(NOW, lambda r: r is two) is two
    assert queue.pick(NOW, lambda r: False) is None
    assert len(queue) == 2


def test_position_and_characters_ahead() -> None:
    first, second = request(id="a", text="x" * 30), request(id="b", at=NOW + 1, text="x" * 20)
    queue = filled(first, second)
    batch = request(id="c", prio="batch", at=NOW + 2)
    person = request(id="d", prio="interactive", at=NOW + 3)
    assert [queue.position(one, NOW + 4) for one in (first, second, batch, person)] == [0, 1, 2, 0]
    assert [queue.chars_ahead(one, NOW + 4) for one in (first, second, batch, person)] == [0, 30, 50, 0]
    first.chunks, first.next_chunk = ["x" * 25, "x" * 5], 1
    assert queue.chars_ahead(second, NOW + 4) == 5


def test_removing_twice_is_no_error() -> None:
    one = request()
    queue = filled(one)
    queue.remove(one)
    queue.remove(one)
    assert len(queue) == 0
    assert queue.pick(NOW, anything) is None


def test_bucket_has_a_burst_and_a_rate() -> None:
    bucket = TokenBucket(rate=2.0, burst=3.0)
    assert [bucket.take(1, NOW) for _ in range(4)] == [True, True, True, False]
    assert bucket.take(2, NOW)
    assert not bucket.take(1, NOW + 0.4)
    assert bucket.take(1, NOW + 0.5)
    assert not bucket.take(1, NOW + 0.9)
    assert [bucket.take(1, NOW + 1000) for _ in range(4)] == [True, True, True, False]


@steady
@given(st.lists(st.floats(0, 2), min_size=1, max_size=200))
def test_bucket_never_gives_more_than_burst_and_rate(gaps: list[float]) -> None:
    bucket, now_s, given_out = TokenBucket(rate=5.0, burst=10.0), 0.0, 0
    for gap in gaps:
        now_s += gap
        given_out += bucket.take(1, now_s)
        assert given_out <= 10 + 5 * now_s + 1e-6
