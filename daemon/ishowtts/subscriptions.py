"""Who wants to hear of what: events go out under credit; without credit they are dropped and counted. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ishowtts.delivery import Send
from ishowtts.requests import Peer
from ishowtts.wire.constants import CREDIT_MAX, HEARTBEAT_MS
from ishowtts.wire.errors import Reason, Refusal
from ishowtts.wire.messages import Event, Progress, Subscribe

PER_USER = 16


@dataclass
class _Subscription:
    peer: Peer
    id: str
    topics: frozenset[str]
    credit: int
    sent: int = 0
    dropped: int = 0
    heard_s: float = 0.0


class Subscriptions:
    def __init__(self, send: Send, boot: str) -> None:
        self._send, self._boot = send, boot
        self._all: dict[tuple[int, str], _Subscription] = {}

    def add(self, peer: Peer, message: Subscribe, now_s: float) -> None:
        key = (peer.uid, message.id)
        if key in self._all:
            raise Refusal(Reason.ID_REUSED, f"id {message.id!r} is already a subscription of yours.")
        if sum(uid == peer.uid for uid, _ in self._all) >= PER_USER:
            raise Refusal(Reason.CLIENT_LIMIT, f"you have {PER_USER} subscriptions, which is all one user may have.")
        self._all[key] = _Subscription(peer, message.id, frozenset(message.topics), message.credit, heard_s=now_s)

    def grant(self, uid: int, id: str, n: int) -> bool:
        subscription = self._all.get((uid, id))
        if subscription is not None:
            subscription.credit = min(subscription.credit + n, CREDIT_MAX)
        return subscription is not None

    def remove(self, uid: int, id: str) -> None:
        self._all.pop((uid, id), None)

    def publish(self, topic: str, data: dict[str, Any]) -> None:
        for key, one in list(self._all.items()):
            if topic not in one.topics:
                continue
            if not one.credit:
                one.dropped += 1
                continue
            one.credit -= 1
            one.sent += 1
            event = Event(id=one.id, topic=topic, n=one.sent, dropped=one.dropped, data=data)
            if not self._send(one.peer, event, b""):
                self._all.pop(key, None)

    def check_time(self, now_s: float) -> None:
        """A sign of life to each, without credit: it also finds those whose client has left."""
        for key, one in list(self._all.items()):
            if now_s - one.heard_s < 0.9 * HEARTBEAT_MS / 1000:
                continue
            one.heard_s = now_s
            alive = Progress(id=one.id, boot=self._boot, state="subscribed", queue=0, pct=0)
            if not self._send(one.peer, alive, b""):
                self._all.pop(key, None)

    def peer_gone(self, peer: Peer) -> None:
        self._all = {key: one for key, one in self._all.items() if one.peer != peer}

    def has(self, uid: int, id: str) -> bool:
        return (uid, id) in self._all

    def __len__(self) -> int:
        return len(self._all)
