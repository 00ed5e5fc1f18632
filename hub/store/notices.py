"""Notifications: what each receiver knows of, and messages that wait for their webhook. No personal data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hub.store.db import Tx

HOUR, WEEK = 3_600.0, 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Message:
    """One that waits for its webhook. id: the same at every attempt"""

    id: str
    receiver: str
    body: str
    at: float
    attempts: int
    error: str | None


def begin(tx: Tx, receiver: str, now: float, rest: float) -> tuple[bool, float | None]:
    """(whether it is this process's turn to look, when the last message was written)

    rest  seconds between two looks, whichever process takes them
    """
    tx.run("INSERT INTO notice_receiver (name, looked_at) VALUES (:n, 0) ON CONFLICT (name) DO NOTHING", n=receiver)
    text = "UPDATE notice_receiver SET looked_at = :now WHERE name = :n AND looked_at <= :before"
    if not tx.touched(text, now=now, n=receiver, before=now - rest):
        return False, None
    row = tx.one("SELECT told_at FROM notice_receiver WHERE name = :n", n=receiver)
    return True, row[0] if row else None


def told(tx: Tx, receiver: str, now: float) -> None:
    tx.run("UPDATE notice_receiver SET told_at = :now WHERE name = :n", now=now, n=receiver)


def known(tx: Tx, receiver: str) -> dict[str, tuple[float, float | None, float | None]]:
    """Matter → (since, told at, gone at)"""
    rows = tx.all("SELECT matter, since, told_at, gone_at FROM notice WHERE receiver = :n", n=receiver)
    return {r[0]: (r[1], r[2], r[3]) for r in rows}


def save(tx: Tx, receiver: str, rows: Mapping[str, tuple[float, float | None, float | None]]) -> None:
    tx.run("DELETE FROM notice WHERE receiver = :n", n=receiver)
    tx.many(
        "INSERT INTO notice (receiver, matter, since, told_at, gone_at) VALUES (?, ?, ?, ?, ?)",
        [(receiver, matter, *row) for matter, row in sorted(rows.items())],
    )


def forget_others(tx: Tx, receivers: Sequence[str]) -> None:
    """Receivers that are configured no more."""
    for table, column in (("notice", "receiver"), ("notice_receiver", "name"), ("notice_out", "receiver")):
        tx.run(f"DELETE FROM {table} WHERE {column} NOT IN :*names", names=list(receivers))


def add(tx: Tx, message_id: str, receiver: str, body: str, now: float) -> None:
    tx.run(
        "INSERT INTO notice_out (id, receiver, body, at, attempts, next_at) VALUES (:i, :r, :b, :now, 0, :now)",
        i=message_id,
        r=receiver,
        b=body,
        now=now,
    )


def due(tx: Tx, now: float) -> list[Message]:
    rows = tx.all(
        "SELECT id, receiver, body, at, attempts, error FROM notice_out WHERE next_at <= :now ORDER BY at, id LIMIT 20",
        now=now,
    )
    return [Message(*row) for row in rows]


def claim(tx: Tx, message_id: str, now: float, until: float) -> bool:
    """An attempt begins. False: another process makes it."""
    text = "UPDATE notice_out SET attempts = attempts + 1, next_at = :u WHERE id = :i AND next_at <= :now"
    return tx.touched(text, u=until, i=message_id, now=now) > 0


def put_off(tx: Tx, message_id: str, next_at: float, error: str) -> None:
    tx.run("UPDATE notice_out SET next_at = :x, error = :e WHERE id = :i", x=next_at, e=error, i=message_id)


def done(tx: Tx, message_id: str) -> None:
    tx.run("DELETE FROM notice_out WHERE id = :i", i=message_id)


def waiting(tx: Tx) -> dict[str, tuple[int, float]]:
    """Receiver → (messages that wait for its webhook, since when the oldest does)"""
    return {
        r[0]: (int(r[1]), r[2]) for r in tx.all("SELECT receiver, count(*), min(at) FROM notice_out GROUP BY receiver")
    }


def conflicts(tx: Tx, now: float) -> dict[str, tuple[int, int]]:
    """Connection → conflicts within the last hour, and within the last week."""
    rows = tx.all(
        "SELECT connection, sum(CASE WHEN at >= :hour THEN 1 ELSE 0 END), count(*) FROM conflict WHERE at >= :week"
        " GROUP BY connection",
        hour=now - HOUR,
        week=now - WEEK,
    )
    return {r[0]: (int(r[1]), int(r[2])) for r in rows}
