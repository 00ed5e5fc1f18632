"""Who was erased: what each system was told of it, and the keyed hashes by which nobody of them comes in again.

Of a person nothing is kept but hashes under a key of the store. What a system calls the record is kept until that
system has let go of it, then as a hash too.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from hub.store import inbox, schema
from hub.store.audit import note
from hub.store.db import Tx, insert_sql

SCOPE = "erasures"
"""Of the data key under which hashes are made. It stays the same when other keys are rotated."""
COUNTED = "erasures"  # in `counter`: erasures that were ever made, so that a page knows whether one came in between
MARK_BYTES = 16
AGAIN = "again"
"""State of an erasure that is being made again after a backup was put back."""
BY_THEMSELVES = "double opt-in"
"""Who lifted an erasure whose person came back and proved the address."""


class Kind(StrEnum):
    """What a hash is of. Who may be taken for somebody else is never kept out by it alone: see hub.sync.withhold."""

    KEY = "key"  # connection and key of a record
    OURS = "ours"  # the hub's key, as systems store it
    MAIL_NAME = "mail+name"
    PHONE_NAME = "phone+name"
    TAX = "tax"  # that nobody else had
    MAIL = "mail"  # that nobody else had
    PHONE = "phone"  # that nobody else had
    NAME = "name"  # this and the next only tell whether a record under a known key is of the same person
    ADDRESS = "address"
    NUMBER = "number"


class Marker:
    """Makes hashes. Equal values have equal hashes in one store, and say nothing to who lacks its key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, kind: Kind, *parts: str) -> str:
        text = "\x1f".join((str(kind), *parts)).encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, text, "sha256")[:MARK_BYTES].hex()


def marker(tx: Tx) -> Marker:
    """In a transaction that writes: the key is made when there is none."""
    return Marker(tx.keys.key(tx, SCOPE))


def known_marker(tx: Tx) -> Marker | None:
    """None: nobody was ever erased."""
    key = tx.keys.known(tx, SCOPE) if tx.counter(COUNTED) else None
    return Marker(key) if key is not None else None


# --- who is kept out --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hit:
    """A hash that an incoming value has too. closed: of a key whose system has let go of that record"""

    kind: Kind
    erasure_id: str
    closed: bool = True


def suppress(tx: Tx, erasure_id: str, marks: Mapping[str, Kind]) -> None:
    """Hash → what it is of."""
    tx.many(
        "INSERT INTO suppression (mark, erasure_id, kind) VALUES (?, ?, ?) ON CONFLICT (mark, erasure_id) DO NOTHING",
        [(mark, erasure_id, str(kind)) for mark, kind in sorted(marks.items())],
    )


def not_alone(tx: Tx, marks: Collection[str]) -> None:
    """Somebody else has this mail or number by now: alone it keeps nobody out any more."""
    tx.run("DELETE FROM suppression WHERE mark IN :*marks AND kind IN ('mail', 'phone')", marks=sorted(marks))


def hits(tx: Tx, marks: Collection[str]) -> dict[str, list[Hit]]:
    """Of these hashes, those that keep somebody out."""
    if not marks:
        return {}
    found: dict[str, list[Hit]] = {}
    for mark, kind, erasure_id, waiting in tx.all(
        "SELECT s.mark, s.kind, s.erasure_id, (SELECT count(*) FROM erasure_step e WHERE e.mark = s.mark"
        " AND e.erasure_id = s.erasure_id AND e.state NOT IN ('done', 'lifted')) FROM suppression s"
        " WHERE s.mark IN :*marks",
        marks=sorted(marks),
    ):
        found.setdefault(mark, []).append(Hit(Kind(kind), erasure_id, not waiting))
    return found


