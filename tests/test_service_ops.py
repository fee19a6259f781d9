"""What is refused and why, the small operations, subscriptions, drain."""

from __future__ import annotations

import json

import pytest

from ishowtts import ipc
from ishowtts.admission import Limits
from ishowtts.wire import messages as m
from tests.service_kit import ANN, ANN_TOO, BOB, ROOT, Desk


def events(desk: Desk, topic: str) -> list[m.Event]:
    return [message for message in desk.clients.heard(ANN) if isinstance(message, m.Event) and message.topic == topic]


def test_small_questions() -> None:
    desk = Desk()
    assert desk.ask(ANN, "ping") == m.Pong(id="a", boot="b00t")
    welcome = desk.ask(ANN, "hello", client="x/1")
    assert isinstance(welcome, m.Welcome)
    assert (welcome.boot, welcome.server, welcome.proto) == ("b00t", "ishowttsd/1.2.3", ["IST1"])
    assert welcome.limits["text"] == 20_000
    voices = desk.ask(ANN, "voices")
    assert isinstance(voices, m.VoicesReply)
    by_name = {voice["name"]: voice for voice in voices.voices}
    assert by_name["english"] == {"name": "english", "text": "Some call me nature.", "usable": True, "seconds": 5.0}
    assert (by_name["broken"]["usable"], by_name["broken"]["problem"]) == (False, "it is silent.")


def test_status_is_json_in_every_state() -> None:
    desk = Desk(ready=False)
    states = []
    for step in (lambda: None, desk.ready, desk.die, desk.ready, lambda: desk.service.drain("test")):
        step()
        reply = desk.ask(ANN, "status")
        assert isinstance(reply, m.StatusReply)
        states.append(json.loads(json.dumps(reply.status))["state"])
    assert states == ["loading", "ready", "degraded", "ready", "draining"]


def test_refusals_name_the_reason() -> None:
    desk = Desk()
    assert desk.refused(ANN, "synth", text="...") == "TEXT_EMPTY"
    assert desk.refused(ANN, "synth", text="a\x07") == "TEXT_CONTROL"
    assert desk.refused(ANN, "synth", text="a" * 20_001) == "TEXT_TOO_LONG"
    assert desk.refused(ANN, "synth", voice="nobody") == "VOICE"
    assert desk.refused(ANN, "synth", voice="broken") == "VOICE"
    assert desk.refused(ANN, "sing") == "OP"
    assert desk.refused(ANN, "ping", need=["wings"]) == "NEED"
    assert desk.refused(ANN, "synth", speed=9) == "SCHEMA"
    assert desk.service.delivery.counts.accepted == 0
    assert not desk.engine.spoke


def test_unsupported_text_is_named_at_once_or_when_the_engine_is_ready() -> None:
    desk = Desk(ready=False)
    desk.ask(ANN, "synth", text="Привет")
    assert desk.clients.ops(ANN) == ["accepted"]
    desk.ready()
    error = desk.clients.ended[0].end
    assert isinstance(error, m.Error)
    assert error.reason == "UNSUPPORTED_TEXT"
    assert "П р и в е" in error.msg
    assert desk.refused(ANN, "synth", text="Привет") == "UNSUPPORTED_TEXT"
    assert desk.clients.ops(ANN) == ["accepted", "error", "error"]


def test_an_unknown_voice_is_told_the_known_ones() -> None:
    desk = Desk()
    answer = desk.ask(ANN, "synth", voice="nobody")
    assert isinstance(answer, m.Error)
    assert "'nobody'" in answer.msg
    assert "broken, english" in answer.msg


def test_an_id_in_use_is_refused_and_its_first_user_goes_on() -> None:
    desk = Desk()
    desk.ask(ANN, "synth")
    assert desk.refused(ANN, "synth") == "ID_REUSED"
    assert desk.refused(ANN_TOO, "synth") == "ID_REUSED"
    desk.ask(BOB, "synth")  # another user's ids are another's
    desk.spoken()
    desk.spoken()
    assert [type(talk.end) for talk in desk.clients.ended] == [m.Done, m.Done]
    desk.ask(ANN, "synth")  # free again
    assert len(desk.clients.talks) == 1


