"""Every place of the store where a person may be, how they are found in it, and what is done when they are erased.

This list is what an erasure carries out, and what a dry run counts. A table of the schema is in it or in
`HOLDS_NOBODY`; a test sees to that.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.store.changes import TELLING
from hub.store.db import Tx, dumps, loads
from hub.store.interactions import by_point, rows_by_number
from hub.store.lists import like
from hub.store.names import forget_names

TEXTS_AT_ONCE = 20
_ANY = re.compile(r"[^\x00-\x7f]+")
"""Letters that a database may not know as small and capital ones of each other: any are looked at again."""


@dataclass(frozen=True, slots=True)
class Who:
    """Whom to look for.

    ids      golden ids that they ever had; records: numbers of their source records
    keys     blocking keys of those; words: of their names, with how many records came with each
    points   emails/… and phones/… that nobody else has
    texts    what only they can have written somewhere, in lower case: addresses and numbers
    events   numbers of interactions that are theirs alone; shared: of those that others have part in
    others   golden ids that they were one with, and were parted from; since, until: between these times
    """

    ids: Sequence[str]
    records: Sequence[int]
    keys: Sequence[int] = ()
    words: Mapping[str, int] = field(default_factory=dict)
    points: Sequence[str] = ()
    texts: Sequence[str] = ()
    events: Sequence[int] = ()
    shared: Sequence[int] = ()
    others: Sequence[str] = ()
    since: float = 0.0
    until: float = 0.0

    def params(self, where: str) -> dict[str, Any]:
        """Of these, what a condition names."""
        given = {
            "ids": list(self.ids),
            "records": list(self.records),
            "keys": list(self.keys),
            "words": sorted(self.words),
            "points": list(self.points),
            "events": list(self.events),
            "shared": list(self.shared),
            "parked": [f"golden:{each}" for each in self.ids],
            "others": list(self.others),
        }
        found = {name: value for name, value in given.items() if f":*{name}" in where}
        return found | ({"since": self.since, "until": self.until} if "others" in found else {})


@dataclass(frozen=True, slots=True)
class Place:
    """Rows of one table.

    found    how, for people
    where    the condition
    texts    (columns of the key, columns that may have anything in them): rows that name them there, too
    emptied  what is set instead of deleting the row
    clear    instead of both
    """

    table: str
    found: str
    where: str
    texts: tuple[str, str] | None = None
    emptied: str | None = None
    clear: Callable[[Tx, Who], None] | None = None

    def count(self, tx: Tx, who: Who) -> int:
        row = tx.one(f"SELECT count(*) FROM {self.table} WHERE {self.where}", **who.params(self.where))
        return (int(row[0]) if row else 0) + len(self._named(tx, who, besides=True))

    def erase(self, tx: Tx, who: Who) -> None:
        if self.clear is not None:
            self.clear(tx, who)
            return
        how = f"UPDATE {self.table} SET {self.emptied}" if self.emptied else f"DELETE FROM {self.table}"
        tx.run(f"{how} WHERE {self.where}", **who.params(self.where))
        named = self._named(tx, who)
        if named and self.texts is not None:
            each = " AND ".join(f"{column} = ?" for column in self.texts[0].split(", "))
            tx.many(f"{how} WHERE {each}", named)

    def _named(self, tx: Tx, who: Who, *, besides: bool = False) -> list[tuple[Any, ...]]:
        """Keys of rows that name them. besides: only those that the condition does not find"""
        if self.texts is None or not who.texts:
            return []
        key, columns = self.texts
        rest = f" AND ({self.where}) IS NOT TRUE" if besides else ""  # a column may be NULL
        params = who.params(self.where) if besides else {}
        found: dict[tuple[Any, ...], None] = {}
        for start in range(0, len(who.texts), TEXTS_AT_ONCE):
            some = who.texts[start : start + TEXTS_AT_ONCE]
            any_of = " OR ".join(
                rf"lower({column}) LIKE :t{n} ESCAPE '\'" for column in columns.split(", ") for n in range(len(some))
            )
            given = params | {f"t{n}": f"%{_ANY.sub('%', like(text))}%" for n, text in enumerate(some)}
            pattern = _whole(some)
            size = key.count(",") + 1
            for row in tx.all(f"SELECT {key}, {columns} FROM {self.table} WHERE ({any_of}){rest}", **given):
                if any(pattern.search(str(text).lower()) for text in row[size:] if text is not None):
                    found[tuple(row[:size])] = None
        return list(found)


def _whole(texts: Sequence[str]) -> re.Pattern[str]:
    """An address within another one is somebody else's."""
    return re.compile(rf"(?<![\w.+@-])(?:{'|'.join(map(re.escape, texts))})(?![\w@-]|\.\w)")


