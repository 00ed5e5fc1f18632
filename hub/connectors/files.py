"""Contacts in files, named by a path, a pattern or an address: local, SFTP, S3, HTTP. Read only.

snapshot  all files together are the complete listing; read twice, so that of entries with one key only the
          last becomes a record (the keys wait in a temporary database, not in memory)
append    files only grow: each pull goes on where the last one ended; a file that was cut or replaced is
          read anew; a last line without its line break waits until it is whole
drop      each file is a batch of changes: see `filing/drops.py`
Elsewhere files from other machines are copied into a private folder for the time of reading. Their listing is
          not read again while etag, or size and time, stay the same
Quirks    CSV is strict: quotes are closed, every row has the fields of the header; values stay text

Columns named like the canonical fields map without a mapping file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import orjson

from hub.connectors.contract import PAGE_SIZE, Can, Connector, Report
from hub.connectors.defaults import default_mapping
from hub.connectors.file_entries import Entry
from hub.connectors.file_keys import KeyIndex
from hub.connectors.filing.drops import Drops
from hub.connectors.filing.pieces import Piece, pieces_of, private_folder
from hub.connectors.filing.places import FileProblem, Found, Place, open_place
from hub.connectors.filing.raws import KINDS
from hub.connectors.filing.settings import SUFFIXES, FileSettings, suffix
from hub.connectors.filing.taking import Taker, named
from hub.connectors.filing.waiting import ready
from hub.connectors.rows import Item
from hub.errors import AccountError, CursorExpired, TransientError
from hub.model import Cursor, Page, Raw

HEAD = 4096  # bytes at the beginning of a file that tell whether it is still the same
OWN_NAMES = {"ldif": "ldif", "vcard": "carddav"}  # formats with fields of their own → default mapping
CHECKED = 20  # files that a check looks into


class FileConnector(Connector):
    """Files somebody puts into a folder: exports, drops of a partner, logs that grow."""

    Settings: ClassVar[type[FileSettings]] = FileSettings
    default_mapping: ClassVar[str] = ""  # flat: columns named like the canonical fields
    example: ClassVar[str] = """\
