"""Any Singer tap as a source: its records line by line, its state as the cursor.

Source   hub.meltano.com/singer/spec; the messages of singer-python 6
Id       the key properties, with | between them
Cursor   the last STATE that came before the end of the page, and the version of a table read whole
Deletes  `_sdc_deleted_at` is a tombstone; a stream read whole is a complete listing once the tap ended well
Quirk    records after the last STATE of a page come again when a pull is resumed: that does no harm
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, ClassVar

import orjson
from pydantic import BeforeValidator, Field, StringConstraints

from hub.connectors.contract import PAGE_SIZE, Can, Connector, Report, Settings
from hub.connectors.settings import seconds
from hub.connectors.singer_process import Program, hidden_in
from hub.errors import ConfigError, CursorExpired, TransientError
from hub.model import Cursor, Item, Page, Record, Tombstone, Unreadable

DELETED = "_sdc_deleted_at"
LONGEST_ID = 512
Argument = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Span = Annotated[float, BeforeValidator(seconds), Field(gt=0)]


class SingerSettings(Settings):
    """A tap of the Singer specification, run as a program of its own.

    command     program and arguments, such as [/opt/taps/csv/bin/tap-csv]; no shell reads it
    config      file with its configuration (JSON); secrets of the tap belong there
    catalog     file with its catalog, which selects streams
    properties  the catalog is given as `--properties`, as older taps want it
    stream      the stream to read, where the tap sends several; others are left out
    key         fields that make the id, where the tap names no key properties
    full_table  the tap sends everything each time: no state is kept, and absence means something
    tombstones  the tap tells of deletions (`_sdc_deleted_at`)
    discover    `hub check` asks it for its streams (`--discover`)
    quiet       seconds without a word after which it is ended
    """

    command: tuple[Argument, ...] = Field(min_length=1)
    config: Path | None = None
    catalog: Path | None = None
    properties: bool = False
    stream: str | None = None
    key: tuple[str, ...] = ()
    full_table: bool = False
    tombstones: bool = False
    discover: bool = True
    quiet: Span = 600


class SingerConnector(Connector):
    """One stream of one tap."""

    Settings: ClassVar[type[SingerSettings]] = SingerSettings
    default_mapping: ClassVar[str] = ""  # flat: fields named like the canonical fields
    by_hand = frozenset({"command"})
    example: ClassVar[str] = """\
type: singer
command: [/opt/taps/tap-acorn/bin/tap-acorn]
config: secrets/tap-acorn.json
catalog: tap-acorn-catalog.json
stream: contacts
"""

    settings: SingerSettings

    @property
    def can(self) -> Can:
        return Can(changes=not self.settings.full_table, tombstones=self.settings.tombstones)

    def check(self) -> Report:
        if not self.settings.discover:
            return Report("Singer tap", ("its streams are not asked for (`discover: false`)",))
        said = b"\n".join(self._program("--discover").lines())
        try:
            streams = [str(each.get("tap_stream_id") or each["stream"]) for each in orjson.loads(said)["streams"]]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"{self.context.name}: the tap printed no catalog. Next: set `discover: false` if it has none."
            ) from error
        wanted = self.settings.stream
        missing = (f"there is no stream {wanted}",) if wanted is not None and wanted not in streams else ()
        return Report("Singer tap", (f"{len(streams)} streams: {', '.join(streams[:20])}",), missing)

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        place = Place() if since is None or self.settings.full_table else _resumed(since, self.context.name)
        reader = Reader(self.context.name, self.settings.stream, self.settings.key, place, resumed=bool(place.state))
        with TemporaryDirectory(prefix="hub-singer-") as folder:
            arguments = self._arguments(place, Path(folder))
            held: list[Item] = []
            for line in self._program(*arguments).lines():
                held.extend(reader.take(line))
                if len(held) >= PAGE_SIZE:
                    yield Page(tuple(held), self._cursor(reader))
                    held = []
            yield Page(tuple(held), self._cursor(reader))

    def _cursor(self, reader: Reader) -> Cursor | None:
        return None if self.settings.full_table else reader.place.cursor

    def _arguments(self, place: Place, folder: Path) -> list[str]:
        found: list[str] = []
        if self.settings.catalog is not None:
            flag = "--properties" if self.settings.properties else "--catalog"
            found += [flag, str(self.context.base / self.settings.catalog)]
        if place.state is not None:
            path = folder / "state.json"
            path.write_bytes(orjson.dumps(place.state))
            found += ["--state", str(path)]
        return found

    def _program(self, *more: str) -> Program:
        base, config = self.context.base, self.settings.config
        path = None if config is None else base / config
        given = [] if path is None else ["--config", str(path)]
        command = [*self.settings.command, *given, *more]
        return Program(self.context.name, command, base, self.settings.quiet, hidden_in(path, self.context.name))


@dataclass(frozen=True, slots=True)
class Place:
    """Where to go on: the tap's state, and the version of its table."""

    state: Any = None
    version: int | None = None

    @property
    def cursor(self) -> Cursor | None:
        if self.state is None:
            return None
        return orjson.dumps({"state": self.state, "version": self.version}).decode()


