"""Who may wait, and who is next: bounded, by priority class, fair between users. Pure: `now_s` is an argument."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ishowtts.requests import Request
from ishowtts.wire.errors import Reason, Refusal

_RANK = {"interactive": 0, "normal": 1, "batch": 2}
# What part of the queue each class may fill, so that a flood of batch work never shuts the door on a person.
_SHARE = {"interactive": 1.0, "normal": 0.75, "batch": 0.5}
AGEING_S = 60.0
USERS_REMEMBERED = 1000


@dataclass(frozen=True)
class Limits:
    queue: int = 64
    per_user: int = 16
    queued_chars: int = 100_000


class Queue:
    """Requests that still need the engine, started or not."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._requests: list[Request] = []  # in order of arrival
        self._served: dict[int, int] = {}  # uid -> the turn it last had
        self._turn = 0

    def admit(self, request: Request, *, live_of_user: int, eta_s: float | None) -> None:
        """Add ``request`` or raise Refusal. ``eta_s`` is the estimated wait for its first sound, if known."""
        limits, waiting = self.limits, self.waiting
        share = max(int(limits.queue * _SHARE[request.synth.prio]), 1)
        retry_ms = int(1000 * (eta_s or 1.0))
        if live_of_user >= limits.per_user:
            raise Refusal(
                Reason.CLIENT_LIMIT,
                f"you have {live_of_user} requests under way and {limits.per_user} are allowed: wait for one to end.",
                retry_after_ms=retry_ms,
            )
        if len(waiting) >= share:
            raise Refusal(
                Reason.QUEUE_FULL,
                f"{len(waiting)} requests wait and {request.synth.prio} ones may fill {share} places: try later.",
                retry_after_ms=retry_ms,
            )
        chars = sum(len(other.text) for other in waiting)
        if waiting and chars + len(request.text) > limits.queued_chars:
            raise Refusal(
                Reason.QUEUE_FULL,
                f"{chars} characters are waiting to be spoken, of at most {limits.queued_chars}: try later.",
                retry_after_ms=retry_ms,
            )
        if eta_s is not None and request.arrived_s + eta_s > request.start_by_s:
            raise Refusal(
                Reason.UNREACHABLE,
                f"about {eta_s:.1f} s of work are ahead, more than the {request.start_by_s - request.arrived_s:.1f} s "
                "that this request may take: allow more time or try later.",
                retry_after_ms=retry_ms,
            )
        self._requests.append(request)

    def pick(self, now_s: float, runnable: Callable[[Request], bool]) -> Request | None:
        """The next request for one chunk: best class (waiting improves it), then the user served longest ago."""
        candidates = [request for request in self._requests if runnable(request)]
        if not candidates:
            return None
        chosen = min(
            candidates,
            key=lambda r: (self._class(r, now_s), self._served.get(r.peer.uid, -1), r.arrived_s),
        )
        self._turn += 1
        self._served[chosen.peer.uid] = self._turn
        return chosen

    def has(self, wanted: Callable[[Request], bool]) -> bool:
        return any(wanted(request) for request in self._requests)

    def remove(self, request: Request) -> None:
        if request in self._requests:
            self._requests.remove(request)
        if len(self._served) > USERS_REMEMBERED:
            del self._served[min(self._served, key=self._served.__getitem__)]

    def position(self, request: Request, now_s: float) -> int:
        """How many requests are ahead of this one."""
        mine = (self._class(request, now_s), request.arrived_s)
        return sum((self._class(r, now_s), r.arrived_s) < mine for r in self._requests if r is not request)

    def chars_ahead(self, request: Request, now_s: float) -> int:
        mine = (self._class(request, now_s), request.arrived_s)
        ahead = (r for r in self._requests if r is not request and (self._class(r, now_s), r.arrived_s) <= mine)
        return sum(r.chars_left for r in ahead)

    @property
    def waiting(self) -> list[Request]:
        """Accepted, not started."""
        return [request for request in self._requests if request.started_s is None]

    def __len__(self) -> int:
        return len(self._requests)

    @staticmethod
    def _class(request: Request, now_s: float) -> int:
        aged = int((now_s - request.arrived_s) / AGEING_S)
        return max(_RANK[request.synth.prio] - aged, 0)


class TokenBucket:
    """At most ``rate`` messages a second, after a burst."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._tokens: dict[int, tuple[float, float]] = {}

    def take(self, uid: int, now_s: float) -> bool:
        tokens, seen_s = self._tokens.get(uid, (self._burst, now_s))
        tokens = min(self._burst, tokens + (now_s - seen_s) * self._rate)
        allowed = tokens >= 1
        self._tokens[uid] = (tokens - 1 if allowed else tokens, now_s)
        return allowed

    def too_fast(self) -> Refusal:
        text = f"more than {self._rate:.0f} messages a second: slow down."
        return Refusal(Reason.RATE, text, retry_after_ms=1000)
