"""The search index: a SQLite file of its own, beside whatever store, that follows it and can be made anew from it.

It holds what can be searched of every golden record, as words, and how far in the store's history it has read. It is
written by one follower (`hub.sync.follow`) and read by whoever searches. Nothing in it is a source of anything: a lost
or foreign file is made again. See docs/why/search-index.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hub.store.db import Store, Tx
from hub.store.upgrade import DAMAGED, make_private

LAYOUT = 1  # of the file; another one is made anew
_TABLES = (
    "CREATE TABLE IF NOT EXISTS doc (number INTEGER PRIMARY KEY, golden_id TEXT NOT NULL UNIQUE, words TEXT NOT NULL)",
    # words are made by `hub.sync.words`, so the tokenizer only cuts at spaces; of a word only its documents are kept
    "CREATE VIRTUAL TABLE IF NOT EXISTS found USING fts5(words, content='doc', content_rowid='number', detail=none,"
    " columnsize=0, prefix='1 2 3 4 5 6 7', tokenize=\"unicode61 remove_diacritics 0 categories 'L* M* N* P* S* Co'\")",
    "CREATE TABLE IF NOT EXISTS place (one INTEGER PRIMARY KEY, mark INTEGER, golden_id TEXT, at REAL, filling TEXT)",
)


@dataclass(frozen=True, slots=True)
class Place:
    """How far the index has read.

    mark     number of the last change taken in
    golden_id, at   of that change: another store would have another one there
    filling  while it is filled for the first time: the last golden record taken in
    """

    mark: int = 0
    golden_id: str | None = None
    at: float | None = None
    filling: str | None = None

    @property
    def is_full(self) -> bool:
        return self.filling is None


class SearchIndex:
    """Used by many threads; close it when they have ended."""

    def __init__(self, path: Path | None) -> None:
        """path: None keeps it in a folder of its own, gone when it is closed. ConfigError when it cannot be made.

        Never in memory: there all threads would share one connection, and with it one transaction.
        """
        self._folder: TemporaryDirectory[str] | None = None
        if path is None:
            self._folder = TemporaryDirectory(prefix="hub-search-")
            path = Path(self._folder.name) / "search.db"
        self.path = path
        try:
            self._open()
        except DAMAGED:
            self._file.close()
            self._remove()
            self._open()

    def _open(self) -> None:
        make_private(self.path)
        self._file = Store(f"sqlite:///{self.path}")
        self._prepare()

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def _prepare(self) -> None:
        with self._file.write() as tx:
            row = tx.one("PRAGMA user_version")
            if row and row[0] != LAYOUT:
                for table in ("found", "doc", "place"):
                    tx.run(f"DROP TABLE IF EXISTS {table}")
            for text in _TABLES:
                tx.run(text)
            tx.run(f"PRAGMA user_version = {LAYOUT}")

    def close(self) -> None:
        self._file.close()
        if self._folder is not None:
            self._folder.cleanup()

    def place(self) -> Place | None:
        """How far it has read; None: nothing yet."""
        with self._file.read() as tx:
            return _place(tx)

    @contextmanager
    def writing(self) -> Iterator[tuple[Tx, Place | None]]:
        """A transaction of the follower, and where it stands."""
        with self._file.write() as tx:
            yield tx, _place(tx)

    def search(self, expression: str, limit: int, after: int = 0) -> list[tuple[int, str]]:
        """(number, golden id) of what an expression of `hub.sync.words` finds, by number, after that number."""
        with self._file.glance() as tx:
            rows = tx.all(
                "SELECT doc.number, doc.golden_id FROM found JOIN doc ON doc.number = found.rowid"
                " WHERE found MATCH :e AND found.rowid > :after ORDER BY found.rowid LIMIT :n",
                e=expression,
                after=after,
                n=limit,
            )
        return [(int(number), str(golden_id)) for number, golden_id in rows]

    def sample(self, expression: str, limit: int, after: int = 0) -> list[tuple[int, str, str]]:
        """The same, with the words of each."""
        with self._file.glance() as tx:
            rows = tx.all(
                "SELECT doc.number, doc.golden_id, doc.words FROM found JOIN doc ON doc.number = found.rowid"
                " WHERE found MATCH :e AND found.rowid > :after ORDER BY found.rowid LIMIT :n",
                e=expression,
                after=after,
                n=limit,
            )
        return [(int(number), str(golden_id), str(words)) for number, golden_id, words in rows]

    def purge(self) -> bool:
        """Leave nothing in the file of what was taken out of it: words stay in its older parts until those are joined.

        False: somebody was reading; to be tried again.
        """
        with self._file.write() as tx:
            tx.run("INSERT INTO found (found) VALUES ('optimize')")
        return self._file.fold_log()

    def size(self) -> int:
        """Golden records in it."""
        with self._file.glance() as tx:
            row = tx.one("SELECT count(*) FROM doc")
        return int(row[0]) if row else 0


def _place(tx: Tx) -> Place | None:
    row = tx.one("SELECT mark, golden_id, at, filling FROM place WHERE one = 1")
    return Place(*row) if row else None


def move(tx: Tx, place: Place) -> None:
    tx.run(
        "INSERT OR REPLACE INTO place (one, mark, golden_id, at, filling) VALUES (1, :m, :g, :a, :f)",
        m=place.mark,
        g=place.golden_id,
        a=place.at,
        f=place.filling,
    )


def empty(tx: Tx) -> None:
    """Nothing is in the index any more, and it is nowhere in the history."""
    tx.run("INSERT INTO found (found) VALUES ('delete-all')")
    tx.run("DELETE FROM doc")
    tx.run("DELETE FROM place")


def replace(tx: Tx, words: Mapping[str, str], gone: Iterable[str] = ()) -> None:
    """Golden id → words: what is in the index of these from now on; of those gone nothing."""
    ids = [*words, *gone]
    before: Sequence[tuple[int, str, str]] = [
        (int(r[0]), r[1], r[2])
        for r in tx.all("SELECT number, golden_id, words FROM doc WHERE golden_id IN :*ids", ids=ids)
    ]
    same = {golden_id for _, golden_id, text in before if words.get(golden_id) == text}
    old = [(number, text) for number, golden_id, text in before if golden_id not in same]
    tx.many("INSERT INTO found (found, rowid, words) VALUES ('delete', ?, ?)", old)
    numbers = {golden_id: number for number, golden_id, _ in before}
    tx.many("DELETE FROM doc WHERE number = ?", [(number,) for number, _ in old])
    row = tx.one("SELECT max(number) FROM doc")
    fresh = int((row and row[0]) or 0)
    rows = []
    for golden_id, text in words.items():
        if golden_id not in same:
            number = numbers.get(golden_id)
            if number is None:
                number = fresh = max(fresh, *numbers.values(), 0) + 1 if numbers else fresh + 1
            rows.append((number, golden_id, text))
    tx.many("INSERT INTO doc (number, golden_id, words) VALUES (?, ?, ?)", rows)
    tx.many("INSERT INTO found (rowid, words) VALUES (?, ?)", [(number, text) for number, _, text in rows])


def changed_after(tx: Tx, mark: int, limit: int) -> list[tuple[int, str, float, str]]:
    """(number, golden id, at, kind) of the store's next changes."""
    rows = tx.all("SELECT id, golden_id, at, kind FROM change WHERE id > :m ORDER BY id LIMIT :n", m=mark, n=limit)
    return [(int(r[0]), r[1], r[2], r[3]) for r in rows]


