"""Records of a service, into and out of the shape that mappings see. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from hub.connectors.rest.calls import RecordSpec, Scalar
from hub.connectors.rest.moments import read_moment, write_moment
from hub.mapping.paths import parse_path
from hub.model import Record, Tombstone, Unreadable

LONGEST_ID = 512
SHOWN = 4000  # characters of an original that is parked


def read_item(spec: RecordSpec, raw: Any) -> Record | Tombstone | Unreadable:
    """One entry of a listing."""
    if not isinstance(raw, Mapping):
        return Unreadable("an entry of a page", "it is no object", _original(raw))
    gone = spec.gone is not None and spec.gone.holds(raw)
    name = (spec.gone_id if gone and spec.gone_id is not None else spec.id).of(raw)
    if name is None or name == "" or isinstance(name, dict | list) or len(str(name)) > LONGEST_ID:
        return Unreadable("an entry of a page", "it has no id where one belongs", _original(raw))
    if gone:
        merged = spec.merged.of(raw) if spec.merged else None
        return Tombstone(str(name), _changed(spec, raw), None if merged is None else str(merged))
    fields = spec.fields.of(raw)
    if not isinstance(fields, Mapping):
        return Unreadable(f"record {name}", "its fields are not where they belong", _original(raw), str(name))
    return Record(
        id=str(name),
        fields=inward(spec, {**fields, **{field: place.of(raw) for field, place in spec.derived.items()}}),
        version=_text(spec.version.of(raw) if spec.version else None),
        changed_at=_changed(spec, raw),
        archived=spec.archived is not None and spec.archived.holds(raw),
        key=_text(spec.key.of(raw) if spec.key else None),
    )


def read_record(spec: RecordSpec, raw: Any) -> Record | None:
    """A record that is there; None for a tombstone or anything else."""
    found = read_item(spec, raw)
    return found if isinstance(found, Record) else None


def inward(spec: RecordSpec, fields: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in fields.items() if name not in spec.without}
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


def _changed(spec: RecordSpec, raw: Any) -> datetime | None:
    changed = spec.changed
    return None if changed is None else read_moment(changed.at.of(raw), changed.form, changed.zone.source)


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)


def _original(raw: Any) -> str:
    return orjson.dumps(raw).decode()[:SHOWN]
