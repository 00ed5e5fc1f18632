"""What the hardware allows: the least that any program has to do for the same, written by hand.

httpx, orjson, one hash a contact, compared with the known one, and three rows a contact (contact, id map, log)
by executemany into SQLite. No mapping, no matching, no golden records, no retry, no checks.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import httpx
import orjson

TABLES = """
CREATE TABLE contact (id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE id_map (id TEXT PRIMARY KEY, mark BLOB NOT NULL, seen TEXT NOT NULL);
CREATE TABLE log (number INTEGER PRIMARY KEY, id TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE cursor (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Floor:
    """One connection to the service, one SQLite file."""

    def __init__(self, url: str, folder: Path) -> None:
        self._client = httpx.Client(base_url=url, trust_env=False)
        self._db = sqlite3.connect(folder / "floor.db", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(TABLES)

    def close(self) -> None:
        self._client.close()
        self._db.close()

    def cycle(self) -> int:
        """Contacts that were new or changed."""
        row = self._db.execute("SELECT value FROM cursor").fetchone()
        return sum(map(self._save, self._pull(row[0] if row else None)))

    def _pull(self, since: str | None) -> Iterator[list[dict[str, Any]]]:
        number: int | None = 0
        while number is not None:
            more = {} if since is None else {"updated_since": since}
            body = orjson.loads(self._client.get("/contacts", params={"page": str(number), **more}).content)
            yield body["data"]
            number = body["next_page"]

    def _save(self, contacts: list[dict[str, Any]]) -> int:
        if not contacts:
            return 0
        ids = orjson.dumps([c["source_id"] for c in contacts]).decode()
        self._db.execute("BEGIN IMMEDIATE")
        known = dict(
            self._db.execute("SELECT id, mark FROM id_map WHERE id IN (SELECT value FROM json_each(?))", (ids,))
        )
        fresh = []
        for contact in contacts:
            body = orjson.dumps(contact, option=orjson.OPT_SORT_KEYS)
            mark = blake2b(body, digest_size=16).digest()
            if known.get(contact["source_id"]) != mark:
                fresh.append((contact["source_id"], body.decode(), mark, contact["updated_at"]))
        self._write(fresh)
        self._db.execute("INSERT OR REPLACE INTO cursor VALUES ('shop', ?)", (contacts[-1]["updated_at"],))
        self._db.execute("COMMIT")
        return len(fresh)

    def _write(self, fresh: list[tuple[str, str, bytes, str]]) -> None:
        run = self._db.executemany
        run(
            "INSERT INTO contact VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            [(i, body) for i, body, _, _ in fresh],
        )
        run(
            "INSERT INTO id_map VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET mark = excluded.mark,"
            " seen = excluded.seen",
            [(i, mark, at) for i, _, mark, at in fresh],
        )
        run("INSERT INTO log (id, body) VALUES (?, ?)", [(i, body) for i, body, _, _ in fresh])
