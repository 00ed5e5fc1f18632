"""Search as one types: golden records by the beginnings of their words, through the index that follows the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub.store import contacts as db
from hub.store.contacts import Found
from hub.store.db import Store
from hub.store.links import resolve_golden
from hub.store.search import SearchIndex
from hub.sync.words import Expression, expressions

SAMPLE = 500  # golden records that are looked at: a millisecond


@dataclass(frozen=True, slots=True)
class After:
    """Where a page of results ends. way: which of the expressions; number: the last one of it"""

    way: int = 0
    number: int = 0


@dataclass(frozen=True, slots=True)
class Hits:
    """rows  golden records, those first that have the words whole; after: None when there are no more"""

    rows: tuple[Found, ...]
    after: After | None


def search(store: Store, index: SearchIndex, typed: str, limit: int, after: After = After()) -> Hits:
    """What is typed are beginnings of words: of names, mail addresses, numbers and ids.

    The index is seconds behind; what it names is read from the store as it is now.
    """
    found: list[tuple[int, int, str]] = []
    for way, expression in enumerate(expressions(typed)):
        if way >= after.way and len(found) <= limit:
            begin = after.number if way == after.way else 0
            rows = first(index, expression, limit + 1 - len(found), begin)
            found += [(way, number, golden_id) for number, golden_id in rows]
    shown = found[:limit]
    with store.read() as tx:
        ids = [golden_id for _, _, golden_id in shown]
        if not after.way and not after.number and (home := resolve_golden(tx, typed.strip()[:100])):
            ids = [home, *ids]  # by an id from before a merge too
        rows_now = _standing(db.found(tx, list(dict.fromkeys(ids))))
    end = After(*shown[-1][:2]) if len(found) > limit else None
    return Hits(tuple(rows_now), end)


def first(index: SearchIndex, expression: Expression, limit: int, after: int) -> list[tuple[int, str]]:
    """The first ones. A long piece that very many have, such as `gmail.co`, would have all of them read to be put in
    order; where many have it some are among the first of those that have its beginning, and they are told by looking.
    """
    if expression.loose:
        some = index.sample(expression.loose, SAMPLE, after)
        rows = [(number, golden_id) for number, golden_id, words in some if expression.fits(words)]
        if len(rows) >= limit or len(some) < SAMPLE:
            return rows[:limit]
    return index.search(expression.text, limit, after)


def _standing(rows: Sequence[Found]) -> list[Found]:
    """Without those that gave way since the index has heard of them."""
    return [row for row in rows if row.state != "merged"]
