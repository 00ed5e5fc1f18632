"""Everything, for an export: read in parts by key, whatever the number of contacts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hub.store.contacts import PART, GoldenHead, by_pattern, head_of
from hub.store.db import Tx
from hub.sync.link import HOLDING

_HELD = sorted(map(str, HOLDING))


def count_records(tx: Tx, *, gone: bool = False) -> int:
    where = "" if gone else " WHERE state IN :*states"
    row = tx.one(f"SELECT count(*) FROM record{where}", **({} if gone else {"states": _HELD}))
    return int(row[0]) if row else 0


def crosswalk(tx: Tx, *, gone: bool = False) -> Iterator[tuple[str, str, str]]:
    """(connection, external id, golden id) of every source record there is; gone: and of those that were."""
    where = "" if gone else " AND state IN :*states"
    params: dict[str, Any] = {} if gone else {"states": _HELD}
    last = 0
    while True:
        rows = tx.all(
            f"SELECT id, connection, external_id, golden_id FROM record WHERE id > :last{where} ORDER BY id LIMIT :n",
            last=last,
            n=PART,
            **params,
        )
        yield from ((r[1], r[2], r[3]) for r in rows)
        if len(rows) < PART:
            return
        last = rows[-1][0]


def count_goldens(tx: Tx) -> int:
    row = tx.one("SELECT count(*) FROM golden WHERE state IN ('live', 'archived')")
    return int(row[0]) if row else 0


def goldens_with_records(tx: Tx) -> Iterator[tuple[GoldenHead, list[tuple[str, str]]]]:
    """Every golden record that stands, with its source records."""
    last = ""
    while True:
        rows = tx.all(
            "SELECT id, state, version, fields, created_at, updated_at FROM golden"
            " WHERE id > :last AND state IN ('live', 'archived') ORDER BY id LIMIT :n",
            last=last,
            n=PART,
        )
        records = _records_of(tx, [r[0] for r in rows])
        for r in rows:
            yield head_of(r), records.get(r[0], [])
        if len(rows) < PART:
            return
        last = rows[-1][0]


def _records_of(tx: Tx, golden_ids: list[str]) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for golden_id, connection, external_id in tx.all(
        "SELECT golden_id, connection, external_id FROM record WHERE golden_id IN :*ids AND state IN :*states"
        " ORDER BY id",
        ids=golden_ids,
        states=_HELD,
    ):
        found.setdefault(golden_id, []).append((connection, external_id))
    return found


def custom_fields(tx: Tx) -> list[str]:
    """Every `custom.…` field that any golden record has."""
    found: set[str] = set()
    for _, fields in by_pattern(tx, ['%"custom.%']):
        found.update(key for key in fields if key.startswith("custom."))
    return sorted(found)
