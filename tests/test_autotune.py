"""AutoTune with a real history, a clock moved by hand and an engine that answers by table."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import json, structs

from ishowtts import ipc
from ishowtts.autotune import FIRST_S, AutoTune, Ports
from ishowtts.guest import Outcome, Work
from ishowtts.history import History
from ishowtts.schedules import Book
from ishowtts.steering import Steering
from ishowtts.trials import Bench
from ishowtts.tuner import workload
from ishowtts.tuner.events import Committing, Resting
from ishowtts.tuner.model import Look, Order
from ishowtts.tuner.policy import Policy
from ishowtts.wire import messages as m
from ishowtts.wire.constants import HEADER_MAX_BYTES
from tests.tuner.kit import BETTER_WITH_MORE, GOOD

LEISURE = {3: 0.05, 6: 0.10, 7: 0.12, 8: 0.14}
ASKED = Order("operator", asked=True)


class World:
    """``rtf``: of each NFE; ``held``: the engine has the work and does not answer; ``fails``: what it says instead."""

    def __init__(self, folder: Path, **policy: Any) -> None:
        self.now_s, self.look, self.rtf = 1000.0, GOOD, dict(LEISURE)
        self.held, self.fails = False, ""
        self.tried: list[Work] = []
        self.spoken_with: list[int] = []
        self.events: list[dict[str, Any]] = []
        self.logged: list[str] = []
        self.on_event: Callable[[dict[str, Any]], None] = lambda _event: None
        made = workload.make("v", 2.0, 5.0, 75, 400)
        self.bench = Bench(workload=made, key="k", quality_key="q", machine={"model": "m"})
        self.history = History(folder / "history.db")
        ports = Ports(
            try_out=self._try_out,
            withdraw=lambda: None,
            look=self._look,
            bench=lambda: self.bench,
            switch=self.spoken_with.append,
            publish=self._publish,
            log=lambda event, **_: self.logged.append(event),
            clock=lambda: self.now_s,
        )
        book = Book()
        self.auto = AutoTune(Policy(**policy), 7, book, self.history, ports)
        self.steering = Steering(self.auto, book, self.history, lambda: ("MAXN", "k"))

    async def _look(self, _since: Look | None) -> Look:
        await asyncio.sleep(0)
        return self.look

    async def _try_out(self, work: Work) -> tuple[Outcome, bytes]:
        self.tried.append(work)
        await asyncio.sleep(0)
        while self.held:
            await asyncio.sleep(0.001)
        if self.fails:
            return self.fails, b""
        if isinstance(work, ipc.Compare):
            db = BETTER_WITH_MORE.get(len(work.times) - 1, 0.5)
            return ipc.Compared(job=1, log_mel_db=db, mcd_db=3.0, problem="", compute_s=1.0), b""
        audio_s = 0.06 * len(work.text)
        return ipc.Spoken(job=1, audio_s=audio_s, compute_s=audio_s * self.rtf[work.nfe], produced_s=0.0), b""

    def _publish(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        self.on_event(event)

    async def until(self, true: Callable[[], Any], what: str) -> Any:
        for _ in range(20_000):
            if value := true():
                return value
            assert not self.running.done(), self.running.exception()
            await asyncio.sleep(0.001)
        raise AssertionError(f"waited for {what}: {self.events[-3:]}")

    async def pass_time(self, seconds: float) -> None:
        """What the daemon's main loop does; the alarm clock, which goes by the wall, sleeps through it."""
        await turns()
        self.now_s += seconds
        self.auto.tick(self.now_s)

    def kinds(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["kind"] == kind]

    def outcomes(self) -> list[str]:
        return [event["decision"]["outcome"] for event in self.kinds("decision")]

    async def decided(self, n: int) -> list[str]:
        await self.until(lambda: len(self.outcomes()) >= n and self.resting, f"{n} decisions")
        return self.outcomes()

    @property
    def resting(self) -> bool:
        return isinstance(self.auto.tuner.state, Resting)


