"""Requests of class batch through the real daemon and a real engine child: together, and each with its own end."""

from __future__ import annotations

from typing import Any

from tests.daemon import Wire


def ends(wire: Wire, texts: list[str]) -> list[str]:
    """What became of one batch request for each text, all sent while another is being spoken."""
    wire.send("synth", text="something long enough to wait behind. " * 3, prio="normal")
    ids = [wire.send("synth", text=text, prio="batch") for text in texts]
    last: dict[str, Any] = {}
    while not set(ids) <= set(last):
        message = wire.receive()
        if message["op"] in ("done", "error"):
            last[message["id"]] = message.get("reason", "done")
    return [last[id] for id in ids]


def test_all_of_a_batch_are_spoken(wire: Wire) -> None:
    assert ends(wire, [f"number {i}" for i in range(6)]) == ["done"] * 6


def test_one_bad_text_of_a_batch_fails_alone(wire: Wire) -> None:
    assert ends(wire, ["one", "two {error}", "three", "four {nan}"]) == ["done", "ENGINE_ERROR", "done", "ENGINE_ERROR"]


def test_one_text_that_kills_the_engine_fails_alone(wire: Wire) -> None:
    assert ends(wire, ["one", "two {exit}", "three"]) == ["done", "ENGINE_RESTART", "done"]
