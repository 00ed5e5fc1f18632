"""Records of a service, into and out of the shape that mappings see. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from hashlib import blake2b
from itertools import repeat
from typing import Any, TypeAlias

import orjson

from hub.connectors.rest.calls import RecordSpec, Scalar, Test
from hub.connectors.rest.moments import moment_reader, read_moment, write_moment
from hub.connectors.rest.words import Column, Reading, column_of, reader_of
from hub.mapping.paths import parse_path
from hub.model import Record, Tombstone, Unreadable

LONGEST_ID = 512
SHOWN = 4000  # characters of an original that is parked


Item: TypeAlias = Record | Tombstone | Unreadable


@dataclass(frozen=True)
class RecordReader:
    """Entries of answers as records. Every listing passes here, so what the file leaves out costs nothing."""

    spec: RecordSpec

    def items(self, raws: Sequence[Any]) -> list[Item]:
        """The entries of a page, each as `item` reads it; a column at a time where all of them are plain records."""
        if set(map(type, raws)) != {dict} or (self._gone is not None and any(map(self._gone.holds, raws))):
            return list(map(self.item, raws))
        names = self._ids(raws)
        if set(map(type, names)) != {str}:
            names = list(map(_name, names))
        fields = raws if self._fields is None else list(map(self._fields, raws))
        if not all(names) or max(map(len, names)) > LONGEST_ID or set(map(type, fields)) != {dict}:
            return list(map(self.item, raws))
        return list(
            map(
                Record,
                names,
                [self._shaped(raw, each) for raw, each in zip(raws, fields, strict=True)] if self._reshaped else fields,
                repeat(None) if self._version is None else map(self._state, raws),
                repeat(None) if self._changed is None else self._times(raws),
                repeat(False) if self._archived is None else map(self._archived.holds, raws),
                repeat(None) if self._key is None else map(_text, map(self._key, raws)),
            )
        )

    def _shaped(self, raw: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
        return inward(self.spec, fields | {name: place.of(raw) for name, place in self.spec.derived.items()})

    def item(self, raw: Any) -> Item:
        """One entry of a listing."""
        if type(raw) is not dict:
            return Unreadable("an entry of a page", "it is no object", _original(raw))
        if self._gone is not None and self._gone.holds(raw):
            return self._tombstone(raw)
        name = _name(self._id(raw))
        if name is None:
            return Unreadable("an entry of a page", "it has no id where one belongs", _original(raw))
        fields = raw if self._fields is None else self._fields(raw)
        if type(fields) is not dict:
            return Unreadable(f"record {name}", "its fields are not where they belong", _original(raw), name)
        if self._reshaped:
            fields = self._shaped(raw, fields)
        return Record(
            name,
            fields,
            None if self._version is None else self._state(raw),
            None if self._changed is None else self._changed(raw),
            self._archived is not None and self._archived.holds(raw),
            None if self._key is None else _text(self._key(raw)),
        )

    def _state(self, raw: dict[str, Any]) -> str | None:
        assert self._version is not None, "asked before"
        version, more = _text(self._version(raw)), self.spec.with_version
        if version is None or more is None:
            return version
        state = orjson.dumps(more.of(raw), option=orjson.OPT_SORT_KEYS)
        return f"{version}~{blake2b(state, digest_size=8).hexdigest()}"

    def part(self, raw: Any) -> Record | None:
        """A record of which an answer shows some fields only; None when it is none."""
        found = self.record(raw)
        untold = {name for name, place in self.spec.derived.items() if not place.has(raw)}
        if found is None or not untold:
            return found
        return replace(found, fields={name: each for name, each in found.fields.items() if name not in untold})

    def record(self, raw: Any) -> Record | None:
        """A record that is there; None for a tombstone or anything else."""
        found = self.item(raw)
        return found if isinstance(found, Record) else None

    def _tombstone(self, raw: dict[str, Any]) -> Item:
        spec = self.spec
        name = _name((spec.gone_id or spec.id).of(raw))
        if name is None:
            return Unreadable("an entry of a page", "it has no id where one belongs", _original(raw))
        merged = spec.merged.of(raw) if spec.merged else None
        return Tombstone(name, self._changed(raw) if self._changed else None, None if merged is None else str(merged))

    # --- prepared once ----------------------------------------------------------------------------

    @cached_property
    def _id(self) -> Reading:
        return reader_of(self.spec.id)

    @cached_property
    def _ids(self) -> Column:
        return column_of(self.spec.id)

    @cached_property
    def _times(self) -> Column:
        changed = self.spec.changed
        assert changed is not None, "asked before"
        column, moment = column_of(changed.at), moment_reader(changed.form, changed.zone.source)
        return lambda raws: list(map(moment, column(raws)))

    @cached_property
    def _fields(self) -> Reading | None:
        return reader_of(self.spec.fields) if self.spec.fields.source else None

    @cached_property
    def _version(self) -> Reading | None:
        return reader_of(self.spec.version) if self.spec.version else None

    @cached_property
    def _key(self) -> Reading | None:
        return reader_of(self.spec.key) if self.spec.key else None

    @cached_property
    def _gone(self) -> Test | None:
        return self.spec.gone

    @cached_property
    def _archived(self) -> Test | None:
        return self.spec.archived

    @cached_property
    def _reshaped(self) -> bool:
        return bool(self.spec.derived or self.spec.without or self.spec.single or self.spec.shapes)

    @cached_property
    def _changed(self) -> Reading | None:
        changed = self.spec.changed
        if changed is None:
            return None
        place, moment = reader_of(changed.at), moment_reader(changed.form, changed.zone.source)
        return lambda raw: moment(place(raw))


def _name(value: Any) -> str | None:
    """A text or a number as an id; None when it is none."""
    if type(value) is str:
        return value if 0 < len(value) <= LONGEST_ID else None
    return str(value) if type(value) is int or type(value) is float else None


def inward(spec: RecordSpec, fields: dict[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in fields.items() if name not in spec.without}
    if spec.strip:
        found = {name: _stripped(value, frozenset(spec.strip)) for name, value in found.items()}
    for name in spec.single:
        if isinstance(found.get(name), list):
            found[name] = found[name][0] if found[name] else None
    for path, shape in spec.shapes.items():
        _change(found, path, lambda value, shape=shape: _IN[shape](value))
    return found


def outward(spec: RecordSpec, fields: Mapping[str, Any], empty: Scalar = None) -> dict[str, Any]:
    """empty: what the service takes for a value that is taken away"""
    found = dict(fields)
    for path, shape in spec.shapes.items():
        _change(found, path, lambda value, shape=shape: _OUT[shape](value))
    if empty is not None:
        found = _emptied(found, empty)
    for name in spec.single:
        if name in found:
            found[name] = [] if found[name] in (None, empty) else [found[name]]
    return found


def _change(fields: dict[str, Any], path: str, change: Any) -> None:
    """Replaces the value at a path of names, in copies of the objects on the way; what is not there stays so."""
    *way, last = [str(step) for step in parse_path(path).steps]
    at = fields
    for step in way:
        if not isinstance(at.get(step), Mapping):
            return
        at[step] = dict(at[step])
        at = at[step]
    if at.get(last) is not None:
        at[last] = change(at[last])


def _stripped(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _stripped(each, names) for name, each in value.items() if name not in names}
    return [_stripped(each, names) for each in value] if isinstance(value, list) else value


def _emptied(value: Any, empty: Scalar) -> Any:
    if isinstance(value, Mapping):
        return {name: _emptied(each, empty) for name, each in value.items()}
    return empty if value is None else value


# --- shapes -----------------------------------------------------------------------------------------


def _day_of_parts(value: Any) -> Any:
    try:
        return f"{int(value['year']):04d}-{int(value['month']):02d}-{int(value['day']):02d}"
    except (KeyError, TypeError, ValueError):
        return None  # a birthday without its year is no date


def _parts_of_day(value: Any) -> Any:
    year, month, day = str(value).split("-")
    return {"year": int(year), "month": int(month), "day": int(day)}


def _moment(form: str) -> Any:
    def read(value: Any) -> Any:
        at = read_moment(value, form)
        return value if at is None else at.isoformat()

    return read


def _day(value: Any) -> Any:
    at = read_moment(value, "odata")
    return value if at is None else at.date().isoformat()


def _written(form: str) -> Any:
    def write(value: Any) -> Any:
        at = datetime.fromisoformat(str(value))
        return write_moment(at if at.tzinfo else at.replace(tzinfo=UTC), form)

    return write


def _odata_day(value: Any) -> str:
    at = datetime.fromisoformat(str(value))
    return f"/Date({int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)})/"


_IN: Mapping[str, Any] = {
    "date_parts": _day_of_parts,
    "odata_date": _day,
    "epoch": _moment("epoch"),
    "epoch_ms": _moment("epoch_ms"),
    "digits": lambda value: f"+{value}" if str(value).isdigit() else value,  # an international number without its plus
    "csv": lambda value: [part.strip() for part in str(value).split(",") if part.strip()],
}
_OUT: Mapping[str, Any] = {
    "date_parts": _parts_of_day,
    "odata_date": _odata_day,
    "epoch": _written("epoch"),
    "epoch_ms": _written("epoch_ms"),
    "digits": lambda value: value,
    "csv": lambda value: ",".join(map(str, value)) if isinstance(value, list) else value,
}


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)


def _original(raw: Any) -> str:
    return orjson.dumps(raw).decode()[:SHOWN]