# --- erasures ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Erasure:
    """state  open | done | lifted, or `AGAIN`. emptied_at: since when no file of the hub has any of it"""

    id: str
    golden_id: str
    at: float
    person: str
    reference: str | None
    change: int
    emptied_at: float | None
    state: str
    ended_at: float | None
    ended_by: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """What one system is told of one record.

    how          erase | delete | empty | by hand
    external_id  None when it is done, and where a create was not answered: that is looked for by `hub_key`
    state        pending | sent | by hand | refused | done | lifted
    outcome      erased | deleted | emptied | not there | by hand | told before;
                 restorable: deleted, and still in a bin; somebody else: its key is another's by now, who was left alone
    shown        times that the system has shown the record again after it was done
    """

    id: int
    erasure_id: str
    connection: str
    how: str
    external_id: str | None
    hub_key: str | None
    mark: str
    state: str
    outcome: str | None
    at: float
    next_at: float
    attempts: int
    shown: int
    person: str | None


_ERASURE = "id, golden_id, at, person, reference, change, emptied_at, state, ended_at, ended_by"
_STEP = (
    "id, erasure_id, connection, how, external_id, hub_key, mark, state, outcome, at, next_at, attempts, shown, person"
)
_NEW_STEP = ("erasure_id", "connection", "how", "external_id", "hub_key", "mark", "state", "outcome", "at", "next_at")


def add(tx: Tx, new: Erasure) -> None:
    names = _ERASURE.split(", ")
    tx.run(insert_sql(schema.erasure, names), **{name: getattr(new, name) for name in names})
    tx.count(COUNTED, 1)


def renew(tx: Tx, made: Erasure) -> None:
    """One that is known is carried out again: what was told before stands."""
    tx.run(
        "UPDATE erasure SET golden_id = :g, change = :c, emptied_at = NULL, ended_at = NULL WHERE id = :i",
        g=made.golden_id,
        c=made.change,
        i=made.id,
    )


def add_steps(tx: Tx, steps: Sequence[Step]) -> None:
    """Their numbers are given here."""
    rows = [{name: getattr(step, name) for name in _NEW_STEP} for step in steps]
    tx.many(insert_sql(schema.erasure_step, _NEW_STEP), rows)


def erasure(tx: Tx, erasure_id: str) -> Erasure | None:
    row = tx.one(f"SELECT {_ERASURE} FROM erasure WHERE id = :i", i=erasure_id)
    return Erasure(*row) if row else None


def every(tx: Tx) -> list[Erasure]:
    """The oldest first."""
    return [Erasure(*row) for row in tx.all(f"SELECT {_ERASURE} FROM erasure ORDER BY at, id")]


def known(tx: Tx, ids: Collection[str]) -> set[str]:
    """Those of these erasures that the store has, and not only begun to make again."""
    rows = tx.all("SELECT id FROM erasure WHERE id IN :*ids AND state <> :a", ids=sorted(ids), a=AGAIN)
    return {row[0] for row in rows}


def in_force(tx: Tx, ids: Collection[str]) -> list[str]:
    """Those of these erasures that the store has, and that nobody has lifted there."""
    rows = tx.all("SELECT id FROM erasure WHERE id IN :*ids AND state <> 'lifted' ORDER BY id", ids=sorted(ids))
    return [row[0] for row in rows]


def made_again(tx: Tx, ids: Collection[str]) -> None:
    """All that was put back of these is gone."""
    tx.run("UPDATE erasure SET state = 'open' WHERE id IN :*ids AND state = :a", ids=sorted(ids), a=AGAIN)


def marks_of(tx: Tx, erasure_id: str) -> dict[str, Kind]:
    rows = tx.all("SELECT mark, kind FROM suppression WHERE erasure_id = :i", i=erasure_id)
    return {mark: Kind(kind) for mark, kind in rows}


def told(tx: Tx) -> list[tuple[str, str]]:
    """(erasure, hash of the key) of records that a system has let go of."""
    return [(r[0], r[1]) for r in tx.all("SELECT erasure_id, mark FROM erasure_step WHERE state = 'done' ORDER BY id")]


