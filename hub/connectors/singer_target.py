"""Any Singer target as a destination: rows by the hub's key go out as messages, its state says what is written.

Source   github.com/singer-io/getting-started, docs/SPEC.md 0.2; hub.meltano.com/singer/spec 0.3
Told     rows that a target confirmed, by key in a state file beside the store: the system as far as the hub sees it
Promise  K: the key is the key property, and a target that updates by it has one row after the same record twice
Done     when the target hands back the STATE that was sent after the record; what it does not confirm is sent again
Deletes  a row with the time of deletion and nothing else; the specification has no message for them
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Self

import orjson
from pydantic import Field, field_validator, model_validator

from hub.connectors.contract import PAGE_SIZE, Can, Connector, Context, Promise, Report, Settings
from hub.connectors.filing.outbox import Outbox, Row
from hub.connectors.singer import Argument, Span
from hub.connectors.singer_delivery import Delivery, Heard
from hub.connectors.singer_process import Program, hidden_in
from hub.connectors.singer_rows import Kind, Shape, messages
from hub.errors import AccountError, CursorExpired, HubError, TransientError
from hub.model import (
    Cursor,
    Done,
    Missing,
    Op,
    Outcome,
    Page,
    Record,
    Refused,
    Tombstone,
    Unknown,
    Write,
)

log = logging.getLogger(__name__)

BATCH = 1000
STATE_EVERY = 100  # records between two states


class TargetSettings(Settings):
    """A target of the Singer specification, run as a program of its own.

    command  program and arguments, such as [/opt/targets/acorn/bin/target-acorn]; no shell reads it
    config   file with its configuration (JSON); secrets of the target belong there
    stream   name of the stream, which most targets take for the table
    columns  names in order, all of them text; or name: text, integer, number, boolean, date, datetime, list or object
    key      column with the hub's key, by which the target updates
    deleted  column with the time of a deletion; null: nobody is deleted there
    state    what the target has confirmed; NAME-target.sqlite beside the store
    quiet    seconds without a word after which it is ended
    """

    command: tuple[Argument, ...] = Field(min_length=1)
    config: Path | None = None
    stream: str = Field("contacts", pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,62}$")
    columns: dict[str, Kind] = Field(min_length=1)
    key: str = "hub_key"
    deleted: str | None = "_sdc_deleted_at"
    state: Path | None = None
    quiet: Span = 600

    @field_validator("columns", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        """A list means text."""
        return dict.fromkeys(value, "text") if isinstance(value, list) else value

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        own = {self.key, self.deleted} & set(self.columns)
        if own or self.key == self.deleted:
            raise ValueError("`key` and `deleted` are two columns of their own, not among `columns`")
        return self


@dataclass(frozen=True, slots=True)
class Telling:
    """A row that is to be told. `fields`: None where it is deleted; `place`: of its write."""

    place: int
    key: str
    fields: dict[str, Any] | None


class SingerTargetConnector(Connector):
    """A target, which takes rows and tells how far it has come."""

    Settings: ClassVar[type[TargetSettings]] = TargetSettings
    default_mapping: ClassVar[str] = ""  # flat: columns named like the canonical fields
    by_hand = frozenset({"command"})
    example: ClassVar[str] = """\
