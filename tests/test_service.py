"""One request and its fate: accepted, started, audio, done; or one explicit error."""

from __future__ import annotations

from typing import Any

import pytest

from ishowtts import ipc, schedules
from ishowtts.admission import Limits
from ishowtts.wire import messages as m
from tests.service_kit import ANN, ANN_TOO, BOB, Desk

SENTENCE = "The quick brown fox jumps over the lazy dog. "


def last_error(desk: Desk, index: int = -1) -> tuple[str, str]:
    end = desk.clients.ended[index].end
    assert isinstance(end, m.Error), end
    return end.code, end.reason


def test_from_accepted_to_done() -> None:
    desk = Desk()
    desk.ask(ANN, "synth", seed=9)
    assert desk.clients.ops(ANN) == ["accepted", "started"]
    accepted, started = desk.clients.heard(ANN)
    assert accepted == m.Accepted(id="a", boot="b00t", queue=0)
    audio = m.AudioFormat(format="pcm_s16le", rate=8000)
    assert started == m.Started(id="a", boot="b00t", audio=audio, nfe=7, schedule="epss-7", seed=9)
    desk.wait(0.5, tick_s=0.25)  # exact in floats
    desk.spoken(2400)
    assert desk.clients.ops(ANN)[2:] == ["audio", "audio", "audio", "done"]
    done = desk.clients.ended[0].end
    assert isinstance(done, m.Done)
    assert (done.chunks, done.bytes, done.audio_ms, done.seed, done.nfe) == (3, 4800, 300, 9, 7)
    assert (done.times, done.rtf) == (m.Times(queue=0, first=500, total=500), round(0.05 / 0.3, 4))


def test_what_the_engine_is_asked() -> None:
    desk = Desk()
    fields: dict[str, Any] = {"voice": "english", "speed": 1.5, "nfe": 8, "cfg": 0.5, "format": "pcm_f32le"}
    desk.ask(ANN, "synth", text=" Hi…\n there ", rate=16000, **fields)
    assert desk.engine.job is not None
    assert desk.engine.job == ipc.Speak(
        job=1,
        text="Hi... there",
        seed=5,
        sample_format="pcm_f32le",
        rate=16000,
        voice="english",
        speed=1.5,
        nfe=8,
        times=schedules.pick(8).times,
        cfg=0.5,
    )


def test_a_long_text_is_one_stream_with_a_seed_of_its_own_for_each_chunk() -> None:
    desk = Desk()
    desk.ask(ANN, "synth", text=SENTENCE * 20, seed=2**63 - 1)
    while desk.engine.job is not None:
        desk.spoken(4000)
    seeds = [job.seed for job in desk.engine.spoke]
    assert len(seeds) > 2
    assert seeds == [(2**63 - 1 + i) % 2**63 for i in range(len(seeds))]
    assert " ".join(job.text for job in desk.engine.spoke) == (SENTENCE * 20).strip()
    assert len(desk.clients.ended[0].pcm) == 2 * (4000 * len(seeds) - 1200 * (len(seeds) - 1))


def test_audio_waits_for_credit_and_done_for_the_audio() -> None:
    desk = Desk()
    desk.ask(ANN, "synth", credit=1)
    desk.spoken(2400)
    assert desk.clients.ops(ANN)[2:] == ["audio"]
    desk.ask(BOB, "credit", "a", n=10)  # somebody else's id of the same name
    assert desk.clients.ops(ANN)[2:] == ["audio"]
    assert not desk.clients.heard(BOB)
    desk.ask(ANN_TOO, "credit", "a", n=1)  # the same user, from another connection
    assert desk.clients.ops(ANN)[2:] == ["audio", "audio"]
    desk.ask(ANN, "credit", "a", n=4096)
    assert desk.clients.ops(ANN)[2:] == ["audio", "audio", "audio", "done"]
    assert desk.ask(ANN, "credit", "a", n=1) is None  # it has just ended


def test_a_client_that_gives_no_credit_for_a_minute_is_cut_off() -> None:
    desk = Desk()
    desk.ask(ANN, "synth", credit=1, timeout_ms=600_000)
    desk.spoken(2400)
    desk.wait(59.5)
    assert "a" in {id for _, id in desk.clients.talks}
    desk.wait(1.0)
    assert last_error(desk) == ("ABORTED", "SLOW_CONSUMER")


