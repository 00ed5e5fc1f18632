"""Mails that are to be sent: kept until a server has taken them, then without what they said and to whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub.store.db import Tx

KEPT_SECONDS = 30 * 86_400.0  # a row without its text, so that it can be looked up whether a mail went out
_COLUMNS = "id, purpose, recipient, subject, text, html, message_id, at, until, next_at, attempts, state, error"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mail and how far it is.

    message_id  the same at every attempt, so that a mail that comes twice is known for the same
    until       epoch seconds; after that it is not worth sending any more
    attempts    that were begun
    state       waiting | sent | failed
    error       of the last attempt, without anything of the mail
    """

    number: int
    purpose: str
    recipient: str
    subject: str
    text: str
    html: str | None
    message_id: str
    at: float
    until: float | None
    next_at: float
    attempts: int
    state: str
    error: str | None


def add(
    tx: Tx,
    purpose: str,
    content: tuple[str, str, str, str | None],
    message_id: str,
    at: float,
    until: float | None,
) -> None:
    """content: recipient, subject, text, html"""
    recipient, subject, text, html = content
    tx.run(
        "INSERT INTO mail_out (purpose, recipient, subject, text, html, message_id, at, until, next_at, attempts,"
        " state) VALUES (:p, :r, :s, :t, :h, :m, :at, :u, :at, 0, 'waiting')",
        p=purpose,
        r=recipient,
        s=subject,
        t=text,
        h=html,
        m=message_id,
        at=at,
        u=until,
    )


def due(tx: Tx, now: float, limit: int) -> list[Waiting]:
    """The oldest first."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM mail_out WHERE state = 'waiting' AND next_at <= :now ORDER BY next_at, id LIMIT :n",
        now=now,
        n=limit,
    )
    return [Waiting(*row) for row in rows]


def claim(tx: Tx, numbers: Sequence[int], next_at: float) -> None:
    """An attempt begins: whoever dies in it leaves the mail to be sent again then."""
    tx.run(
        "UPDATE mail_out SET attempts = attempts + 1, next_at = :x WHERE id IN :*ids",
        x=next_at,
        ids=list(numbers),
    )


def release(tx: Tx, numbers: Sequence[int], now: float) -> None:
    """Claimed, and not begun after all."""
    tx.run("UPDATE mail_out SET attempts = attempts - 1, next_at = :x WHERE id IN :*ids", x=now, ids=list(numbers))


def put_off(tx: Tx, number: int, next_at: float, error: str) -> None:
    tx.run("UPDATE mail_out SET next_at = :x, error = :e WHERE id = :n", x=next_at, e=error, n=number)


def finish(tx: Tx, number: int, state: str, now: float, error: str | None = None) -> None:
    """sent or failed: what it said and to whom is forgotten."""
    tx.run(
        "UPDATE mail_out SET state = :s, error = :e, next_at = :now, recipient = '', subject = '', text = '',"
        " html = NULL WHERE id = :n",
        s=state,
        e=error,
        now=now,
        n=number,
    )


def give_up_waiting(tx: Tx, now: float, error: str) -> int:
    """No mail that waits goes out any more; how many."""
    return tx.touched(
        "UPDATE mail_out SET state = 'failed', error = :e, next_at = :now,"
        " recipient = '', subject = '', text = '', html = NULL WHERE state = 'waiting'",
        e=error,
        now=now,
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """waiting: mails; oldest: when the first of them was written; failed: given up within the last 30 days"""

    waiting: int
    oldest: float | None
    failed: int


def standing(tx: Tx) -> Standing:
    row = tx.one(
        "SELECT sum(CASE WHEN state = 'waiting' THEN 1 ELSE 0 END), min(CASE WHEN state = 'waiting' THEN at END),"
        " sum(CASE WHEN state = 'failed' THEN 1 ELSE 0 END) FROM mail_out WHERE state <> 'sent'"
    )
    return Standing(int(row[0] or 0), row[1], int(row[2] or 0)) if row else Standing(0, None, 0)


def listed(tx: Tx, limit: int) -> list[Waiting]:
    """The newest first."""
    return [Waiting(*row) for row in tx.all(f"SELECT {_COLUMNS} FROM mail_out ORDER BY id DESC LIMIT :n", n=limit)]


def prune(tx: Tx, now: float) -> int:
    return tx.touched(
        "DELETE FROM mail_out WHERE state <> 'waiting' AND next_at < :before",
        before=now - KEPT_SECONDS,
    )
