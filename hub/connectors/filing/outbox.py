"""What a system that only imports has been told, kept by key in a SQLite file: rows, and the files they went out in.

Every change gets the next number of one sequence. A file holds the changes up to a number, so that a run in which
nothing changed writes none, and what a crash left out goes into the next one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    id TEXT PRIMARY KEY, fields BLOB NOT NULL, seq INTEGER NOT NULL, gone INTEGER NOT NULL, refused INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entry_seq ON entry (seq);
CREATE TABLE IF NOT EXISTS file (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, upto INTEGER NOT NULL, at REAL NOT NULL, done INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS doubt (id TEXT PRIMARY KEY) WITHOUT ROWID;
"""
CHUNK = 1000  # rows read at once


@dataclass(frozen=True, slots=True)
class Row:
    """One person as told to the system."""

    id: str
    fields: dict[str, Any]
    seq: int
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """A file: its number, its name, and the last change in it. `done`: it is in its place."""

    number: int
    name: str
    upto: int
    at: float
    done: bool


class Outbox:
    """Open for one connection at a time, as its lease has it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        path.chmod(0o600)
        self._db.execute("PRAGMA synchronous = FULL")  # an acknowledged write outlives a power cut
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """All changes inside, or none."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # --- rows -------------------------------------------------------------------------------------

    def get(self, ids: Iterable[str]) -> dict[str, Row]:
        """Those that are there, deleted ones not."""
        rows: dict[str, Row] = {}
        for each in ids:
            found = self._db.execute("SELECT id, fields, seq, gone FROM entry WHERE id = ? AND gone = 0", (each,))
            rows.update((row.id, row) for row in map(_row, found))
        return rows

    def put(self, key: str, fields: Mapping[str, Any]) -> None:
        self._store(key, fields, gone=False)

    def remove(self, row: Row) -> None:
        self._store(row.id, row.fields, gone=True)

    def _store(self, key: str, fields: Mapping[str, Any], *, gone: bool) -> None:
        self._db.execute(
            "INSERT INTO entry VALUES (?, ?, (SELECT coalesce(max(seq), 0) + 1 FROM entry), ?, 0) ON CONFLICT (id) "
            "DO UPDATE SET fields = excluded.fields, seq = excluded.seq, gone = excluded.gone, refused = 0",
            (key, orjson.dumps(dict(fields)), gone),
        )

    def rows(self, *, gone: bool = False) -> Iterator[Row]:
        """All, by key."""
        last = ""
        while found := self._page("id > ? AND gone <= ? ORDER BY id", (last, gone)):
            yield from found
            last = found[-1].id

    def changed(self, after: int, upto: int) -> Iterator[Row]:
        """What changed between two numbers, oldest first; deleted ones too."""
        while found := self._page("seq > ? AND seq <= ? ORDER BY seq", (after, upto)):
            yield from found
            after = found[-1].seq

    def _page(self, condition: str, values: Sequence[Any]) -> list[Row]:
        query = f"SELECT id, fields, seq, gone FROM entry WHERE {condition} LIMIT {CHUNK}"  # noqa: S608 - ours
        return [_row(found) for found in self._db.execute(query, values)]

    def last_seq(self) -> int:
        return int(self._db.execute("SELECT coalesce(max(seq), 0) FROM entry").fetchone()[0])

    def count(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM entry WHERE gone = 0").fetchone()[0])

    def mark_refused(self, key: str, *, refused: bool) -> bool:
        """Whether that was news."""
        changed = self._db.execute(
            "UPDATE entry SET refused = ? WHERE id = ? AND refused <> ?", (refused, key, refused)
        )
        return changed.rowcount > 0

    # --- doubts: rows that were sent, and nobody knows whether they arrived ------------------------

    def doubt(self, ids: Iterable[str]) -> None:
        self._db.executemany("INSERT OR IGNORE INTO doubt VALUES (?)", [(each,) for each in ids])

    def end_doubts(self, ids: Iterable[str]) -> None:
        self._db.executemany("DELETE FROM doubt WHERE id = ?", [(each,) for each in ids])

    def doubts(self) -> list[str]:
        return [each for (each,) in self._db.execute("SELECT id FROM doubt ORDER BY id")]

    # --- files ------------------------------------------------------------------------------------

    def last_file(self, *, done: bool) -> Written | None:
        found = self._db.execute(
            "SELECT number, name, upto, at, done FROM file WHERE done = ? ORDER BY number DESC LIMIT 1", (done,)
        ).fetchone()
        return None if found is None else Written(found[0], found[1], found[2], found[3], bool(found[4]))

    def next_number(self) -> int:
        return int(self._db.execute("SELECT coalesce(max(number), 0) + 1 FROM file").fetchone()[0])

    def save_file(self, file: Written) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?)",
            (file.number, file.name, file.upto, file.at, file.done),
        )


def _row(found: Sequence[Any]) -> Row:
    return Row(found[0], orjson.loads(found[1]), found[2], bool(found[3]))
