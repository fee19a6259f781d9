"""What the tuner decided and why, in SQLite: the only file that imports it. Calls block for a disk's flush.

A decision and the choice that follows from it are one transaction, on disk before the daemon acts on it. A file that
is no database any more is set aside, never repaired and never silently replaced.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ishowtts.schedules import Schedule
from ishowtts.tuner.model import Distance, Memory
from ishowtts.tuner.quality import Distances

SCHEMA_VERSION = 1
KEPT = 10_000  # decisions, some 10 KiB each: seven years of four a day
_SCHEMA = """
CREATE TABLE decisions (id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, mode TEXT NOT NULL, key TEXT NOT NULL,
    nfe INTEGER NOT NULL, record TEXT NOT NULL);
CREATE TABLE choices (mode TEXT, key TEXT, nfe INTEGER NOT NULL, decision INTEGER NOT NULL, PRIMARY KEY (mode, key));
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE distances (key TEXT, schedule TEXT, item INTEGER, value TEXT NOT NULL, PRIMARY KEY (key, schedule, item));
CREATE TABLE grids (key TEXT, nfe INTEGER, name TEXT NOT NULL, times TEXT NOT NULL, PRIMARY KEY (key, nfe));
CREATE TABLE votes (id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, record TEXT NOT NULL);
"""


class HistoryError(Exception):
    """The history cannot be read or written; one sentence why."""


class History:
    """``path`` is made if it is not there. Raises HistoryError from every method. Any thread may call them.

    One daemon at a time: two would overwrite each other's pins and choices.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set_aside: Path | None = None
        self._turn = threading.Lock()  # a connection has one transaction at a time, whichever thread began it
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._guard = path.with_name(f"{path.name}.lock").open("ab")
        except OSError as error:
            raise HistoryError(f"the history {path} cannot be opened: {error}.") from None
        try:
            fcntl.flock(self._guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._db = self._open()
        except BlockingIOError:
            self._guard.close()
            raise HistoryError(f"the history {path} cannot be opened: another ishowttsd uses it.") from None
        except (OSError, sqlite3.Error) as error:
            self._guard.close()
            raise HistoryError(f"the history {path} cannot be opened: {error}.") from None

    def close(self) -> None:
        with self._turn:
            self._db.close()
            self._guard.close()

    def memory(self) -> Memory:
        """What the last process knew."""
        with self._reading() as db:
            rows = db.execute("SELECT mode, key, nfe FROM choices ORDER BY decision").fetchall()
            settings = {name: json.loads(value) for name, value in db.execute("SELECT name, value FROM settings")}
        pending = settings.get("pending")
        return Memory(
            choices={(mode, key): nfe for mode, key, nfe in rows},
            pending=tuple(pending) if pending else None,
            pinned=settings.get("pinned"),
            vetoed=frozenset(settings.get("vetoed", ())),
        )

    def commit(self, record: Mapping[str, Any], memory: Memory) -> int:
        """Keep a decision and what follows from it; its number."""
        mode, key, nfe = record["mode"] or "", record["fingerprint"], record["after"]["nfe"]
        with self._writing() as db:
            cursor = db.execute(
                "INSERT INTO decisions (at, mode, key, nfe, record) VALUES (?, ?, ?, ?, ?)",
                (_now(), mode, key, nfe, json.dumps(record)),
            )
            number = int(cursor.lastrowid or 0)
            for (its_mode, its_key), choice in memory.choices.items():
                db.execute(
                    "INSERT INTO choices VALUES (?, ?, ?, ?) ON CONFLICT (mode, key) DO UPDATE "
                    "SET nfe = excluded.nfe, decision = excluded.decision WHERE nfe != excluded.nfe",
                    (its_mode, its_key, choice, number),
                )
            settings = {"pending": memory.pending, "pinned": memory.pinned, "vetoed": sorted(memory.vetoed)}
            for name, value in settings.items():
                db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, json.dumps(value)))
            db.execute("DELETE FROM decisions WHERE id <= ?", (number - KEPT,))
        return number

    def decisions(self, limit: int, before: int | None = None) -> list[dict[str, Any]]:
        """The newest first, those before number ``before``."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT id, at, record FROM decisions WHERE id < ? ORDER BY id DESC LIMIT ?", (before or 2**62, limit)
            )
            return [{"id": number, "at": at, **json.loads(record)} for number, at, record in rows]

    def decision(self, number: int) -> dict[str, Any] | None:
        return next((one for one in self.decisions(1, number + 1) if one["id"] == number), None)

    def last_change(self) -> dict[str, Any] | None:
        """The newest decision after which another NFE was spoken with."""
        with self._reading() as db:
            for number, at, record in db.execute("SELECT id, at, record FROM decisions ORDER BY id DESC"):
                one = json.loads(record)
                if one["before"]["nfe"] != one["after"]["nfe"]:
                    return {"id": number, "at": at, **one}
        return None

    def last_measured(self, mode: str, key: str, nfe: int) -> dict[str, Any] | None:
        """The newest decision there that measured this NFE at several lengths, out of the last hundred."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT record FROM decisions WHERE mode = ? AND key = ? ORDER BY id DESC LIMIT 100", (mode, key)
            )
            records = (json.loads(record) for (record,) in rows)
            return next((one for one in records if any(side["nfe"] == nfe for side in one.get("buckets", ()))), None)

    def keep_distance(self, key: str, schedule: str, item: int, distance: Distance) -> None:
        with self._writing() as db:
            value = json.dumps(asdict(distance))
            db.execute("INSERT OR REPLACE INTO distances VALUES (?, ?, ?, ?)", (key, schedule, item, value))

    def distances(self) -> dict[str, Distances]:
        """By quality key and schedule."""
        found: dict[str, dict[str, tuple[Distance, ...]]] = {}
        with self._reading() as db:
            rows = db.execute("SELECT key, schedule, value FROM distances ORDER BY key, schedule, item")
            for key, schedule, value in rows:
                by_name = found.setdefault(key, {})
                by_name[schedule] = (*by_name.get(schedule, ()), Distance(**json.loads(value)))
        return dict(found)

    def keep_grid(self, key: str, schedule: Schedule) -> None:
        with self._writing() as db:
            row = (key, schedule.nfe, schedule.name, json.dumps(schedule.times))
            db.execute("INSERT OR REPLACE INTO grids VALUES (?, ?, ?, ?)", row)

    def grids(self, key: str) -> dict[int, Schedule]:
        """What a search has found for these weights, by NFE."""
        with self._reading() as db:
            rows = db.execute("SELECT nfe, name, times FROM grids WHERE key = ?", (key,))
            return {nfe: Schedule(name, tuple(json.loads(times))) for nfe, name, times in rows}

    def vote(self, record: Mapping[str, Any]) -> None:
        with self._writing() as db:
            db.execute("INSERT INTO votes (at, record) VALUES (?, ?)", (_now(), json.dumps(record)))

    def votes(self, limit: int) -> list[dict[str, Any]]:
        """The newest first."""
        with self._reading() as db:
            rows = db.execute("SELECT id, at, record FROM votes ORDER BY id DESC LIMIT ?", (limit,))
            return [{"id": number, "at": at, **json.loads(record)} for number, at, record in rows]

    # --- within ---------------------------------------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):  # locked, full, not permitted: it is a good file
                raise
            self.set_aside = self.path.with_name(f"{self.path.name}.broken-{_now().replace(':', '')}")
            self.path.rename(self.set_aside)
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=2.0, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
            elif version != SCHEMA_VERSION:
                raise sqlite3.OperationalError(
                    f"it has the format {version} of another version of ishowttsd, this one reads {SCHEMA_VERSION}"
                )
        except BaseException:
            db.close()
            raise
        return db

    def _reading(self) -> _Transaction:
        return _Transaction(self._db, self._turn, "BEGIN", self.path)

    def _writing(self) -> _Transaction:
        return _Transaction(self._db, self._turn, "BEGIN IMMEDIATE", self.path)


class _Transaction:
    """All of it or nothing, one at a time; sqlite3's errors in one sentence."""

    def __init__(self, db: sqlite3.Connection, turn: threading.Lock, begin: str, path: Path) -> None:
        self._db, self._turn, self._begin, self._path = db, turn, begin, path

    def __enter__(self) -> sqlite3.Connection:
        self._turn.acquire()
        try:
            self._db.execute(self._begin)
        except sqlite3.Error as error:
            self._turn.release()
            raise HistoryError(f"the history {self._path} cannot be used: {error}.") from None
        return self._db

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        try:
            self._db.execute("ROLLBACK" if error else "COMMIT")
        except sqlite3.Error as failure:
            if self._db.in_transaction:
                with closing(self._db.cursor()) as cursor:
                    cursor.execute("ROLLBACK")
            error = error or failure
        finally:
            self._turn.release()
        if isinstance(error, sqlite3.Error | json.JSONDecodeError):
            raise HistoryError(f"the history {self._path} cannot be {self._verb}: {error}.") from None

    @property
    def _verb(self) -> str:
        return "read" if self._begin == "BEGIN" else "written"


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