type: singer_target
command: [/opt/targets/target-acorn/bin/target-acorn]
config: secrets/target-acorn.json
stream: contacts
columns: [given_name, family_name, company, emails, phones]
"""

    settings: TargetSettings

    def __init__(self, settings: TargetSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._shape = Shape(settings.stream, settings.key, settings.columns, settings.deleted)

    @property
    def can(self) -> Can:
        deletes = self.settings.deleted is not None
        return Can(
            changes=True,
            tombstones=deletes,
            read=True,
            create=True,
            update=True,
            delete=deletes,
            batch=BATCH,
            promise=Promise.KEYED,
        )

    def check(self) -> Report:
        """Starts the target and gives it nothing, so that it writes nothing."""
        list(self._program(()).lines())
        lines = ("the target starts with its configuration; what its account may do shows with the first row",)
        if not self._state_path.is_file():
            return Report("Singer target", (*lines, "nothing was written yet"), (), 0)
        doubts = len(self._outbox.doubts())
        warnings = (f"{doubts} rows were sent and not confirmed; they go out again",) if doubts else ()
        return Report("Singer target", lines, warnings, self._outbox.count())

    # --- reading ----------------------------------------------------------------------------------

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        place = None if since is None else self._resumed(since)
        upto = self._outbox.last_seq()
        rows = self._outbox.rows() if place is None else self._outbox.changed(place, upto)
        held: Page | None = None
        while batch := list(islice(rows, PAGE_SIZE)):
            if held is not None:
                yield held
            held = Page(tuple(map(_item, batch)), None if place is None else _cursor(batch[-1].seq))
        yield Page(held.items if held else (), _cursor(upto))

    def read(self, ids: Sequence[str]) -> dict[str, Record]:
        return {key: _record(key, row.fields) for key, row in self._outbox.get(ids).items()}

    def find(self, key: str) -> Record | None:
        return self.read([key]).get(key)

    # --- writing ----------------------------------------------------------------------------------

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        able = {Op.CREATE, Op.UPDATE, *([Op.DELETE] if self.can.delete else [])}
        assert all(each.op in able for each in writes), "not declared in `can`"
        outcomes: list[Outcome | None] = [None] * len(writes)
        rows = list(self._wanted(writes, outcomes))
        delivery = self._deliver(rows)
        if rows and not delivery.written and delivery.error is not None:
            raise _whole(delivery.error)
        for number, row in enumerate(rows):
            outcomes[row.place] = _outcome(number, row, delivery)
        return [outcome for outcome in outcomes if outcome is not None]

    def _wanted(self, writes: Sequence[Write], outcomes: list[Outcome | None]) -> Iterator[Telling]:
        """Rows to tell; what needs no telling gets its outcome at once."""
        keys = [each.key if each.op is Op.CREATE else str(each.id) for each in writes]
        held: dict[str, dict[str, Any] | None] = {key: row.fields for key, row in self._outbox.get(set(keys)).items()}
        unsure = set(self._outbox.doubts())
        for place, (key, write) in enumerate(zip(keys, writes, strict=True)):
            before = held.get(key)
            if write.op is not Op.CREATE and before is None:
                outcomes[place] = Missing()
                continue
            after = None if write.op is Op.DELETE else {**(before or {}), **self._own(write.fields)}
            problem = None if after is None else self._shape.problem(after)
            if problem is not None:
                outcomes[place] = Refused(problem)
            elif after == before and key not in unsure:
                outcomes[place] = Done(_record(key, before or {}))
            else:
                held[key] = after
                unsure.add(key)
                yield Telling(place, key, after)

    def _own(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Without the marks; where fields go by their names also without those that have no column."""
        marks = {self.settings.key, self.settings.deleted}
        fits = self.context.named.union(self.settings.columns) if self.context.by_name else fields.keys()
        return {name: value for name, value in fields.items() if name in fits and name not in marks}

    def _deliver(self, rows: Sequence[Telling]) -> Delivery:
        """In doubt from before the first is sent until the target has confirmed it, also through a crash."""
        delivery = Delivery(lambda part: self._tell([rows[number] for number in part]))
        if rows:
            self._outbox.doubt(row.key for row in rows)
            self._last = {row.key: row.place for row in rows}
            self._sent |= self._last.keys()
            delivery.deliver(len(rows))
            self._outbox.end_doubts(rows[number].key for number in delivery.refused)
        return delivery

    def _tell(self, rows: Sequence[Telling]) -> Heard:
        program, count = self._program(rows), 0
        told = [(row.key, row.fields) for row in rows]
        error: HubError | None = None
        try:
            for line in program.lines(messages(self._shape, told, self.context.clock(), STATE_EVERY)):
                count = max(count, min(self._shape.heard(line), len(rows)))
        except (TransientError, AccountError) as caught:
            error = caught
        if error is None and count < len(rows):
            error = AccountError(
                f"{self.context.name}: the target ended well and did not hand back the state that followed the rows, "
                "so nobody knows whether they are written. Next: use a target that prints states."
            )
        self._keep(rows[:count])
        return Heard(count, error)

    def _keep(self, rows: Sequence[Telling]) -> None:
        with self._outbox.changing():
            for row in rows:
                before = self._outbox.get([row.key]).get(row.key)
                if row.fields is not None:
                    self._outbox.put(row.key, row.fields)
                elif before is not None:
                    self._outbox.remove(before)
            self._outbox.end_doubts(row.key for row in rows if self._last[row.key] == row.place)

    def _settle(self, doubts: Sequence[str]) -> None:
        """Rows that an earlier run left in doubt, and that this one did not write: as they were confirmed last."""
        known = self._outbox.get(doubts)
        rows = [Telling(n, key, known[key].fields if key in known else None) for n, key in enumerate(doubts)]
        able = [row for row in rows if row.fields is not None or self.settings.deleted is not None]
        self._outbox.end_doubts(row.key for row in rows if row not in able)
        for at in range(0, len(able), BATCH):
            delivery = self._deliver(able[at : at + BATCH])
            if delivery.error is not None and not delivery.is_decided(len(able[at : at + BATCH])):
                raise delivery.error

    def _finish(self) -> None:
        """At the end of a run. What fails here is made up for by the next."""
        try:
            self._settle([key for key in self._doubted if key not in self._sent])
        except HubError as error:
            log.warning("%s: rows in doubt wait for the next run: %s", self.context.name, error)
        finally:
            self._outbox.close()

    # --- state ------------------------------------------------------------------------------------

    def _program(self, rows: Sequence[Telling]) -> Program:
        base, config = self.context.base, self.settings.config
        path = None if config is None else base / config
        given = [] if path is None else ["--config", str(path)]
        hidden = {*hidden_in(path, self.context.name), *(text for row in rows for text in _texts(row.fields))}
        by_length = sorted(hidden, key=len, reverse=True)
        command = [*self.settings.command, *given]
        return Program(self.context.name, command, base, self.settings.quiet, by_length, mute=True)

    @property
    def _state_path(self) -> Path:
        return self.context.base / (self.settings.state or f"{self.context.name}-target.sqlite")

    @cached_property
    def _outbox(self) -> Outbox:
        outbox = Outbox(self._state_path)
        self._doubted, self._sent = outbox.doubts(), set[str]()
        self.context.closing.callback(self._finish)
        return outbox

    def _resumed(self, cursor: Cursor) -> int:
        try:
            seq = orjson.loads(cursor)["told"]
        except (ValueError, KeyError, TypeError):
            seq = None
        if type(seq) is not int or not 0 <= seq <= self._outbox.last_seq():
            raise CursorExpired(f"{self.context.name}: the state file is another one; list all anew.")
        return seq


def _outcome(number: int, row: Telling, delivery: Delivery) -> Outcome:
    if number in delivery.written:
        return Done(None if row.fields is None else _record(row.key, row.fields))
    if number in delivery.refused:
        return Refused(f"The target breaks off on this row alone, and takes others. {delivery.error}")
    return Unknown(str(delivery.error))


def _whole(error: HubError) -> HubError:
    """Nothing was confirmed, and some of it may be written."""
    if isinstance(error, TransientError):
        return TransientError(str(error), maybe_done=True)
    return error


def _texts(value: Any) -> Iterator[str]:
    """All texts and numbers in a row that are long enough to be blotted out."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
    elif value is not None and len(str(value)) > 2:
        yield str(value)


def _cursor(seq: int) -> Cursor:
    return orjson.dumps({"told": seq}).decode()


def _record(key: str, fields: Mapping[str, Any]) -> Record:
    return Record(key, fields, key=key)


def _item(row: Row) -> Record | Tombstone:
    return Tombstone(row.id) if row.gone else _record(row.id, row.fields)