@pytest.fixture
def live(tmp_path: Path) -> Callable[..., None]:
    """Run a test's story with a World whose AutoTune runs."""

    def run(story: Callable[[World], Awaitable[None]], **policy: Any) -> None:
        async def whole() -> None:
            world = World(tmp_path, **policy)
            world.running = asyncio.create_task(world.auto.run())
            await asyncio.sleep(0)
            try:
                await story(world)
                assert not world.running.done(), world.running.exception()
            finally:
                world.held = False
                world.running.cancel()
                with suppress(asyncio.CancelledError):
                    await world.running
                world.history.close()

        asyncio.run(asyncio.wait_for(whole(), 60))

    return run


Live = Callable[..., None]


async def turns() -> None:
    """Many more turns of the loop than anything here needs to happen."""
    for _ in range(200):
        await asyncio.sleep(0)


# --- alarms -------------------------------------------------------------------------------------------------------


def test_an_alarm_that_the_wall_clock_held_back_rings_all_the_same(live: Live) -> None:
    async def story(world: World) -> None:
        await world.pass_time(FIRST_S - 1)
        await turns()
        assert world.events == []
        await world.pass_time(7)
        assert await world.decided(1) == ["proposed"]
        await world.pass_time(world.auto.tuner.policy.confirm_s + 6)
        assert await world.decided(2) == ["proposed", "changed"]
        assert (world.spoken_with[-1], world.history.memory().choices) == (8, {("MAXN", "k"): 8})
        await world.pass_time(7 * 3600)
        assert (await world.decided(3))[-1] == "kept"

    live(story)


def test_an_alarm_that_the_wall_clock_brought_forward_is_set_again(live: Live) -> None:
    async def story(world: World) -> None:
        before = world.auto.tuner.state
        world.auto._ring(world.auto._due())
        await turns()
        assert (world.events, world.auto.tuner.state) == ([], before)
        await world.pass_time(FIRST_S + 6)
        assert await world.decided(1) == ["proposed"]

    live(story)


def test_no_round_begins_by_itself_in_quiet_hours(live: Live) -> None:
    now = datetime.now()
    quiet = f"{now - timedelta(hours=1):%H:%M}-{now + timedelta(hours=2):%H:%M}"

    async def story(world: World) -> None:
        await world.pass_time(FIRST_S + 6)
        await world.until(lambda: world.auto.tuner.state.due_s - world.now_s > 3600, "the alarm of the morning")
        assert world.events == []
        world.auto.begin(ASKED)
        assert await world.decided(1) == ["proposed"]

    live(story, quiet_hours=quiet)


# --- operators ----------------------------------------------------------------------------------------------------


def test_a_round_asked_for_at_the_very_end_of_another_is_not_lost(live: Live) -> None:
    async def story(world: World) -> None:
        def again(event: dict[str, Any]) -> None:
            if event["kind"] == "resting":
                world.on_event = lambda _event: None
                asyncio.get_running_loop().call_soon(world.auto.begin, replace(ASKED, dry_run=True))

        world.on_event = again
        world.auto.begin(ASKED)
        assert world.auto.busy
        assert await world.decided(2) == ["proposed", "dry_run"]

    live(story, auto=False)


def test_the_veto_of_what_speaks_is_followed_by_a_round_at_once(live: Live) -> None:
    async def story(world: World) -> None:
        await world.steering.answer(m.Vote(id="a", kind="veto", nfe=7), uid=0)
        assert await world.decided(2) == ["veto", "changed"]
        assert world.spoken_with[-1] == 8

    live(story)


def test_votes_at_the_same_moment_all_count(live: Live) -> None:
    async def story(world: World) -> None:
        votes = [m.Vote(id=f"v{nfe}", kind="veto", nfe=nfe) for nfe in (5, 6, 9)]
        await asyncio.gather(*(world.steering.answer(vote, uid=0) for vote in votes), world.steering.answer(PIN, uid=0))
        memory = world.history.memory()
        assert (memory.vetoed, memory.pinned) == (frozenset({5, 6, 9}), 8)
        assert memory == world.auto.tuner.memory

    live(story)


