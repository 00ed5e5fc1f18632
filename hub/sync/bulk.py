"""Merges and splits from a CSV file: looked at line by line first, then carried out, a line whole or not at all.

    merge   a, b              two contacts that are one
    split   contact, records  records that leave a contact together, several separated by `;`

A contact is a golden id or CONNECTION:EXTERNAL_ID; a record is CONNECTION:EXTERNAL_ID, in quotes of its own (doubled
inside) where its id has a `;` or begins or ends with a space. Further columns are passed over.
What a line asks for and is so already is nothing to do: a file can be carried out again after an interruption.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TextIO, TypeAlias

from hub.errors import ConfigError
from hub.store import links as db
from hub.store.audit import note
from hub.store.db import Tx
from hub.sync.clusters import Clusters
from hub.sync.engine import Hub, chunks
from hub.sync.joining import Ref, join, part
from hub.sync.link import HOLDING
from hub.sync.plan import display_name

Kind: TypeAlias = Literal["merge", "split"]

COLUMNS: Mapping[Kind, tuple[str, str]] = {"merge": ("a", "b"), "split": ("contact", "records")}
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_TEXT = re.compile(rf"\s*({_QUOTED.pattern}(?=\s*(?:;|\Z))|[^;]*)\s*(?:;|\Z)")
BATCH = 100  # lines a transaction: the one writer is free again after some tenths of a second


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file. contacts: two to merge, or the one to split; records: those that leave it."""

    number: int
    contacts: tuple[str, ...]
    records: tuple[Ref, ...] = ()


@dataclass(frozen=True, slots=True)
class Mistake:
    """A line that cannot be carried out, and why."""

    line: int
    reason: str


# --- reading the file -------------------------------------------------------------------------------