@pytest.mark.parametrize("op", ["drain", "engine.restart"])
def test_operators_ops_are_for_the_admin_socket(op: str) -> None:
    desk = Desk()
    assert desk.refused(ANN, op) == "ADMIN_ONLY"
    assert not desk.service.draining
    assert desk.engine.restarts == 0
    assert desk.ask(ROOT, op) == m.Ok(id="a")
    assert (desk.service.draining, desk.engine.restarts) == ((True, 0) if op == "drain" else (False, 1))


def test_setup_required_refuses_with_the_mending_command() -> None:
    desk = Desk(ready=False)
    desk.ask(ANN, "synth")
    desk.event(ipc.Unavailable(what="there are no weights.", mend="Run `ishowctl setup`."))
    error = desk.clients.ended[0].end
    assert isinstance(error, m.Error)
    assert (error.reason, error.msg) == ("SETUP_REQUIRED", "there are no weights. Run `ishowctl setup`.")
    again = desk.ask(ANN, "synth")
    assert isinstance(again, m.Error)
    assert (again.reason, again.msg, again.retry) == (error.reason, error.msg, False)
    status = desk.service.status(desk.now_s)
    assert (status["state"], status["mend"]) == ("degraded", "Run `ishowctl setup`.")
    desk.ready()
    desk.ask(ANN, "synth")
    assert len(desk.clients.talks) == 1


def test_after_mending_requests_wait_while_the_engine_loads() -> None:
    desk = Desk(ready=False)
    desk.event(ipc.Unavailable(what="there are no weights.", mend="Run `ishowctl setup`."))
    desk.ask(ROOT, "engine.restart")
    desk.event(ipc.Loading(what="reading the weights."))
    assert desk.service.status(desk.now_s)["state"] == "loading"
    assert isinstance(desk.ask(ANN, "synth"), m.Accepted)


def test_limits_refuse_with_a_time() -> None:
    desk = Desk(Limits(queue=4, per_user=2), ready=False)
    desk.ask(ANN, "synth", "a")
    desk.ask(ANN, "synth", "b")
    answer = desk.ask(ANN, "synth", "c")
    assert isinstance(answer, m.Error)
    assert (answer.reason, answer.retry, answer.retry_after_ms) == ("CLIENT_LIMIT", True, 1000)
    desk.ask(BOB, "synth", "c")
    assert desk.refused(BOB, "synth", "d") == "QUEUE_FULL"
    desk.ask(BOB, "synth", "d", prio="interactive")
    assert len(desk.clients.talks) == 4


def test_too_many_messages_are_refused_but_never_credit_or_cancel() -> None:
    desk = Desk()
    desk.ask(ANN, "synth", credit=1)
    answers = [desk.ask(ANN, "ping", "p") for _ in range(210)]
    assert [type(answer) for answer in answers] == [m.Pong] * 199 + [m.Error] * 11
    assert desk.raw(ANN, [b"IST1", b"{"]) == desk.raw(ANN, [b"x"])
    desk.spoken(1600)
    desk.ask(ANN, "credit", n=1)
    assert desk.clients.ops(ANN)[-1] == "done"
    assert isinstance(desk.ask(BOB, "ping"), m.Pong)
    desk.wait(1)
    assert isinstance(desk.ask(ANN, "ping"), m.Pong)


def test_broken_frames_get_one_error() -> None:
    desk = Desk()
    for frames in ([], [b""], [b"IST1"], [b"IST2", b"{}"], [b"IST1", b"{}", b""], [b"IST1", b"\xff"]):
        before = len(desk.clients.inbox)
        answer = desk.raw(ANN, frames)
        assert isinstance(answer, m.Error)
        assert answer.id == ""
        assert len(desk.clients.inbox) == before + 1


