"""What people sent back from what is set aside: taken in again from its original or as it is meant, written again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from hub.model import Item, Record, Unreadable
from hub.store import amended, intents, parked, queue
from hub.store import links as db
from hub.store.db import Tx, loads
from hub.store.parked import Returned
from hub.sync.engine import Hub, Run
from hub.sync.gave_way import there
from hub.sync.intake import save_page
from hub.sync.lines import mark_of, read_raw
from hub.sync.reading import read_page

WRITTEN = ("write", "unknown")


def retry_parked(hub: Hub, run: Run, stop: Callable[[], bool], *, pieces: bool = False) -> None:
    """Page by page, each once: what still cannot be taken waits again.

    pieces  only those whose text was put right: the rest is for a run that also reads and writes
    """
    above = 0
    while not stop():
        with hub.store.glance() as tx:
            rows = parked.to_retry(tx, run.name, above)
            meant = _put_right(tx, run, rows)
        if not rows:
            return
        if not pieces:
            _send_again(hub, run, [row for row in rows if row.number not in meant])
        records = [] if pieces else [_from_original(row.original) for row in rows if row.stage == "map"]
        _take_again(hub, run, records, meant)
        above = rows[-1].number


def _put_right(tx: Tx, run: Run, rows: Sequence[Returned]) -> dict[int, Unreadable]:
    """Of pieces whose text a person has put right: number of its row → the piece as it came."""
    pieces = {}
    for row in rows:
        raw = read_raw(row.raw) if row.stage == "read" else None
        if raw is not None and run.route.can.reread:
            pieces[row.number] = Unreadable(row.external_id, "", row.original, raw=raw)
    if not pieces:
        return {}
    marks = {number: mark_of(item.raw) for number, item in pieces.items() if item.raw is not None}
    waiting = {(each.mark, each.place) for each in amended.by_marks(tx, run.name, marks.values())}
    return {number: item for number, item in pieces.items() if (marks[number], item.where) in waiting}


def _send_again(hub: Hub, run: Run, rows: Sequence[Returned]) -> None:
    with hub.store.write(run.fence) as tx:
        parked.mark(tx, [row.number for row in rows], "open")
        _write_again(hub, run, tx, rows)
        # "read": everything is listed again, and what still cannot be read is parked anew
        parked.mark(tx, [row.number for row in rows if row.stage in (*WRITTEN, "read")], "resolved")


def _take_again(hub: Hub, run: Run, came: Sequence[Record], meant: dict[int, Unreadable]) -> None:
    records = {record.id: record for record in came}
    if run.route.can.read and records:
        records.update(there(run.connector.read(sorted(records))))
    items: list[Item] = [*records.values(), *meant.values()]
    if not items:
        return
    reading = read_page(hub, run, items)
    reading.total, reading.brought = 0, []  # it is the hub that brings them, and no listing
    reading.served = [replace(each, run_id=None) for each in reading.served]
    served = {each.place for each in reading.served}
    reading.parked = [each for each in reading.parked if each.stage != "read" or each.raw is None]
    unserved = [number for number, item in meant.items() if item.where not in served]
    save_page(hub, run, reading, also=(lambda tx: parked.mark(tx, unserved, "open")) if unserved else None)


def _write_again(hub: Hub, run: Run, tx: Tx, rows: Sequence[Returned]) -> None:
    again = [row.external_id for row in rows if row.stage in WRITTEN]
    links = db.links_of(tx, run.name, again)
    golden = {x.golden_id for x in links.values()}
    golden |= {x.removeprefix("golden:") for x in again if x.startswith("golden:")}
    homes = {home for g in golden if (home := db.resolve_golden(tx, g))}
    for row in rows:
        if row.stage == "unknown" and (home := db.resolve_golden(tx, row.external_id.removeprefix("golden:"))):
            intents.close_creates(tx, run.name, home)  # a person has seen that it is not there
    refused = {row.external_id for row in rows if row.stage == "write" and '"status":"denied"' in row.original}
    owed = {home for x in links.values() if x.external_id in refused and (home := db.resolve_golden(tx, x.golden_id))}
    queue.enqueue(tx, sorted((run.name, g) for g in homes), hub.clock(), run.id, optouts=owed)


def _from_original(text: str) -> Record:
    state = loads(text)
    if state["changed_at"]:
        state["changed_at"] = datetime.fromisoformat(state["changed_at"])
    return Record(**state)