def test_a_client_that_plays_in_real_time_is_not_a_slow_consumer() -> None:
    """The client algorithm of PROTOCOL.md: one credit for each chunk played. The engine is far ahead of it."""
    desk = Desk()
    desk.ask(ANN, "synth", credit=2, timeout_ms=600_000)
    desk.spoken(8000 * 90)
    for _ in range(900):
        desk.wait(0.1, tick_s=0.1)
        desk.ask(ANN, "credit", n=1)
    assert isinstance(desk.clients.ended[0].end, m.Done)


def test_a_client_that_does_not_take_its_audio_pauses_and_others_go_on() -> None:
    desk = Desk()
    desk.ask(ANN, "synth", text=SENTENCE * 20, credit=1)
    desk.spoken((8 << 20) // 2 + 2400)
    assert desk.engine.job is None
    desk.ask(BOB, "synth")
    desk.spoken()
    assert desk.clients.ops(BOB)[-1] == "done"
    assert desk.engine.job is None
    desk.ask(ANN, "credit", n=100)
    assert desk.engine.job is not None


def test_cancel_while_it_runs() -> None:
    desk = Desk()
    desk.ask(ANN, "synth")
    assert desk.ask(ANN, "cancel", "a", rid="r") == m.Ok(id="r")
    assert last_error(desk) == ("CANCELLED", "BY_CLIENT")
    assert desk.engine.cancelled
    desk.ask(ANN, "synth", "b")
    assert len(desk.engine.spoke) == 1
    desk.dropped()
    assert len(desk.engine.spoke) == 2


def test_cancel_in_the_queue_after_the_end_twice_and_of_another_user() -> None:
    desk = Desk()
    desk.ask(ANN, "synth")
    desk.ask(BOB, "synth", "b")
    assert desk.ask(ANN, "cancel", "b") is None
    assert len(desk.clients.talks) == 2
    desk.ask(BOB, "cancel", "b")
    assert not desk.engine.cancelled
    desk.spoken()
    for _ in range(2):
        assert desk.ask(ANN, "cancel", "a", rid="r") == m.Ok(id="r")
    assert [type(talk.end) for talk in desk.clients.ended] == [m.Error, m.Done]
    assert len(desk.engine.spoke) == 1
    assert desk.engine.late_cancels == 0


def test_the_result_of_a_cancelled_job_goes_to_nobody() -> None:
    desk = Desk()
    desk.ask(ANN, "synth")
    desk.ask(ANN, "cancel", "a")
    desk.ask(ANN, "synth", "a")  # the id is free again
    before = len(desk.clients.inbox)
    desk.spoken()
    assert [type(message) for _, message, _ in desk.clients.inbox[before:]] == [m.Started]


def test_deadline_in_the_queue_while_running_and_while_waiting_for_credit() -> None:
    desk = Desk()
    desk.ask(ANN, "synth", "runs", timeout_ms=1000)
    desk.ask(ANN, "synth", "waits", timeout_ms=900)
    desk.wait(1.1)
    assert [last_error(desk, i) for i in (0, 1)] == [("DEADLINE_EXCEEDED", "TIMEOUT")] * 2
    assert desk.engine.cancelled
    desk.dropped()
    assert desk.engine.job is None
    desk.ask(ANN, "synth", "stuck", timeout_ms=1000, credit=1)
    desk.spoken()
    desk.wait(1.1)
    assert last_error(desk) == ("DEADLINE_EXCEEDED", "TIMEOUT")


def test_max_wait_is_for_the_queue_only() -> None:
    desk = Desk()
    desk.ask(ANN, "synth", "runs", max_wait_ms=300)
    desk.ask(ANN, "synth", "waits", max_wait_ms=300)
    desk.wait(0.4)
    assert last_error(desk) == ("DEADLINE_EXCEEDED", "MAX_WAIT")
    assert [id for _, id in desk.clients.talks] == ["runs"]


def test_an_expired_request_is_never_started() -> None:
    desk = Desk()
    desk.ask(ANN, "synth", "runs")
    desk.ask(ANN, "synth", "late", timeout_ms=100)
    desk.now_s += 0.5  # the engine's word comes before the next tick
    desk.spoken()
    assert len(desk.engine.spoke) == 1


def test_heartbeats_say_where_it_stands() -> None:
    desk = Desk()
    desk.ask(ANN, "synth")
    desk.ask(BOB, "synth", "b")
    desk.event(ipc.Stepped(job=1, done=3, total=7))
    desk.wait(5)  # checks that nobody hears nothing for 2 s
    progress = [message for message in desk.clients.heard(ANN) if isinstance(message, m.Progress)]
    assert len(progress) == 2
    assert progress[0] == m.Progress(id="a", boot="b00t", state="running", queue=0, pct=42)
    assert next(message for message in desk.clients.heard(BOB) if isinstance(message, m.Progress)).state == "queued"


def test_a_vanished_client_ends_all_it_had_and_stops_the_engine() -> None:
    desk = Desk()
    desk.ask(ANN, "synth")
    desk.ask(ANN, "synth", "b")
    desk.ask(ANN_TOO, "synth", "c")
    desk.clients.gone.add(ANN)
    desk.wait(2)
    assert [id for _, id in desk.clients.talks] == ["c"]
    assert desk.engine.cancelled
    assert [fields["outcome"] for event, fields in desk.logged if event == "request.ended"] == ["CLIENT_GONE"] * 2
    desk.dropped()
    assert len(desk.engine.spoke) == 2


def test_the_first_failed_send_ends_all_of_a_client_also_what_is_due_in_the_same_tick() -> None:
    desk = Desk()
    desk.ask(ANN, "synth")
    desk.wait(1)
    desk.ask(ANN, "synth", "later")
    desk.ask(ANN, "synth", "due", timeout_ms=850)
    desk.clients.gone.add(ANN)
    desk.wait(0.9, tick_s=0.9)
    assert desk.service.idle
    assert desk.service.delivery.counts.ended == 3


def test_nothing_is_spoken_for_a_client_that_is_gone_before_its_turn() -> None:
    desk = Desk(ready=False)
    desk.ask(ANN, "synth")
    desk.clients.gone.add(ANN)
    desk.ready()
    assert not desk.engine.spoke


def test_engine_death_fails_the_running_request_and_keeps_the_queue() -> None:
    desk = Desk()
    desk.ask(ANN, "synth", text=SENTENCE * 20)
    desk.ask(BOB, "synth", "b")
    desk.die()
    assert last_error(desk) == ("UNAVAILABLE", "ENGINE_RESTART")
    assert [id for _, id in desk.clients.talks] == ["b"]
    assert desk.engine.late_cancels == 0
    desk.ask(ANN, "synth", "c")  # taken while it restarts
    desk.wait(3)
    desk.ready()
    desk.spoken()
    desk.spoken()
    assert isinstance(desk.clients.ended[-1].end, m.Done)
    assert desk.service.status(desk.now_s)["engine"]["restarts"] == 1


@pytest.mark.parametrize(("reason", "wanted"), [("OOM", "OOM"), ("VOICE", "VOICE"), ("???", "ENGINE_ERROR")])
def test_an_engine_failure_is_the_requests_alone(reason: str, wanted: str) -> None:
    desk = Desk()
    desk.ask(ANN, "synth")
    desk.ask(BOB, "synth", "b")
    desk.failed(reason)
    assert last_error(desk)[1] == wanted
    desk.spoken()
    assert isinstance(desk.clients.ended[-1].end, m.Done)


def test_half_a_sample_from_the_engine_is_one_failed_request() -> None:
    desk = Desk()
    desk.ask(ANN, "synth", text=SENTENCE * 20)
    desk.spoken(pcm=b"\x01" * 4801)
    assert last_error(desk)[1] == "ENGINE_ERROR"


def test_a_voice_without_length_is_no_crash() -> None:
    desk = Desk(ready=False)
    desk.ready(voices=[ipc.VoiceInfo(name="english")])
    desk.ask(ANN, "synth")


def test_two_users_take_turns_chunk_by_chunk() -> None:
    desk = Desk()
    desk.ask(ANN, "synth", text=SENTENCE * 40, seed=1000)
    desk.ask(BOB, "synth", text=SENTENCE * 40, seed=2000)
    for _ in range(8):
        desk.spoken()
    assert [job.seed // 1000 for job in desk.engine.spoke[:8]] == [1, 2] * 4


def test_an_interactive_request_goes_before_a_batch_one() -> None:
    desk = Desk(Limits(queue=8))
    desk.ask(ANN, "synth", "batch", text=SENTENCE * 40, prio="batch", seed=1000)
    desk.ask(ANN, "synth", "now", prio="interactive", seed=2000)
    desk.spoken()
    assert desk.engine.spoke[-1].seed // 1000 == 2


def waiting_batches(desk: Desk, *ids: str, **fields: Any) -> None:
    """Requests of class batch behind one that runs; then that one ends."""
    desk.ask(ANN, "synth", "first")
    for id in ids:
        desk.ask(BOB, "synth", id, **({"prio": "batch"} | fields))
    desk.spoken()


def test_batch_requests_are_spoken_together_and_each_ends_for_itself() -> None:
    desk = Desk()
    waiting_batches(desk, "a", "b", "c", "d")
    assert len(desk.engine.jobs) == 3
    desk.spoken()
    desk.failed()
    desk.spoken()
    assert [type(talk.end) for talk in desk.clients.ended] == [m.Done, m.Done, m.Error, m.Done]
    assert len(desk.engine.jobs) == 1


@pytest.mark.parametrize("prio", ["normal", "interactive"])
def test_nobody_who_waits_is_put_into_a_batch(prio: str) -> None:
    desk = Desk()
    waiting_batches(desk, "a", "b", prio=prio)
    assert len(desk.engine.jobs) == 1


def test_only_what_goes_together_is_spoken_together() -> None:
    desk = Desk()
    desk.ask(ANN, "synth", "first")
    for id, fields in {"a": {"nfe": 6}, "b": {"nfe": 7}, "c": {"nfe": 6, "cfg": 1.0}, "d": {"text": SENTENCE}}.items():
        desk.ask(BOB, "synth", id, **({"prio": "batch"} | fields))
    desk.spoken()
    together = []
    while desk.engine.jobs:
        together.append(len(desk.engine.jobs))
        desk.spoken()
    assert together == [1] * 4  # b and d have the same NFE, but not nearly the same length
    assert not desk.clients.talks


def test_an_interactive_request_interrupts_a_batch_which_is_spoken_again() -> None:
    desk = Desk()
    waiting_batches(desk, "a", "b")
    batch = [job.seed for job in desk.engine.jobs]
    desk.ask(ANN, "synth", "now", prio="interactive", seed=4000)
    assert desk.engine.cancelled
    desk.dropped()
    desk.dropped()
    assert [job.seed for job in desk.engine.jobs] == [4000]
    desk.spoken()
    again = [desk.engine.jobs[0].seed]
    desk.spoken()  # alone, so that nobody interrupts them over and over
    again.append(desk.engine.jobs[0].seed)
    desk.spoken()
    assert again == batch
    assert [type(talk.end) for talk in desk.clients.ended] == [m.Done] * 4


def test_after_a_death_in_a_batch_each_is_tried_alone_and_only_the_one_at_fault_fails() -> None:
    desk = Desk()
    waiting_batches(desk, "a", "b", "c")
    desk.die()
    assert len(desk.clients.ended) == 1
    desk.ready()
    assert len(desk.engine.jobs) == 1
    desk.die()
    desk.ready()
    desk.spoken()
    desk.spoken()
    assert [type(talk.end) for talk in desk.clients.ended] == [m.Done, m.Error, m.Done, m.Done]


def test_no_batch_is_made_while_somebody_waits() -> None:
    """Aged batch requests of the same user once went first, were interrupted, and went first again, for ever."""
    desk = Desk()
    desk.ask(ANN, "synth", "first", timeout_ms=3_600_000)
    for id in ("a", "b"):
        desk.ask(ANN, "synth", id, prio="batch", timeout_ms=3_600_000)
    desk.wait(200, tick_s=1.0)
    desk.ask(ANN, "synth", "now", prio="interactive")
    for _ in range(4):
        assert len(desk.engine.jobs) == 1
        desk.spoken()
    assert [type(talk.end) for talk in desk.clients.ended] == [m.Done] * 4