def read_lines(path: Path, kind: Kind) -> tuple[list[Line], list[Mistake]]:
    """ConfigError when it is no CSV file in UTF-8 with the columns of the kind."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return read_text(file, kind, str(path))
    except OSError as err:
        raise ConfigError(f"{path} cannot be read: {err.strerror}. Nothing was changed.") from err
    except UnicodeDecodeError as err:
        raise ConfigError(f"{path} is not UTF-8, so nothing was changed. Next: save it as “CSV UTF-8”.") from err


def read_text(file: TextIO, kind: Kind, name: str) -> tuple[list[Line], list[Mistake]]:
    """The same of an open text; name: what errors call it"""
    lines: list[Line] = []
    mistakes: list[Mistake] = []
    try:
        head = file.readline()
        delimiter = max(",;\t", key=head.count)
        names = [name.strip().lower() for name in next(csv.reader([head], delimiter=delimiter), [])]
        places = _places(name, names, kind)
        for number, row in _rows(csv.reader(file, delimiter=delimiter, strict=True)):
            found = _line(kind, number, names, places, row)
            if isinstance(found, Line):
                lines.append(found)
            else:
                mistakes.append(found)
    except csv.Error as err:
        raise ConfigError(f"{name} is no proper CSV file ({err}), so nothing was changed.") from err
    return lines, mistakes


def _places(name: str, names: Sequence[str], kind: Kind) -> tuple[int, int]:
    one, other = COLUMNS[kind]
    if names.count(one) != 1 or names.count(other) != 1:
        raise ConfigError(
            f"{name}, line 1: a file of {kind}s has the columns {one} and {other}, each once. "
            f"Found: {', '.join(filter(None, names)) or 'none'}. Nothing was changed."
        )
    return names.index(one), names.index(other)


def _rows(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """(number of the line in the file, row); empty lines are passed over."""
    last = 1
    for row in reader:
        number, last = last + 1, 1 + reader.line_num  # type: ignore[attr-defined] # of csv.reader
        if any(value.strip() for value in row):
            yield number, row


def _line(kind: Kind, number: int, names: Sequence[str], places: tuple[int, int], row: Sequence[str]) -> Line | Mistake:
    if len(row) != len(names):
        return Mistake(number, f"{len(row)} values instead of {len(names)}")
    one, other = (row[place].strip() for place in places)
    empty = next((name for name, text in zip(COLUMNS[kind], (one, other), strict=True) if not text), None)
    if empty is not None:
        return Mistake(number, f"{empty} is empty")
    if kind == "merge":
        return Line(number, (one, other))
    texts = _texts(other)
    refs = [ref for text in texts if (ref := _ref(text)) is not None]
    if len(refs) < len(texts) or not texts:
        wrong = next((text for text in texts if _ref(text) is None), other)
        return Mistake(number, f"{wrong!r} names no record: write CONNECTION:EXTERNAL_ID")
    return Line(number, (one,), tuple(dict.fromkeys(refs)))


def _texts(cell: str) -> list[str]:
    """What is separated by `;` in it, without its quotes. A quote in the middle of a text is part of it."""
    found = [match[1] for match in _TEXT.finditer(cell)]
    return [
        text[1:-1].replace('""', '"') if _QUOTED.fullmatch(text) else text.strip() for text in found if text.strip()
    ]


def _cell(texts: Iterable[str]) -> str:
    """The other way."""
    return ";".join(
        '"' + text.replace('"', '""') + '"' if ";" in text or text != text.strip() or _QUOTED.fullmatch(text) else text
        for text in texts
    )


def _ref(text: str) -> Ref | None:
    connection, colon, external_id = text.partition(":")
    return (connection, external_id) if colon and connection and external_id else None


# --- looking ahead ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """What a line would do: these golden records, with so many records, become one or two."""

    line: int
    names: tuple[str, ...]
    homes: tuple[str, ...]
    records: tuple[int, ...]


@dataclass(slots=True)
class Outlook:
    """What a file would do.

    already  lines that ask for what is so already
    before, after  golden records that the steps touch, before them and after; systems: that hold their records
    """

    steps: list[Step] = field(default_factory=list)
    already: int = 0
    mistakes: list[Mistake] = field(default_factory=list)
    before: int = 0
    after: int = 0
    records: int = 0
    systems: tuple[str, ...] = ()


def look_ahead(tx: Tx, lines: Iterable[Line], mistakes: Iterable[Mistake] = ()) -> Outlook:
    """Each line after those before it, without changing anything."""
    sketch, outlook = _Sketch(tx), Outlook(mistakes=list(mistakes))
    for line in lines:
        try:
            step = sketch.split(line) if line.records else sketch.merge(line)
        except ConfigError as err:
            outlook.mistakes.append(Mistake(line.number, str(err)))
            continue
        if step is None:
            outlook.already += 1
        else:
            outlook.steps.append(step)
    sketch.count(outlook)
    outlook.mistakes.sort(key=lambda mistake: mistake.line)
    return outlook


class _Sketch:
    """Which record would be in which golden record; read from the store when a line names it."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._home: dict[Ref, str] = {}
        self._records: dict[str, set[Ref]] = {}
        self._names: dict[str, str] = {}
        self._heir: dict[str, str] = {}
        self._there: dict[Ref, bool] = {}
        self._first: dict[Ref, str] = {}
        self._touched: set[Ref] = set()

    def merge(self, line: Line) -> Step | None:
        one, other = (self._find(name) for name in line.contacts)
        if one == other:
            return None
        step = self._step(line, one, other)
        moved = self._records.pop(other)
        self._records[one] |= moved
        self._home.update(dict.fromkeys(moved, one))
        self._heir[other] = one
        return step

    def split(self, line: Line) -> Step | None:
        home = self._find(line.contacts[0])
        homes = {self._find(f"{c}:{e}") for c, e in line.records}
        leaving, held = set(line.records), self._records[home]
        if home not in homes and len(homes) == 1 and self._records[next(iter(homes))] == leaving:
            return None
        if not leaving < held:
            raise ConfigError(cannot_split(leaving, held))
        new = f"new of line {line.number}"
        self._names[new] = self._names[home]
        self._records[new] = leaving
        self._records[home] = held - leaving
        self._home.update(dict.fromkeys(leaving, new))
        return self._step(line, home, new)

    def _step(self, line: Line, *homes: str) -> Step:
        for home in homes:
            self._touched |= self._records[home]
        return Step(
            line.number,
            tuple(self._names[h] for h in homes),
            homes,
            tuple(len(self._records[h]) for h in homes),
        )

    def _find(self, name: str) -> str:
        """The golden record that a contact is in, as things stand by this line."""
        ref = _ref(name)
        if ref is not None and ref in self._home:
            return self._home[ref]
        home = home_of(self._tx, name)
        while home in self._heir:
            home = self._heir[home]
        if home not in self._records:
            members = db.members(self._tx, [home])[home]
            golden = db.goldens(self._tx, [home]).get(home)
            self._names[home] = display_name(golden.fields if golden else {})
            self._records[home] = {m.ref for m in members}
            self._there.update({m.ref: m.state in HOLDING for m in members})
            self._home.update(dict.fromkeys(self._records[home], home))
            self._first.update(dict.fromkeys(self._records[home], home))
        return self._home[ref] if ref is not None else home

    def count(self, outlook: Outlook) -> None:
        outlook.before = len({self._first[ref] for ref in self._touched})
        outlook.after = len({self._home[ref] for ref in self._touched})
        there = [ref for ref in self._touched if self._there[ref]]
        outlook.records = len(there)
        outlook.systems = tuple(sorted({connection for connection, _ in there}))