def test_subscriptions_get_events_under_credit_and_count_what_was_dropped() -> None:
    desk = Desk()
    desk.ask(ANN, "subscribe", "s", topics=["state"], credit=1)
    assert [(event.n, event.dropped) for event in events(desk, "state")] == [(1, 0)]
    desk.die()
    desk.ready()
    assert len(events(desk, "state")) == 1
    desk.ask(ANN, "credit", "s", n=1)
    desk.die()
    assert [(event.n, event.dropped) for event in events(desk, "state")] == [(1, 0), (2, 2)]
    assert events(desk, "state")[1].data["state"] == "degraded"
    assert not events(desk, "queue")


def test_a_subscription_ends_with_cancel_and_its_id_is_one_of_the_users() -> None:
    desk = Desk()
    desk.ask(ANN, "subscribe", "s", topics=["queue"])
    assert desk.refused(ANN, "subscribe", "s", topics=["queue"]) == "ID_REUSED"
    assert desk.refused(ANN, "synth", "s") == "ID_REUSED"
    desk.ask(BOB, "cancel", "s")
    before = len(events(desk, "queue"))
    desk.ask(BOB, "synth")
    assert len(events(desk, "queue")) > before
    desk.ask(ANN, "cancel", "s")
    before = len(events(desk, "queue"))
    desk.spoken()
    assert len(events(desk, "queue")) == before


def test_a_user_has_sixteen_subscriptions() -> None:
    desk = Desk()
    for i in range(16):
        assert desk.ask(ANN, "subscribe", f"s{i}", topics=["tune"]) == m.Ok(id=f"s{i}")
    assert desk.refused(ANN_TOO, "subscribe", "more", topics=["tune"]) == "CLIENT_LIMIT"
    assert desk.ask(BOB, "subscribe", "s0", topics=["tune"]) == m.Ok(id="s0")


def test_a_subscription_cannot_take_the_id_of_a_live_request() -> None:
    desk = Desk()
    desk.ask(ANN, "synth", "s", credit=1)
    assert desk.refused(ANN, "subscribe", "s", topics=["tune"]) == "ID_REUSED"


def test_subscriptions_of_the_dead_make_room() -> None:
    desk = Desk()
    for i in range(16):
        desk.ask(ANN, "subscribe", f"s{i}", topics=["state"], credit=1)
    desk.clients.gone.add(ANN)
    desk.wait(2.0)
    assert desk.ask(ANN_TOO, "subscribe", "s0", topics=["state"]) is not None
    assert desk.clients.heard(ANN_TOO)[0] == m.Ok(id="s0")


def test_drain_finishes_what_was_accepted_and_refuses_the_rest() -> None:
    desk = Desk()
    desk.ask(ANN, "synth", "a")
    desk.ask(ANN, "synth", "b")
    desk.ask(ROOT, "drain")
    assert desk.refused(BOB, "synth") == "DRAINING"
    assert not desk.service.idle
    desk.spoken()
    desk.spoken()
    assert [type(talk.end) for talk in desk.clients.ended] == [m.Done, m.Done]
    assert desk.service.idle


def test_give_up_ends_everything_with_one_error_each() -> None:
    desk = Desk()
    for i in range(5):
        desk.ask(ANN, "synth", f"a{i}")
    desk.service.drain("signal")
    desk.service.give_up("the daemon is stopping.")
    desk.check()
    assert [talk.end.reason for talk in desk.clients.ended if isinstance(talk.end, m.Error)] == ["DRAINING"] * 5
    assert desk.service.idle
    assert desk.engine.cancelled


def test_the_log_never_holds_the_text() -> None:
    desk = Desk()
    desk.ask(ANN, "synth", text="a very secret sentence")
    desk.spoken()
    assert [event for event, _ in desk.logged] == ["request.accepted", "request.started", "request.ended"]
    assert "secret" not in repr(desk.logged)
