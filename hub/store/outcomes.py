"""What a run did, record by record, from what the store keeps of it anyway: history, work lists, intents.

Nothing is written for it while a run is made. Lines of history are found by their span, so that no index is needed
over the largest table; a filter looks at a part of a long run at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hub.readable import name_of
from hub.store import links as db
from hub.store.changes import MERGED_AWAY, MOVED_IN
from hub.store.db import Row, Tx, loads
from hub.store.lists import like
from hub.store.runs import PastRun

LOOKED_AT = 10_000  # lines of history that one part of a list looks at
LOOKED_INTO = 800  # the same where their contents are searched
MOST_RECORDS = 5  # named of one contact


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one record, contact or write.

    what     one of `WHATS`
    said     the engine's own word: the kind of a change, the stage of what was set aside, the rule of a conflict
    number   of its row: a parked record, a question, a conflict; else of its line
    records  CONNECTION:ID of the connection's records that it is about
    changes  key → [old, new]
    reason   why, where there is one
    """

    what: str
    said: str
    number: int
    at: float
    connection: str | None
    golden_id: str | None = None
    name: str = ""
    records: tuple[str, ...] = ()
    changes: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list goes on: after this number of the kinds' order. Strings, so that it fits into a cursor."""

    source: str
    after: int


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the list; next None: that was all. A part may be empty and yet not the last."""

    rows: tuple[Outcome, ...]
    next: Place | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """what: one of `WHATS`, None all; text: in a name, a value, an id or a reason, in any letter case"""

    what: str | None = None
    text: str | None = None
    limit: int = 50


_JOINED: Final = ("merged", MERGED_AWAY, "split by matching", "split off by matching", MOVED_IN)
HISTORY: Mapping[str, str] = {
    "created": "c.kind = 'created'",
    "linked": "c.kind = 'linked'",
    "changed": "c.kind = 'updated'",
    "joined": f"c.kind IN {_JOINED}",
    "written": "c.kind LIKE 'told: %'",
    "owed": "c.kind = 'link owed'",
    "other": f"c.kind NOT LIKE 'told: %' AND c.kind NOT IN {('link owed', 'created', 'linked', 'updated', *_JOINED)}",
}
"""Word of `Outcome.what` → which lines of history it is."""
WHATS = ("aside", "asked", "conflict", "unsure", *HISTORY)
_SOURCES = ("aside", "asked", "conflict", "unsure", "history")


def outcomes(tx: Tx, run: PastRun, wanted: Wanted, place: Place | None = None) -> Part:
    """Those that want attention first, then the rest in the order in which it was done."""
    sources = _sources(wanted.what)
    if place is not None:
        sources = sources[sources.index(place.source) :] if place.source in sources else ()
    rows: list[Outcome] = []
    for n, source in enumerate(sources):
        after = place.after if place is not None and n == 0 else 0
        room = wanted.limit - len(rows)
        found, last = _READ[source](tx, _Look(run, wanted, after, room))
        rows += found
        if last is not None:
            return Part(tuple(rows), Place(source, last))
        if len(rows) >= wanted.limit and n + 1 < len(sources):
            return Part(tuple(rows), Place(sources[n + 1], 0))
    return Part(tuple(rows), None)


def every(tx: Tx, run: PastRun, wanted: Wanted) -> Iterator[Outcome]:
    """The whole list, a part at a time."""
    place: Place | None = None
    while True:
        part = outcomes(tx, run, wanted, place)
        yield from part.rows
        if part.next is None:
            return
        place = part.next


def _sources(what: str | None) -> tuple[str, ...]:
    if what is None:
        return _SOURCES
    return ("history",) if what in HISTORY else (what,)


@dataclass(frozen=True, slots=True)
class _Look:
    """At one source of a run: what comes after a number, as much as there is room for."""

    run: PastRun
    wanted: Wanted
    after: int
    room: int

    def rows(self, tx: Tx, sql: str) -> tuple[Sequence[Row], int | None]:
        """sql: rows in the order of their number, which is the first column, after :a and at most :n, of the run :r of
        :c; its text like :t, its golden id :g. Beside them the number to go on after; None: these were the last.
        """
        rows = tx.all(
            sql,
            r=self.run.id,
            c=self.run.connection,
            a=self.after,
            t=_pattern(self.wanted.text),
            g=self.wanted.text or "",
            n=self.room + 1,
        )
        return _cut(rows, self.room)


Read = Callable[[Tx, _Look], tuple[list[Outcome], int | None]]
"""(rows, the number to go on after); None: that was the last of this source."""


def _cut(rows: Sequence[Row], room: int) -> tuple[Sequence[Row], int | None]:
    """Of one row more than there is room for."""
    return (rows[:room], rows[room - 1][0]) if len(rows) > room else (rows, None)


def _pattern(text: str | None) -> str:
    return f"%{like(text.lower())}%" if text else "%"


def _aside(tx: Tx, look: _Look) -> tuple[list[Outcome], int | None]:
    rows, last = look.rows(
        tx,
        "SELECT id, at, connection, external_id, stage, reason, state FROM parked WHERE run_id = :r AND id > :a"
        r" AND (lower(reason) LIKE :t ESCAPE '\' OR lower(external_id) LIKE :t ESCAPE '\')"
        " ORDER BY id LIMIT :n",
    )
    return [
        Outcome("aside", stage, n, at, name, records=(f"{name}:{external_id}",), reason=reason, state=state)
        for n, at, name, external_id, stage, reason, state in rows
    ], last


def _asked(tx: Tx, look: _Look) -> tuple[list[Outcome], int | None]:
    rows, last = look.rows(
        tx,
        "SELECT k.id, k.at, k.weight, k.state, a.golden_id, a.fields, a.connection, a.external_id,"
        " b.connection, b.external_id, b.fields FROM ask k"
        " JOIN record a ON a.id = k.record_a JOIN record b ON b.id = k.record_b"
        " WHERE k.run_id = :r AND k.id > :a"
        r" AND (lower(a.fields) LIKE :t ESCAPE '\' OR lower(b.fields) LIKE :t ESCAPE '\')"
        " ORDER BY k.id LIMIT :n",
    )
    own, found = look.run.connection, []
    for n, at, weight, state, golden_id, fields, *refs, others in rows:
        names = " / ".join(dict.fromkeys(name_of(loads(each)) for each in (fields, others)))
        records = (f"{refs[0]}:{refs[1]}", f"{refs[2]}:{refs[3]}")
        reason = f"{weight:+.1f} bits"
        found.append(Outcome("asked", "asked", n, at, own, golden_id, names, records, {}, reason, state))
    return found, last


def _conflict(tx: Tx, look: _Look) -> tuple[list[Outcome], int | None]:
    rows, last = look.rows(
        tx,
        "SELECT id, at, connection, golden_id, field, rule, diff, state FROM conflict WHERE run_id = :r AND id > :a"
        r" AND (lower(field) LIKE :t ESCAPE '\' OR lower(diff) LIKE :t ESCAPE '\' OR golden_id = :g)"
        " ORDER BY id LIMIT :n",
    )
    names = _names(tx, [row[3] for row in rows])
    return [
        Outcome("conflict", rule, n, at, name, golden_id, names.get(golden_id, ""), (), {}, f"{key}: {diff}", state)
        for n, at, name, golden_id, key, rule, diff, state in rows
    ], last


def _unsure(tx: Tx, look: _Look) -> tuple[list[Outcome], int | None]:
    rows, last = look.rows(
        tx,
        "SELECT i.id, i.at, i.connection, i.golden_id, i.op, i.payload FROM intent i"
        " WHERE i.connection = :c AND i.run_id = :r AND i.id > :a"
        r" AND (lower(i.payload) LIKE :t ESCAPE '\' OR i.golden_id = :g) ORDER BY i.id LIMIT :n",
    )
    names = _names(tx, [row[3] for row in rows])
    return [
        Outcome("unsure", op, n, at, name, golden_id, names.get(golden_id, ""), (), _told(loads(payload)))
        for n, at, name, golden_id, op, payload in rows
    ], last


def _names(tx: Tx, golden_ids: Sequence[str]) -> dict[str, str]:
    return {golden_id: name_of(row.fields) for golden_id, row in db.goldens(tx, golden_ids).items()}


# --- history ----------------------------------------------------------------------------------------


def _history(tx: Tx, look: _Look) -> tuple[list[Outcome], int | None]:
    """Looks at a bounded part: where nothing in it fits, the list goes on behind it."""
    run, wanted, room = look.run, look.wanted, look.room
    low = max(look.after, run.low)
    looked = LOOKED_INTO if wanted.text else LOOKED_AT
    bound = tx.one(
        "SELECT max(id) FROM (SELECT id FROM change WHERE id > :low AND id <= :high ORDER BY id LIMIT :n) x",
        low=low,
        high=run.high,
        n=looked,
    )
    if bound is None or bound[0] is None:
        return [], None
    rows = _lines(tx, run, wanted, low, bound[0], room)
    shown, last = _cut(rows, room)
    if last is None and tx.one("SELECT 1 FROM change WHERE id > :b AND id <= :h LIMIT 1", b=bound[0], h=run.high):
        last = bound[0]
    return _changes(tx, run, shown), last


def _lines(tx: Tx, run: PastRun, wanted: Wanted, low: int, high: int, room: int) -> list[Row]:
    join, where = "", ""
    params: dict[str, Any] = {}
    if wanted.what is not None:
        where = f" AND {HISTORY[wanted.what]}"
    if wanted.text:
        join = " LEFT JOIN golden g ON g.id = c.golden_id"
        where += (
            r" AND (lower(g.fields) LIKE :t ESCAPE '\' OR lower(c.detail) LIKE :t ESCAPE '\' OR c.golden_id = :g"
            " OR EXISTS (SELECT 1 FROM record r WHERE r.golden_id = c.golden_id AND r.external_id = :g))"
        )
        params = {"t": _pattern(wanted.text), "g": wanted.text}
    return tx.all(
        f"SELECT c.id, c.at, c.kind, c.connection, c.golden_id, c.detail FROM change c{join}"
        f" WHERE c.id > :low AND c.id <= :high AND c.run_id = :r{where} ORDER BY c.id LIMIT :n",
        low=low,
        high=high,
        r=run.id,
        n=room + 1,
        **params,
    )


def _changes(tx: Tx, run: PastRun, rows: Sequence[Row]) -> list[Outcome]:
    ids = {row[4] for row in rows}
    goldens = db.goldens(tx, ids)
    records: dict[str, list[str]] = {}
    for golden_id, name, external_id in tx.all(
        "SELECT golden_id, connection, external_id FROM record WHERE golden_id IN :*ids ORDER BY id", ids=list(ids)
    ):
        if name == run.connection:
            records.setdefault(golden_id, []).append(f"{name}:{external_id}")
    found = []
    for number, at, kind, name, golden_id, detail in rows:
        fields = goldens[golden_id].fields if golden_id in goldens else {}
        said = loads(detail) if detail else None
        what = _what(kind)
        changes = {key: [None, value] for key, value in fields.items()} if said is None else _told(said)
        mine = tuple(records.get(golden_id, ())[:MOST_RECORDS])
        found.append(Outcome(what, kind, number, at, name, golden_id, name_of(fields), mine, changes))
    return found


def _what(kind: str) -> str:
    if kind.startswith("told: "):
        return "written"
    if kind in ("created", "linked"):
        return kind
    if kind in ("updated", "link owed"):
        return "changed" if kind == "updated" else "owed"
    return "joined" if kind in ("merged", "merged away") or "split" in kind else "other"


def _told(said: Mapping[str, Any]) -> dict[str, Any]:
    """Key → [old, new]: of what was written only the new value is known."""
    if "into" in said or "from" in said:
        return {}
    return {key: pair if isinstance(pair, list) and len(pair) == 2 else [None, pair] for key, pair in said.items()}


_READ: Mapping[str, Read] = {
    "aside": _aside,
    "asked": _asked,
    "conflict": _conflict,
    "unsure": _unsure,
    "history": _history,
}