def _resumed(since: Cursor, name: str) -> Place:
    try:
        found = orjson.loads(since)
        return Place(found["state"], found["version"])
    except (ValueError, KeyError, TypeError) as error:
        raise CursorExpired(f"{name}: the cursor is none of a tap; everything is read again and compared.") from error


@dataclass(slots=True)
class Reader:
    """Messages in, items out. No I/O.

    key  fields that make the id, in place of the tap's own
    """

    name: str
    stream: str | None
    key: tuple[str, ...]
    place: Place
    resumed: bool = False
    named: bool = False
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    count: int = 0

    def __post_init__(self) -> None:
        self.named = self.stream is not None

    def take(self, line: bytes) -> Iterator[Item]:
        message = self._read(line)
        kind, stream = message.get("type"), message.get("stream")
        if kind == "STATE":
            self.place = Place(message.get("value"), self.place.version)
        elif kind == "BATCH":
            raise ConfigError(f"{self.name}: the tap sends batch files. Next: switch `batch_config` off in it.")
        elif kind in ("SCHEMA", "RECORD", "ACTIVATE_VERSION") and self._is_wanted(stream):
            if kind == "SCHEMA":
                self.keys[str(stream)] = self.key or tuple(message.get("key_properties") or ())
            elif kind == "RECORD":
                yield self._item(str(stream), message, line)
            else:
                self._activate(message.get("version"))

    def _read(self, line: bytes) -> Mapping[str, Any]:
        try:
            message = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise self._strange("that is no JSON") from error
        if not isinstance(message, dict):
            raise self._strange("that is no object")
        return message

    def _is_wanted(self, stream: Any) -> bool:
        if not isinstance(stream, str):
            raise self._strange("without a stream")
        if self.stream is None:
            self.stream = stream
        elif self.stream != stream and not self.named:
            raise ConfigError(f"{self.name}: the tap sends several streams. Next: name the one to read in `stream`.")
        return self.stream == stream

    def _item(self, stream: str, message: Mapping[str, Any], line: bytes) -> Item:
        if stream not in self.keys:
            raise self._strange("with a record before its schema")
        names, fields = self.keys[stream], message.get("record")
        if not names:
            raise ConfigError(f"{self.name}: the stream {stream} has no key properties. Next: name them in `key`.")
        if not isinstance(fields, dict):
            raise self._strange("with a record that is no object")
        self.count += 1
        parts = [fields.get(name) for name in names]
        record_id = "|".join(str(part) for part in parts)
        if any(part is None or part == "" for part in parts) or len(record_id) > LONGEST_ID:
            return Unreadable(f"record {self.count}", "it has no usable key", line.decode("utf-8", "replace"))
        if fields.get(DELETED) is not None:
            return Tombstone(record_id)
        return Record(record_id, {name: value for name, value in fields.items() if not name.startswith("_sdc_")})

    def _activate(self, version: Any) -> None:
        """A table that is read whole under a new number: what is not sent again is gone, which only a listing tells."""
        if self.resumed and version != self.place.version:
            raise CursorExpired(f"{self.name}: the tap began its table anew; everything is read again and compared.")
        self.place = Place(self.place.state, version if isinstance(version, int) else None)

    def _strange(self, what: str) -> TransientError:
        return TransientError(f"{self.name}: the tap printed a line {what}; nothing after it was read.")
