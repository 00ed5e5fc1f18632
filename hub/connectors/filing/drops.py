"""A drop folder: each file is a batch of changes, taken in once and then moved away.

A file is moved when the cursor that says it was taken in comes back: that it was saved is known only then, since a
page, its records and its cursor are committed after this connector has handed them out. So a file stays for one more
run, and a crash at any line takes some of it in again, which changes nothing, and loses none.

What cannot be read as a whole is moved to the failed folder in the same way, beside a .reason. So is a file with the
content of an earlier one, unless `again: read`: old values would overwrite newer ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

from hub.connectors.contract import PAGE_SIZE, Context
from hub.connectors.filing.pieces import Piece, pieces_of, private_folder
from hub.connectors.filing.places import FileProblem, Found, Place
from hub.connectors.filing.settings import FileSettings
from hub.connectors.filing.taking import Taker, named
from hub.connectors.filing.waiting import marker_of, ready, unfinished
from hub.model import Cursor, Page, Unreadable

REMEMBERED = 300  # contents of files taken in last
CHUNK = 1024 * 1024
TWICE = (
    "holds the same content as a file that was taken in before; nothing of it was read. "
    "If that is meant, set `again: read` and drop it again"
)


class Drops:
    """One pull over the folder.

    finished  files that are done with, until they have been moved: [path, mark, reason or ""]
    hashes    of contents taken in last
    at        place in the file that is being read: [path, mark, piece, offset, line]
    """

    def __init__(
        self, settings: FileSettings, context: Context, place: Place, taker: Taker, cursor: Callable[..., Cursor]
    ) -> None:
        self._settings, self._context = settings, context
        self._place, self._taker, self._make_cursor = place, taker, cursor
        self._finished: list[list[str]] = []
        self._hashes: list[str] = []
        self._at: list[Any] | None = None

    def pull(self, saved: Mapping[str, Any], since: Cursor | None) -> Iterator[Page]:
        self._finished = list(saved.get("finished", []))
        self._hashes = list(saved.get("hashes", []))
        self._at = saved.get("at")
        found = [file for file in self._place.find() if not unfinished(file)]
        waiting = self._put_away(found)
        now = self._context.clock().timestamp()
        nothing = True
        for file in ready(waiting, self._place, self._settings, now):
            for page in self._file(file):
                nothing = False
                yield page
        if nothing:
            yield Page((), since or self._cursor())

    def _put_away(self, found: list[Found]) -> list[Found]:
        """Move what was saved as finished; what is left to be read."""
        reasons = {(path, mark): reason for path, mark, reason in self._finished}
        waiting = []
        for file in found:
            reason = reasons.get((file.path, file.mark))
            if reason is None:
                waiting.append(file)
                continue
            self._place.move(file, self._settings.failed if reason else self._settings.done, reason)
            if self._settings.marker is not None:
                self._place.remove_beside(file, marker_of(file, self._settings))
        return waiting

    def _file(self, file: Found) -> Iterator[Page]:
        """Pages of a file, the last with the cursor that says it is finished."""
        try:
            with private_folder() as folder:
                with named(file.name):
                    pieces = pieces_of(file, self._place, self._settings, folder)
                yield from self._pages(file, pieces)
        except FileProblem as problem:
            reason = f"{problem.name or file.name} {problem}"
            self._finish(file, reason)
            yield Page((Unreadable(f"file {file.name}", reason, ""),), self._cursor())

    def _pages(self, file: Found, pieces: list[Piece]) -> Iterator[Page]:
        digest = _digest([piece.path for piece in dict.fromkeys(pieces)])
        resumes = self._at is not None and self._at[:2] == [file.path, file.mark]
        if digest in self._hashes and self._settings.again == "refuse":
            raise FileProblem(TWICE)
        first, offset, line = self._at[2:] if resumes and self._at else (0, 0, 0)
        held: Page | None = None
        for number, piece in enumerate(pieces[first:], start=first):
            entries = self._taker.keyed(piece, *((offset, line) if number == first else (0, 0)))
            while batch := list(islice(entries, PAGE_SIZE)):
                if held is not None:
                    yield held
                end = batch[-1][0]
                self._at = [file.path, file.mark, number, end.end, end.last]
                held = Page(tuple(self._taker.item(piece, entry, key) for entry, key in batch), self._cursor())
        now = self._place.look(file)
        if now is not None and now.mark != file.mark:  # somebody still writes it: all of it comes again
            yield Page(held.items if held else (), self._cursor())
            return
        self._hashes = [*self._hashes, digest][-REMEMBERED:]
        self._finish(file, "")
        yield Page(held.items if held else (), self._cursor())

    def _finish(self, file: Found, reason: str) -> None:
        kept = [each for each in self._finished if each[0] != file.path]
        there = {other.path for other in self._place.find()}
        self._finished = [each for each in kept if each[0] in there] + [[file.path, file.mark, reason]]
        self._at = None

    def _cursor(self) -> Cursor:
        return self._make_cursor(finished=self._finished, hashes=self._hashes, at=self._at)


def _digest(paths: list[Path]) -> str:
    """Of the content as unpacked, so that packing it anew makes it no other file."""
    found = blake2b(digest_size=10)
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                found.update(chunk)
    return found.hexdigest()
