"""Turns the table of a mapping file into fields made of closures. What is wrong in it is a `Wrong`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from hub.mapping.compile_many import many_field, phone_field
from hub.mapping.consent import ConsentField, Detail
from hub.mapping.fields import Column, Field, KindField, NameField, SingleField, text_reader
from hub.mapping.paths import MISSING, Getter, Path, getter
from hub.mapping.rows import Wrong, known_region, outward_text, path_of, reader, transforms_of
from hub.mapping.table import ConsentSpec, FromSpec, KindSpec, MappingSpec, RowSpec, WriteMode
from hub.mapping.text import Unmappable, as_text
from hub.mapping.transforms import PLAIN, Transform, lookup, moment, same, split_given_first
from hub.model import MANY, SINGLE

MAPPABLE_MANY = MANY - {"consents"}
EXACT = frozenset({"tax_id", "customer_number", "language", "timezone", "website", "birth_date", "lifecycle_stage"})
INTRINSIC: Mapping[str, Transform] = {
    "birth_date": PLAIN["date"],
    "tax_id": PLAIN["id"],
    "customer_number": PLAIN["id"],
}
"""The form a field has whatever the mapping says; a declared date format takes the place of `date`."""


def compile_fields(spec: MappingSpec, region: str | None) -> tuple[tuple[Field, ...], KindField]:
    known_region(region, "default_region")
    fields = [*_fields(spec, region), *_consents(spec)]
    _refuse_two_writers(fields)
    return tuple(fields), _kind(spec.kind)


def _fields(spec: MappingSpec, region: str | None) -> Iterator[Field]:
    named = _name_field(spec)
    if named is not None:
        yield named
    for name in _in_order(spec):
        rows, key = spec.fields[name], f"fields.{name}"
        if named is not None and name in ("given_name", "family_name"):
            continue
        if name == "phones":
            yield phone_field(rows, spec.fields.get("addresses", ()), region, key)
        elif name in MAPPABLE_MANY:
            yield many_field(name, rows, region, key)
        elif name in SINGLE or is_custom(name):
            yield _single_field(name, rows, region, key)
        else:
            raise unknown_field(name, key)


def _in_order(spec: MappingSpec) -> list[str]:
    """As in the file, but addresses first: numbers of phones are read in their country."""
    return sorted(spec.fields, key=lambda name: name != "addresses")


def is_custom(name: str) -> bool:
    return name.startswith("custom.") and name[7:].replace("_", "").isalnum()


def unknown_field(name: str, key: str) -> Wrong:
    if name in ("kind", "consents"):
        return Wrong(key, f"`{name}` is not a row of `fields`: it has a place of its own at the top")
    known = sorted(SINGLE | MAPPABLE_MANY)
    close = get_close_matches(name, known, 1)
    hint = f"did you mean {close[0]}? " if close else ""
    return Wrong(key, f"there is no canonical field {name!r}; {hint}allowed: {', '.join(known)}, custom.NAME")


def mode_of(rows: Sequence[RowSpec], writable: bool, key: str) -> WriteMode:
    """The write mode of a field: that of its rows, `overwrite` by default, `never` where nothing can be
    written."""
    modes = {row.write for row in rows}
    if len(modes) > 1:
        raise Wrong(key, "the rows of one field have one write mode; give each row the same `write`")
    mode = modes.pop()
    if writable:
        return mode or WriteMode.OVERWRITE
    if mode not in (None, WriteMode.NEVER):
        raise Wrong(f"{key}[0].write", f"{mode} is not possible: no way leads back to the source; use never")
    return WriteMode.NEVER


# --- single values ----------------------------------------------------------------------------------


def _single_field(name: str, rows: Sequence[RowSpec], region: str | None, key: str) -> SingleField:
    columns = tuple(_column(name, row, region, f"{key}[{n}]") for n, row in enumerate(rows))
    first = rows[0]
    implied = columns[0].write is not None and (not columns[0].path.partial or first.write is not None)
    mode = mode_of([first], implied, key)
    return SingleField(name, mode, any(row.required for row in rows), columns)


def _column(name: str, row: RowSpec, region: str | None, key: str) -> Column:
    refuse(row, key, "split", "label", "label_from", "labels", "country_as", "format", "region")
    steps = transforms_of(row, region, key)
    steps += _intrinsic(name, row)
    if isinstance(row.source, list):
        if row.join is None:
            raise Wrong(f"{key}.from", "several paths need `join`, or be several rows")
        paths = [path_of(text, f"{key}.from") for text in row.source]
        if not paths:
            raise Wrong(f"{key}.from", "name at least one path")
        read = reader(row, steps)
        joined = _joined([getter(p.steps) for p in paths], row.join)
        return Column(paths[0], joined, read, None, tuple(paths[1:]))
    if not isinstance(row.source, str):
        raise Wrong(f"{key}.from", "one path was expected: parts are for addresses")
    path = path_of(row.source, f"{key}.from")
    if path.each is not None:
        raise Wrong(f"{key}.from", f"{name} has one value, and [] stands for many; name one with [0]")
    exact = name in EXACT or any(step.exact for step in steps)
    write = outward_text(row, steps, exact) if path.writable else None
    return Column(path, getter(path.steps), reader(row, steps), write)


def _intrinsic(name: str, row: RowSpec) -> list[Transform]:
    return [INTRINSIC[name]] if name in INTRINSIC and row.values is None else []


def refuse(row: RowSpec, key: str, *names: str) -> None:
    """Options that mean nothing for this kind of field are errors, not silence."""
    blank = RowSpec.model_construct()
    for name in names:
        if getattr(row, name) != getattr(blank, name, None):
            raise Wrong(f"{key}.{name}", f"`{name}` has no meaning for this field; remove it")


def _joined(getters: list[Getter], separator: str) -> Getter:
    def read(fields: Mapping[str, Any]) -> Any:
        found = [value for get in getters if (value := get(fields)) is not MISSING]
        texts = [text for value in found if (text := as_text(value)) is not None]
        if not found:
            return MISSING
        return separator.join(texts) or None

    def careful(fields: Mapping[str, Any]) -> Any:
        try:
            return read(fields)
        except Unmappable:
            return [get(fields) for get in getters]  # refused, and reported, by the reader behind this

    return careful


def _name_field(spec: MappingSpec) -> NameField | None:
    """Both parts of a name from one path, each by `split_name`: one field that can be written again."""
    rows = [spec.fields.get(name, []) for name in ("given_name", "family_name")]
    if any(len(row) != 1 for row in rows):
        return None
    given, family = rows[0][0], rows[1][0]
    wanted = ([{"split_name": "given"}], [{"split_name": "family"}])
    cased = [[step for step in row.steps if step != "name"] for row in (given, family)]
    same_path = isinstance(given.source, str) and given.source == family.source
    if not same_path or cased[0] != wanted[0] or cased[1] != wanted[1]:
        return None
    key = "fields.given_name"
    for option in ("values", "case", "ascii", "max_length", "empty", "write"):
        if getattr(given, option) != getattr(family, option):
            raise Wrong(f"fields.family_name[0].{option}", f"both parts of a name have the same `{option}`")
    path = path_of(str(given.source), f"{key}.from")
    steps = [PLAIN["name"]] if "name" in given.steps else []
    before = reader(given, steps)

    def part(index: int) -> Any:
        def read(raw: Any) -> Any:
            text = before(raw)
            return split_given_first(text)[index] or MISSING if text and text is not MISSING else text

        return read

    mode = mode_of([given, family], path.writable, key)
    write = outward_text(given, steps, exact=False) or same
    required = given.required or family.required
    return NameField(
        "given_name", mode, required, path, getter(path.steps), (part(0), part(1)), write, not path.writable
    )


# --- kind and consents ------------------------------------------------------------------------------


def _kind(spec: KindSpec | None) -> KindField:
    if spec is None or spec.source is None:
        return KindField(WriteMode.NEVER, None, spec.default if spec else None)
    if not spec.values:
        raise Wrong("kind.values", "say which values stand for person and which for organisation")
    path = path_of(spec.source, "kind.from")
    table = lookup(spec.values)
    read = text_reader((table.read,), frozenset())
    mode = spec.write if path.writable else WriteMode.NEVER
    return KindField(mode, Column(path, getter(path.steps), read, table.write), spec.default)


def _consents(spec: MappingSpec) -> Iterator[ConsentField]:
    for n, row in enumerate(spec.consents):
        key = f"consents[{n}]"
        path = path_of(row.source, f"{key}.from")
        if not row.values:
            raise Wrong(f"{key}.values", "say which value means granted and which denied")
        table = lookup(row.values)
        read = text_reader((table.read,), frozenset(as_text(each) or "" for each in row.empty))
        mode = row.write if path.writable else WriteMode.NEVER
        status = Column(path, getter(path.steps), read, table.write)
        details = tuple(_details(row, key))
        yield ConsentField(row.channel, row.purpose, mode, status, details, row.whole_person)


def _details(row: ConsentSpec, key: str) -> Iterator[Detail]:
    if row.at is not None:
        path = path_of(row.at.source, f"{key}.at")
        try:
            made = moment(row.at.date)
        except ValueError as err:
            raise Wrong(f"{key}.at.date", str(err)) from err
        read = text_reader((made.read,), frozenset())
        yield Detail("at", column=_detail_column(path, read, made.write))
    for name, given in (("basis", row.basis), ("source", row.origin), ("wording", row.wording)):
        if isinstance(given, FromSpec):
            path = path_of(given.source, f"{key}.{name}.from")
            yield Detail(name, column=_detail_column(path, as_text, same))
        elif given is not None:
            yield Detail(name, constant=as_text(given))


def _detail_column(path: Path, read: Any, write: Any) -> Column:
    return Column(path, getter(path.steps), read, write if path.writable else None)


def _refuse_two_writers(fields: Sequence[Field]) -> None:
    written: dict[str, str] = {}
    for field in fields:
        if field.mode is WriteMode.NEVER:
            continue
        for path in field.paths:
            other = written.setdefault(path.text, field.base)
            if other != field.base:
                raise Wrong(
                    f"fields.{field.base}",
                    f"{other} writes {path.text} already; let one of them `write: never`",
                )
