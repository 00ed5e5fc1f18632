"""The file of erasures: kept outside of the database, so that a backup that is put back brings nobody back.

Lines of JSON that are only ever added. In them are hashes and names of connections, nothing of anybody. The key of the
hashes is in the first line, sealed under the master key.

    {"key": …, "master": …, "name": …}                       again when one of both keys has changed
    {"erased": ID, "at": …, "marks": {HASH: KIND}, "systems": […]}
    {"told": ID, "mark": HASH}                               that system has let go of that record
    {"lifted": ID}
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.access.sealing import key_name
from hub.errors import ConfigError
from hub.store import erasures
from hub.store.db import Store, Tx, dumps, loads
from hub.store.erasures import SCOPE, Kind


@dataclass(frozen=True, slots=True)
class Entry:
    """An erasure as the file has it. key: name of the key of its hashes; None: the file did not say so yet"""

    id: str
    at: float
    marks: Mapping[str, Kind]
    systems: tuple[str, ...]
    key: str | None


@dataclass(slots=True)
class Book:
    """What the file says. key: (sealed, name of the master key); told: (erasure, hash of the key of a record)"""

    key: tuple[str, str] | None = None
    name: str | None = None
    entries: dict[str, Entry] = field(default_factory=dict)
    told: set[tuple[str, str]] = field(default_factory=set)
    lifted: set[str] = field(default_factory=set)

    def take(self, line: Mapping[str, Any]) -> None:
        if "key" in line:
            self.key, self.name = (line["key"], line["master"]), line.get("name")
        elif "erased" in line:
            marks = {mark: Kind(kind) for mark, kind in line["marks"].items()}
            self.entries[line["erased"]] = Entry(line["erased"], line["at"], marks, tuple(line["systems"]), self.name)
        elif "told" in line:
            self.told.add((line["told"], line["mark"]))
        elif "lifted" in line:
            self.lifted.add(line["lifted"])


class Ledger:
    """path: None where there is no file, as of a store in memory"""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def read(self) -> Book:
        """ConfigError when it cannot be read: nobody may come back because of that."""
        book = Book()
        if self.path is None or not self.path.exists():
            return book
        try:
            lines = self.path.read_bytes().splitlines(keepends=True)
        except OSError as err:
            raise self._wrong(err.strerror or type(err).__name__) from err
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                break  # the last one was cut off when the machine went down: it is written again
            try:
                book.take(loads(line))
            except (ValueError, KeyError, TypeError, AttributeError) as err:
                raise self._wrong(f"line {number} is none of its lines") from err
        return book

    def _wrong(self, why: str) -> ConfigError:
        return ConfigError(
            f"The file of erasures {self.path} cannot be read ({why}). Nothing was done: who was erased could come "
            "back. Put the file back as it was; it is named under `keep.erasures` in hub.yaml."
        )

    def check(self) -> None:
        """ConfigError when nothing can be added to it."""
        self.append(())

    def append(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Returns when they would survive a crash. ConfigError when they were not written."""
        if self.path is None:
            return
        text = b"".join(dumps(dict(line)).encode() + b"\n" for line in lines)
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(handle, "r+b", buffering=0) as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # nobody adds to a line that another process has half written
                _add(file, text)
                os.fsync(file.fileno())
        except OSError as err:
            raise ConfigError(
                f"The file of erasures {self.path} cannot be written ({err.strerror or type(err).__name__}). Without "
                "it a backup that is put back would bring back who was erased. Make room, or name another file under "
                "`keep.erasures` in hub.yaml; the hub writes down at its next start what is missing."
            ) from err


def _add(file: Any, text: bytes) -> None:
    """All of it, or what was there before. OSError: one write may take in only a part, as where there is no room."""
    end = file.seek(0, os.SEEK_END)
    if end and _byte_before(file, end) != b"\n":
        end = _cut_half_line(file, end)
    left = memoryview(text)
    try:
        while left:
            left = left[file.write(left) :]
    except OSError:
        file.truncate(end)
        raise


