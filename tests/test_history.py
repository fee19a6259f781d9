"""The history on a real disk: what was committed is there, what was not is not, and one daemon has it."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ishowtts import history as module
from ishowtts import schedules
from ishowtts.history import History, HistoryError
from ishowtts.tuner.model import Distance, Memory

MEMORY = Memory(
    choices={("MAXN", "k"): 8, ("", "other"): 6},
    pending=("30W", "k", 6, 1),
    pinned=7,
    vetoed=frozenset({5, 9}),
)


def record(nfe: int = 7, before: int = 7, **more: Any) -> dict[str, Any]:
    return {"mode": "MAXN", "fingerprint": "k", "before": {"nfe": before}, "after": {"nfe": nfe}, **more}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "history.db"


@pytest.fixture
def history(path: Path) -> Iterator[History]:
    opened = History(path)
    yield opened
    opened.close()


def test_all_of_it_is_there_after_a_restart(path: Path) -> None:
    first = History(path)
    grid = schedules.Schedule("found-3-abcd", schedules.sway((0.0, 0.2, 0.5, 1.0)))
    distances = (Distance(1.5, 2.5), Distance(1000.0, 1000.0, "silence"))
    numbers = [first.commit(record(nfe, nfe - 1, sentence="so"), MEMORY) for nfe in (7, 8)]
    for item, distance in enumerate(distances):
        first.keep_distance("q", "epss-7", item, distance)
    first.keep_grid("q", grid)
    first.vote({"kind": "veto", "note": "\U0001f600"})
    first.close()

    again = History(path)
    assert numbers == [1, 2]
    assert again.memory() == MEMORY
    assert [(one["id"], one["after"]["nfe"], one["sentence"]) for one in again.decisions(20)] == [
        (2, 8, "so"),
        (1, 7, "so"),
    ]
    assert [one["id"] for one in again.decisions(20, before=2)] == [1]
    assert again.decisions(1)[0]["at"].endswith("Z")
    assert (again.decision(1) or {})["after"] == {"nfe": 7}
    assert again.decision(3) is None
    assert again.distances() == {"q": {"epss-7": distances}}
    assert (again.grids("q"), again.grids("other")) == ({3: grid}, {})
    assert [vote["note"] for vote in again.votes(5)] == ["\U0001f600"]
    again.close()


def test_nothing_of_a_decision_that_fails_in_the_middle_is_kept(history: History) -> None:
    history.commit(record(), MEMORY)
    broken = Memory(choices={("MAXN", "k"): object()})  # type: ignore[dict-item]
    with pytest.raises(HistoryError, match=r"^the history .*history\.db cannot be written: .+\.$"):
        history.commit(record(6), broken)
    with pytest.raises(TypeError):
        history.commit(record(6, odd=object()), MEMORY)
    assert ([one["id"] for one in history.decisions(20)], history.memory()) == ([1], MEMORY)
    assert history.commit(record(6), Memory()) == 2


def test_threads_take_turns(history: History) -> None:
    def use(i: int) -> int:
        history.vote({"i": i})
        history.decisions(3)
        return history.commit(record(), MEMORY)

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(use, range(80)))
    assert sorted(numbers) == list(range(1, 81))
    assert len(history.votes(100)) == 80


def test_the_last_change_and_the_last_measure(history: History) -> None:
    assert (history.last_change(), history.last_measured("MAXN", "k", 8)) == (None, None)
    sides = [{"bucket": "short", "nfe": 8, "audio_s": 3.0, "rtf": {"median": 0.1}}]
    history.commit(record(8, 7, buckets=sides), MEMORY)
    history.commit(record(8, 8, buckets=[{**sides[0], "nfe": 7}]), MEMORY)
    history.commit(record(8, 8), MEMORY)
    assert (history.last_change() or {})["id"] == 1
    assert (history.last_measured("MAXN", "k", 8) or {})["buckets"] == sides
    assert history.last_measured("30W", "k", 8) is None


def test_the_oldest_decisions_go(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 5)
    for _ in range(8):
        history.commit(record(), MEMORY)
    assert [one["id"] for one in history.decisions(20)] == [8, 7, 6, 5, 4]
    assert history.memory() == MEMORY


# --- files that are none, or somebody else's ----------------------------------------------------------------------


def test_another_daemons_history_is_not_touched(history: History, path: Path) -> None:
    with pytest.raises(HistoryError, match="another ishowttsd uses it"):
        History(path)
    history.close()
    History(path).close()


def test_the_lock_dies_with_its_daemon(path: Path) -> None:
    program = f"from pathlib import Path; from ishowtts.history import History; it = History(Path({str(path)!r})); "
    program += "print('open', flush=True); input()"
    other = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout
    assert other.stdout.readline() == b"open\n"
    with pytest.raises(HistoryError, match="another ishowttsd"):
        History(path)
    other.kill()
    other.communicate()
    History(path).close()


def test_what_is_no_database_is_set_aside(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database, " * 1000)
    opened = History(path)
    assert opened.set_aside is not None
    assert re.fullmatch(r"history\.db\.broken-[0-9TZ-]+", opened.set_aside.name)
    assert opened.set_aside.read_bytes().startswith(b"no database")
    assert opened.memory() == Memory()
    opened.close()


def test_the_format_of_another_version_is_left_alone(history: History, path: Path) -> None:
    history.commit(record(), MEMORY)
    history.close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 7")
    db.close()
    before = path.read_bytes()
    with pytest.raises(HistoryError, match=r"cannot be opened: it has the format 7 of another version"):
        History(path)
    assert path.read_bytes() == before


def test_a_foreign_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE votes (mine TEXT)")
    db.commit()
    db.close()
    with pytest.raises(HistoryError, match="cannot be opened: table votes already exists"):
        History(path)
    db = sqlite3.connect(path)
    assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("votes",)]
    db.close()


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("/nonexistent/file")])
def test_what_cannot_be_opened_is_said(path: Path, make: Any) -> None:
    path.parent.mkdir()
    make(path)
    for _ in range(2):  # and the lock is free again
        with pytest.raises(HistoryError, match=r"^the history .* cannot be opened: [^:]*\.$"):
            History(path)


def test_damage_within_is_said_where_it_is_read(history: History, path: Path) -> None:
    history.commit(record(), MEMORY)
    db = sqlite3.connect(path)
    db.execute("UPDATE decisions SET record = 'no json'")
    db.commit()
    db.close()
    with pytest.raises(HistoryError, match="cannot be read"):
        history.decisions(1)
    assert history.memory() == MEMORY


def test_closed_it_says_so(history: History) -> None:
    history.close()
    for use in (history.memory, lambda: history.decisions(1), lambda: history.commit(record(), MEMORY)):
        with pytest.raises(HistoryError, match="closed"):
            use()
