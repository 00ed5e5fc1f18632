"""Blocking keys: which records share one, and which are shared by too many to tell anybody apart.

Keys are hashes, so those of a page fall all over the index. New ones gather in `recent_key`, small enough to
stay in memory, and move into `match_key` in the order of the index when they are many: a page then writes a few
hundred blocks of the file and not one for every key. They move part by part, the one that was not moved for longest
first: all at once would take a second or two, for which everybody who writes would wait.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from hub.store.db import Row, Tx

KEY_CAP = 50  # records that share a key before it is hot: above that it tells nobody apart
KEYS = 2**63  # keys are spread evenly below it
PARTS = 256
RECENT = 200_000  # keys that gather before they are moved: some 4 MB
GATHERED = "recent keys"  # in `counter`
MOVED = "parts of recent keys moved"  # the same

PAIR = ("bigint", "bigint")  # types of (key, record id)

HOLDERS = (
    "SELECT key, record_id FROM match_key WHERE key IN :*keys"
    " UNION ALL SELECT key, record_id FROM recent_key WHERE key IN :*keys"
)
"""(key, record id) of these keys; a row is in one of the two tables only."""

_OR_HOT = " UNION ALL SELECT key, NULL FROM hot_key WHERE key IN :*keys"


@dataclass(frozen=True, slots=True)
class Ahead:
    """Who has these keys: asked before the answer is needed."""

    keys: frozenset[int]
    rows: Callable[[], list[Row]]


def ask_ahead(tx: Tx, keys: Iterable[int]) -> Ahead | None:
    wanted = frozenset(keys)
    return Ahead(wanted, tx.later(HOLDERS + _OR_HOT, keys=sorted(wanted))) if wanted else None


def candidates(tx: Tx, keys: Collection[int], ahead: Ahead | None = None) -> tuple[dict[int, list[int]], set[int]]:
    """(key → ids of records that have it, hot keys)"""
    found: dict[int, list[int]] = {}
    hot: set[int] = set()
    rest = [k for k in keys if k not in ahead.keys] if ahead else list(keys)
    rows = ahead.rows() if ahead else []
    for key, record_id in [*rows, *tx.all(HOLDERS + _OR_HOT, keys=rest)] if rest else rows:
        if record_id is None:
            hot.add(key)
        else:
            found.setdefault(key, []).append(record_id)
    for key in hot & found.keys():
        del found[key]
    return found, hot


def hot_keys(tx: Tx, keys: Iterable[int]) -> set[int]:
    """Those of these keys that too many records share."""
    return {r[0] for r in tx.all("SELECT key FROM hot_key WHERE key IN :*keys", keys=list(keys))}


def heat(tx: Tx, keys: Iterable[int]) -> None:
    """These keys tell nobody apart any more."""
    rows = [(k,) for k in sorted(keys)]
    tx.many("INSERT INTO hot_key (key) VALUES (?) ON CONFLICT (key) DO NOTHING", rows)
    tx.many("DELETE FROM match_key WHERE key = ?", rows)
    tx.many("DELETE FROM recent_key WHERE key = ?", rows)


def add_keys(tx: Tx, rows: Sequence[tuple[int, int]], recent: int = RECENT) -> None:
    """(key, record id) pairs that are not there yet; what is more than `recent` of them is moved."""
    if not rows:
        return
    tx.many("INSERT INTO recent_key (key, record_id) VALUES (?, ?)", sorted(rows), PAIR)
    tx.count(GATHERED, len(rows))
    for _ in range(PARTS):
        if tx.counter(GATHERED) < recent:
            return
        _move_a_part(tx)
    tx.count(GATHERED, -tx.counter(GATHERED))  # all have moved, and what was dropped meanwhile still counted


def _move_a_part(tx: Tx) -> None:
    """The next one. SQLite keeps the blocks that one statement changes in memory until it has ended."""
    low = tx.counter(MOVED) % PARTS * (KEYS // PARTS)
    part = {"low": low, "high": low + KEYS // PARTS - 1}
    tx.run(
        "INSERT INTO match_key (key, record_id) SELECT key, record_id FROM recent_key"
        " WHERE key BETWEEN :low AND :high ORDER BY key, record_id",
        **part,
    )
    tx.count(GATHERED, -tx.touched("DELETE FROM recent_key WHERE key BETWEEN :low AND :high", **part))
    tx.count(MOVED, 1)


def _put_in_order(tx: Tx) -> None:
    for _ in range(PARTS):
        _move_a_part(tx)
    tx.count(GATHERED, -tx.counter(GATHERED))


def forget_keys(tx: Tx) -> None:
    """Nobody has a key any more. What is hot stays so."""
    tx.run("DELETE FROM match_key")
    tx.run("DELETE FROM recent_key")
    tx.count(GATHERED, -tx.counter(GATHERED))


def heat_crowded(tx: Tx) -> None:
    """Give up the keys that too many records have by now."""
    _put_in_order(tx)
    heat(tx, [row[0] for row in tx.all("SELECT key FROM match_key GROUP BY key HAVING count(*) > :cap", cap=KEY_CAP)])


def drop_keys(tx: Tx, rows: Sequence[tuple[int, int]]) -> None:
    """(key, record id) pairs; those that are not there are passed over."""
    for table in ("match_key", "recent_key"):
        tx.many(f"DELETE FROM {table} WHERE key = ? AND record_id = ?", rows)
