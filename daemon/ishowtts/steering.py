"""What operators ask of the tuner over the wire: begin, stop, pin, roll back, vote; and what everybody may read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from ishowtts.autotune import AutoTune
from ishowtts.history import History, HistoryError
from ishowtts.schedules import Book
from ishowtts.tuner import records
from ishowtts.tuner.model import Memory, Order
from ishowtts.wire import messages as m
from ishowtts.wire.constants import HEADER_MAX_BYTES
from ishowtts.wire.errors import Reason, Refusal

VOTES_SENT = 200
# Of decisions, and as many of votes: together they fit one message.
LIST_MAX_BYTES = HEADER_MAX_BYTES // 2 - 1024
# What a list of decisions leaves out. Asked for by number, a decision is whole.
_LONG = ("snapshot",)


class Steering:
    """``mode_and_key``: where a choice holds now, the power mode and the tuner's key."""

    def __init__(
        self, auto: AutoTune, book: Book, history: History, mode_and_key: Callable[[], tuple[str, str] | None]
    ) -> None:
        self._auto, self._book, self._history, self._mode_and_key = auto, book, history, mode_and_key

    async def answer(self, message: m.Message, uid: int) -> m.Message:
        """Raises Refusal."""
        try:
            match message:
                case m.History():
                    return await self._read(message)
                case m.Tune():
                    self._tune(message)
                case m.TuneStop():
                    self._auto.stop()
                case m.TunePin() | m.TuneRollback() | m.Vote():
                    async with self._auto.writing:
                        await self._steer(message, uid)
        except HistoryError as error:
            raise Refusal(Reason.HISTORY, str(error)) from None
        return m.Ok(id=message.id)

    async def _steer(self, message: m.TunePin | m.TuneRollback | m.Vote, uid: int) -> None:
        match message:
            case m.TunePin():
                await self._pin(message.nfe)
            case m.TuneRollback():
                await self._roll_back(message.to)
            case m.Vote():
                await self._vote(message, uid)

    def _tune(self, wanted: m.Tune) -> None:
        if self._auto.busy:
            raise Refusal(Reason.TUNING, "a round is under way: wait for it, or stop it with `ishowctl tune --stop`.")
        if self._mode_and_key() is None:
            raise Refusal(Reason.TUNING, "the engine is not ready, so nothing can be measured: see `ishowctl status`.")
        if wanted.search:
            self._auto.begin(tuple(wanted.search))
        else:
            order = Order("operator", True, wanted.dry_run, tuple(dict.fromkeys(wanted.sweep)), wanted.runs or 0)
            self._auto.begin(order)

    async def _pin(self, nfe: int | None) -> None:
        memory = self._auto.tuner.memory
        if nfe is None:
            mode, key = self._here()
            unpinned = replace(memory, pinned=None)
            active = unpinned.recall(mode, key) or self._auto.tuner.active
            await self._override("unpinned", "unpinned: the rounds decide again.", unpinned, active)
        else:
            await self._override("pinned", f"NFE {nfe} is pinned by an operator.", replace(memory, pinned=nfe), nfe)

    async def _roll_back(self, to: int | None) -> None:
        wanted = await asyncio.to_thread(lambda: self._find(to))
        memory, nfe = self._auto.tuner.memory, wanted["after"]["nfe"] if to else wanted["before"]["nfe"]
        told = f"rolled back to NFE {nfe}, as {'after' if to else 'before'} decision {wanted['id']}."
        choices = {**memory.choices, self._here(): nfe}
        await self._override("rolled_back", told, replace(memory, choices=choices, pinned=None), nfe)

    def _find(self, to: int | None) -> dict[str, Any]:
        if to is not None:
            found = self._history.decision(to)
            if found is None:
                raise Refusal(Reason.NO_DECISION, f"there is no decision {to}: see `ishowctl history`.")
            return found
        if (last := self._history.last_change()) is not None:
            return last
        raise Refusal(Reason.NO_DECISION, "nothing was ever changed, so there is nothing to go back to.")

    async def _vote(self, vote: m.Vote, uid: int) -> None:
        memory, nfe = self._auto.tuner.memory, vote.nfe
        record = {
            "kind": vote.kind,
            **records.schedule(self._book.pick(nfe)),
            "over": records.schedule(self._book.pick(vote.over)) if vote.over else None,
            "text": vote.text,
            "kit": vote.kit,
            "note": vote.note,
            "who": f"uid {uid}",
        }
        await asyncio.to_thread(lambda: self._history.vote(record))
        vetoed = memory.vetoed | {nfe} if vote.kind == "veto" else memory.vetoed - {nfe}
        if vote.kind == "prefer" or vetoed == memory.vetoed:
            return
        told = f"NFE {nfe} was vetoed by a person" if vote.kind == "veto" else f"NFE {nfe} may be chosen again"
        told += f": {vote.note}" if vote.note else "."
        await self._override(vote.kind, told, replace(memory, vetoed=vetoed), self._auto.tuner.active)
        if vote.kind == "veto" and nfe == self._auto.tuner.active:
            self._auto.changed()

    async def _override(self, outcome: str, sentence: str, memory: Memory, nfe: int) -> None:
        mode, key = self._here()
        tuner = self._auto.tuner
        words = {"pinned": "pin", "unpinned": "unpin", "rolled_back": "rollback", "allow": "veto"}
        record: dict[str, Any] = {
            "reason": words.get(outcome, outcome),
            "outcome": outcome,
            "sentence": sentence,
            "mode": mode or None,
            "fingerprint": key,
            "before": records.schedule(self._book.pick(tuner.active)),
            "after": records.schedule(self._book.pick(nfe)),
            "wanted": records.schedule(self._book.pick(nfe)),
            "target": {"rtf": tuner.policy.rtf_target, "bucket": tuner.policy.bucket, "audio_s": None},
            "candidates": [],
            "buckets": [],
            "fit": None,
            "yardsticks": {},
            "gpu_s": 0.0,
            "wall_s": 0.0,
            "trials": 0,
            "board": {"before": None, "after": None},
        }
        await self._auto.override(record, memory, nfe)

    def _here(self) -> tuple[str, str]:
        here = self._mode_and_key()
        if here is None:
            raise Refusal(Reason.TUNING, "the engine is not ready: see `ishowctl status`, then try again.")
        return here

    async def _read(self, wanted: m.History) -> m.HistoryReply:
        def read() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
            if wanted.number is not None:
                found = self._history.decision(wanted.number)
                if found is None:
                    told = f"there is no decision {wanted.number}: see `ishowctl history`."
                    raise Refusal(Reason.NO_DECISION, told)
                return [found], []
            some = self._history.decisions(wanted.limit, wanted.before)
            return _fitting(map(_shortened, some)), _fitting(self._history.votes(VOTES_SENT))

        decisions, votes = await asyncio.to_thread(read)
        return m.HistoryReply(id=wanted.id, decisions=decisions, votes=votes)


def _fitting(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first ones, at least one, as far as they have room."""
    kept: list[dict[str, Any]] = []
    left_bytes = LIST_MAX_BYTES
    for one in entries:
        left_bytes -= len(json.dumps(one))  # with its spaces and escapes never less than on the wire
        if left_bytes < 0 and kept:
            break
        kept.append(one)
    return kept


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(one) for key, one in value.items() if key not in _LONG}
    return [_shortened(one) for one in value] if isinstance(value, list) else value