def _forget_words(tx: Tx, who: Who) -> None:
    forget_names(tx, who.words, len(who.records))


def _take_points(tx: Tx, who: Who) -> None:
    """Of interactions with others: they stay, without their points."""
    theirs = set(who.points)
    for row in rows_by_number(tx, who.shared):
        left = [point for point in row.points if point not in theirs]
        if len(left) < len(row.points):
            tx.run("UPDATE interaction SET points = :p WHERE id = :i", p=dumps(left), i=row.number)


_OF_RECORD = (
    "{key} IN (SELECT x.{key} FROM record r JOIN {table} x ON x.connection = r.connection AND x.{ref} = r.external_id"
    " WHERE r.golden_id IN :*ids)"
)

_WHILE_ONE = "golden_id IN :*others AND at >= :since AND at <= :until"

PLACES: tuple[Place, ...] = (
    Place(
        "parked",
        "the key of a record of theirs, or their addresses and numbers in the original",
        f"({_OF_RECORD.format(key='id', table='parked', ref='external_id')} OR external_id IN :*parked)",
        ("id", "external_id, original, reason, edit, raw"),
    ),
    Place(
        "amended",
        "the key of a record of theirs, or their addresses and numbers in the text",
        _OF_RECORD.format(key="id", table="amended", ref="external_id"),
        ("id", "place, external_id, text"),
    ),
    Place(
        "inbox",
        "the delivery that made a record of theirs, or their addresses and numbers in it",
        _OF_RECORD.format(key="id", table="inbox", ref="delivery_id"),
        ("id", "payload"),
    ),
    Place(
        "opt_in",
        "the delivery that made a record of theirs, or their address",
        _OF_RECORD.format(key="id", table="opt_in", ref="delivery_id"),
        ("id", "address"),
    ),
    Place("mail_out", "their address", "1 = 0", ("id", "recipient")),
    Place(
        "plan_row",
        "their golden id, the key of a record of theirs, or their addresses and numbers",
        "(golden_id IN :*ids OR EXISTS (SELECT 1 FROM record r WHERE r.golden_id IN :*ids"
        " AND r.connection = plan_row.connection AND r.external_id = plan_row.subject))",
        ("hold_id, number", "subject, detail"),
        "subject = 'erased', detail = '{}', golden_id = NULL, mark = NULL, verdict = coalesce(verdict, 'overtaken')",
    ),
    Place(
        "ruling",
        "the key of a record of theirs",
        "EXISTS (SELECT 1 FROM record r WHERE r.golden_id IN :*ids AND r.connection = ruling.connection"
        " AND r.external_id = ruling.external_id)",
    ),
    Place("owed_link", "their records", "record_id IN :*records"),
    Place("follow_up", "their interactions", "interaction_id IN :*events"),
    Place("interaction_kept", "their records", "record_id IN :*records"),
    Place(
        "interaction_point",
        "addresses and numbers that nobody else has",
        "point IN :*points",
    ),
    Place("interaction", "their records, and points that nobody else has", "id IN :*events"),
    Place("interaction", "one of several points is theirs: that goes", "id IN :*shared", clear=_take_points),
    Place("statement", "addresses and numbers that nobody else has", "point IN :*points"),
    Place("match_key", "blocking keys of their records", "key IN :*keys AND record_id IN :*records"),
    Place("recent_key", "blocking keys of their records", "key IN :*keys AND record_id IN :*records"),
    Place("name_count", "words of their names: counted no more", "word IN :*words", clear=_forget_words),
    Place("verdict", "their records", "(record_a IN :*records OR record_b IN :*records)"),
    Place("ask", "their records", "(record_a IN :*records OR record_b IN :*records)"),
    Place("queue", "their golden ids", "golden_id IN :*ids"),
    Place("declined", "their golden ids", "golden_id IN :*ids"),
    Place("intent", "their golden ids", "golden_id IN :*ids"),
    Place("conflict", "their golden ids", "golden_id IN :*ids"),
    Place("conflict", "of whoever was one with them, from then", _WHILE_ONE),
    Place("pin", "their golden ids", "golden_id IN :*ids"),
    Place("change", "their golden ids: the line stays, without values", "golden_id IN :*ids", emptied="detail = NULL"),
    Place(
        "change",
        "of whoever was one with them, from then: the line stays, without values",
        f"{_WHILE_ONE} AND detail IS NOT NULL AND kind NOT IN {TELLING}",
        emptied="detail = NULL",
    ),
    Place("idempotency", "their golden ids in an answer", "1 = 0", ("actor, key", "answer")),
    Place("record", "their golden ids", "golden_id IN :*ids"),
    Place("golden", "their golden ids", "id IN :*ids"),
)