def listed(tx: Tx, limit: int, before: str = "", *, open_only: bool = False) -> list[Erasure]:
    """The newest first; before: only what comes after this one (its id)."""
    states = ["open", AGAIN] if open_only else ["open", AGAIN, "done", "lifted"]
    rows = tx.all(
        f"SELECT {_ERASURE} FROM erasure WHERE state IN :*states"
        " AND (:b = '' OR (at, id) < (SELECT at, id FROM erasure WHERE id = :b)) ORDER BY at DESC, id DESC LIMIT :n",
        states=states,
        b=before,
        n=limit,
    )
    return [Erasure(*row) for row in rows]


def steps(tx: Tx, erasure_ids: Iterable[str]) -> dict[str, list[Step]]:
    """Erasure id → its steps, by connection."""
    found: dict[str, list[Step]] = {}
    for row in tx.all(
        f"SELECT {_STEP} FROM erasure_step WHERE erasure_id IN :*ids ORDER BY connection, id", ids=list(erasure_ids)
    ):
        found.setdefault(row[1], []).append(Step(*row))
    return found


@dataclass(frozen=True, slots=True)
class Standing:
    """open: erasures; oldest: when the first of them was asked for; by_hand: steps that wait for a person"""

    open: int
    oldest: float | None
    by_hand: int


def standing(tx: Tx) -> Standing:
    row = tx.one("SELECT count(*), min(at) FROM erasure WHERE state = 'open'")
    hands = tx.one("SELECT count(*) FROM erasure_step WHERE state IN ('by hand', 'refused')")
    return Standing(int(row[0]), row[1], int(hands[0])) if row and hands else Standing(0, None, 0)


# --- steps ------------------------------------------------------------------------------------------


def due(tx: Tx, connection: str, now: float, limit: int, after: int = 0) -> list[Step]:
    rows = tx.all(
        f"SELECT {_STEP} FROM erasure_step WHERE connection = :c AND state IN ('pending', 'sent') AND next_at <= :now"
        " AND id > :after ORDER BY id LIMIT :n",
        c=connection,
        now=now,
        after=after,
        n=limit,
    )
    return [Step(*row) for row in rows]


def sent(tx: Tx, step_id: int, at: float) -> None:
    """It is about to be told."""
    tx.run("UPDATE erasure_step SET state = 'sent', at = :a, attempts = attempts + 1 WHERE id = :i", a=at, i=step_id)


def put_off(tx: Tx, step_id: int, next_at: float) -> None:
    tx.run("UPDATE erasure_step SET state = 'pending', next_at = :x WHERE id = :i", x=next_at, i=step_id)


def for_a_person(tx: Tx, step_id: int, state: str, at: float, outcome: str | None = None) -> None:
    """state: by hand | refused; outcome: what came of it so far, as of a step that is done"""
    tx.run(
        "UPDATE erasure_step SET state = :s, at = :a, outcome = :o WHERE id = :i", s=state, a=at, o=outcome, i=step_id
    )


def found_there(tx: Tx, step_id: int, external_id: str, mark: str) -> None:
    """What a create that was not answered has made."""
    tx.run(
        "UPDATE erasure_step SET external_id = :e, mark = :m, hub_key = NULL, next_at = 0,"
        " state = CASE WHEN how = 'by hand' THEN 'by hand' ELSE 'pending' END WHERE id = :i",
        e=external_id,
        m=mark,
        i=step_id,
    )


def step_of_create(tx: Tx, connection: str, hub_key: str) -> Step | None:
    """The step for what a create under this key may have made."""
    row = tx.one(
        f"SELECT {_STEP} FROM erasure_step WHERE connection = :c AND hub_key = :k AND state NOT IN ('done', 'lifted')",
        c=connection,
        k=hub_key,
    )
    return Step(*row) if row else None


def unanswered(tx: Tx, connection: str) -> set[str]:
    """Erasures for which this system may have made a record that was not found yet."""
    rows = tx.all(
        "SELECT DISTINCT erasure_id FROM erasure_step WHERE connection = :c AND state IN ('pending', 'sent', 'by hand')"
        " AND hub_key IS NOT NULL",
        c=connection,
    )
    return {row[0] for row in rows}


