"""What the hub remembers of a connection between runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hub.store.db import Tx, loads


@dataclass(slots=True)
class ConnectionRow:
    """What the hub remembers of a connection between runs."""

    name: str
    cursor: str | None
    started_at: float | None
    full_at: float | None
    ok_at: float | None
    allowed: dict[str, int] | None
    paused: str | None
    population: int = 0
    mapping: str | None = None
    remapped: int = 0


def remembered(tx: Tx, name: str) -> ConnectionRow:
    row = tx.one(
        "SELECT name, cursor, started_at, full_at, ok_at, allowed, paused, population, mapping, remapped"
        " FROM connection_state WHERE name = :n",
        n=name,
    )
    if row is None:
        return ConnectionRow(name, None, None, None, None, None, None)
    name_, cursor, started_at, full_at, ok_at, allowed, *rest = row
    return ConnectionRow(name_, cursor, started_at, full_at, ok_at, loads(allowed) if allowed else None, *rest)


def save_cursor(tx: Tx, name: str, cursor: str | None) -> None:
    tx.run("UPDATE connection_state SET cursor = :c WHERE name = :n", n=name, c=cursor)


def advance(tx: Tx, name: str, cursor: str | None, until: float) -> None:
    """A page is in: where to go on, and the lease renewed until then."""
    tx.run("UPDATE connection_state SET cursor = :c, lease_until = :u WHERE name = :n", n=name, c=cursor, u=until)


def remember(tx: Tx, name: str) -> None:
    """A connection that has never run can be marked too."""
    tx.run("INSERT INTO connection_state (name) VALUES (:n) ON CONFLICT (name) DO NOTHING", n=name)


def mark(tx: Tx, name: str, **columns: Any) -> None:
    """Set any of its columns: started_at, full_at, ok_at, allowed, paused, mapping, …"""
    tx.run(
        f"UPDATE connection_state SET {', '.join(f'{c} = :{c}' for c in columns)} WHERE name = :name",
        name=name,
        **columns,
    )
