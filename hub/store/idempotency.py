"""Keys of requests that create something, with the answers they had. An answer holds ids, no personal data."""

from __future__ import annotations

from dataclasses import dataclass

from hub.store.db import Tx

KEPT_SECONDS = 30 * 86_400.0
GIVEN_UP_SECONDS = 60.0  # a request without an answer for so long was cut off: it may be done again


@dataclass(frozen=True, slots=True)
class Before:
    """The request that came with this key. sent: hash of its content; answer: None while it is under way"""

    sent: bytes
    answer: str | None


def begin(tx: Tx, actor: str, key: str, sent: bytes, now: float) -> Before | None:
    """None: this is the first request with this key, and it is under way now."""
    row = tx.one("SELECT sent, answer, at FROM idempotency WHERE actor = :a AND key = :k", a=actor, k=key)
    if row is not None:
        same = bytes(row[0]) == sent
        cut_off = row[1] is None and row[2] < now - GIVEN_UP_SECONDS and same
        if row[2] >= now - KEPT_SECONDS and not cut_off:
            return Before(bytes(row[0]), row[1])
        forget(tx, actor, key)
    tx.run("INSERT INTO idempotency (actor, key, sent, at) VALUES (:a, :k, :s, :t)", a=actor, k=key, s=sent, t=now)
    return None


def end(tx: Tx, actor: str, key: str, answer: str) -> None:
    tx.run("UPDATE idempotency SET answer = :t WHERE actor = :a AND key = :k", t=answer, a=actor, k=key)


def forget(tx: Tx, actor: str, key: str) -> None:
    tx.run("DELETE FROM idempotency WHERE actor = :a AND key = :k", a=actor, k=key)


def prune(tx: Tx, now: float) -> int:
    """Forget keys that are old; how many."""
    return tx.touched("DELETE FROM idempotency WHERE at < :t", t=now - KEPT_SECONDS)
