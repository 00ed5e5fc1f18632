"""Entries with their keys, and what the hub takes each for: a record, a tombstone, or something to set aside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from hub.connectors.contract import Context
from hub.connectors.file_entries import Entry
from hub.connectors.filing.encodings import likely_encoding
from hub.connectors.filing.formats import Format
from hub.connectors.filing.pieces import Piece
from hub.connectors.filing.places import FileProblem
from hub.connectors.filing.raws import entries_of, raw_of
from hub.connectors.filing.settings import FileSettings
from hub.connectors.rows import MAX_ID, MAX_ORIGINAL, Item, escaped, fingerprint, identity, moment, unfit
from hub.model import Raw, Record, Tombstone, Unreadable

DEFAULT_KEYS = ("source_id", "id")
OWN_KEYS = {"ldif": ("entryuuid", "dn"), "vcard": ("uid",)}


class Taker:
    """Reads pieces by the settings of one connection."""

    def __init__(self, settings: FileSettings, context: Context) -> None:
        self._settings, self._context = settings, context
        self._zone = ZoneInfo(settings.time_zone)
        self._format = Format(settings, context)
        self._at: tuple[Piece, list[str]] | None = None  # the piece that is being read, and its columns

    def names(self, piece: Piece) -> list[str]:
        """The columns of a piece, with the key among them; FileProblem says which there are when it is not."""
        with named(piece.name):
            names = self._format.names(piece)
        if not self._format.names_vary:
            self._key(piece, names, None)
        return names

    def keyed(self, piece: Piece, offset: int, line: int) -> Iterator[tuple[Entry, str]]:
        """Entries with their keys; the key is empty where there is none to be read."""
        names = self.names(piece)
        self._at = piece, names
        column = None if self._format.names_vary else self._key(piece, names, None)
        with named(piece.name):
            for entry in self._format.entries(piece, offset, line):
                if entry.fields is None:
                    yield entry, ""
                    continue
                key = entry.fields.get(column or self._key(piece, names, entry.fields))
                key = key.strip() if type(key) is str else identity(_single(key)).strip()
                yield self._marked(entry) if self._settings.deleted else entry, key

    def keys(self, piece: Piece) -> Iterator[tuple[int, str]]:
        """(line, key) of the entries of a piece that are not gone; the key is empty where it is none."""
        if self._settings.kind != "csv" or self._settings.deleted:
            yield from ((entry.line, key) for entry, key in self.keyed(piece, 0, 0) if not entry.gone)
            return
        names = self.names(piece)
        column = self._key(piece, names, None)
        with named(piece.name):
            for line, text in self._format.column(piece, names, column):
                yield line, text.strip()

    def reread(self, raw: Raw, text: str, where: str) -> Item:
        """What is made of a text that stands in the place of an entry which could not be read."""
        unit = self._format.unit.split()[0]
        try:
            found = list(islice(entries_of(self._settings, raw.names, text), 2))
        except UnicodeEncodeError:
            return Unreadable(where, f"the {unit} holds half a character", "", raw=raw)
        if len(found) != 1:
            said = (
                f"the text holds no {unit}" if not found else f"the text is more than one {unit}: put right one alone"
            )
            return Unreadable(where, said, "", raw=raw)
        entry, key = found[0], ""
        if entry.fields is not None:
            try:
                column = self._key(Piece(where, Path()), raw.names or list(entry.fields), entry.fields)
            except FileProblem as problem:  # the settings name another key since
                return Unreadable(where, f"the {unit} {problem}", "", raw=raw)
            key = identity(_single(entry.fields.get(column))).strip()
            entry = self._marked(entry)
        made = self._made(entry, key)
        return replace(self._aside(where, entry, *made), raw=raw) if isinstance(made, tuple) else made

    def item(self, piece: Piece, entry: Entry, key: str) -> Item:
        found = self._made(entry, key)
        if not isinstance(found, tuple):
            return found
        aside = self._aside(self.where(piece, entry.line), entry, *found)
        names = self._at[1] if self._at is not None and self._at[0] == piece else self._format.names(piece)
        return replace(aside, raw=raw_of(self._settings, piece.path, names, entry))

    def _made(self, entry: Entry, key: str) -> Record | Tombstone | tuple[str, str | None]:
        """What it is; or what is wrong with it, and its key where that can be told."""
        if entry.fields is None:
            return str(entry.problem), None
        try:
            data = orjson.dumps(entry.fields)
        except TypeError:
            return self._undecoded(entry.fields), escaped(key)[:MAX_ID] or None
        reason = unfit(key, data)
        if reason is not None:
            return reason, key[:MAX_ID] or None
        at = moment(_single(entry.fields.get(self._settings.changed)), self._zone)
        if entry.gone:
            return Tombstone(key, at)
        return Record(key, entry.fields, fingerprint(data), at)

    def unreadable(self, piece: Piece, entry: Entry, problem: str, key: str | None) -> Unreadable:
        return self._aside(self.where(piece, entry.line), entry, problem, key)

    def _aside(self, where: str, entry: Entry, problem: str, key: str | None) -> Unreadable:
        original = entry.original
        if entry.fields is not None:
            shown = {name: escaped(v) if isinstance(v, str) else v for name, v in entry.fields.items()}
            original = orjson.dumps(shown, default=str).decode()
        text = escaped(original.rstrip("\r\n"))[:MAX_ORIGINAL]
        unit = self._format.unit
        return Unreadable(where, f"the {unit.split()[0]} {problem}", text, key)

    def where(self, piece: Piece, line: int) -> str:
        return f"{piece.name} {self._format.unit} {line}"

    def _marked(self, entry: Entry) -> Entry:
        """With the mark of deletion that the settings name."""
        for column, values in (self._settings.deleted or {}).items():
            value = _single((entry.fields or {}).get(column))
            if value in values or (value is not None and str(value).strip() in map(str, values)):
                return Entry(entry.line, entry.last, entry.end, entry.fields, whole=entry.whole, gone=True)
        return entry

    def _undecoded(self, fields: Mapping[str, Any]) -> str:
        declared = self._settings.text_encoding
        text = "".join(value for value in fields.values() if isinstance(value, str))
        try:
            guess = likely_encoding(text.encode(declared, "surrogateescape"))
        except UnicodeEncodeError:
            guess = None
        hint = f"; it looks like {guess}: see `encoding`" if guess and guess != declared else ""
        return f"is not text in {declared}{hint}"

    def _key(self, piece: Piece, names: Sequence[str], fields: Mapping[str, Any] | None) -> str:
        """The column that names an entry; where names vary each entry shows it, or not."""
        own = OWN_KEYS.get(self._settings.kind, DEFAULT_KEYS)
        if self._format.names_vary:
            there: Sequence[str] = list(fields or ())
            return self._settings.key or next((name for name in own if name in there), "")
        wanted = [self._settings.key] if self._settings.key else list(own)
        for name in wanted:
            if name in names:
                return name
        raise FileProblem(
            f"has no column {' or '.join(wanted)}; nothing was read. It has: {', '.join(names)[:500]}. "
            "Set `key`, or `delimiter` if these are not its columns",
            piece.name,
        )


@contextmanager
def named(name: str) -> Iterator[None]:
    """A problem of a file is told with its name."""
    try:
        yield
    except FileProblem as problem:
        problem.name = problem.name or name
        raise


def _single(value: Any) -> Any:
    """The first of several values, where an attribute may have several."""
    return (value[0] if value else None) if isinstance(value, list) else value
