"""What a new configuration changes, live or with a restart; and how the service takes it over."""

from __future__ import annotations

import msgspec
import pytest

from ishowtts import ipc, reload
from ishowtts.config import Config, Server
from ishowtts.engine_port import EngineState
from ishowtts.reload import Outcome
from ishowtts.wire.errors import Reason, Refusal
from tests.service_kit import ANN, BOB, ROOT, Desk

OLD = Config()
ENGINE = Outcome(changed=("engine",), restart=(), engine=True)


def changed(section: str, **keys: object) -> Config:
    return msgspec.structs.replace(OLD, **{section: msgspec.structs.replace(getattr(OLD, section), **keys)})


def test_nothing_changed() -> None:
    outcome = reload.compare(OLD, OLD, Config(), engine=False)
    assert outcome == Outcome((), (), engine=False)
    assert outcome.sentence == "nothing in the files has changed."


def test_only_sockets_and_the_history_wait_for_a_restart() -> None:
    """Every key but these is taken over while the daemon runs."""
    waiting = {
        f"{section}.{key}"
        for section in Config.__struct_fields__
        for key in getattr(OLD, section).__struct_fields__
        if not reload._live(section, key)
    }
    assert waiting == {"server.runtime_dir", "server.user_group", "server.admin_group", "tuner.history"}


def test_a_restart_is_named_until_it_has_happened() -> None:
    now = changed("server", runtime_dir="/elsewhere", drain_s=3.0)
    first = reload.compare(OLD, OLD, now, engine=False)
    assert (first.changed, first.restart) == (("server",), ("server.runtime_dir",))
    again = reload.compare(OLD, now, now, engine=False)
    assert (again.changed, again.restart) == ((), ("server.runtime_dir",))
    assert again.sentence == (
        "nothing in the files has changed; server.runtime_dir will change with `sudo systemctl restart ishowttsd`."
    )


class Tomorrow(Config, frozen=True, kw_only=True):
    fleet: Server = Server()


def test_a_section_that_nobody_thought_of_waits_for_a_restart() -> None:
    """App takes over what it knows; the rest must not be lost in silence."""
    outcome = reload.compare(Tomorrow(), Tomorrow(), Tomorrow(fleet=Server(drain_s=1.0)), engine=False)
    assert outcome.restart == ("fleet.drain_s",)


def test_the_sentence_of_an_engine() -> None:
    outcome = reload.compare(OLD, OLD, changed("engine", threads=2), engine=True)
    assert outcome.sentence == "taken over: engine; the engine starts anew when the requests under way are done."


# --- in the service -----------------------------------------------------------------------------------------------


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_refusal_is_the_answer(desk: Desk) -> None:
    desk.reloads = Refusal(Reason.CONFIGURATION, "x.yaml: engine.nfee: unknown key")
    answer = desk.ask(ROOT, "reload")
    assert (answer.code, answer.reason, answer.retry) == ("FAILED_PRECONDITION", "CONFIGURATION", False)
    assert desk.service.status(desk.now_s)["state"] == "ready"


def test_it_is_the_operators(desk: Desk) -> None:
    assert desk.ask(ANN, "reload").reason == "ADMIN_ONLY"


def test_an_idle_engine_starts_anew_at_once(desk: Desk) -> None:
    desk.reloads = ENGINE
    answer = desk.ask(ROOT, "reload")
    assert (answer.changed, answer.engine) == (["engine"], True)
    assert desk.engine.renewals == 1
    status = desk.service.status(desk.now_s)
    assert (status["state"], status["engine"]["restarts"]) == ("loading", 0)


def test_without_a_need_the_engine_stays(desk: Desk) -> None:
    desk.ask(ROOT, "reload")
    assert (desk.engine.renewals, desk.service.lane.state) == (0, EngineState.READY)


def test_what_runs_is_finished_and_what_waits_waits(desk: Desk) -> None:
    desk.ask(ANN, "synth", id="a")
    desk.ask(BOB, "synth", id="b")
    desk.reloads = ENGINE
    desk.ask(ROOT, "reload")
    assert desk.engine.renewals == 0
    assert desk.service.status(desk.now_s)["state"] == "loading"
    desk.spoken()
    assert desk.clients.ended[0].peer == ANN
    assert desk.engine.job is None, "b waits for the new engine"
    assert desk.engine.renewals == 1
    desk.ready()
    assert desk.engine.renewals == 1
    desk.spoken()
    assert [type(talk.end).__name__ for talk in desk.clients.ended] == ["Done", "Done"]


def test_an_engine_that_dies_meanwhile_is_renewed_all_the_same(desk: Desk) -> None:
    desk.ask(ANN, "synth", id="a")
    desk.reloads = ENGINE
    desk.ask(ROOT, "reload")
    desk.die()
    assert desk.engine.renewals == 1
    assert desk.clients.ended[0].end.reason == "ENGINE_RESTART"


@pytest.mark.parametrize("state", ["loading", "unavailable"])
def test_an_engine_that_is_not_ready_is_renewed_at_once(state: str) -> None:
    desk = Desk(ready=False)
    if state == "unavailable":
        desk.event(ipc.Unavailable(what="there are no weights.", mend=""))
    desk.reloads = ENGINE
    desk.ask(ROOT, "reload")
    assert desk.engine.renewals == 1
    desk.ask(ANN, "synth", id="a")
    desk.ready()
    assert desk.engine.job is not None
