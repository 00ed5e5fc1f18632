"""Records of a first load between being read and being saved: in a temporary file, gone when closed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Self

import orjson

Row = tuple[int, str, str, bytes]
"""(number, connection, external id, body)"""


class Stage:
    """Records in the order in which they were read; of two with one key the later one counts."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)  # "": temporary file
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA cache_size = -6000")
        self._database.execute(
            "CREATE TABLE staged (number INTEGER PRIMARY KEY, connection TEXT, external_id TEXT, body BLOB)"
        )
        self._last = 0

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, connection: str, rows: Iterable[tuple[str, bytes | None]]) -> range:
        """(external id, body) pairs, None for one that is gone again; their numbers."""
        numbered = [(self._last + n, connection, x, body) for n, (x, body) in enumerate(rows, 1)]
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO staged VALUES (?, ?, ?, ?)", numbered)
        self._database.execute("COMMIT")
        first, self._last = self._last + 1, self._last + len(numbered)
        return range(first, self._last + 1)

    def settle(self) -> bool:
        """Leave only what counts. Whether anything had to go."""
        self._database.execute("CREATE INDEX staged_by_key ON staged (connection, external_id, number)")
        removed = self._database.execute(
            "DELETE FROM staged WHERE body IS NULL OR EXISTS (SELECT 1 FROM staged s WHERE s.number > staged.number"
            " AND s.connection = staged.connection AND s.external_id = staged.external_id)"
        ).rowcount
        self._database.execute("DROP INDEX staged_by_key")
        return removed > 0

    def all(self) -> Iterator[Row]:
        yield from self._database.execute("SELECT number, connection, external_id, body FROM staged ORDER BY number")

    def some(self, numbers: Sequence[int]) -> dict[int, Row]:
        rows = self._database.execute(
            "SELECT number, connection, external_id, body FROM staged WHERE number IN (SELECT value FROM json_each(?))",
            (orjson.dumps(numbers).decode(),),
        )
        return {row[0]: row for row in rows}
