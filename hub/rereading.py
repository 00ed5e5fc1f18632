"""Pieces of a source that could not be read are read again from a text that a person has put right.

Looked at before it is saved; saved with its row of the audit; then taken in as any other record, under the lease of
its connection. Where that is being run, is paused or waits for a person, the next run takes it in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import blake2b
from time import monotonic
from typing import Any

from hub.checking import SampleRow, sample_rows
from hub.config import HubConfig, connection_mapping
from hub.connectors.contract import Connector
from hub.errors import ConfigError, NotThere, Overtaken, RecordError
from hub.mapping.apply import ContactMapping
from hub.model import Raw, Record, Tombstone, Unreadable
from hub.opening import open_connector
from hub.store import amended, lists, parked
from hub.store import links as db
from hub.store.amended import Amended, Text
from hub.store.db import Store, Tx
from hub.store.lists import ParkedFilter, ParkedRow
from hub.sync.desk import note_parked
from hub.sync.engine import Hub
from hub.sync.line_rules import LineRule
from hub.sync.lines import LONGEST, mark_of, read_raw, spelled
from hub.sync.run import Orders, Result, sync

STAGE = "read"
SHOWN = 20  # pieces of a preview
PAGE = 100  # pieces saved in one transaction; the audit names each of them
MOST = 5_000  # pieces put right by one step
COUNT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Line:
    """A piece that a person may put right. Personal data.

    text     as it came, or as it is meant when it was put right before
    made     by whom and how, when it was
    version  of what was looked at: another one when the piece came anew, or somebody else has put it right
    """

    row: ParkedRow
    raw: Raw
    text: str
    made: Amended | None
    version: str


@dataclass(frozen=True, slots=True)
class Reread:
    """What a text would become. Personal data.

    problem  why it would be set aside again; None: it is taken
    is_read  it can be read, and is set aside by the mapping at most
    known    the hub has a record with this key from there already, and not from this piece
    """

    record_id: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[SampleRow, ...] = ()
    problem: str | None = None
    is_read: bool = False
    gone: bool = False
    known: bool = False


@dataclass(frozen=True, slots=True)
class Before:
    """One piece of a preview. after None: the rule changes nothing in it; problem: why it would stay set aside"""

    number: int
    place: str
    text: str
    after: str | None
    problem: str | None
    record_id: str | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a rule would do: of `total` pieces `counted` were tried, `read` would be read, `same` it does not change."""

    total: int
    counted: int
    read: int
    same: int
    shown: tuple[Before, ...]


@dataclass(frozen=True, slots=True)
class Amendment:
    """What was saved. left: pieces that were not come to; unread: those of which the rule makes nothing"""

    numbers: tuple[int, ...]
    connections: tuple[str, ...]
    unread: int = 0
    left: int = 0


class Readers:
    """Connectors and mappings by name, opened when they are needed first. No system is reached."""

    def __init__(self, config: HubConfig) -> None:
        self._config, self._open = config, ExitStack()
        self._found: dict[str, tuple[Connector, ContactMapping] | None] = {}

    def __enter__(self) -> Readers:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def of(self, name: str) -> tuple[Connector, ContactMapping] | None:
        """None: the connection is not there any more, or puts nothing right as text."""
        if name not in self._found:
            self._found[name] = self._made(name) if name in self._config.connections else None
        return self._found[name]

    def _made(self, name: str) -> tuple[Connector, ContactMapping] | None:
        connector = self._open.enter_context(open_connector(self._config, name))
        return (connector, connection_mapping(self._config, name)) if connector.can.reread else None

    def read(self, row: ParkedRow, raw: Raw, text: str) -> Reread:
        found = self.of(row.connection)
        if found is None:
            return Reread(problem="The connection does not read single pieces any more.")
        connector, mapping = found
        item = connector.reread(raw, text, row.external_id)
        if isinstance(item, Unreadable):
            return Reread(problem=item.reason)
        if isinstance(item, Tombstone):
            return Reread(item.id, gone=True, is_read=True)
        if not isinstance(item, Record):
            return Reread(problem="It is no record of a contact.")
        return _mapped(mapping, item)