def _byte_before(file: Any, end: int) -> bytes:
    file.seek(end - 1)
    return bytes(file.read(1))


def _cut_half_line(file: Any, end: int) -> int:
    """What a machine that went down had begun to write; the size that is left."""
    file.seek(0)
    data = file.read(end)
    return int(file.truncate(data.rfind(b"\n") + 1))


# --- the file and the store ---------------------------------------------------------------------------


def missing(store: Store, book: Book) -> list[Entry]:
    """Erasures that are to be made again: a backup was put back that knows nothing of them."""
    if not book.entries:
        return []
    with store.glance() as tx:
        known = erasures.known(tx, list(book.entries))
    return [entry for number, entry in book.entries.items() if number not in known]


def lifted_since(store: Store, book: Book) -> list[str]:
    """Erasures that were lifted and are not in the store: a backup was put back that was made before."""
    if not book.lifted:
        return []
    with store.glance() as tx:
        return erasures.in_force(tx, book.lifted)


def is_behind(store: Store, book: Book) -> bool:
    """Whether the store has to catch up with the file."""
    return bool(missing(store, book) or lifted_since(store, book))


def write_down(store: Store, ledger: Ledger) -> int:
    """What the store has and the file has not; how many lines. ConfigError when they cannot be written."""
    if ledger.path is None:
        return 0
    with store.read() as tx:
        if not tx.counter(erasures.COUNTED):
            return 0
        lines = list(_lines(tx, ledger.read()))
    if lines:
        ledger.append(lines)
    return len(lines)


def _lines(tx: Tx, book: Book) -> Iterable[dict[str, Any]]:
    sealed = tx.keys.sealed(tx, SCOPE)
    if sealed is not None and sealed != book.key:
        yield {"key": sealed[0], "master": sealed[1], "name": _name_of_key(tx)}
    for made in erasures.every(tx):
        if made.id not in book.entries and made.state != "lifted":
            marks = {mark: str(kind) for mark, kind in erasures.marks_of(tx, made.id).items()}
            systems = sorted({step.connection for step in erasures.steps(tx, [made.id]).get(made.id, ())})
            yield {"erased": made.id, "at": made.at, "marks": marks, "systems": systems}
        if made.state == "lifted" and made.id in book.entries and made.id not in book.lifted:
            yield {"lifted": made.id}
    for number, mark in erasures.told(tx):
        if (number, mark) not in book.told:
            yield {"told": number, "mark": mark}


def take_over(tx: Tx, book: Book, entries: Sequence[Entry]) -> None:
    """Erasures of the file become known to the store, with the key of their hashes.

    ConfigError when the store has another one: by that nobody would be found.
    """
    if book.key is not None and tx.keys.known(tx, SCOPE) is None:
        tx.keys.keep(tx, SCOPE, tx.keys.opened(tx, SCOPE, *book.key))
    foreign = [entry for entry in entries if entry.key not in (None, _name_of_key(tx))]
    if foreign:
        raise ConfigError(
            f"{len(foreign)} erasures of the file under `keep.erasures` were made under another key than this store's: "
            "somebody was erased while a backup was in use without its file, or the file is another hub's. Nothing was "
            "done: who is in it would come back. Put back a backup that goes with this file, with the file; or move "
            "the file away, and erase again whom it was about."
        )
    there = {made.id for made in erasures.every(tx)}
    for entry in entries:
        if entry.id in there:
            continue  # begun before, and cut off
        state = "lifted" if entry.id in book.lifted else erasures.AGAIN
        erasures.add(tx, erasures.Erasure(entry.id, "", entry.at, "restore", None, 0, None, state, None, None))
        if state == erasures.AGAIN:
            erasures.suppress(tx, entry.id, entry.marks)


def _name_of_key(tx: Tx) -> str | None:
    key = tx.keys.known(tx, SCOPE)
    return key_name(key) if key is not None else None
