"""Contacts in CSV, JSONL or fixed width files, named by a path or a glob. Read only.

snapshot  all files together are the complete listing; read twice, so that of entries with one key only the
          last becomes a record (the keys wait in a temporary database, not in memory)
append    files only grow: each pull goes on where the last one ended; a file that was cut or replaced is
          read anew; a last line without its line break waits until it is whole
Quirks    CSV is strict: quotes are closed, every row has the fields of the header; values stay text
          an encoding must be a superset of ASCII (UTF-16 is not): lines are cut before they are decoded

Columns named like the canonical fields map without a mapping file.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Literal, Self
from zoneinfo import ZoneInfo

import orjson
from pydantic import Field, field_validator, model_validator

from hub.connectors.contract import PAGE_SIZE, Can, Connector, Report, Settings
from hub.connectors.file_entries import Entry, Lines, csv_entries, csv_header, fixed_entries, jsonl_entries
from hub.connectors.file_keys import KeyIndex
from hub.connectors.rows import MAX_ID, MAX_ORIGINAL, Item, escaped, fingerprint, identity, moment, unfit
from hub.connectors.settings import known_encoding, known_zone
from hub.errors import AccountError, CursorExpired, TransientError
from hub.model import Cursor, Page, Record, Unreadable

HEAD = 4096  # bytes at the beginning of a file that tell whether it is still the same
SUFFIXES = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
DEFAULT_KEYS = ("source_id", "id")


class FileSettings(Settings):
    """A file, or all files that a pattern names."""

    path: str = Field(description="file or pattern such as inbox/partners-*.csv")
    format: Literal["csv", "jsonl", "fixed"] | None = Field(None, description="csv and jsonl follow the suffix")
    mode: Literal["snapshot", "append"] = Field(
        "snapshot", description="snapshot: the files are the whole list. append: entries are only added"
    )
    encoding: str = "utf-8"
    delimiter: str = Field(",", min_length=1, max_length=1)
    key: str | None = Field(None, description="column that names an entry for ever; source_id or id")
    changed: str = Field("updated_at", description="column with the time of change in ISO form, if there is one")
    zone: str = Field("UTC", description="time zone of times that name none")
    columns: dict[str, tuple[int, int]] | None = Field(
        None, description="fixed width: name: [first character, counted from 1; length]"
    )

    _zone = field_validator("zone")(known_zone)

    @field_validator("encoding")
    @classmethod
    def _cuts_into_lines(cls, name: str) -> str:
        known_encoding(name)
        if name.lower().replace("_", "-") == "utf-8-sig":
            return "utf-8"  # a mark at the beginning is taken off anyway
        if "\n,1".encode(name) != b"\n,1":
            raise ValueError(f"{name!r} cannot be read line by line: save the file as UTF-8")
        return name

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if self.format is None and Path(self.path).suffix.lower() not in SUFFIXES:
            raise ValueError(f"name the `format` of {self.path}: csv, jsonl or fixed")
        if (self.columns is not None) != (self.format == "fixed"):
            raise ValueError("`columns` belongs to `format: fixed`, and is needed there")
        if any(start < 1 or length < 1 for start, length in (self.columns or {}).values()):
            raise ValueError("`columns` count characters from 1, with a length of at least 1")
        return self


class FileConnector(Connector):
    """Files somebody puts into a folder: exports, drops of a partner, logs that grow."""

    Settings: ClassVar[type[FileSettings]] = FileSettings
    default_mapping: ClassVar[str] = ""  # flat: columns named like the canonical fields

    settings: FileSettings

    @property
    def can(self) -> Can:
        appends = self.settings.mode == "append"
        return Can(changes=appends, complete=not appends)

    def check(self) -> Report:
        files = self._files()
        lines, warnings = [], []
        for path in files[:20]:
            with self._open(path) as (file, names):
                first = next(self._entries(file, names, 0, 0), None)
                self._key(path, names, first.fields if first else None)
            said = f", columns {', '.join(names)}" if names else ""
            lines.append(f"{path.name}: {path.stat().st_size} bytes{said}")
            if first is not None and first.problem:
                warnings.append(f"{path.name} line {first.line} {first.problem}")
        return Report(f"{self._format} files", (f"{len(files)} files", *lines), tuple(warnings))

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        place = None if since is None else self._place(since)
        if self.settings.mode == "append":
            return self._append(place or {})
        return self._snapshot(place)

    # --- snapshot ---------------------------------------------------------------------------------

    def _snapshot(self, place: Mapping[str, Any] | None) -> Iterator[Page]:
        files = self._files()
        state = self._state(files)
        if place is not None and place.get("state") != state:
            raise CursorExpired(f"{self.context.name}: the files have changed since; list them anew.")
        with KeyIndex() as index:
            for number, path in enumerate(files):
                entries = self._keyed(path, 0, 0)
                index.note((number, entry.line, key) for entry, key in entries)
            yield from self._pages(files, state, index, place)

    def _pages(self, files: list[Path], state: str, index: KeyIndex, place: Mapping[str, Any] | None) -> Iterator[Page]:
        first, offset, line = place["at"] if place else (0, 0, 0)
        held: Page | None = None
        for number, path in enumerate(files[first:], start=first):
            start = (offset, line) if number == first else (0, 0)
            entries = self._keyed(path, *start)
            while batch := list(islice(entries, PAGE_SIZE)):
                if held is not None:
                    yield held
                last = index.last([key for _, key in batch])
                items = tuple(self._item(files, number, entry, key, last.get(key)) for entry, key in batch)
                end = batch[-1][0]
                held = Page(items, self._cursor(state=state, at=[number, end.end, end.last]))
        if self._state(self._files()) != state:
            raise TransientError(f"{self.context.name}: the files changed while they were read; nothing is certain.")
        yield Page(() if held is None else held.items, None)

    def _item(self, files: list[Path], number: int, entry: Entry, key: str, last: tuple[int, int] | None) -> Item:
        if key and last is not None and last != (number, entry.line):
            where = f"{files[last[0]].name} line {last[1]}"
            return self._unreadable(files[number], entry, f"has the key of {where}, which was taken", None)
        return self._read(files[number], entry, key)

    # --- append -----------------------------------------------------------------------------------

    def _append(self, place: Mapping[str, Any]) -> Iterator[Page]:
        """Only what was added, file after file; positions of files that are gone are forgotten."""
        files = self._files()
        there = {path.name for path in files}
        known = {name: at for name, at in place.get("files", {}).items() if name in there}
        held: Page | None = None
        for path in files:
            offset, line = self._resume(path, known.get(path.name))
            entries = self._keyed(path, offset, line)
            while batch := list(islice((pair for pair in entries if pair[0].whole), PAGE_SIZE)):
                if held is not None:
                    yield held
                end = batch[-1][0]
                known = {**known, path.name: [end.end, end.last, *_head(path, end.end)]}
                items = tuple(self._read(path, entry, key) for entry, key in batch)
                held = Page(items, self._cursor(files=known))
        yield held or Page((), self._cursor(files=known))

    def _resume(self, path: Path, at: Sequence[Any] | None) -> tuple[int, int]:
        if at is None:
            return 0, 0
        offset, line, length, head = at
        same = path.stat().st_size >= offset and _head(path, length) == (length, head)
        return (int(offset), int(line)) if same else (0, 0)

    # --- entries ----------------------------------------------------------------------------------

    def _keyed(self, path: Path, offset: int, line: int) -> Iterator[tuple[Entry, str]]:
        """Entries with their keys; the key is empty where there is none to be read."""
        with self._open(path) as (file, names):
            column: str | None = None
            for entry in self._entries(file, names, offset, line):
                if entry.fields is None:
                    yield entry, ""
                    continue
                if column is None or self._format == "jsonl":
                    column = self._key(path, names, entry.fields)
                yield entry, identity(entry.fields.get(column)).strip()

    def _entries(self, file: BinaryIO, names: list[str], offset: int, line: int) -> Iterator[Entry]:
        settings = self.settings
        lines = Lines(file, settings.encoding)
        if self._format == "csv":
            csv_header(lines, settings.delimiter)
            if offset:
                lines.go_to(offset, line)
            return csv_entries(lines, names, settings.delimiter)
        lines.go_to(offset, line)
        if self._format == "jsonl":
            return jsonl_entries(lines)
        return fixed_entries(lines, settings.columns or {})

    def _read(self, path: Path, entry: Entry, key: str) -> Item:
        if entry.fields is None:
            return self._unreadable(path, entry, str(entry.problem), None)
        try:
            data = orjson.dumps(entry.fields)
        except TypeError:
            problem = f"is not text in {self.settings.encoding}"
            return self._unreadable(path, entry, problem, escaped(key)[:MAX_ID] or None)
        reason = unfit(key, data)
        if reason is not None:
            return self._unreadable(path, entry, reason, key[:MAX_ID] or None)
        at = moment(entry.fields.get(self.settings.changed), ZoneInfo(self.settings.zone))
        return Record(key, entry.fields, fingerprint(data), at)

    def _unreadable(self, path: Path, entry: Entry, problem: str, key: str | None) -> Unreadable:
        original = entry.original
        if entry.fields is not None:
            shown = {name: escaped(v) if isinstance(v, str) else v for name, v in entry.fields.items()}
            original = orjson.dumps(shown, default=str).decode()
        text = escaped(original.rstrip("\r\n"))[:MAX_ORIGINAL]
        return Unreadable(f"{path.name} line {entry.line}", f"the line {problem}", text, key)

    # --- files ------------------------------------------------------------------------------------

    @property
    def _format(self) -> str:
        return self.settings.format or SUFFIXES[Path(self.settings.path).suffix.lower()]

    def _files(self) -> list[Path]:
        """The files by name; AccountError when there are none, since that is no empty listing."""
        pattern = self.context.base / self.settings.path
        found = [pattern] if pattern.is_file() else [Path(name) for name in glob.glob(str(pattern))]  # noqa: PTH207 (absolute)
        files = sorted(path for path in found if path.is_file())
        if not files:
            raise AccountError(
                f"{self.context.name}: no file {self.settings.path}; nothing was read, and nothing counts as "
                "deleted. Next: check `path`, or wait for the file."
            )
        return files

    @contextmanager
    def _open(self, path: Path) -> Iterator[tuple[BinaryIO, list[str]]]:
        """The open file, and the names of its columns where it has them."""
        try:
            file = path.open("rb")
        except PermissionError as error:
            raise AccountError(f"{self.context.name}: {path.name} may not be read; nothing was.") from error
        except OSError as error:
            raise TransientError(f"{self.context.name}: {path.name} cannot be opened; nothing was read.") from error
        with file:
            yield file, self._names(path, file)

    def _names(self, path: Path, file: BinaryIO) -> list[str]:
        name = f"{self.context.name}: {path.name}"
        if self._format != "csv":
            if self.settings.mode == "snapshot" and not file.read(1):
                raise AccountError(f"{name} is empty; nothing was read, and nothing counts as deleted.")
            return list(self.settings.columns or ())
        try:
            names = csv_header(Lines(file, self.settings.encoding), self.settings.delimiter)
        except ValueError as error:
            raise AccountError(f"{name}: {error}; nothing was read. Next: correct the file.") from error
        if names is None:
            raise AccountError(f"{name} is empty, without a header; nothing was read.")
        self._key(path, names, None)
        return names

    def _key(self, path: Path, names: Sequence[str], fields: Mapping[str, Any] | None) -> str:
        """The column that names an entry; JSONL shows it in each object, or not."""
        if self._format == "jsonl":
            there: Sequence[str] = list(fields or ())
            return self.settings.key or next((name for name in DEFAULT_KEYS if name in there), "")
        wanted = [self.settings.key] if self.settings.key else list(DEFAULT_KEYS)
        for name in wanted:
            if name in names:
                return name
        raise AccountError(
            f"{self.context.name}: {path.name} has no column {' or '.join(wanted)}; nothing was read. "
            f"It has: {', '.join(names)[:500]}. Next: set `key`, or `delimiter` if these are not its columns."
        )

    def _state(self, files: Sequence[Path]) -> str:
        """Changes when a file comes, goes, grows or is written to."""
        seen = [(str(path), stat.st_size, stat.st_mtime_ns) for path in files for stat in [path.stat()]]
        return blake2b(orjson.dumps([self._mark(), seen]), digest_size=8).hexdigest()

    # --- cursors ----------------------------------------------------------------------------------

    def _mark(self) -> str:
        return blake2b(self.settings.model_dump_json().encode(), digest_size=4).hexdigest()

    def _cursor(self, **place: Any) -> Cursor:
        return orjson.dumps({"of": self._mark(), **place}).decode()

    def _place(self, cursor: Cursor) -> dict[str, Any]:
        try:
            place = orjson.loads(cursor)
        except ValueError:
            place = None
        if not isinstance(place, dict) or place.get("of") != self._mark():
            raise CursorExpired(f"{self.context.name}: the settings have changed since; list all anew.")
        return place


def _head(path: Path, size: int) -> tuple[int, str]:
    """How much of the beginning was looked at, and a hash of it."""
    length = min(size, HEAD)
    with path.open("rb") as file:
        return length, blake2b(file.read(length), digest_size=8).hexdigest()