def _mapped(mapping: ContactMapping, record: Record) -> Reread:
    try:
        found = mapping.inward(record)
    except RecordError as err:
        return Reread(record.id, record.fields, problem=str(err), is_read=True)
    said = "; ".join(f"{each.field}: {each.reason}" for each in found.problems) or None
    return Reread(record.id, record.fields, sample_rows(mapping, record), said, is_read=True)


# --- one ---------------------------------------------------------------------------------------------


def line_of(tx: Tx, number: int) -> Line | None:
    """None: there is no such row, or it is none whose text can be put right."""
    found = lists.parked(tx, ParkedFilter(numbers=(number,), states=())).rows
    raw = read_raw(found[0].raw) if found and found[0].stage == STAGE else None
    if raw is None:
        return None
    row, mark = found[0], mark_of(raw)
    made = next((m for m in amended.by_marks(tx, row.connection, [mark]) if m.place == row.external_id), None)
    text = made.text if made is not None else spelled(raw)
    told = f"{row.raw}\0{row.state}\0{'' if made is None else made.text}"
    version = blake2b(told.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return Line(row, raw, text, made, version)


def look(config: HubConfig, store: Store, line: Line, text: str) -> Reread:
    """What would become of it. Nothing is written. ConfigError for a text that cannot be kept."""
    _sound(text)
    with Readers(config) as readers:
        found = readers.read(line.row, line.raw, text)
    if found.record_id is None or (line.made is not None and line.made.external_id == found.record_id):
        return found
    with store.read() as tx:
        known = bool(db.links_of(tx, line.row.connection, [found.record_id]))
    return Reread(found.record_id, found.fields, found.rows, found.problem, found.is_read, found.gone, known)


def put_right(
    config: HubConfig, store: Store, number: int, text: str, person: str, now: float, version: str | None
) -> Amendment:
    """Keep a text in the place of a piece. The next taking in makes a record of it.

    version  of the line that the person has looked at
    NotThere, Overtaken, ConfigError: there is none; it is another one by now; the text cannot be read either.
    """
    _sound(text)
    with Readers(config) as readers, store.write() as tx:
        line = line_of(tx, number)
        if line is None:
            raise NotThere(f"Record {number} is none whose text can be put right, so nothing was changed.")
        if version is not None and version != line.version:
            raise Overtaken(f"{_now(line)} So nothing was changed. Look at it again.")
        if line.row.state not in lists.WAITING and line.made is None:
            raise Overtaken(f"{_now(line)} So nothing was changed.")
        found = readers.read(line.row, line.raw, text)
        if not found.is_read or found.record_id is None:
            raise ConfigError(f"It still cannot be read: {found.problem}. Nothing was changed.")
        _keep(tx, [(line.row, line.raw, text, found.record_id)], person, now)
    return Amendment((number,), (line.row.connection,))


def _now(line: Line) -> str:
    """How it stands, for somebody who looked at something else."""
    if line.made is not None:
        return f"Record {line.row.number} was put right by {line.made.person} meanwhile."
    states = {"resolved": "has come in", "dropped": "was left out"}
    return f"Record {line.row.number} {states.get(line.row.state, 'came again')} meanwhile."


def _sound(text: str) -> None:
    if len(text) > LONGEST:
        raise ConfigError(f"The text is longer than {LONGEST:,} characters, so nothing was changed.")
    if "\x00" in text:
        raise ConfigError("The text holds a NUL, which no contact has, so nothing was changed.")
    if not text.strip():
        raise ConfigError("The text is empty, so nothing was changed. To leave the piece out, say so instead.")


def _keep(tx: Tx, meant: Sequence[tuple[ParkedRow, Raw, str, str]], person: str, now: float) -> None:
    for name in sorted({row.connection for row, *_ in meant}):
        texts = [
            Text(mark_of(raw), row.external_id, text, record_id)
            for row, raw, text, record_id in meant
            if row.connection == name
        ]
        amended.put(tx, name, texts, person, now)
    rows = [row for row, *_ in meant]
    parked.mark(tx, [row.number for row in rows], "retry")
    note_parked(tx, person, "parked text put right", rows)


# --- many --------------------------------------------------------------------------------------------


def forecast(config: HubConfig, store: Store, chosen: ParkedFilter, rule: LineRule) -> Forecast:
    """What a rule would do to the pieces of a filter. Nothing is written; counted for some seconds."""
    rule.checked()
    until = monotonic() + COUNT_SECONDS
    shown: list[Before] = []
    counted = read = same = 0
    with store.read() as tx:
        total = lists.count_parked(tx, chosen)
    with Readers(config) as readers:
        for rows in lists.parked_pages(store, chosen, PAGE):
            for row, raw in _pieces(rows):
                text = rule.applied(raw)
                found = None if text is None else readers.read(row, raw, text)
                counted += 1
                read += found is not None and found.is_read
                same += found is None
                if len(shown) < SHOWN:
                    shown.append(_before(row, raw, text, found))
            if monotonic() > until:
                break
    return Forecast(total, counted, read, same, tuple(shown))


def _before(row: ParkedRow, raw: Raw, text: str | None, found: Reread | None) -> Before:
    problem = None if found is None else found.problem
    record_id = None if found is None else found.record_id
    return Before(row.number, row.external_id, spelled(raw), text, problem, record_id)


def _pieces(rows: Sequence[ParkedRow]) -> Iterator[tuple[ParkedRow, Raw]]:
    for row in rows:
        if row.stage == STAGE and (raw := read_raw(row.raw)) is not None:
            yield row, raw


def put_all_right(
    config: HubConfig, store: Store, chosen: ParkedFilter, rule: LineRule, person: str, now: float, seen: int | None
) -> Amendment:
    """Apply a rule page by page to the pieces of a filter, `MOST` of them; those it makes readable are kept so.

    seen  how many the person has looked at
    NotThere, Overtaken, ConfigError: there are none, or others by now; the rule makes none of them readable.
    """
    rule.checked()
    with store.read() as tx:
        total = lists.count_parked(tx, chosen)
    if not total:
        raise NotThere("Nothing like that is parked, so nothing was changed. See `hub parked list`.")
    if seen is not None and seen != total:
        raise Overtaken(f"There are {total} such records by now, so nothing was changed. Look at them again.")
    numbers: list[int] = []
    names: set[str] = set()
    above = tried = 0
    with Readers(config) as readers:
        while tried < MOST:
            with store.write() as tx:
                rows = lists.parked_after(tx, chosen, above, PAGE)
                meant = list(_meant(readers, rule, rows))
                if meant:
                    _keep(tx, meant, person, now)
            if not rows:
                break
            numbers += [row.number for row, *_ in meant]
            names |= {row.connection for row, *_ in meant}
            tried, above = tried + len(rows), rows[-1].number
    if not numbers:
        raise ConfigError("The rule makes none of these readable, so nothing was changed.")
    return Amendment(tuple(numbers), tuple(sorted(names)), tried - len(numbers), max(0, total - tried))


def _meant(readers: Readers, rule: LineRule, rows: Sequence[ParkedRow]) -> Iterator[tuple[ParkedRow, Raw, str, str]]:
    for row, raw in _pieces(rows):
        text = rule.applied(raw)
        if text is not None and len(text) <= LONGEST and "\x00" not in text:
            found = readers.read(row, raw, text)
            if found.is_read and found.record_id is not None:
                yield row, raw, text, found.record_id


# --- taken in ----------------------------------------------------------------------------------------


def take_in(
    config: HubConfig, hub: Hub, names: Sequence[str], stop: Callable[[], bool] = lambda: False
) -> dict[str, Result]:
    """Take in now what was put right, where the connection can be run. What is left is for its next run."""
    results = {}
    for name in names:
        if name in hub.routes:
            with open_connector(config, name) as connector:
                results[name] = sync(hub, connector, name, Orders(returned=True, stop=stop))
    return results
