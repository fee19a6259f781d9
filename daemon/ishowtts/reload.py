"""What a new configuration changes, and what of that only a restart can. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ishowtts.config import Config
from ishowtts.tuner.policy import Policy
from ishowtts.wire.messages import Reloaded

# Sections and keys that App takes over while it runs. Whatever is not named here waits for a restart.
LIVE = frozenset({"engine", "synthesis", "voices", "limits", "board", "log", "server.drain_s"})
LIVE |= {f"tuner.{key}" for key in Policy.__struct_fields__}  # all but the history's file


@dataclass(frozen=True)
class Outcome:
    """``changed``: sections that differ from before; ``restart``: keys that wait for a restart of the daemon.

    ``engine``: the engine child starts anew, once the requests under way are done.
    """

    changed: tuple[str, ...]
    restart: tuple[str, ...]
    engine: bool

    @property
    def sentence(self) -> str:
        """For a person."""
        parts = [f"taken over: {', '.join(self.changed)}" if self.changed else "nothing in the files has changed"]
        if self.engine:
            parts.append("the engine starts anew when the requests under way are done")
        if self.restart:
            parts.append(f"{', '.join(self.restart)} will change with `sudo systemctl restart ishowttsd`")
        return "; ".join(parts) + "."

    def reply(self, id: str) -> Reloaded:
        changed, restart = list(self.changed), list(self.restart)
        return Reloaded(id=id, changed=changed, restart=restart, engine=self.engine, msg=self.sentence)


def compare(started_with: Config, before: Config, now: Config, *, engine: bool) -> Outcome:
    """``engine``: whether what the engine child is started with has changed too (files of voices count)."""
    return Outcome(
        changed=tuple(sorted({section for section, _ in _differences(before, now)})),
        restart=tuple(
            f"{section}.{key}" for section, key in _differences(started_with, now) if not _live(section, key)
        ),
        engine=engine,
    )


def _live(section: str, key: str) -> bool:
    return bool({section, f"{section}.{key}"} & LIVE)


def _differences(one: Config, other: Config) -> Iterator[tuple[str, str]]:
    for section in other.__struct_fields__:
        mine, theirs = getattr(one, section), getattr(other, section)
        for key in mine.__struct_fields__:
            if getattr(mine, key) != getattr(theirs, key):
                yield section, key
