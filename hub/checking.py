"""Is a connection fit for use: reachable, allowed, able, and mapped? Nothing is written anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from hub.config import HubConfig, connection_config, connection_mapping
from hub.connectors.contract import Can, Connector, Inbox
from hub.errors import ConfigError, HubError, RecordError
from hub.mapping.apply import ContactMapping
from hub.mapping.flat import SINGULAR
from hub.mapping.paths import parse_path
from hub.model import Problem, Record, Unreadable
from hub.opening import open_connector

OTHERS = {a: b for pair in SINGULAR.items() for a, b in (pair, pair[::-1])}
"""Of two columns that map by name to one field, the other."""


@dataclass(frozen=True, slots=True)
class SampleRow:
    """One value of the sample record before and after mapping: personal data.

    problem  why it could not be mapped; `after` is None then
    """

    path: str
    before: Any
    key: str
    after: Any
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    error       why the connection cannot be used; None: it can
    problems    what is set aside or left out when it is used
    unmapped    source fields that no row of the mapping reads
    """

    name: str
    type: str
    system: str = ""
    can: Can | None = None
    records: int | None = None
    lines: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    error: str | None = None
    sample: tuple[SampleRow, ...] = ()
    unmapped: tuple[str, ...] = ()


def check_connection(
    config: HubConfig,
    name: str,
    inbox: Inbox | None = None,
    *,
    types: Mapping[str, type[Connector]] | None = None,
) -> Finding:
    """Errors of the connection are part of the answer; ConfigError only when there is no such connection."""
    finding = Finding(name, connection_config(config, name).type)
    try:
        mapping = connection_mapping(config, name, types)
        with open_connector(config, name, inbox, types=types) as connector:
            report = connector.check()
            finding = replace(
                finding,
                system=report.system,
                can=connector.can,
                records=report.records,
                lines=report.lines,
                warnings=report.warnings,
            )
            try:
                return _with_sample(finding, connector, mapping, _placeless(config, name, mapping, connector.can))
            except ConfigError as err:  # such as a form, whose records are in a store that is not open
                return replace(finding, warnings=(*finding.warnings, f"no sample: {err}"))
    except HubError as err:
        return replace(finding, error=str(err))


def _placeless(config: HubConfig, name: str, mapping: ContactMapping, can: Can) -> Callable[[Record], tuple[str, ...]]:
    """A warning about fields that are left out of every write, since columns go by name and theirs is not there."""
    connection = config.connections[name]
    if not connection.push or not (can.create or can.update):
        return lambda _: ()

    def warn(record: Record) -> tuple[str, ...]:
        there = record.fields.keys()
        lost = [c for c in mapping.written_by_name() if c not in there and OTHERS.get(c, c) not in there]
        if not lost:
            return ()
        return (
            f"written to by the names of columns: what would go to {', '.join(lost)} is left out, since it has no "
            "such column. Map them if they have other names, or set `push: false`",
        )

    return warn


def _with_sample(
    finding: Finding,
    connector: Connector,
    mapping: ContactMapping,
    placeless: Callable[[Record], tuple[str, ...]],
) -> Finding:
    """The first record of the listing, and what of the first page could not be read."""
    items: tuple[Any, ...] = ()
    with closing(connector.pull(None)) as pages:  # type: ignore[type-var] # connectors write generators
        for page in pages:
            items = page.items
            if items:
                break
    unreadable = tuple(f"{item.where}: {item.reason}" for item in items if isinstance(item, Unreadable))
    records = [item for item in items if isinstance(item, Record)]
    if not records:
        return replace(finding, problems=unreadable)
    record = records[0]
    finding = replace(finding, warnings=(*finding.warnings, *_lacking(mapping, records), *placeless(record)))
    try:
        mapping.inward(record)
        rows = sample_rows(mapping, record)
    except RecordError as err:
        return replace(finding, problems=(*unreadable, f"the first record would be set aside: {err}"))
    lost = tuple(f"{row.path} → {row.key}: {row.problem}" for row in rows if row.problem)
    return replace(finding, problems=(*unreadable, *lost), sample=rows, unmapped=tuple(mapping.unmapped(record)))


def sample_rows(mapping: ContactMapping, record: Record) -> tuple[SampleRow, ...]:
    return tuple(_row(*line) for line in mapping.explain(record))


def _lacking(mapping: ContactMapping, records: Sequence[Record]) -> Iterator[str]:
    """A warning about columns of the mapping that no record of the page has: lost, renamed or misspelled."""
    absent = mapping.absent(records[0])
    for record in records[1:]:
        if not absent:
            return
        here = set(mapping.absent(record))
        absent = [path for path in absent if path in here]
    if absent:
        names = list(dict.fromkeys(name for record in records for name in record.fields))
        said = "; ".join(path + _meant(path, names) for path in absent)
        yield f"the mapping names columns that the record does not have: {said}"


def _meant(path: str, names: Sequence[str]) -> str:
    """The column that comes next to the one of the path, if that column is not there."""
    head = parse_path(path).head
    if head in names:
        return ""
    folded = {name.casefold(): name for name in names}
    close = get_close_matches(head.casefold(), folded, 1)
    return f", did you mean {folded[close[0]]}?" if close else ""


def _row(path: str, before: Any, key: str, after: Any) -> SampleRow:
    if isinstance(after, Problem):
        return SampleRow(path, before, key, None, after.reason)
    return SampleRow(path, before, key, after)
