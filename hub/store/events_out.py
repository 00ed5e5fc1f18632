"""Subscriptions: how far each was told of what happened to contacts. What there is to tell is the history itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hub.store.db import Tx, loads
from hub.store.search import last_change

_COLUMNS = "name, url, mark, attempts, next_at, failing_since, disabled_at, error"


@dataclass(frozen=True, slots=True)
class Subscription:
    """mark: number of the last change it was told of; attempts: that failed since; error: of the last one"""

    name: str
    url: str
    mark: int
    attempts: int = 0
    next_at: float = 0.0
    failing_since: float | None = None
    disabled_at: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """A line of the history. detail: key → [old, new], or as the kind says"""

    number: int
    golden_id: str
    at: float
    kind: str
    detail: dict[str, Any]


def subscription(tx: Tx, name: str) -> Subscription | None:
    row = tx.one(f"SELECT {_COLUMNS} FROM subscription WHERE name = :n", n=name)
    return Subscription(*row) if row else None


def begin(tx: Tx, name: str, url: str) -> Subscription:
    """As it stands. A new one is told from now on; one that goes elsewhere now, from where it was, at once."""
    found = subscription(tx, name)
    if found is None:
        found = Subscription(name, url, last_change(tx))
    elif found.url != url:
        found = Subscription(name, url, found.mark)
    save(tx, found)
    return found


def save(tx: Tx, now: Subscription) -> None:
    tx.run(
        f"INSERT INTO subscription ({_COLUMNS}) VALUES (:n, :u, :m, :a, :x, :f, :d, :e)"
        " ON CONFLICT (name) DO UPDATE SET url = excluded.url, mark = excluded.mark, attempts = excluded.attempts,"
        " next_at = excluded.next_at, failing_since = excluded.failing_since, disabled_at = excluded.disabled_at,"
        " error = excluded.error",
        n=now.name,
        u=now.url,
        m=now.mark,
        a=now.attempts,
        x=now.next_at,
        f=now.failing_since,
        d=now.disabled_at,
        e=now.error,
    )


def changes_after(tx: Tx, mark: int, limit: int) -> list[ChangeLine]:
    rows = tx.all(
        "SELECT id, golden_id, at, kind, detail FROM change WHERE id > :m ORDER BY id LIMIT :n", m=mark, n=limit
    )
    return [ChangeLine(int(r[0]), r[1], r[2], r[3], loads(r[4]) if r[4] else {}) for r in rows]


def start(tx: Tx, name: str) -> Subscription | None:
    """One that failed is told again at once, from where it was; None: there is none of this name."""
    found = subscription(tx, name)
    if found is not None:
        found = Subscription(name, found.url, found.mark)
        save(tx, found)
    return found


def behind(tx: Tx, found: Subscription) -> int:
    """Changes that it has not been told of."""
    return max(0, last_change(tx) - found.mark)
