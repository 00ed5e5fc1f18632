"""Is a connection fit for use: reachable, allowed, able, and mapped? Nothing is written anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from hub.config import HubConfig, connection_config, connection_mapping
from hub.connectors.contract import Can, Connector, Inbox
from hub.errors import ConfigError, HubError, RecordError
from hub.mapping.apply import ContactMapping
from hub.model import Problem, Record, Unreadable
from hub.opening import open_connector


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
                return _with_sample(finding, connector, mapping)
            except ConfigError as err:  # such as a form, whose records are in a store that is not open
                return replace(finding, warnings=(*finding.warnings, f"no sample: {err}"))
    except HubError as err:
        return replace(finding, error=str(err))


def _with_sample(finding: Finding, connector: Connector, mapping: ContactMapping) -> Finding:
    """The first record of the listing, and what of the first page could not be read."""
    items: tuple[Any, ...] = ()
    with closing(connector.pull(None)) as pages:  # type: ignore[type-var] # connectors write generators
        for page in pages:
            items = page.items
            if items:
                break
    unreadable = tuple(f"{item.where}: {item.reason}" for item in items if isinstance(item, Unreadable))
    record = next((item for item in items if isinstance(item, Record)), None)
    if record is None:
        return replace(finding, problems=unreadable)
    try:
        mapping.inward(record)
        rows = tuple(_row(*line) for line in mapping.explain(record))
    except RecordError as err:
        return replace(finding, problems=(*unreadable, f"the first record would be set aside: {err}"))
    lost = tuple(f"{row.path} → {row.key}: {row.problem}" for row in rows if row.problem)
    return replace(
        finding, problems=(*unreadable, *lost), sample=rows, unmapped=tuple(mapping.unmapped(record))
    )


def _row(path: str, before: Any, key: str, after: Any) -> SampleRow:
    if isinstance(after, Problem):
        return SampleRow(path, before, key, None, after.reason)
    return SampleRow(path, before, key, after)