HOLDS_NOBODY: Mapping[str, str] = {
    "connection_state": "how far each connection was read",
    "run": "counts",
    "counter": "numbers",
    "hot_key": "hashes that very many records share",
    "model": "weights of matching",
    "hold": "counts and reasons without values",
    "run_order": "people of the company",
    "account": "people of the company",
    "session": "people of the company",
    "token": "programs",
    "invitation": "people of the company",
    "data_key": "sealed keys",
    "sealed": "sealed secrets",
    "audit": "who did what to which id, without values",
    "subscription": "how far each was told",
    "notice": "kinds of what needs a person",
    "notice_receiver": "times",
    "notice_out": "messages without values",
    "erasure": "the receipt: a golden id that is nobody's any more",
    "erasure_step": "the receipt: keys of records until they are let go of, then hashes",
    "suppression": "keyed hashes",
}
"""Tables in which no contact is → what is in them."""


def counts(tx: Tx, who: Who) -> dict[str, int]:
    """Table → rows that an erasure would delete or empty."""
    found: Counter[str] = Counter()
    for place in PLACES:
        found[place.table] += place.count(tx, who)
    return {table: n for table, n in found.items() if n}


def empty(tx: Tx, who: Who) -> None:
    """Everywhere, in this transaction."""
    for place in PLACES:
        place.erase(tx, who)


# --- interactions -----------------------------------------------------------------------------------


def events_of(tx: Tx, who: Who) -> tuple[list[int], list[int]]:
    """Numbers of interactions that are theirs alone, and of those that others have part in."""
    named = {
        row[0]
        for row in tx.all(
            "SELECT i.id FROM record r JOIN interaction i ON i.connection = r.connection"
            " AND i.record_ref = r.external_id WHERE r.golden_id IN :*ids AND i.record_ref IS NOT NULL",
            ids=list(who.ids),
        )
    }
    met = tx.all(
        "SELECT interaction_id FROM interaction_kept WHERE record_id IN :*records"
        " UNION SELECT interaction_id FROM interaction_point WHERE point IN :*points",
        records=list(who.records),
        points=list(who.points),
    )
    rows = rows_by_number(tx, sorted({row[0] for row in met} - named))
    others = {number for number, point in by_point(tx, rows) if point not in set(who.points)}
    others |= {
        row[0]
        for row in tx.all(
            "SELECT k.interaction_id FROM interaction_kept k JOIN record r ON r.id = k.record_id"
            " WHERE k.interaction_id IN :*ids AND NOT (k.record_id IN :*records)",
            ids=[row.number for row in rows],
            records=list(who.records),
        )
    }
    alone = {row.number for row in rows if row.number not in others and row.record is None}
    return sorted(named | alone), sorted({row.number for row in rows} - alone)


def forget_events(tx: Tx, connection: str, records: Sequence[str]) -> None:
    """Interactions that name these records of a connection, and what was promised after them."""
    found = tx.all(
        "SELECT id FROM interaction WHERE connection = :c AND record_ref IN :*ids AND record_ref IS NOT NULL",
        c=connection,
        ids=list(records),
    )
    numbers = [row[0] for row in found]
    if numbers:
        tx.run("DELETE FROM follow_up WHERE interaction_id IN :*ids", ids=numbers)
        tx.run("DELETE FROM interaction WHERE id IN :*ids", ids=numbers)


def names_in_history(tx: Tx, golden_ids: Sequence[str]) -> list[str]:
    """Names that they had before."""
    found: list[str] = []
    for (detail,) in tx.all(
        "SELECT detail FROM change WHERE golden_id IN :*ids AND detail IS NOT NULL", ids=golden_ids
    ):
        said = loads(detail)
        for name in ("given_name", "family_name", "full_name"):
            pair = said.get(name) if isinstance(said, dict) else None
            found += [value for value in pair if isinstance(value, str)] if isinstance(pair, list) else []
    return found
