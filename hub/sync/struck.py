"""Rows of a hold that are of somebody who was erased between the reading they came from and their writing.

A hold is written after the step that it stopped was taken back, so an erasure can come in between; it has emptied only
the rows that were there. These are emptied in the transaction that writes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hub.model import Fields
from hub.store import links
from hub.store.db import Tx, loads
from hub.store.erasures import known_marker
from hub.sync.engine import golden_key
from hub.sync.held_rows import Row, records_of
from hub.sync.withhold import Coming, each_withheld, identity_of

EMPTY: Mapping[str, Any] = {
    "subject": "erased",
    "detail": "{}",
    "golden_id": None,
    "mark": None,
    "verdict": "overtaken",
}
"""As an erasure leaves the rows that it finds (`hub.store.holdings`)."""


def strike(tx: Tx, rows: Sequence[Row]) -> list[Row]:
    """The rows of a hold, those of erased people emptied. Mostly nobody ever was, and nothing more is asked."""
    if known_marker(tx) is None:
        return list(rows)
    there = links.goldens(tx, {row["golden_id"] for row in rows if row.get("golden_id")}).keys()
    struck: set[int] = set()
    for connection in sorted({row["connection"] for row in rows}):
        theirs = [number for number, row in enumerate(rows) if row["connection"] == connection]
        struck.update(_struck(tx, connection, {number: rows[number] for number in theirs}, there))
    return [{**row, **EMPTY} if number in struck else row for number, row in enumerate(rows)]


def _struck(tx: Tx, connection: str, rows: Mapping[int, Row], there: Iterable[str]) -> Iterator[int]:
    """Who is still there is somebody else, so a row of theirs goes only where a record of the erased one is in it."""
    coming = [(number, each) for number, row in rows.items() for each in _coming(row)]
    by_any = each_withheld(tx, connection, [each for _, each in coming])
    by_record = each_withheld(tx, connection, [Coming(each.external_id) for _, each in coming])
    goldens = set(there)
    for (number, _), out, record in zip(coming, by_any, by_record, strict=True):
        if out and (record or rows[number].get("golden_id") not in goldens):
            yield number


def _coming(row: Row) -> Iterator[Coming]:
    who = identity_of(_fields(row))
    golden_id = row.get("golden_id")
    for external_id in records_of(row.get("mark")) or row["subject"].split(", "):
        yield Coming(external_id, who, golden_key(golden_id) if golden_id else None)


def _fields(row: Row) -> Fields:
    """As they would be; of what would be taken away, as they were."""
    changes = loads(row["detail"]).get("fields") or {}
    return {key: old if new is None else new for key, (old, new) in changes.items()}
