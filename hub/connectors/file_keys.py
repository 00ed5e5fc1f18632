"""Which entry is the last with its key, over files of any length in constant memory."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from itertools import islice
from typing import Final, Self

CHUNK = 1000  # keys a statement
LINES = 2**40  # more lines than any file has


class KeyIndex:
    """Keys by a hash of 8 bytes in a temporary database on disk, deleted when closed.

    Two keys of one hash, once in some 10^7 files of a million entries, cost one of them a false report.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)  # "": temporary file
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE keys (hash INTEGER PRIMARY KEY, last INTEGER NOT NULL)")
        self._noted = 0

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def note(self, number: int, entries: Iterable[tuple[int, str]]) -> None:
        """Entries of a file, in reading order: (line, key); an empty key is passed over. number: of the file"""
        before = number * LINES
        rows = ((_hash(key), before + line) for line, key in entries if key)
        self._database.execute("BEGIN")
        while chunk := list(islice(rows, CHUNK)):
            self._noted += len(chunk)
            self._database.executemany("INSERT OR REPLACE INTO keys VALUES (?, ?)", chunk)
        self._database.execute("COMMIT")

    def all_differ(self) -> bool:
        """Whether no key was noted twice: then every entry is the last with its key."""
        [(distinct,)] = self._database.execute("SELECT count(*) FROM keys").fetchall()
        return bool(distinct == self._noted)

    def last(self, keys: Sequence[str]) -> dict[str, tuple[int, int]]:
        """(number of the file, line) of the last entry with each key."""
        if not keys:
            return {}
        hashes = {key: _hash(key) for key in keys if key}
        marks = ", ".join("?" * len(hashes))
        found = self._database.execute(
            f"SELECT hash, last FROM keys WHERE hash IN ({marks})",  # noqa: S608 (question marks only)
            list(hashes.values()),
        )
        last = dict(found.fetchall())
        return {key: divmod(last[h], LINES) for key, h in hashes.items() if h in last}


def _digest(key: str) -> int:
    digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


_hash: Final[Callable[[str], int]] = hash if sys.hash_info.width == 64 else _digest  # of this process alone
