"""Golden records of a first load: made of what waits on the stage, page by page.

The same as `hub.sync.clusters` makes of records that are new and alone in the world, without what only a later change
needs: the golden record and the links of before, pins, merges, echoes. A test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

from hub.dedupe import consent
from hub.dedupe.latest import is_usual, latest
from hub.dedupe.survive import survive
from hub.model import Fields, LinkState, Source
from hub.store import changes, queue
from hub.store import interactions as spoken
from hub.store import links as db
from hub.store.db import Tx, dumps, loads
from hub.store.links import GoldenRow, RecordRow
from hub.sync.engine import Hub, Route
from hub.sync.link import Link, date_consents, iso
from hub.sync.staged import Staged


class Newcomer(NamedTuple):
    """A record with the number it has from now on."""

    number: int
    connection: str
    external_id: str
    staged: Staged


Group = Sequence[Newcomer]
"""The records of one golden record, in the order of their numbers."""


@dataclass(slots=True)
class _Rows:
    goldens: list[GoldenRow] = field(default_factory=list)
    records: list[RecordRow] = field(default_factory=list)
    changes: list[changes.Change] = field(default_factory=list)
    queued: list[tuple[str, str]] = field(default_factory=list)
    optouts: set[str] = field(default_factory=set)


def save_groups(hub: Hub, tx: Tx, run_id: str, groups: Sequence[Group], now: float) -> None:
    """A golden record for each group, with its records, its history, and what the systems lack of it queued."""
    rows, routes = _Rows(), hub.targets()
    heard = _heard(tx, groups, now)
    usual = is_usual(hub.rules) and not heard
    for place, group in enumerate(groups):
        said = heard[place] if heard else ()
        if usual and not any(newcomer.staged.consents for newcomer in group):
            fields = latest([(_changed(n, now), n[1:3], loads(n.staged.fields)) for n in group])
            texts = [newcomer.staged.fields for newcomer in group]
        else:
            claims = [_source(newcomer, now) for newcomer in group]
            fields = survive([*claims, *said], hub.rules).fields
            texts = [
                dumps(c.fields) if n.staged.consents else n.staged.fields for n, c in zip(group, claims, strict=True)
            ]
        golden_id = hub.new_id("g")
        rows.goldens.append(GoldenRow(golden_id, "live", 1, fields, now))
        told = min(newcomer.connection for newcomer in group)
        rows.changes.append(changes.Change(golden_id, now, "created", told, None))
        rows.records += [_row(n, text, golden_id, run_id, now) for n, text in zip(group, texts, strict=True)]
        if routes:
            _queue(rows, routes, golden_id, group, said, fields)
    _write(tx, rows, run_id, now)


def _changed(newcomer: Newcomer, now: float) -> float:
    changed = newcomer.staged.changed
    return now if changed is None else changed


def _source(newcomer: Newcomer, now: float) -> Source:
    _, connection, external_id, staged = newcomer
    fields: Fields = loads(staged.fields)
    if staged.consents:
        fields = date_consents(Link(connection, external_id, state=LinkState(staged.state)), fields, iso(now))
    return Source((connection, external_id), fields, _changed(newcomer, now))


def _heard(tx: Tx, groups: Sequence[Group], now: float) -> list[list[Source]]:
    """For each group what interactions said of its contact points; nothing at all where none did."""
    if not spoken.is_said(tx):
        return []
    sources = [[_source(newcomer, now) for newcomer in group] for group in groups]
    points = [spoken.points_of([Link(*s.ref, fields=dict(s.fields)) for s in group]) for group in sources]
    found = spoken.read_statements(tx, {point for some in points for point in some})
    return [spoken.sources_of(found, some) for some in points]


def _row(newcomer: Newcomer, fields: str, golden_id: str, run_id: str, now: float) -> RecordRow:
    number, connection, external_id, staged = newcomer
    return (
        number,
        connection,
        external_id,
        golden_id,
        staged.state,
        staged.mark,
        staged.version,
        _changed(newcomer, now),
        fields,
        dumps({"odd": staged.odd}) if staged.odd else None,
        run_id,
        staged.features,
    )


def _queue(
    rows: _Rows, routes: Sequence[Route], golden_id: str, group: Group, heard: Sequence[Source], fields: Fields
) -> None:
    """Connections that may lack something: says yes in doubt, the push looks closely."""
    there = {newcomer.connection for newcomer in group}
    mixed = len(group) > 1 or bool(heard)
    for route in routes:
        if mixed if route.name in there else route.wants(fields):
            rows.queued.append((route.name, golden_id))
    if consent.stricter({}, fields):
        rows.optouts.add(golden_id)


def _write(tx: Tx, rows: _Rows, run_id: str, now: float) -> None:
    db.insert_goldens(tx, rows.goldens, now)
    # by key, since those of a page fall all over their index: each of its blocks is then touched once
    db.insert_records(tx, sorted(rows.records, key=itemgetter(1, 2)))
    changes.log(tx, rows.changes, run_id)
    queue.enqueue(tx, sorted(rows.queued), now, run_id, optouts=rows.optouts)
