"""Runs that people asked for and that have not begun yet: a hub that is killed begins them at its next start.

Several hubs over one store may know of the same: the one that begins it takes it out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hub.store.db import Tx

KEPT_SECONDS: Final = 86_400.0  # whoever asked has looked again by then


@dataclass(frozen=True, slots=True)
class RunOrder:
    """full: everything is listed again. person: who asked"""

    connection: str
    full: bool
    person: str


def put(tx: Tx, order: RunOrder, at: float) -> None:
    """One a connection: of two it is the one for everything, else the later."""
    tx.run(
        "INSERT INTO run_order (connection, is_full, person, at) VALUES (:c, :f, :p, :a)"
        " ON CONFLICT (connection) DO UPDATE SET is_full = excluded.is_full, person = excluded.person,"
        " at = excluded.at WHERE run_order.is_full <= excluded.is_full",
        c=order.connection,
        f=int(order.full),
        p=order.person,
        a=at,
    )


def waits(tx: Tx, connection: str) -> bool:
    """Whether one is there that nobody has begun."""
    return tx.one("SELECT 1 FROM run_order WHERE connection = :c", c=connection) is not None


def begun(tx: Tx, connection: str, *, full: bool) -> None:
    """A run begins: it is what was asked for, unless that was one for everything and this is not."""
    tx.run("DELETE FROM run_order WHERE connection = :c AND is_full <= :f", c=connection, f=int(full))


def waiting(tx: Tx, now: float) -> list[RunOrder]:
    """Those of the last day, in the order in which they were asked for. Older ones are taken out."""
    tx.run("DELETE FROM run_order WHERE at <= :before", before=now - KEPT_SECONDS)
    rows = tx.all("SELECT connection, is_full, person FROM run_order ORDER BY at, connection")
    return [RunOrder(c, bool(full), person) for c, full, person in rows]
