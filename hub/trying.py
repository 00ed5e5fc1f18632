"""A connection tried out: checked, some records read and mapped, and a write made up to the point where it leaves.

Nothing is written anywhere: the request of the write is kept and never sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any

from hub.checking import Finding, SampleRow, check_connection, sample_rows
from hub.config import HubConfig, connection_mapping
from hub.connectors.contract import Connector
from hub.connectors.rehearsal import Rehearsal
from hub.errors import HubError, RecordError
from hub.mapping.apply import ContactMapping
from hub.model import Op, Record, Unreadable, Write
from hub.opening import open_connector

KEY = "hub:trial"


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A write that was not made. Personal data.

    fields  what it would set, as the system names them
    request the method and address that would have been asked, and what would have been sent; None where the
            connection does not speak HTTP
    why     why it would not have been sent at all
    """

    op: Op
    fields: Mapping[str, Any]
    request: tuple[str, Any] | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """What was found. Personal data, but for `finding` and `set_aside`."""

    finding: Finding
    read: int = 0
    set_aside: tuple[str, ...] = ()
    samples: tuple[tuple[SampleRow, ...], ...] = ()
    writes: tuple[Rehearsed, ...] = ()


def try_connection(
    config: HubConfig, name: str, count: int, *, types: Mapping[str, type[Connector]] | None = None
) -> Trial:
    """ConfigError when there is no such connection; errors of the system are part of the answer."""
    finding = check_connection(config, name, types=types)
    if finding.error is not None:
        return Trial(finding)
    mapping = connection_mapping(config, name, types)
    rehearsal = Rehearsal()
    with open_connector(config, name, through=rehearsal.through, types=types) as connector:
        items = _first(connector, count)
        records = [item for item in items if isinstance(item, Record)]
        aside = tuple(f"{item.where}: {item.reason}" for item in items if isinstance(item, Unreadable))
        samples = tuple(rows for record in records if (rows := _rows(mapping, record)))
        writes = _rehearsed(connector, mapping, records, rehearsal)
    return Trial(finding, len(records), aside, samples, writes)


def _first(connector: Connector, count: int) -> list[Any]:
    with closing(connector.pull(None)) as pages:  # type: ignore[type-var] # connectors write generators
        return list(islice((item for page in pages for item in page.items), count))


def _rows(mapping: ContactMapping, record: Record) -> tuple[SampleRow, ...]:
    try:
        mapping.inward(record)
    except RecordError:
        return ()
    return sample_rows(mapping, record)


# --- a write that never leaves ----------------------------------------------------------------------


def _rehearsed(
    connector: Connector, mapping: ContactMapping, records: list[Record], rehearsal: Rehearsal
) -> tuple[Rehearsed, ...]:
    able = {Op.UPDATE: connector.can.update, Op.CREATE: connector.can.create}
    if not records or not mapping.outward:
        return ()
    return tuple(_rehearse(connector, mapping, records[0], op, rehearsal) for op, can in able.items() if can)


def _rehearse(connector: Connector, mapping: ContactMapping, record: Record, op: Op, rehearsal: Rehearsal) -> Rehearsed:
    try:
        fields = mapping.inward(record).fields
        wanted = mapping.project(fields, fields if op is Op.UPDATE else {}, creating=op is Op.CREATE)
        sent = mapping.payload(wanted, [key for key in wanted if mapping.covers(key)])
    except RecordError as error:
        return Rehearsed(op, {}, why=str(error))
    if not rehearsal.used:
        return Rehearsed(op, sent)
    known = op is Op.UPDATE
    write = Write(op, KEY, record.id if known else None, sent, record.version if known else None)
    with rehearsal.armed():
        try:
            [outcome] = connector.write([write])
            why = getattr(outcome, "reason", type(outcome).__name__.lower())
        except HubError as error:
            why = str(error)
    return Rehearsed(op, sent, rehearsal.kept, None if rehearsal.kept else why)


__all__ = ["Rehearsed", "Trial", "try_connection"]
