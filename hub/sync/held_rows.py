"""The rows of a hold: what would be done, one decision a row, old and new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hub.model import Fields
from hub.readable import name_of
from hub.store import links as db
from hub.store import queue
from hub.store.changes import TELLING
from hub.store.db import Tx, dumps, loads
from hub.sync.engine import Hub, Route
from hub.sync.lacks import first_fields
from hub.sync.link import HOLDING, Link

MOST_HELD = 1_000  # rows kept of a hold; all are counted
MOST_LINES = 20_000  # of history that a page can have written
BATCH = 200  # golden records described together
Row = dict[str, Any]
"""A row of `plan_row`: connection, op, subject, detail (JSON), golden_id, mark."""


def held_row(connection: str, op: str, subject: str, golden_id: str, name: str, changes: Mapping[str, Any]) -> Row:
    detail = dumps({"name": name, "golden_id": golden_id, "fields": dict(changes)})
    return {"connection": connection, "op": op, "subject": subject, "detail": detail, "golden_id": golden_id}


def of_missing(links: Iterable[Link], op: str) -> list[Row]:
    """Records that are not there any more. The mark is what the hub last read of each."""
    rows = []
    for link in sorted(links, key=lambda link: link.id):  # in the same order on every database
        changes = {key: [value, None] for key, value in sorted(link.fields.items())}
        row = held_row(link.connection, op, link.external_id, link.golden_id, name_of(link.fields), changes)
        rows.append({**row, "mark": mark_of_link(link)})
    return rows


def mark_of_link(link: Link) -> str:
    return f"{link.state} {link.version or ''} {link.fingerprint.hex() if link.fingerprint else ''}"


def of_queue(tx: Tx, route: Route, op: str, golden_ids: Sequence[str]) -> list[Row]:
    """Writes that wait: create, or delete and archive. The mark is the version of the golden record."""
    rows: list[Row] = []
    for start in range(0, len(golden_ids), BATCH):
        some = golden_ids[start : start + BATCH]
        goldens, members = db.goldens(tx, some), db.members(tx, some)
        for golden_id in some:
            golden = goldens.get(golden_id)
            if golden is not None:
                there = [m for m in members[golden_id] if m.connection == route.name and m.state in HOLDING]
                rows.append(_of_write(route, op, golden, there))
    return rows


def _of_write(route: Route, op: str, golden: db.GoldenRow, there: Sequence[Link]) -> Row:
    if op == "create":
        changes: dict[str, Any] = {k: [None, v] for k, v in sorted(first_fields(route, golden.fields).items())}
        subject = "new record"
    else:
        held: Fields = there[0].fields if there else golden.fields
        changes = {key: [value, None] for key, value in sorted(held.items())}
        subject = ", ".join(link.external_id for link in there) or golden.id
    row = held_row(route.name, op, subject, golden.id, name_of(golden.fields), changes)
    return {**row, "mark": str(golden.version)}


def of_page(tx: Tx, connection: str, run_id: str, now: float, marks: Mapping[str, str]) -> list[Row]:
    """What the page in this transaction would change, from the history that it has written at `now`.

    marks  external id → mark, of the records that it would take in
    """
    rows: list[Row] = []
    last = tx.one("SELECT max(id) FROM change")
    lines = tx.all(
        "SELECT golden_id, kind, detail FROM change WHERE id > :s AND run_id = :r AND at = :now"
        " AND NOT kind IN :*telling ORDER BY id LIMIT :n",
        telling=list(TELLING),
        r=run_id,
        s=(last[0] or 0) - MOST_LINES if last else 0,
        now=now,
        n=MOST_LINES,
    )
    told: set[str] = set()
    for start in range(0, len(lines), BATCH):
        some = lines[start : start + BATCH]
        ids = {line[0] for line in some}
        goldens, members = db.goldens(tx, ids), db.members(tx, ids)
        for golden_id, kind, detail in some:
            golden = goldens.get(golden_id)
            fields: Fields = golden.fields if golden else {}
            mine = [m.external_id for m in members[golden_id] if m.connection == connection]
            changes = loads(detail) if detail else {key: [None, value] for key, value in fields.items()}
            subject = ", ".join(mine[:5]) or golden_id
            row = held_row(connection, kind, subject, golden_id, name_of(fields), changes)
            records = {i: marks[i] for i in mine if i in marks}
            if records and golden_id not in told:
                told.add(golden_id)
                row["mark"] = mark_of_intake(
                    None if kind == "created" or golden is None else golden.version - 1, records
                )
            rows.append(row)
    return rows


def mark_of_intake(version: int | None, records: Mapping[str, str]) -> str:
    """version: of the golden record that it changes, None: it would make one; records: external id → fingerprint"""
    return dumps({"version": version, "records": dict(records)})


def records_of(mark: str | None) -> dict[str, str]:
    """External id → fingerprint of the records that a row of what is read stands for."""
    said = loads(mark) if mark and mark.startswith("{") else {}
    return dict(said.get("records", {}))


def waiting(hub: Hub, tx: Tx, connection: str, name: str) -> list[Row]:
    """Rows of a hold of writes: name is creates or deletes."""
    op = "create" if name == "creates" else "delete"
    ids = queue.waiting_writes(tx, connection, op, MOST_HELD)
    return of_queue(tx, hub.routes[connection], op, ids)