def done(tx: Tx, step: Step, outcome: str, at: float, person: str | None = None) -> None:
    """The system has let go of the record: what it called it is forgotten. The erasure ends with its last step."""
    tx.run(
        "UPDATE erasure_step SET state = 'done', outcome = :o, at = :a, external_id = NULL, hub_key = NULL, person = :p"
        " WHERE id = :i",
        o=outcome,
        a=at,
        p=person,
        i=step.id,
    )
    close(tx, [step.erasure_id], at)


def close(tx: Tx, erasure_ids: Collection[str], at: float) -> None:
    """Those of these that have nothing left to do are done."""
    tx.run(
        "UPDATE erasure SET state = 'done', ended_at = :a WHERE id IN :*ids AND state = 'open'"
        " AND emptied_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM erasure_step s WHERE s.erasure_id = erasure.id"
        " AND s.state NOT IN ('done', 'lifted'))",
        a=at,
        ids=sorted(erasure_ids),
    )


def shown_again(tx: Tx, connection: str, found: Mapping[str, str], at: float) -> None:
    """Hash → key of records that a system still shows after it had let go of them.

    It is told to delete once more; from then on a person looks. A loop would hide that it does not listen.
    """
    for mark, external_id in sorted(found.items()):
        tx.run(
            "UPDATE erasure_step SET"
            " state = CASE WHEN shown = 0 AND how <> 'by hand' THEN 'pending' ELSE 'by hand' END,"
            " shown = shown + 1, external_id = :e, outcome = NULL, at = :a, next_at = 0"
            " WHERE connection = :c AND mark = :m AND state = 'done'",
            e=external_id,
            a=at,
            c=connection,
            m=mark,
        )
        tx.run(
            "UPDATE erasure SET state = 'open', ended_at = NULL WHERE state = 'done' AND id IN"
            " (SELECT erasure_id FROM erasure_step WHERE connection = :c AND mark = :m AND state <> 'done')",
            c=connection,
            m=mark,
        )


# --- emptied, lifted --------------------------------------------------------------------------------


def unemptied(tx: Tx) -> list[Erasure]:
    """Erasures of which a file of the hub may still hold something."""
    rows = tx.all(f"SELECT {_ERASURE} FROM erasure WHERE state = 'open' AND emptied_at IS NULL ORDER BY at")
    return [Erasure(*row) for row in rows]


def emptied(tx: Tx, erasure_ids: Collection[str], at: float) -> None:
    tx.run("UPDATE erasure SET emptied_at = :a WHERE id IN :*ids", a=at, ids=sorted(erasure_ids))
    close(tx, erasure_ids, at)


def lift(tx: Tx, erasure_id: str, person: str, at: float) -> bool:
    """Whoever it was may come in again; what was not told yet is not. False: it is lifted already."""
    lifted = tx.touched(
        "UPDATE erasure SET state = 'lifted', ended_at = :a, ended_by = :p WHERE id = :i AND state <> 'lifted'",
        a=at,
        p=person,
        i=erasure_id,
    )
    tx.run("DELETE FROM suppression WHERE erasure_id = :i", i=erasure_id)
    tx.run(
        "UPDATE erasure_step SET state = 'lifted', at = :a, external_id = NULL, hub_key = NULL"
        " WHERE erasure_id = :i AND state <> 'done'",
        a=at,
        i=erasure_id,
    )
    return bool(lifted)


def come_back(tx: Tx, connection: str, delivery_id: str, erasure_ids: Collection[str], at: float) -> None:
    """Whoever has the address has confirmed it: a delivery of theirs that was kept out is taken in after all."""
    for erasure_id in sorted(erasure_ids):
        if lift(tx, erasure_id, BY_THEMSELVES, at):
            note(tx, BY_THEMSELVES, "erasure lifted", f"erasure {erasure_id}", at=at)
    inbox.repeat(tx, connection, delivery_id)
