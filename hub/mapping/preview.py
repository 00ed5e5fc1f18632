"""What a mapping makes of sample records, beside what another one makes of them: pure, for people who are changing it.

Everything here is personal data, save the texts of `Judged`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from hub.errors import ConfigError, RecordError
from hub.mapping.alter import full, short
from hub.mapping.apply import ContactMapping
from hub.mapping.paths import MISSING, parse_path
from hub.mapping.spec import load_mapping
from hub.model import KIND, Fields, Problem, Record

DEEPEST_PATH = 5  # names in a path that is proposed
MOST_PATHS = 300  # proposed for a set of records
MOST_ITEMS = 5  # of a list that are looked into

RowKey: TypeAlias = str
"""`kind`, `fields.NAME[N]` or `consents[N]`: a row, as messages name it."""
Change: TypeAlias = Literal["", "new", "gone", "other"]


@dataclass(frozen=True, slots=True)
class Judged:
    """A table, as far as it can be used.

    mapping  None: it cannot be used as it is
    rows     each row that is right by itself, alone
    wrong    (row, what is wrong with it); a mistake of no row in particular: ("", …)
    """

    mapping: ContactMapping | None
    rows: Mapping[RowKey, ContactMapping]
    wrong: tuple[tuple[RowKey, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One canonical value. was: of the mapping in use; `change` says whether that differs"""

    key: str
    path: str = ""
    before: Any = None
    after: Any = None
    was: Any = None
    change: Change = ""
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """One source field on the way back. holds: as the record has it now; sent: it would be written now"""

    name: str
    holds: Any
    value: Any
    was: Any
    change: Change
    sent: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A record under two mappings. error: why it would be set aside. changes: lines that differ"""

    id: str
    lines: tuple[Line, ...] = ()
    told: tuple[Told, ...] = ()
    error: str | None = None
    was_error: str | None = None

    @property
    def changes(self) -> int:
        return sum(line.change != "" for line in self.lines) + (self.error != self.was_error)

    @property
    def problems(self) -> int:
        return sum(line.problem is not None for line in self.lines)


@dataclass(slots=True)
class Tally:
    """How many records map otherwise. fields: how many of them by base field"""

    records: int = 0
    otherwise: int = 0
    refused: int = 0
    fields: dict[str, int] = field(default_factory=dict)

    def add(self, before: ContactMapping, after: ContactMapping, record: Record) -> None:
        self.records += 1
        was, now = _mapped(before, record), _mapped(after, record)
        if now is None:
            self.refused += 1
        if was == now:
            return
        self.otherwise += 1
        for base in sorted({_base(key) for key in _differing(was or {}, now or {})}):
            self.fields[base] = self.fields.get(base, 0) + 1


# --- what is right and what is wrong in a table -----------------------------------------------------


def judge_table(table: Mapping[str, Any], region: str | None) -> Judged:
    """table: in the form of `hub.mapping.alter.full`. Every row is judged by itself, and then all together."""
    rows: dict[RowKey, ContactMapping] = {}
    wrong: list[tuple[RowKey, str]] = []
    for key, alone in _alone(table):
        try:
            rows[key] = load_mapping(alone, where="", default_region=region)
        except ConfigError as err:
            wrong += [(key, said) for said in _said(err, key)]
    if wrong:
        return Judged(None, rows, tuple(wrong))
    try:
        return Judged(load_mapping(short(table), where="", default_region=region), rows)
    except ConfigError as err:
        return Judged(None, rows, tuple(_placed(err, table)))


def _alone(table: Mapping[str, Any]) -> Iterator[tuple[RowKey, dict[str, Any]]]:
    """Each row as a table of its own; numbers of phones are read with the addresses beside them."""
    if table[KIND]:
        yield KIND, {KIND: table[KIND]}
    addresses = table["fields"].get("addresses")
    for name, rows in table["fields"].items():
        for n, row in enumerate(rows):
            beside = {"addresses": addresses} if name == "phones" and addresses else {}
            yield f"fields.{name}[{n}]", {"fields": {**beside, name: [row]}}
    for n, row in enumerate(table["consents"]):
        yield f"consents[{n}]", {"consents": [row]}


def _said(err: ConfigError, key: RowKey) -> Iterator[str]:
    """What is wrong in a row, without its place."""
    alone = f"{key.partition('[')[0]}[0]" if key != KIND else KIND
    for line in str(err).splitlines():
        said = line.removeprefix(": ")
        if key.startswith("fields.phones") and said.startswith("fields.addresses"):
            continue  # said at its own row
        yield said.removeprefix(alone).removeprefix(alone.removesuffix("[0]")).lstrip(".: ")


def _placed(err: ConfigError, table: Mapping[str, Any]) -> Iterator[tuple[RowKey, str]]:
    """What is wrong with rows that are right by themselves, at the first row that a message names."""
    for line in str(err).splitlines():
        said = line.removeprefix(": ")
        place, _, text = said.partition(": ")
        name = place.removeprefix("fields.")
        named = max(
            (n for n in table["fields"] if name == n or name.startswith((f"{n}[", f"{n}."))), default="", key=len
        )
        yield (f"fields.{named}[0]", text) if place.startswith("fields.") and named else ("", said)


# --- records under two mappings ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Between:
    """Two mappings, side by side.

    before   the one in use; after: the one that is being made
    differs  of a key, what is wanted and what is held: would the hub write it?
    """

    before: ContactMapping
    after: ContactMapping
    differs: Callable[[str, Any, Any], bool]

    def show(self, record: Record, golden: Fields | None = None) -> Shown:
        """golden: fields of the golden record it belongs to; None: of none, and its own stand for them"""
        was, now = _outcome(self.before, record), _outcome(self.after, record)
        was_error = was if isinstance(was, str) else None
        if isinstance(now, str):
            return Shown(record.id, error=now, was_error=was_error)
        was_fields = {} if isinstance(was, str) else was
        lines = tuple(_lines(self.after, record, was_fields, now))
        return Shown(record.id, lines, tuple(self._told(record, was_fields, now, golden)), was_error=was_error)

    def _told(
        self, record: Record, was: Mapping[str, Any], now: Mapping[str, Any], golden: Fields | None
    ) -> Iterator[Told]:
        """What the system would be told of the golden record."""
        earlier, _ = self._sent(self.before, was, golden)
        whole, sent = self._sent(self.after, now, golden)
        for name in dict.fromkeys((*whole, *earlier)):
            change = _change(earlier.get(name, MISSING), whole.get(name, MISSING))
            yield Told(name, record.fields.get(name), whole.get(name), earlier.get(name), change, name in sent)

    def _sent(
        self, mapping: ContactMapping, held: Mapping[str, Any], golden: Fields | None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """(all source fields that the hub would see to, those of them that it would write now)"""
        wanted = mapping.project(held if golden is None else golden, held, creating=False)
        covered = [key for key in {**wanted, **held} if mapping.covers(key)]
        changed = [key for key in covered if self.differs(key, wanted.get(key), held.get(key))]
        return mapping.payload(wanted, [key for key in covered if key in wanted]), mapping.payload(wanted, changed)


def row_says(row: ContactMapping, name: str, record: Record) -> list[tuple[Any, str, Any]]:
    """(raw, canonical key, value or Problem) of one row alone; name: of its field, or consents, or kind"""
    try:
        found = row.explain(record)
    except RecordError:
        return []
    return [(raw, key, value) for _, raw, key, value in found if _base(key) == name]


def _outcome(mapping: ContactMapping, record: Record) -> dict[str, Any] | str:
    """Canonical fields, or why the record would be set aside."""
    try:
        return mapping.inward(record).fields
    except RecordError as err:
        return str(err)


def _mapped(mapping: ContactMapping, record: Record) -> dict[str, Any] | None:
    found = _outcome(mapping, record)
    return found if isinstance(found, dict) else None


def _lines(after: ContactMapping, record: Record, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Line]:
    seen = set()
    for path, raw, key, value in after.explain(record):
        if isinstance(value, Problem):
            yield Line(key, path, raw, problem=value.reason)
        else:
            seen.add(key)
            yield _line(key, path, raw, was, now)
    yield from (_line(key, "", None, was, now) for key in dict.fromkeys((*now, *was)) if key not in seen)


def _line(key: str, path: str, raw: Any, was: Mapping[str, Any], now: Mapping[str, Any]) -> Line:
    return Line(key, path, raw, now.get(key), was.get(key), _change(was.get(key, MISSING), now.get(key, MISSING)))


def _differing(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [key for key in {**was, **now} if was.get(key, MISSING) != now.get(key, MISSING)]


def _change(was: Any, now: Any) -> Change:
    if was is MISSING and now is MISSING:
        return ""
    if was is MISSING:
        return "new"
    if now is MISSING:
        return "gone"
    return "" if was == now else "other"


def _base(key: str) -> str:
    return key.partition("/")[0]


# --- what a source has ------------------------------------------------------------------------------


def source_paths(records: Sequence[Record]) -> dict[str, Any]:
    """Paths that a mapping could read of these records → the first value that is something, in their order."""
    found: dict[str, Any] = {}
    for record in records:
        for path, value in _paths(record.fields, "", 1):
            if path not in found and len(found) >= MOST_PATHS:
                continue
            if found.get(path) in (None, ""):
                found[path] = value
    return found


def _paths(fields: Mapping[str, Any], above: str, depth: int) -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        path = _named(above, str(name))
        if path is None:
            continue
        if isinstance(value, Mapping) and value and depth < DEEPEST_PATH:
            yield from _paths(value, path, depth + 1)
        elif isinstance(value, list | tuple) and value and "[]" not in path:
            yield from _of_items(value, f"{path}[]", depth)
        else:
            yield path, value


def _of_items(items: Sequence[Any], path: str, depth: int) -> Iterator[tuple[str, Any]]:
    for item in items[:MOST_ITEMS]:
        if not isinstance(item, Mapping):
            yield path, item
        elif depth < DEEPEST_PATH:
            yield from _paths(item, path, depth + 1)


def _named(above: str, name: str) -> str | None:
    """The path of a field; None for a name that no path can be written of."""
    plain = f"{above}.{name}" if above else name
    for path in (plain, f"{above}['{name}']"):
        try:
            parsed = parse_path(path)
        except ValueError:
            continue
        if (parsed.each or parsed.steps)[-1] == name:
            return path
    return None


def paths_of(table: Mapping[str, Any]) -> list[str]:
    """Source paths that a table names, each once, those to be ignored too."""
    found: list[str] = []
    for row in [row for rows in full(table)["fields"].values() for row in rows]:
        source = row.get("from", "")
        found += source.values() if isinstance(source, Mapping) else source if isinstance(source, list) else [source]
        found += [row[key] for key in ("label_from",) if key in row]
    for row in full(table)["consents"]:
        details = [row.get(key) for key in ("at", "basis", "source", "wording")]
        found += [row.get("from", ""), *(each["from"] for each in details if isinstance(each, Mapping))]
    found += [full(table)[KIND].get("from", ""), *full(table)["ignore"]]
    return list(dict.fromkeys(path for path in found if isinstance(path, str) and path))
