"""Call records of a telephone system, from a table or a CSV file in the shape of Asterisk's CDR.

Source   the fields of Asterisk's CDR: calldate or start, src, dst, duration, billsec, disposition, uniqueid
Reading  by the connectors `sql` and `file`: their cursors, encodings and errors are those of this one
Changes  a record is written when the call has ended and bears the time it began: the overlap has to be as long as the
         longest call
Sides    what matches `internal` is ours, and so are the numbers of `own`; the other side is the contact
Quirk    one call may leave several records (transfers, queues) with one `uniqueid`: `sequence` tells them apart
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator

from hub.connectors.contract import Can, Connector, Context, Report, Settings
from hub.connectors.defaults import default_mapping
from hub.connectors.files import FileConnector
from hub.connectors.settings import known_encoding, known_zone, seconds
from hub.connectors.sql import SqlConnector
from hub.errors import ConfigError
from hub.mapping.phones import phone_key
from hub.mapping.text import Unmappable
from hub.model import Cursor, Interaction, Item, Page, Record, Unreadable

ANSWERED = frozenset({"ANSWERED", "ANSWER"})
KINDS = {"BUSY": "call.busy", "FAILED": "call.failed", "CONGESTION": "call.failed"}
LONGEST_PATTERN = 200


class Columns(Settings):
    """Names of the columns, where they are others than Asterisk's."""

    at: str = Field(default="calldate", description="when the call began; `start` in newer tables")
    source: str = Field(default="src", description="who called")
    target: str = Field(default="dst", description="who was called")
    seconds: str = Field(default="billsec", description="seconds of talk")
    duration: str | None = Field(default="duration", description="seconds from the first ring to the end; null: none")
    disposition: str = Field(default="disposition", description="what became of the call")
    id: str = Field(default="uniqueid", description="names a record for ever")
    sequence: str | None = Field(default=None, description="beside the id, where one call leaves several records")


class CallSettings(Settings):
    """Call records in a table, a query or a CSV file.

    url       SQLAlchemy URL of a database, with `table` or `query`
    table     that holds the records; `schema` where it is not in the default one
    query     a SELECT instead of a table
    schema    of the table
    path      instead of a database: CSV files, read on where they grow
    names     of the columns of CSV files without a line of names, in their order
    delimiter  between the values of CSV
    encoding  of the texts, where it is not the usual one
    columns   where the names are others than Asterisk's
    overlap   how far each reading goes back: at least as long as the longest call
    time_zone  of the times, where they name none
    internal  pattern of internal extensions
    own       our own public numbers
    prefix    digits that are dialled for an outside line, taken off a number that was called
    region    country of numbers without a country code; else `default_region`
    """

    model_config = ConfigDict(hide_input_in_errors=True)  # the address may hold the password

    url: SecretStr | None = None
    table: str | None = None
    query: str | None = None
    schema_name: str | None = Field(None, alias="schema")
    path: str | None = None
    names: list[str] | None = None
    delimiter: str = Field(",", min_length=1, max_length=1)
    encoding: str | None = None
    columns: Columns = Columns()
    overlap: Annotated[float, BeforeValidator(seconds), Field(ge=0)] = 12 * 3600.0
    time_zone: str = "UTC"
    internal: str = Field(r"\*?[0-9]{1,5}", max_length=LONGEST_PATTERN)
    own: tuple[str, ...] = ()
    prefix: str = Field("", pattern=r"^[0-9]{0,4}$")
    region: str | None = Field(None, pattern=r"^[A-Z]{2}$")

    _zone = field_validator("time_zone")(known_zone)
    _encoding = field_validator("encoding")(known_encoding)

    @field_validator("internal")
    @classmethod
    def _is_pattern(cls, text: str) -> str:
        try:
            re.compile(text)
        except re.error as err:
            raise ValueError("`internal` is no regular expression") from err
        return text

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.url is None) == (self.path is None):
            raise ValueError("name either `url` with `table` or `query`, or `path`")
        if self.url is not None and (self.table is None) == (self.query is None):
            raise ValueError("name either `table` or `query`")
        if self.names is not None and not {self.columns.id, self.columns.at} <= set(self.names):
            raise ValueError(f"`names` lacks {self.columns.id} or {self.columns.at}, which every record needs")
        if self.names is not None and self.path is None:
            raise ValueError("`names` belongs to `path`")
        return self


