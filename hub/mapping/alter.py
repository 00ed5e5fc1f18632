"""From one mapping table to another: which keys of the file change, so that all else in it stays as it was typed.

A table is plain data as a mapping file holds it. `full` brings every form of it (a path alone, one row for a list of
rows) to one; `alterations` leads from a file to a table in that form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from hub.mapping.table import ConsentSpec, KindSpec, RowSpec
from hub.model import KIND

Place: TypeAlias = tuple[str | int, ...]
"""Keys and list positions from the top of the file."""
Alteration: TypeAlias = tuple[Place, Any]
"""A place and what is to stand there; GONE: nothing."""

GONE: Final = object()
ORDERED = frozenset({"values", "labels"})  # tables in which the first of several that fit is written back


def full(data: Mapping[str, Any]) -> dict[str, Any]:
    """The table with every short form written out, and without keys that say what is so anyway.

    data  of the form of a mapping file: what `load_mapping` would refuse is not looked for here
    """
    kind = data.get(KIND)
    fields = data.get("fields") or {}
    return {
        KIND: _plain({"default": kind} if isinstance(kind, str) else kind or {}, _KIND),
        "fields": {name: [_plain(row, _ROW) for row in _rows(found)] for name, found in fields.items()},
        "consents": [_plain(_consent(row), _CONSENT) for row in data.get("consents") or []],
        "ignore": list(data.get("ignore") or []),
        "flat": bool(data.get("flat", False)),
    }


def short(table: Mapping[str, Any]) -> dict[str, Any]:
    """The same table as somebody would type it."""
    found: dict[str, Any] = {"flat": True} if table["flat"] else {}
    if table[KIND]:
        found[KIND] = _short_kind(table[KIND])
    found["fields"] = {name: _short_rows(rows) for name, rows in table["fields"].items()}
    found.update((key, table[key]) for key in ("consents", "ignore") if table[key])
    return found


def alterations(data: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[Alteration]:
    """What makes the file that holds `data` say what `wanted` says, which is in the form of `full`."""
    was = full(data)
    found: list[Alteration] = []
    if was["flat"] != wanted["flat"]:
        found.append((("flat",), True if wanted["flat"] else GONE))
    if not same(was[KIND], wanted[KIND]):
        typed = data.get(KIND)
        kind = dict(wanted[KIND]) if isinstance(typed, Mapping) else _short_kind(wanted[KIND])
        found += _group((KIND,), typed, kind or GONE)
    found += _of_fields(data, wanted["fields"], was["fields"])
    found += _list(("consents",), was["consents"], data.get("consents"), wanted["consents"])
    found += _list(("ignore",), was["ignore"], data.get("ignore"), wanted["ignore"])
    return found


def changed_rows(data: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """What becomes another: names of fields, `consents CHANNEL PURPOSE`, kind, flat, ignore. No values."""
    was = full(data)
    names = [key for key in ("flat", KIND, "ignore") if not same(was[key], wanted[key])]
    fields = dict.fromkeys([*was["fields"], *wanted["fields"]])
    names += [name for name in fields if not same(was["fields"].get(name), wanted["fields"].get(name))]
    before, after = was["consents"], wanted["consents"]
    others = [row for row in [*before, *after] if not (_among(row, before) and _among(row, after))]
    names += [f"consents {row.get('channel', '')} {row.get('purpose', '')}".strip() for row in others]
    return list(dict.fromkeys(names))


def keyed_as(data: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """The table with keys of `values` that came as texts in the type that they have in the file."""
    was = full(data)
    fields = {
        name: [_keyed(row, was["fields"].get(name, [])) for row in rows] for name, rows in table["fields"].items()
    }
    consents = [_keyed(row, was["consents"]) for row in table["consents"]]
    return {**table, KIND: _keyed(table[KIND], [was[KIND]]), "fields": fields, "consents": consents}


def _keyed(row: Mapping[str, Any], was: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    keys = [key for each in was for key in each.get("values") or {} if not isinstance(key, str)]
    known = {str(key).lower() if isinstance(key, bool) else str(key): key for key in keys}
    values = row.get("values")
    if not known or not isinstance(values, Mapping):
        return dict(row)
    return {**row, "values": {known.get(key, key): value for key, value in values.items()}}


# --- the parts of a file ----------------------------------------------------------------------------


def _of_fields(data: Mapping[str, Any], wanted: Mapping[str, Any], was: Mapping[str, Any]) -> Iterator[Alteration]:
    typed = data.get("fields") or {}
    yield from ((("fields", name), GONE) for name in was if name not in wanted)
    for name, rows in wanted.items():
        place = ("fields", name)
        if name not in was:
            yield place, _short_rows(rows)
        elif not same(was[name], rows):
            if isinstance(typed[name], list):
                yield from _list(place, was[name], typed[name], rows)
            else:
                now = dict(rows[0]) if isinstance(typed[name], Mapping) and len(rows) == 1 else _short_rows(rows)
                yield from _group(place, typed[name], now)


def _list(place: Place, was: Sequence[Any], typed: Sequence[Any] | None, wanted: Sequence[Any]) -> Iterator[Alteration]:
    """A list item by item; where items are only taken out, those, so that comments stay with theirs."""
    if same(was, wanted):
        return
    if typed is None or not wanted:
        yield place, list(wanted) or GONE
        return
    left = _left(was, wanted)
    if left is not None:
        yield from (((*place, n), GONE) for n in reversed(range(len(was))) if n not in left)
        return
    for n, item in enumerate(wanted):
        if n >= len(was):
            yield (*place, n), _short_row(item)
        elif not same(was[n], item):
            now = item if isinstance(typed[n], Mapping) else _short_row(item)
            yield from _group((*place, n), typed[n], now)
    yield from (((*place, n), GONE) for n in reversed(range(len(wanted), len(was))))


def _left(was: Sequence[Any], wanted: Sequence[Any]) -> set[int] | None:
    """Which items stay, if nothing else happens to the list."""
    left: set[int] = set()
    at = 0
    for item in wanted:
        while at < len(was) and not same(was[at], item):
            at += 1
        if at == len(was):
            return None
        left.add(at)
        at += 1
    return left


def _group(place: Place, typed: Any, wanted: Any) -> Iterator[Alteration]:
    """What is to stand there; tables whose order changes are taken out first, since keys are put in at the end."""
    if isinstance(typed, Mapping) and isinstance(wanted, Mapping):
        for key in ORDERED & typed.keys() & wanted.keys():
            if isinstance(typed[key], Mapping) and _reordered(typed[key], wanted[key]):
                yield (*place, key), GONE
    yield place, wanted


def _reordered(typed: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> bool:
    kept, new = _keys(typed), _keys(wanted)
    return [key for key in kept if key in new] + [key for key in new if key not in kept] != new


# --- forms ------------------------------------------------------------------------------------------


def _rows(found: Any) -> list[dict[str, Any]]:
    rows = found if isinstance(found, list) else [found]
    return [{"from": row} if isinstance(row, str) else row for row in rows]


def _consent(row: Mapping[str, Any]) -> dict[str, Any]:
    at = row.get("at")
    return {**row, "at": {"from": at}} if isinstance(at, str) else dict(row)


def _short_rows(rows: Sequence[Any]) -> Any:
    return _short_row(rows[0]) if len(rows) == 1 else [_short_row(row) for row in rows]


def _short_row(row: Any) -> Any:
    if not isinstance(row, Mapping):
        return row
    return row["from"] if row.keys() == {"from"} and isinstance(row["from"], str) else dict(row)


def _short_kind(kind: Mapping[str, Any]) -> Any:
    return kind["default"] if kind.keys() == {"default"} else dict(kind)


def _plain(group: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in group.items() if not (key in defaults and same(value, defaults[key]))}


def _defaults(model: type[RowSpec | KindSpec | ConsentSpec]) -> dict[str, Any]:
    """What a key says that is not there."""
    optional = [(name, info) for name, info in model.model_fields.items() if not info.is_required()]
    found = {info.alias or name: info.get_default(call_default_factory=True) for name, info in optional}
    return {key: str(value) if isinstance(value, str) else value for key, value in found.items()}


_ROW, _KIND, _CONSENT = _defaults(RowSpec), _defaults(KindSpec), _defaults(ConsentSpec)


def same(a: Any, b: Any) -> bool:
    """Equal in type and, in tables of values, in order too: 1 is neither `true` nor the text "1"."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return set(_keys(a)) == set(_keys(b)) and all(_same_in(key, a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and bool(a == b)


def _same_in(key: Any, a: Any, b: Any) -> bool:
    is_table = key in ORDERED and isinstance(a, Mapping) and isinstance(b, Mapping)
    return not (is_table and _keys(a) != _keys(b)) and same(a, b)


def _keys(group: Mapping[Any, Any]) -> list[tuple[type, Any]]:
    return [(type(key), key) for key in group]


def _among(value: Any, found: Sequence[Any]) -> bool:
    return any(same(value, each) for each in found)
