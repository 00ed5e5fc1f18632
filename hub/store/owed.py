"""Links that systems owe: contacts written with the name of a company that was not there, or not just once.

The name is kept as a hash, so that nothing of the contact stands here; what it is says the golden record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from hub.store.db import Tx

FIRST_WAIT = 900.0  # seconds until it is looked for again; longer each time
LONGEST_WAIT = 86_400.0


@dataclass(frozen=True, slots=True)
class Owed:
    """record_id: number of the contact's record there; field: canonical, of the name; name: `name_hash` of it"""

    record_id: int
    field: str
    name: str


def name_hash(name: str) -> str:
    """Of a name as systems compare it: without regard to capitals and blanks."""
    return blake2b(" ".join(name.split()).casefold().encode(), digest_size=8).hexdigest()


def known(tx: Tx, record_ids: Sequence[int]) -> set[Owed]:
    rows = tx.all("SELECT record_id, field, name FROM owed_link WHERE record_id IN :*ids", ids=list(record_ids))
    return {Owed(*row) for row in rows}


def remember(tx: Tx, connection: str, rows: Iterable[Owed], now: float) -> None:
    """They are looked for again later; less and less often, if it was tried before."""
    tx.many(
        "INSERT INTO owed_link (record_id, field, connection, name, found, tries, due_at)"
        " VALUES (:r, :f, :c, :n, 0, 0, :at) ON CONFLICT (record_id, field) DO UPDATE SET"
        " tries = CASE WHEN owed_link.name = excluded.name THEN owed_link.tries ELSE 0 END,"
        " name = excluded.name, found = 0, due_at = excluded.due_at",
        [{"r": x.record_id, "f": x.field, "c": connection, "n": x.name, "at": now + FIRST_WAIT} for x in rows],
    )


def settle(tx: Tx, rows: Iterable[tuple[int, str]]) -> None:
    """(record id, field) of what is owed no more."""
    tx.many("DELETE FROM owed_link WHERE record_id = :r AND field = :f", [{"r": r, "f": f} for r, f in rows])


def due(tx: Tx, connection: str, now: float, limit: int) -> list[Owed]:
    """Those that may be looked for again, the longest due first."""
    rows = tx.all(
        "SELECT record_id, field, name FROM owed_link WHERE connection = :c AND due_at <= :now"
        " ORDER BY due_at, record_id LIMIT :n",
        c=connection,
        now=now,
        n=limit,
    )
    return [Owed(*row) for row in rows]


def found_of(tx: Tx, record_ids: Sequence[int]) -> dict[int, list[Owed]]:
    """By record: what was found since, so that the name is to be written again."""
    rows = tx.all(
        "SELECT record_id, field, name FROM owed_link WHERE record_id IN :*ids AND found = 1", ids=list(record_ids)
    )
    found: dict[int, list[Owed]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(Owed(*row))
    return found


def mark_found(tx: Tx, connection: str, names: Sequence[str], now: float, limit: int) -> list[str]:
    """Up to `limit` records that wait for these names are to be written again: their golden ids."""
    ids = [
        row[0]
        for row in tx.all(
            "SELECT record_id FROM owed_link WHERE name IN :*names AND connection = :c AND due_at <= :now"
            " ORDER BY record_id LIMIT :n",
            names=list(names),
            c=connection,
            now=now,
            n=limit,
        )
    ]
    # if that comes to nothing they are looked at again
    tx.run(
        "UPDATE owed_link SET found = 1, due_at = :at WHERE record_id IN :*ids AND name IN :*names",
        at=now + LONGEST_WAIT,
        ids=ids,
        names=list(names),
    )
    rows = tx.all("SELECT DISTINCT golden_id FROM record WHERE id IN :*ids ORDER BY golden_id", ids=ids)
    return [row[0] for row in rows]


def put_off(tx: Tx, connection: str, names: Sequence[str], now: float) -> None:
    """These are not there yet: longer each time."""
    tx.run(
        "UPDATE owed_link SET found = 0, tries = tries + 1,"
        " due_at = :now + CASE WHEN tries >= 6 THEN :most ELSE :first * (1 + tries * (1 + tries)) END"
        " WHERE name IN :*names AND connection = :c AND due_at <= :now",
        names=list(names),
        c=connection,
        now=now,
        first=FIRST_WAIT,
        most=LONGEST_WAIT,
    )


def is_any(tx: Tx) -> bool:
    return tx.one("SELECT 1 FROM owed_link LIMIT 1") is not None


def hurry(tx: Tx, names: Iterable[str], now: float) -> None:
    """Companies of these names came into being somewhere: whoever waits for them is looked at next."""
    hashes = sorted({name_hash(name) for name in names})
    if hashes and is_any(tx):
        text = "UPDATE owed_link SET due_at = :now, tries = 0 WHERE name IN :*names AND found = 0"
        tx.run(text, now=now, names=hashes)
