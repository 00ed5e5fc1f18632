"""A compiled mapping: source record → canonical fields, and back. Immutable, no I/O, safe in any thread."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

from hub.mapping.columns import Read, readers_of
from hub.mapping.consent import ConsentField
from hub.mapping.fields import Field, KindField, NameField, SingleField
from hub.mapping.paths import MISSING
from hub.mapping.phone_field import PhoneField
from hub.mapping.silence import KNOWN_SHAPES, Silence, speaks
from hub.mapping.table import WriteMode
from hub.mapping.text import check_id, inspect, shown
from hub.model import KIND, Fields, Mapped, Problem, Record, base_field


class ContactMapping:
    """What `load_mapping` makes of a mapping file.

    digest   8 bytes, another one when the mapping is another one
    outward  has any field the hub may write
    """

    __slots__ = (
        "_by_base",
        "_by_name",
        "_fields",
        "_heads",
        "_ignored",
        "_kind",
        "_nested",
        "_phones",
        "_readers",
        "_scope",
        "_silence",
        "_writable",
        "digest",
        "outward",
    )

    def __init__(
        self,
        fields: tuple[Field, ...],
        kind: KindField,
        *,
        digest: bytes,
        ignored: frozenset[str],
        by_name: frozenset[str] = frozenset(),
    ) -> None:
        """by_name: base fields whose columns map by themselves, so that none of them need be there"""
        self.digest = digest
        self._fields: tuple[Field, ...] = (kind, *fields) if kind.column else fields
        self._kind = kind
        self._ignored = ignored
        self._by_name = by_name
        self._silence = Silence(self._fields)
        self._heads = tuple((field, frozenset(path.head for path in field.paths)) for field in self._fields)
        self._readers: Callable[[tuple[str, ...]], tuple[Read, ...]] = lru_cache(KNOWN_SHAPES)(self._of_columns)
        self._writable = tuple(field for field in self._fields if field.mode is not WriteMode.NEVER)
        self._nested = any(len(path.steps) > 1 for field in self._writable for path in field.paths)
        local = (field for field in self._writable if isinstance(field, PhoneField))
        self._phones: PhoneField | None = next(local, None)
        self._by_base: dict[str, list[Field]] = {}
        for field in self._fields:
            for base in field.bases:
                self._by_base.setdefault(base, []).append(field)
        self._scope = frozenset(base for field in self._writable for base in field.bases)
        self.outward = bool(self._writable)

    @property
    def consents(self) -> frozenset[tuple[str, str]]:
        """(channel, purpose) of every consent that it reads or writes."""
        return frozenset((field.channel, field.purpose) for field in self._fields if isinstance(field, ConsentField))

    # --- inward ---------------------------------------------------------------------------------------

    def inward(self, record: Record) -> Mapped:
        """The record in canonical fields. RecordError when it can not be taken at all."""
        check_id(record.id)
        inspect(record.fields, record.id)
        out, problems = self._read(record.fields)
        if KIND not in out:
            out[KIND] = self._kind.derived(out)
        return Mapped(out, tuple(problems), self._silence.of(record.fields))

    def _read(self, source: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
        out: dict[str, Any] = {}
        problems: list[Problem] = []
        for read in self._readers(tuple(source)):
            read(source, out, problems)
        return out, problems

    def _of_columns(self, columns: tuple[str, ...]) -> tuple[Read, ...]:
        """How the fields that these columns speak of are read, in the order of the mapping."""
        known = frozenset(columns)
        named = (field for field, heads in self._heads if not heads.isdisjoint(known))
        narrowed = (field.among(known) for field in named)
        return readers_of(field for field in narrowed if field is not None)

    def covered(self, source: Mapping[str, Any], keys: Iterable[str]) -> bool:
        """Does a part of a record say of these canonical keys all that the whole record would?"""
        written = (field for field in self._told(keys) if field.mode is not WriteMode.NEVER)
        return all(_settled(field, source) or all(speaks(path, source) for path in field.paths) for field in written)

    def beneath(self, held: Fields, part: Mapping[str, Any]) -> dict[str, Any]:
        """A part of a record, laid over what the system holds of the rest as far as the hub could write it."""
        return _laid_over(self.payload(held, held.keys()), part)

    def explain(self, record: Record) -> list[tuple[str, Any, str, Any]]:
        """(source path, raw value, canonical key, value or Problem) for every value the mapping takes."""
        inspect(record.fields, record.id)
        lines: list[tuple[str, Any, str, Any]] = []
        seen: dict[str, Any] = {}
        for field in self._fields:
            out, problems = dict(seen), list[Problem]()
            field.read(record.fields, out, problems)
            path = ", ".join(path.text for path in field.paths)
            raw = _raw(field, record.fields)
            lines += [(path, raw, key, out[key]) for key in out if key not in seen]
            lines += [(path, raw, problem.field, problem) for problem in problems]
            seen = out
        return lines

    def unmapped(self, record: Record) -> list[str]:
        """Source fields that nothing in the mapping reads, in their order."""
        known = self._ignored | {path.head for field in self._fields for path in field.paths}
        return [name for name in record.fields if name not in known]

    def fills(self) -> frozenset[str]:
        """Canonical fields that it reads something into."""
        return frozenset(self._by_base)

    def absent(self, record: Record) -> list[str]:
        """Source paths that the mapping names and the record does not have, addresses first."""
        named = [path for field in self._fields if field.base not in self._by_name for path in field.paths]
        lacking = (path.text for path in named if not speaks(path, record.fields))
        return list(dict.fromkeys(lacking))

    def written_by_name(self) -> list[str]:
        """Columns that writes go to by their names alone; none when the mapping has rows of its own."""
        paths = [path for field in self._writable if field.base in self._by_name for path in field.paths]
        return sorted({path.head for path in paths})

    def columns_of(self, base: str) -> frozenset[str]:
        """Source fields from which this canonical field is read."""
        return frozenset(path.head for field in self._by_base.get(base, ()) for path in field.paths)

    def written_by_row(self) -> frozenset[str]:
        """Columns that writes go to because a row names them."""
        return frozenset(p.head for field in self._writable if field.base not in self._by_name for p in field.paths)

    # --- outward --------------------------------------------------------------------------------------

    def scope(self) -> frozenset[str]:
        """Canonical fields (`emails`, `tax_id`, …) of which the hub may write something."""
        return self._scope

    def covers(self, key: str) -> bool:
        """May this mapping write this canonical key?"""
        return any(
            field.mode is not WriteMode.NEVER and field.covers(key) for field in self._by_base.get(base_field(key), ())
        )

    def _told(self, keys: Iterable[str]) -> list[Field]:
        """The fields that these keys belong to, in the order of the mapping."""
        told = {id(field) for key in keys for field in self._by_base.get(base_field(key), ()) if field.covers(key)}
        return [field for field in self._fields if id(field) in told]

    def missing(self, golden: Fields) -> list[str]:
        """Required fields that the golden record lacks: without them the contact is outside this system."""
        return [field.base for field in self._fields if field.required and field.lacks(golden)]

    def project(self, golden: Fields, held: Fields, *, creating: bool) -> dict[str, Any]:
        """What this system should hold of a golden record, in the golden record's own keys and values.

        held  what it holds now, canonical; fields that the hub may not write keep what is held
        """
        out: dict[str, Any] = {}
        for field in self._fields:
            field.project(golden, held, creating, out)
        return out

    def payload(self, desired: Fields, changed: Collection[str]) -> dict[str, Any]:
        """Source fields to send so that the canonical keys in `changed` become as in `desired`.

        A key in `changed` that is not in `desired` empties. Lists, and the parts of one nested object, are
        sent whole.
        """
        touched = [field for field in self._told(changed) if field.mode is not WriteMode.NEVER]
        if self._nested:
            touched = self._with_siblings(touched, desired)
        if self._phones is not None and any(field.base == "addresses" for field in touched):
            touched = self._with_phones(touched, self._phones, desired)
        payload: dict[str, Any] = {}
        for field in touched:
            field.write(desired, payload)
        return payload

    def _with_phones(self, touched: list[Field], phones: PhoneField, desired: Fields) -> list[Field]:
        """With the phones, where an address in another country would make other numbers of them."""
        if phones in touched or not phones.moved(desired):
            return touched
        return [field for field in self._writable if field in touched or field is phones]

    def _with_siblings(self, touched: list[Field], desired: Fields) -> list[Field]:
        """With the fields that write into the same nested objects, where something is desired of them."""
        heads = {path.head for field in touched for path in field.paths if len(path.steps) > 1}
        beside = [
            field
            for field in self._told(desired)
            if field.mode is not WriteMode.NEVER and any(path.head in heads for path in field.paths)
        ]
        return [field for field in self._writable if field in touched or field in beside]

    def stored(self, fields: Fields) -> dict[str, Any]:
        """`fields` as they would be read back from this system. Idempotent; what it has no place for is left
        out."""
        payload: dict[str, Any] = {}
        out: dict[str, Any] = {}
        told = self._told(fields)
        plain = [f for f in told if not f.one_way and not isinstance(f, ConsentField | NameField)]
        for field in plain:
            field.write(fields, payload)
        for field in plain:
            field.read(payload, out, [])
        for field in told:
            if field.one_way:
                out.update((key, value) for key, value in fields.items() if field.covers(key))
            elif isinstance(field, ConsentField | NameField):
                out.update(field.stored(fields))
        return out


def _settled(field: Field, source: Mapping[str, Any]) -> bool:
    """Does the first of several columns hold something? Then the others are not looked at."""
    if not isinstance(field, SingleField):
        return False
    raw = field.columns[0].raw(source)
    return raw is not MISSING and raw not in (None, "")


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Objects are joined, lists and all else replaced."""
    found = dict(below)
    for name, value in above.items():
        under = found.get(name)
        joined = isinstance(value, Mapping) and isinstance(under, Mapping)
        found[name] = _laid_over(under or {}, value) if joined else value
    return found


def _raw(field: Field, source: Mapping[str, Any]) -> Any:
    """The raw values a field reads: the value itself of one path, else by path."""
    heads = {path.head: source[path.head] for path in field.paths if path.head in source}
    if len(field.paths) == 1:
        return next(iter(heads.values()), None)
    return {name: shown(value) for name, value in heads.items()}