class CallsConnector(Connector):
    """Tells of calls; holds no contacts."""

    Settings: ClassVar[type[CallSettings]] = CallSettings
    default_mapping = default_mapping("calls")
    example: ClassVar[str] = """\
type: calls
url: mysql+pymysql://asterisk:${env:CDR_PASSWORD}@127.0.0.1/asteriskcdrdb
table: cdr
time_zone: Europe/Lisbon
own: ["+351210000000"]
"""

    settings: CallSettings

    def __init__(self, settings: CallSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._inner = _inner(settings, context)
        self._reader = reader(settings, context)

    @property
    def can(self) -> Can:
        return Can(changes=True, complete=False)

    def check(self) -> Report:
        report = self._inner.check()
        lines = tuple(line for line in report.lines if not line.startswith("columns "))
        return Report(report.system, lines, report.warnings)

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        for page in self._inner.pull(since):
            items = [self._read(item) for item in page.items]
            yield Page(tuple(item for item in items if item is not None), page.cursor)

    def _read(self, item: Item) -> Interaction | Unreadable | None:
        if isinstance(item, Record):
            return self._reader.read(item)
        return item if isinstance(item, Unreadable) else None


def _inner(settings: CallSettings, context: Context) -> Connector:
    columns = settings.columns
    if settings.path is not None:
        given = {
            "path": settings.path,
            "mode": "append",
            "format": "csv",
            "names": settings.names,
            "delimiter": settings.delimiter,
            "encoding": settings.encoding,
            "key": columns.id,
            "changed": columns.at,
            "time_zone": settings.time_zone,
        }
        return FileConnector(FileConnector.Settings.model_validate(given), context)
    if settings.url is None:
        raise ConfigError(f"{context.name}: name `url` or `path`")
    wanted = [name for name in columns.model_dump().values() if name is not None]
    table = {
        "url": settings.url,
        "table": settings.table,
        "query": settings.query,
        "schema": settings.schema_name,
        "key": columns.id,
        "columns": wanted,
        "changed": {"column": columns.at, "overlap": settings.overlap, "zone": settings.time_zone},
        "encoding": settings.encoding,
    }
    return SqlConnector(SqlConnector.Settings.model_validate(table), context)


# --- one record --------------------------------------------------------------------------------------


def reader(settings: CallSettings, context: Context) -> Reader:
    region = settings.region or context.default_region
    try:
        own = frozenset(phone_key(number, region) for number in settings.own)
    except Unmappable as err:
        raise ConfigError(f"{context.name}: `own` holds something that is no phone number.") from err
    return Reader(
        columns=settings.columns,
        zone=ZoneInfo(settings.time_zone),
        internal=re.compile(settings.internal),
        own=own,
        prefix=settings.prefix,
        region=region,
    )


@dataclass(frozen=True, slots=True)
class Reader:
    """From a call record to an interaction."""

    columns: Columns
    zone: ZoneInfo
    internal: re.Pattern[str]
    own: frozenset[str]
    prefix: str
    region: str | None

    def read(self, record: Record) -> Interaction | Unreadable | None:
        """None for a call between two of ours, or with nobody who can be told."""
        fields, columns = record.fields, self.columns
        at = _moment(fields.get(columns.at), self.zone) or record.changed_at
        if at is None:
            return Unreadable(f"call {record.id}", "its time is none", repr(dict(fields)), record.id)
        source, target = _text(fields.get(columns.source)), _text(fields.get(columns.target))
        side = self._contact(source, target)
        if side is None:
            return None
        number, direction, extension = side
        talked = _seconds(fields.get(columns.seconds))
        said = _text(fields.get(columns.disposition)).upper()
        more = {"seconds": talked, "extension": extension, "ring": self._ring(fields, talked)}
        sequence = _text(fields.get(columns.sequence)) if columns.sequence else ""
        return Interaction(
            id=f"{record.id}:{sequence}" if sequence else record.id,
            at=at,
            channel="call",
            kind=_kind(said, talked, direction),
            direction=direction,
            phones=(number,),
            details={name: value for name, value in more.items() if value not in ("", None)},
        )

    def _contact(self, source: str, target: str) -> tuple[str, str, str] | None:
        """(number of the other side, direction, our extension)"""
        caller, called = self._number(source), self._number(target.removeprefix(self.prefix))
        if caller is not None and caller not in self.own:
            return caller, "in", target if called is None or called in self.own else ""
        if called is not None and called not in self.own:
            return called, "out", source
        return None

    def _number(self, text: str) -> str | None:
        """None for an extension of ours, and for what is no number: anonymous, s, h."""
        if not text or self.internal.fullmatch(text):
            return None
        try:
            return phone_key(text, self.region)
        except Unmappable:
            return None

    def _ring(self, fields: Mapping[str, Any], talked: int) -> int | None:
        name = self.columns.duration
        return None if name is None or name not in fields else max(0, _seconds(fields[name]) - talked)


def _kind(disposition: str, talked: int, direction: str) -> str:
    if disposition in ANSWERED:
        return "call.answered"
    if disposition in KINDS:
        return KINDS[disposition]
    if talked > 0:
        return "call.answered"
    return "call.missed" if direction == "in" else "call.unanswered"


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _seconds(value: Any) -> int:
    text = _text(value).split(".")[0]
    return int(text) if text.isascii() and text.isdigit() else 0


def _moment(value: Any, zone: ZoneInfo) -> datetime | None:
    try:
        at = datetime.fromisoformat(_text(value))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=zone)