type: file
path: inbox/partners-*.csv
key: source_id
"""

    settings: FileSettings

    @classmethod
    def mapping_text(cls, settings: Mapping[str, Any]) -> str:
        """LDIF and vCard have names of their own; all else goes by the names of its columns."""
        kind = settings.get("format") or SUFFIXES.get(suffix(str(settings.get("path", ""))), "")
        return default_mapping(OWN_NAMES[kind]) if kind in OWN_NAMES else cls.default_mapping

    @property
    def can(self) -> Can:
        settings = self.settings
        changes = settings.mode != "snapshot" or settings.scheme != "file"
        marks = settings.deleted is not None or settings.kind == "dbase"
        complete, reread = settings.mode == "snapshot", settings.kind in KINDS
        return Can(changes=changes, complete=complete, tombstones=changes and marks, reread=reread)

    def check(self) -> Report:
        found = self._place.find()
        if self.settings.mode != "drop" and not found:
            raise self._nothing()
        lines, warnings = [], []
        for file in found[:CHECKED]:
            try:
                told, warning = self._look_into(file)
            except FileProblem as problem:
                told, warning = [], [f"{problem.name or file.name} {problem}"]
                if self.settings.mode != "drop":
                    raise self._unreadable(problem) from problem
            lines += told
            warnings += warning
        return Report(f"{self.settings.kind} files", (f"{len(found)} files", *lines), tuple(warnings))

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        place = None if since is None else self._resumed(since)
        if self.settings.mode == "drop":
            return Drops(self.settings, self.context, self._place, self._taker, self._cursor).pull(place or {}, since)
        pages = self._append(place or {}) if self.settings.mode == "append" else self._snapshot(place)
        return self._told(pages)

    def reread(self, raw: Raw, text: str, where: str) -> Item:
        if self.settings.kind not in KINDS:
            raise AssertionError("not declared in `can`")
        return self._taker.reread(raw, text, where)

    def _told(self, pages: Iterator[Page]) -> Iterator[Page]:
        """A file that cannot be read as a whole pauses the connection: what is in it is not known."""
        try:
            yield from pages
        except FileProblem as problem:
            raise self._unreadable(problem) from problem

    def _look_into(self, file: Found) -> tuple[list[str], list[str]]:
        """What a check says of a file, and what is wrong with its first entry."""
        lines, warnings = [], []
        with private_folder() as folder:
            with named(file.name):
                pieces = pieces_of(file, self._place, self.settings, folder, most=1)
            for piece in pieces:
                names = self._taker.names(piece)
                first = next(self._taker.keyed(piece, 0, 0), None)
                said = f", columns {', '.join(names)}" if names else ""
                lines.append(f"{piece.name}: {file.size} bytes{said}")
                if first is not None and first[0].problem:
                    warnings.append(f"{self._taker.where(piece, first[0].line)} {first[0].problem}")
        return lines, warnings

    # --- snapshot ---------------------------------------------------------------------------------

    def _snapshot(self, place: Mapping[str, Any] | None) -> Iterator[Page]:
        found = self._files()
        state = self._state(found)
        if place is not None:
            if place.get("state") != state or not all(file.mark for file in found):
                raise CursorExpired(f"{self.context.name}: the files have changed since; list them anew.")
            if place.get("whole"):
                yield Page((), self._cursor(state=state, whole=True))
                return
        with private_folder() as folder, KeyIndex() as index:
            pieces = []
            for file in found:
                with named(file.name):
                    pieces += pieces_of(file, self._place, self.settings, folder)
            for number, piece in enumerate(pieces):
                index.note(number, self._taker.keys(piece))
            yield from self._pages(pieces, state, index, place)

    def _pages(
        self, pieces: Sequence[Piece], state: str, index: KeyIndex, place: Mapping[str, Any] | None
    ) -> Iterator[Page]:
        first, offset, line = place["at"] if place else (0, 0, 0)
        held: Page | None = None
        all_differ = index.all_differ()
        for number, piece in enumerate(pieces[first:], start=first):
            start = (offset, line) if number == first else (0, 0)
            entries = self._taker.keyed(piece, *start)
            while batch := list(islice(entries, PAGE_SIZE)):
                if held is not None:
                    yield held
                last = index.last([key for entry, key in batch if entry.gone or not all_differ])
                items: Iterable[Item | None]
                if last:
                    items = [self._item(pieces, number, entry, key, last.get(key)) for entry, key in batch]
                else:
                    items = [self._taker.item(piece, entry, key) for entry, key in batch]
                end = batch[-1][0]
                cursor = self._cursor(state=state, at=[number, end.end, end.last])
                held = Page(tuple([item for item in items if item is not None]), cursor)
        if self._state(self._files()) != state:
            raise TransientError(f"{self.context.name}: the files changed while they were read; nothing is certain.")
        cursor_after = self._cursor(state=state, whole=True) if self.can.changes else None
        yield Page(() if held is None else held.items, cursor_after)

    def _item(
        self, pieces: Sequence[Piece], number: int, entry: Entry, key: str, last: tuple[int, int] | None
    ) -> Item | None:
        """None: a deleted entry whose key lives on in another one."""
        piece = pieces[number]
        if entry.gone and last is not None:
            return None
        if key and last is not None and last != (number, entry.line):
            where = self._taker.where(pieces[last[0]], last[1])
            return self._taker.unreadable(piece, entry, f"has the key of {where}, which was taken", None)
        return self._taker.item(piece, entry, key)

    # --- append -----------------------------------------------------------------------------------

    def _append(self, place: Mapping[str, Any]) -> Iterator[Page]:
        """Only what was added, file after file; positions of files that are gone are forgotten."""
        found = self._files(strict=False)
        there = {file.name for file in found}
        known = {name: at for name, at in place.get("files", {}).items() if name in there}
        held: Page | None = None
        with private_folder() as folder:
            for file in found:
                if file.mark and known.get(file.name, [""])[-1] == file.mark:
                    continue
                piece = self._grown(file, folder)
                offset, line = _resume(piece.path, known.get(file.name))
                entries = self._taker.keyed(piece, offset, line)
                while batch := list(islice((pair for pair in entries if pair[0].whole), PAGE_SIZE)):
                    if held is not None:
                        yield held
                    end = batch[-1][0]
                    known = {**known, file.name: [end.end, end.last, *_head(piece.path, end.end), ""]}
                    items = tuple(self._taker.item(piece, entry, key) for entry, key in batch)
                    held = Page(items, self._cursor(files=known))
                if file.name in known:
                    known = {**known, file.name: [*known[file.name][:-1], file.mark]}
        yield Page(held.items if held else (), self._cursor(files=known))

    def _grown(self, file: Found, folder: Path) -> Piece:
        with named(file.name):
            [piece] = pieces_of(file, self._place, self.settings, folder)
        return piece

    # --- files ------------------------------------------------------------------------------------

    @cached_property
    def _place(self) -> Place:
        return open_place(self.settings, self.context)

    @cached_property
    def _taker(self) -> Taker:
        return Taker(self.settings, self.context)

    def _files(self, *, strict: bool = True) -> list[Found]:
        """The files in order; AccountError when there are none, since that is no empty listing.

        strict  TransientError when one of them is still being written
        """
        found = self._place.find()
        if not found:
            raise self._nothing()
        settled = ready(found, self._place, self.settings, self.context.clock().timestamp())
        if strict and len(settled) < len(found) and self.settings.marker is None:
            raise TransientError(f"{self.context.name}: a file is still being written; it is left for the next run.")
        if not settled:
            raise TransientError(f"{self.context.name}: no file is ready yet; they are left for the next run.")
        empty = [file.name for file in settled if file.size == 0 and file.mark and self.settings.mode == "snapshot"]
        if empty:
            raise AccountError(
                f"{self.context.name}: {empty[0]} is empty, without a header or an entry; nothing was read, and "
                "nothing counts as deleted."
            )
        return settled

    def _nothing(self) -> AccountError:
        return AccountError(
            f"{self.context.name}: no file {self.settings.path}; nothing was read, and nothing counts as "
            "deleted. Next: check `path`, or wait for the file."
        )

    def _unreadable(self, problem: FileProblem) -> AccountError:
        return AccountError(
            f"{self.context.name}: {problem.name} {problem}; nothing counts as deleted. Next: correct the file."
        )

    def _state(self, found: Sequence[Found]) -> str:
        """Changes when a file comes, goes, grows or is written to."""
        seen = [(file.path, file.mark) for file in found]
        return blake2b(orjson.dumps([self._mark(), seen]), digest_size=8).hexdigest()

    # --- cursors ----------------------------------------------------------------------------------

    def _mark(self) -> str:
        """Of the settings that say what is read; a new password reads nothing anew."""
        secret = {"user", "secret", "private_key", "known_hosts", "fingerprint", "timeout_seconds"}
        return blake2b(self.settings.model_dump_json(exclude=secret).encode(), digest_size=4).hexdigest()

    def _cursor(self, **place: Any) -> Cursor:
        return orjson.dumps({"of": self._mark(), **place}).decode()

    def _resumed(self, cursor: Cursor) -> dict[str, Any]:
        try:
            place = orjson.loads(cursor)
        except ValueError:
            place = None
        if not isinstance(place, dict) or place.get("of") != self._mark():
            raise CursorExpired(f"{self.context.name}: the settings have changed since; list all anew.")
        return place


def _resume(path: Path, at: Sequence[Any] | None) -> tuple[int, int]:
    if at is None:
        return 0, 0
    offset, line, length, head, _ = at
    same = path.stat().st_size >= offset and _head(path, length) == (length, head)
    return (int(offset), int(line)) if same else (0, 0)


def _head(path: Path, size: int) -> tuple[int, str]:
    """How much of the beginning was looked at, and a hash of it."""
    length = min(size, HEAD)
    with path.open("rb") as file:
        return length, blake2b(file.read(length), digest_size=8).hexdigest()