PIN = m.TunePin(id="p", nfe=8)


def test_a_pin_waits_for_the_decision_that_is_being_written_and_loses_nothing_of_it(live: Live) -> None:
    async def story(world: World) -> None:
        world.auto.begin(replace(ASKED, dry_run=True))
        await world.decided(1)
        with world.history._turn:  # the disk is slow
            world.auto.begin(ASKED)
            await world.until(lambda: isinstance(world.auto.tuner.state, Committing), "the decision")
            pin = asyncio.create_task(world.steering.answer(structs.replace(PIN, nfe=6), uid=0))
            await turns()
        await pin
        assert await world.decided(3) == ["dry_run", "changed", "pinned"]
        memory = world.auto.tuner.memory
        assert (memory.pinned, dict(memory.choices), world.auto.tuner.active) == (6, {("MAXN", "k"): 8}, 6)
        assert (world.history.memory(), world.spoken_with[-1]) == (memory, 6)

    live(story, auto=False, confirm_rounds=1)


def test_a_decision_that_is_being_written_is_not_stopped_and_not_written_twice(live: Live) -> None:
    async def story(world: World) -> None:
        world.auto.begin(replace(ASKED, dry_run=True))
        await world.decided(1)
        with world.history._turn:  # the disk is slow
            world.auto.begin(ASKED)
            await world.until(lambda: isinstance(world.auto.tuner.state, Committing), "the decision")
            await turns()
            world.auto.stop()
            await turns()
        assert await world.decided(2) == ["dry_run", "changed"]
        assert len(world.history.decisions(20)) == 2

    live(story, auto=False, confirm_rounds=1)


def test_a_pin_in_the_middle_of_a_round_ends_it(live: Live) -> None:
    async def story(world: World) -> None:
        world.held = True
        world.auto.begin(ASKED)
        await world.until(lambda: world.tried, "a trial")
        await world.steering.answer(PIN, uid=0)
        assert (world.auto.tuner.outcome, world.spoken_with[-1], world.resting) == ("void", 8, True)
        world.held = False
        await turns()
        assert world.outcomes() == ["pinned"]

    live(story, auto=False)


# --- searches -----------------------------------------------------------------------------------------------------


def test_a_search_that_fails_is_said_and_the_tuner_lives_on(live: Live) -> None:
    async def story(world: World) -> None:
        world.fails = "the engine crashed."
        world.auto.begin((3,))
        (stopped,) = await world.until(lambda: world.kinds("stopped"), "the search's end")
        assert stopped["sentence"] == "the search failed: the engine crashed."
        world.fails = ""
        await world.until(lambda: not world.auto.busy, "peace")
        world.auto.begin(ASKED)
        assert await world.decided(1) == ["proposed"]

    live(story, auto=False)


def test_a_search_survives_a_pin_and_not_other_weights(live: Live) -> None:
    async def story(world: World) -> None:
        world.held = True
        world.auto.begin((3, 3))
        assert world.auto.busy
        await world.until(lambda: world.tried, "a comparison")
        await world.steering.answer(PIN, uid=0)
        world.held = False
        await world.until(lambda: world.kinds("found"), "the first grid")
        world.bench = replace(world.bench, quality_key="other")
        (stopped,) = await world.until(lambda: world.kinds("stopped"), "the second's end")
        assert "the model or the voice changed meanwhile" in stopped["sentence"]

    live(story, auto=False)


def test_a_search_can_be_stopped_before_it_begins(live: Live) -> None:
    async def story(world: World) -> None:
        world.auto.begin((3,))
        world.auto.stop()
        await turns()
        assert (world.tried, world.auto.busy, len(world.kinds("stopped"))) == ([], False, 1)

    live(story, auto=False)


# --- configuration ------------------------------------------------------------------------------------------------


def test_switched_on_by_a_new_configuration_it_wakes(live: Live) -> None:
    async def story(world: World) -> None:
        await world.pass_time(100_000)
        world.auto.configure(Policy(), 7, known=False)
        assert await world.decided(1) == ["proposed"]

    live(story, auto=False)