def home_of(tx: Tx, name: str) -> str:
    """The golden id that answers for a contact today. ConfigError when there is no such contact."""
    ref = _ref(name)
    home = db.resolve_golden(tx, name) if ref is None else db.golden_ids(tx, ref[0], [ref[1]]).get(ref[1])
    if home is None:
        raise ConfigError(f"there is no contact {name!r}")
    return home


def cannot_split(leaving: set[Ref], held: set[Ref]) -> str:
    inside = len(leaving & held)
    if inside < len(leaving):
        return f"{inside} of {len(leaving)} records named are part of the contact"
    return "no record of the contact would stay"


# --- carrying it out --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Back:
    """What takes a step back: a merge with `other`, or a split of `records`."""

    contact: str
    other: str = ""
    records: tuple[Ref, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """A line that was carried out, or asked for what is so already. back: what takes it back, in its order.

    contacts  ids that it was about, as they were before it
    """

    line: int
    changed: bool
    back: tuple[Back, ...] = ()
    contacts: tuple[str, ...] = ()


def carry_out(
    hub: Hub, lines: Sequence[Line], person: str, told: Callable[[int], None] = lambda _: None
) -> Iterator[Done | Mistake]:
    """Each line is whole or not at all, and a batch of them is one transaction. told: lines saved so far."""
    saved = 0
    for batch in chunks(lines, BATCH):
        with hub.store.write() as tx:
            found = [_carry_out(hub, tx, line, person) for line in batch]
        saved += len(batch)
        told(saved)
        yield from found


def _carry_out(hub: Hub, tx: Tx, line: Line, person: str) -> Done | Mistake:
    clusters = Clusters(hub, tx, hub.new_id("p"), hub.clock())
    try:
        return _split(clusters, line, person) if line.records else _merge(clusters, line, person)
    except ConfigError as err:  # raised before anything of the line was changed
        return Mistake(line.number, str(err))


def _merge(clusters: Clusters, line: Line, person: str) -> Done:
    homes = [home_of(clusters.tx, name) for name in line.contacts]
    if len(set(homes)) == 1:
        return Done(line.number, changed=False, contacts=tuple(homes[:1]))
    joined = join(clusters, homes, person)
    said = {"line": line.number, "contacts": sorted(homes)}
    note(clusters.tx, person, "merged", f"contact {joined.kept}", said, at=clusters.now)
    back = [Back(joined.kept, records=refs) for _, refs in reversed(joined.lost)]
    return Done(line.number, True, tuple(back), tuple(homes))


def _split(clusters: Clusters, line: Line, person: str) -> Done:
    tx = clusters.tx
    home = home_of(tx, line.contacts[0])
    homes = {home_of(tx, f"{c}:{e}") for c, e in line.records}
    members = db.members(tx, {home, *homes})
    held, leaving = {m.ref for m in members[home]}, set(line.records)
    if home not in homes and len(homes) == 1 and {m.ref for m in members[next(iter(homes))]} == leaving:
        return Done(line.number, changed=False, contacts=(home,))
    if not leaving < held:
        raise ConfigError(cannot_split(leaving, held))
    parted = part(clusters, home, line.records, person)
    said = {"line": line.number, "records": len(line.records), "new": parted.home}
    note(tx, person, "split", f"contact {parted.left}", said, at=clusters.now)
    return Done(line.number, True, (Back(parted.left, parted.home),), (home,))


def write_back(path: Path, kind: Kind, done: Iterable[Done]) -> int:
    """The file that takes lines of this kind back, the last one first; how many lines it has."""
    other: Kind = "split" if kind == "merge" else "merge"
    rows = [
        (back.contact, back.other or _cell(f"{c}:{e}" for c, e in back.records))
        for one in reversed(list(done))
        for back in one.back
    ]
    with path.open("x", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS[other])
        writer.writerows(rows)
    return len(rows)
