"""Versions of the matching model. Number 0 is the shipped one and stands in no row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.store.db import Tx, dumps, loads

SHIPPED = 0


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A version. origin: what it was learnt from, and who asked for it, in words"""

    number: int
    at: float
    origin: str
    active: bool


def add(tx: Tx, at: float, origin: str, document: Mapping[str, Any]) -> int:
    """Keep a new version, which nothing uses yet; its number."""
    row = tx.one("SELECT max(number) FROM model")
    number = ((row[0] if row else None) or SHIPPED) + 1
    tx.run(
        "INSERT INTO model (number, at, origin, document, active) VALUES (:n, :at, :origin, :document, 0)",
        n=number,
        at=at,
        origin=origin,
        document=dumps(dict(document)),
    )
    return int(number)


def versions(tx: Tx) -> list[ModelRow]:
    """All that are kept, the newest first."""
    rows = tx.all("SELECT number, at, origin, active FROM model ORDER BY number DESC")
    return [ModelRow(number, at, origin, bool(active)) for number, at, origin, active in rows]


def document(tx: Tx, number: int) -> dict[str, Any] | None:
    row = tx.one("SELECT document FROM model WHERE number = :n", n=number)
    return loads(row[0]) if row else None


def in_use(tx: Tx) -> int:
    """The number of the version that matching uses."""
    row = tx.one("SELECT number FROM model WHERE active = 1")
    return int(row[0]) if row else SHIPPED


def use(tx: Tx, number: int) -> None:
    """Matching uses this version from now on; one that is kept, or `SHIPPED`."""
    tx.run("UPDATE model SET active = CASE WHEN number = :n THEN 1 ELSE 0 END", n=number)
