"""Looks for better grids with the real engine: what search.py asks for, evaluated between the users' requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ishowtts.history import History
from ishowtts.schedules import Book
from ishowtts.trials import Interrupted, NoResult, Trials
from ishowtts.tuner.search import WINS_BY, Evaluate, Found, Search


async def find(
    nfe: int, trials: Trials, history: History, book: Book, publish: Callable[[dict[str, Any]], None]
) -> None:
    """Search a grid for ``nfe`` and take it into ``book`` if it wins. Needs no trusted board: nothing is timed.

    Raises NoResult and HistoryError.
    """
    search, key = Search(nfe), trials.bench.quality_key
    while isinstance(step := search.ask(), Evaluate):
        distances = await _evaluate(step, trials)
        if trials.bench.quality_key != key:
            raise NoResult("the model or the voice changed meanwhile")
        search.tell(distances)
        publish({"kind": "search", "nfe": nfe, "evaluations": search.evaluations, "log_mel_db": search.best_db})
    if step.wins:
        await asyncio.to_thread(lambda: history.keep_grid(key, step.schedule))
        book.found[nfe] = step.schedule
    publish({"kind": "found", "nfe": nfe, "sentence": _sentence(step), **_as_data(step)})


async def _evaluate(step: Evaluate, trials: Trials) -> list[float]:
    distances: list[float] = []
    while len(distances) < len(step.items):
        try:
            distance, _ = await trials.compare(step.schedule, step.items[len(distances)])
        except Interrupted:
            continue  # the next one waits until the user has been served
        distances.append(float("inf") if distance.problem else distance.log_mel_db)
    return distances


def _sentence(found: Found) -> str:
    nfe, name = found.schedule.nfe, found.schedule.name
    if found.wins:
        return f"NFE {nfe}: {name} is used, {found.gain:.0%} nearer to NFE 64 on sentences it was not searched on."
    return f"NFE {nfe}: the usual grid stays, none is nearer to NFE 64 by {WINS_BY:.0%} or more."


def _as_data(found: Found) -> dict[str, Any]:
    times = [round(time, 6) for time in found.schedule.times]
    facts = {"gain": round(found.gain, 4), "evaluations": found.evaluations, "wins": found.wins}
    return {"schedule": found.schedule.name, "times": times, **facts}