def change_at(tx: Tx, mark: int) -> tuple[str, float] | None:
    row = tx.one("SELECT golden_id, at FROM change WHERE id = :m", m=mark)
    return (row[0], row[1]) if row else None


def last_change(tx: Tx) -> int:
    """Number of the last change; 0: there was none."""
    row = tx.one("SELECT max(id) FROM change")
    return int((row and row[0]) or 0)


def goldens_after(tx: Tx, last: str, limit: int) -> list[str]:
    """Ids of golden records, in their order."""
    return [r[0] for r in tx.all("SELECT id FROM golden WHERE id > :l ORDER BY id LIMIT :n", l=last, n=limit)]


def searchable(tx: Tx, golden_ids: Sequence[str], states: Sequence[str]) -> list[tuple[str, str, str, list[str]]]:
    """(golden id, state, fields as JSON, "CONNECTION:ID" of its records in these states)"""
    ids = list(golden_ids)
    records: dict[str, list[str]] = {}
    for golden_id, connection, external_id in tx.all(
        "SELECT golden_id, connection, external_id FROM record WHERE golden_id IN :*ids AND state IN :*states",
        ids=ids,
        states=list(states),
    ):
        records.setdefault(golden_id, []).append(f"{connection}:{external_id}")
    rows = tx.all("SELECT id, state, fields FROM golden WHERE id IN :*ids", ids=ids)
    return [(r[0], r[1], r[2], sorted(records.get(r[0], ()))) for r in rows]