def test_another_bucket_in_the_middle_of_a_round(live: Live) -> None:
    async def story(world: World) -> None:
        world.auto.begin(ASKED)
        await world.until(lambda: any(isinstance(work, ipc.Speak) for work in world.tried), "a trial")
        world.auto.configure(Policy(bucket="long", candidates=(6, 7)), 7, known=True)
        assert (world.auto.tuner.outcome, world.resting) == ("void", True)
        await world.decided(1)
        (decision,) = world.history.decisions(1)
        assert (decision["target"]["bucket"], decision["outcome"]) == ("long", "kept")
        assert [one["nfe"] for one in decision["candidates"]] == [7, 6]

    live(story)


def test_another_nfe_in_the_configuration_holds_where_nothing_is_known(live: Live) -> None:
    async def story(world: World) -> None:
        world.auto.configure(world.auto.tuner.policy, 9, known=False)
        assert (world.auto.tuner.active, world.spoken_with) == (9, [9])
        world.auto.configure(world.auto.tuner.policy, 10, known=True)
        assert world.auto.tuner.active == 9

    live(story, auto=False)


# --- what it does not believe, what it watches --------------------------------------------------------------------


def test_an_engine_that_answers_nonsense_voids_the_round(live: Live) -> None:
    async def story(world: World) -> None:
        world.rtf = dict.fromkeys(world.rtf, -1.0)
        world.auto.begin(ASKED)
        ended = await world.until(lambda: world.kinds("resting"), "the end")
        assert ended[-1]["outcome"] == "void"
        assert "the engine sent" in ended[-1]["sentence"]

    live(story, auto=False)


def test_requests_are_held_against_the_times_of_the_nfe_they_are_spoken_with(live: Live) -> None:
    async def story(world: World) -> None:
        world.rtf = {6: 0.10, 7: 0.15, 8: 0.21}
        world.auto.tuner.active = 8
        world.auto.begin(ASKED)
        assert await world.decided(1) == ["proposed"]
        assert world.auto.last is not None
        assert world.auto.last["wanted"]["nfe"] == 7
        for _ in range(30):
            world.auto.spoke(8, "v", 8.0, 8.0 * 0.21)
        assert world.auto.watch.warning == ""
        world.auto.begin(ASKED)
        assert (await world.decided(2))[-1] == "changed"
        for _ in range(30):
            world.auto.spoke(7, "v", 8.0, 8.0 * 0.15 * 1.3)
        assert "30% longer" in world.auto.watch.warning
        assert "tune.drift" in world.logged

    live(story, auto=False)


def test_a_broken_history_keeps_no_engine_from_speaking(live: Live) -> None:
    async def story(world: World) -> None:
        world.history.close()
        world.auto.engine_ready(world.bench, "MAXN")
        assert (world.spoken_with, world.logged) == ([7], ["tune.history"])

    live(story, auto=False)


def test_a_long_history_comes_in_messages_of_bounded_length(live: Live) -> None:
    async def story(world: World) -> None:
        candidate = {"nfe": 64, "times": [0.123456] * 65, "rtf": {"runs": [0.12345] * 100}, "verdict": "x" * 200}
        facts = {"mode": "MAXN", "fingerprint": "k", "after": {"nfe": 7}, "candidates": [candidate] * 17}
        for _ in range(40):
            world.history.commit(facts, world.auto.tuner.memory)
        for _ in range(200):
            world.history.vote({"kind": "prefer", "note": "\U0001f600" * 500})
        seen: list[int] = []
        while page := (await _page(world, seen[-1] if seen else None)):
            seen += page
        assert seen == list(range(40, 0, -1))

    live(story, auto=False)


async def _page(world: World, before: int | None) -> list[int]:
    reply = await world.steering.answer(m.History(id="h", before=before), uid=0)
    assert isinstance(reply, m.HistoryReply)
    assert len(json.encode(reply)) <= HEADER_MAX_BYTES
    assert reply.votes
    return [one["id"] for one in reply.decisions]
