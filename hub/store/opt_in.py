"""Consents that wait for whoever has the address to confirm them, and which of them were mailed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from hub.store.db import Row, Tx, dumps, loads

KEPT_SECONDS = 30 * 86_400.0  # after its link has expired, so that an old link is still answered well
_COLUMNS = "id, connection, delivery_id, address, address_mark, consents, shown, at, until, state, mails, mailed_at"
_COLUMNS += ", withheld"


@dataclass(frozen=True, slots=True)
class Asking:
    """Consents of one delivery that wait.

    consents  by channel and purpose, as the form stated them
    shown     what the person saw: language, wording, page
    until     epoch seconds: the last link that was sent works until then
    state     held (spam) | due (to be mailed) | mailed | quiet (no mail: too many to this address) | confirmed
    withheld  ids of the erasures that keep its delivery out until it is confirmed
    """

    id: str
    connection: str
    delivery_id: str
    address: str
    address_mark: str
    consents: Mapping[str, Any]
    shown: Mapping[str, Any]
    at: float
    until: float
    state: str
    mails: int = 0
    mailed_at: float | None = None
    withheld: tuple[str, ...] = ()


def add(tx: Tx, asking: Asking) -> None:
    tx.run(
        f"INSERT INTO opt_in ({_COLUMNS}) VALUES (:i, :c, :d, :a, :k, :s, :w, :at, :u, :st, 0, NULL, NULL)"
        " ON CONFLICT (connection, delivery_id) DO NOTHING",
        i=asking.id,
        c=asking.connection,
        d=asking.delivery_id,
        a=asking.address,
        k=asking.address_mark,
        s=dumps(dict(asking.consents)),
        w=dumps(dict(asking.shown)),
        at=asking.at,
        u=asking.until,
        st=asking.state,
    )


def known(tx: Tx, connection: str, number: str) -> Asking | None:
    row = tx.one(f"SELECT {_COLUMNS} FROM opt_in WHERE id = :i AND connection = :c", i=number, c=connection)
    return _asking(row) if row else None


def due(tx: Tx, limit: int) -> list[Asking]:
    return [
        _asking(r) for r in tx.all(f"SELECT {_COLUMNS} FROM opt_in WHERE state = 'due' ORDER BY at LIMIT :n", n=limit)
    ]


def mails_to(tx: Tx, address_mark: str, since: float) -> tuple[int, float | None]:
    """(mails to an address since then, when the last one was written)"""
    row = tx.one(
        "SELECT sum(mails), max(mailed_at) FROM opt_in WHERE address_mark = :k AND mailed_at > :since",
        k=address_mark,
        since=since,
    )
    return (int(row[0] or 0), row[1]) if row else (0, None)


def mark(tx: Tx, number: str, state: str) -> None:
    tx.run("UPDATE opt_in SET state = :s WHERE id = :i", s=state, i=number)


def mailed(tx: Tx, number: str, at: float, until: float) -> None:
    tx.run(
        "UPDATE opt_in SET state = 'mailed', mails = mails + 1, mailed_at = :at, until = :u WHERE id = :i",
        at=at,
        u=until,
        i=number,
    )


def confirmed(tx: Tx, number: str) -> bool:
    """False: it was before."""
    return bool(tx.touched("UPDATE opt_in SET state = 'confirmed' WHERE id = :i AND state <> 'confirmed'", i=number))


def wake(tx: Tx, connection: str, delivery_id: str) -> None:
    """What was taken for spam is not: now its mail goes out."""
    tx.run(
        "UPDATE opt_in SET state = 'due' WHERE connection = :c AND delivery_id = :d AND state = 'held'",
        c=connection,
        d=delivery_id,
    )


def withhold(tx: Tx, connection: str, out: Mapping[str, Collection[str]]) -> dict[str, bool]:
    """Those of these deliveries that somebody may still confirm, or has confirmed (True).

    out  delivery id → erasures that keep it out
    """
    rows = tx.all(
        "SELECT delivery_id, state FROM opt_in WHERE connection = :c AND delivery_id IN :*ids",
        c=connection,
        ids=list(out),
    )
    asked = {row[0]: row[1] == "confirmed" for row in rows}
    tx.many(
        "UPDATE opt_in SET withheld = :w WHERE connection = :c AND delivery_id = :d",
        [{"c": connection, "d": each, "w": dumps(sorted(out[each]))} for each in sorted(asked)],
    )
    return asked


def prune(tx: Tx, now: float) -> int:
    return tx.touched("DELETE FROM opt_in WHERE until < :before", before=now - KEPT_SECONDS)


def _asking(row: Row) -> Asking:
    number, connection, delivery_id, address, address_mark, consents, shown, *rest = row
    rest[-1] = tuple(loads(rest[-1])) if rest[-1] else ()
    return Asking(number, connection, delivery_id, address, address_mark, loads(consents), loads(shown), *rest)
