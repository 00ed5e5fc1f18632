"""Compiles the rows of a field with many elements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from hub.mapping.countries import FORMS, country_code, country_name
from hub.mapping.elements import ADDRESS_PARTS, email_key
from hub.mapping.many import (
    AddressCodec,
    ColumnSlot,
    Label,
    ListSlot,
    ManyField,
    Part,
    Slot,
    SplitSlot,
    TextCodec,
)
from hub.mapping.paths import Getter, Path, Step, getter
from hub.mapping.phone_field import PhoneField, nearby_key
from hub.mapping.phones import format_phone, load_plans, phone_key
from hub.mapping.rows import Wrong, known_region, outward_text, path_of, reader, transforms_of
from hub.mapping.table import RowSpec, WriteMode
from hub.mapping.transforms import PLAIN, Transform, same

Reading: TypeAlias = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Nearby:
    """The countries of a record's addresses, and whether what is too long may keep a national form: see
    `PhoneField`."""

    countries: tuple[str, ...] = ()
    held: bool = False


NOWHERE = Nearby()
FEW = frozenset({"country", "locality", "region"})  # parts of addresses that many addresses share


def phone_field(
    rows: Sequence[RowSpec], addresses: Sequence[RowSpec], region: str | None, key: str
) -> ManyField | PhoneField:
    """Phones in the country of the record's address, where the mapping knows one and a row names no other."""
    plain = many_field("phones", rows, region, key)
    fallbacks = frozenset(row.region for row in addresses if row.region is not None)
    located = fallbacks or any("country" in row.source for row in addresses)
    if not located or all(row.region or _phone_region(row) for row in rows):
        return plain

    @lru_cache(maxsize=256)
    def within(countries: tuple[str, ...], held: bool) -> ManyField:
        return many_field("phones", rows, region, key, Nearby(countries, held))

    return PhoneField(plain, within, region, fallbacks)


def many_field(name: str, rows: Sequence[RowSpec], region: str | None, key: str, nearby: Nearby = NOWHERE) -> ManyField:
    """nearby: for phones, where the record is"""
    slots = tuple(_slot(name, row, region, f"{key}[{n}]", nearby) for n, row in enumerate(rows))
    modes = {row.write or WriteMode.OVERWRITE for row in rows}
    if len(modes) > 1:
        raise Wrong(key, "the rows of one field have one write mode; give each row the same `write`")
    writable = all(path.writable and not path.partial for slot in slots for path in slot.paths)
    mode = modes.pop()
    if not writable and any(row.write not in (None, WriteMode.NEVER) for row in rows):
        raise Wrong(f"{key}[0].write", f"{mode} is not possible: an item of a list is only read; use never")
    capacity = len(slots) if all(slot.single for slot in slots) else None
    return ManyField(
        name,
        mode if writable else WriteMode.NEVER,
        any(row.required for row in rows),
        slots,
        capacity,
        lossy_keys=name == "addresses",
        always_fits=all(row.max_length is None for row in rows),
    )


def _slot(name: str, row: RowSpec, region: str | None, key: str, nearby: Nearby) -> Slot:
    if row.join is not None:
        raise Wrong(f"{key}.join", "`join` is for fields with one value")
    if name == "addresses":
        return _address_slot(row, region, key)
    if not isinstance(row.source, str):
        raise Wrong(f"{key}.from", "one path was expected; several columns are several rows")
    if row.country_as is not None:
        raise Wrong(f"{key}.country_as", "`country_as` is for addresses")
    path = path_of(row.source, f"{key}.from")
    if path.each is None:
        return _text_column(name, row, region, path, key, nearby)
    label, label_path = _item_label(row, path, key)
    codec = _text_codec(name, row, region, key, path.each, label, nearby)
    paths = (path, label_path) if label_path else (path,)
    scalar = codec if not path.each else None
    if scalar is not None and label_path is not None:
        raise Wrong(f"{key}.label_from", "the items of this list are texts and have no label beside them")
    return ListSlot(paths, codec, getter(path.steps), path.steps, scalar, row.label)


def _text_column(name: str, row: RowSpec, region: str | None, path: Path, key: str, nearby: Nearby) -> Slot:
    if row.label_from is not None:
        label_path = path_of(row.label_from, f"{key}.label_from")
        label = _looked_up(row, label_path.steps)
        codec = _text_codec(name, row, region, key, path.steps, label, nearby)
        return ColumnSlot((path, label_path), codec, None)
    label = Label(row.label)
    if row.split is None:
        return ColumnSlot((path,), _text_codec(name, row, region, key, path.steps, label, nearby), row.label)
    codec = _text_codec(name, row, region, key, (), label, nearby)
    return SplitSlot((path,), codec, getter(path.steps), path.steps, row.split, row.label)


def _item_label(row: RowSpec, path: Path, key: str) -> tuple[Label, Path | None]:
    if row.label_from is None:
        return Label(row.label), None
    label_path = path_of(row.label_from, f"{key}.label_from")
    if label_path.each is None or label_path.steps != path.steps:
        raise Wrong(f"{key}.label_from", f"it has to lie in the same list as the value: {path.text}")
    return _looked_up(row, label_path.each), label_path


def _looked_up(row: RowSpec, steps: tuple[Step, ...]) -> Label:
    back: dict[str, str] = {}
    for theirs, ours in row.labels.items():
        back.setdefault(ours, theirs)
    return Label(row.label, getter(steps), steps, dict(row.labels), back)


def _text_codec(
    name: str, row: RowSpec, region: str | None, key: str, steps: tuple[Step, ...], label: Label, nearby: Nearby
) -> TextCodec:
    own = known_region(row.region or _phone_region(row), f"{key}.region")
    before = _before(name, row, own or region, key)
    make: Callable[[str], str] = same
    spell: Callable[[str], str] | None = None
    local: tuple[Reading, ...] = ()
    if name == "emails":
        make = email_key
    elif name == "phones":
        load_plans()
        make = _phone_maker(own or region)
        spell = _phone_speller(row.format)
        local = () if own else tuple(_nearby_maker(country, region) for country in nearby.countries)
    if row.format is not None and name != "phones":
        raise Wrong(f"{key}.format", "`format` is for phones")
    loose = name in ("emails", "phones")
    get: Getter | None = getter(steps) if steps else None
    first, also = (local[0], (make, *local[1:])) if local else (make, ())
    here = local if nearby.held else ()
    return TextCodec(name, get, steps, before, first, spell, label, loose, row.max_length, also, here)


def _before(name: str, row: RowSpec, region: str | None, key: str) -> Callable[[Any], Any]:
    """Transforms that run before the key is made. Elements are written as they are, so these must not change
    what a text means: `email` and `phone` are what the field does anyway."""
    own = {"emails": "email", "phones": "phone"}.get(name)
    steps = [step for step in row.steps if step != own and not (own and isinstance(step, dict) and own in step)]
    made = transforms_of(row.model_copy(update={"steps": steps}), region, key)
    if any(step.write is not same for step in made):
        raise Wrong(f"{key}.with", f"only transforms that keep the text's meaning can be used on {name}")
    return reader(row, made)


def _phone_region(row: RowSpec) -> str | None:
    """The region of `with: [{phone: PT}]`."""
    return next((str(step["phone"]) for step in row.steps if isinstance(step, dict) and "phone" in step), None)


def _phone_maker(region: str | None) -> Callable[[str], str]:
    return lambda text: phone_key(text, region)


def _nearby_maker(country: str, default: str | None) -> Reading:
    return lambda text: nearby_key(text, country, default)


def _phone_speller(form: str | None) -> Callable[[str], str] | None:
    return None if form is None else lambda key: format_phone(key, form)


# --- addresses --------------------------------------------------------------------------------------


def _address_slot(row: RowSpec, region: str | None, key: str) -> Slot:
    if not isinstance(row.source, dict):
        raise Wrong(f"{key}.from", f"an address has parts: {{street: …}}; allowed: {', '.join(ADDRESS_PARTS)}")
    if not row.source:
        raise Wrong(f"{key}.from", f"name at least one part; allowed: {', '.join(ADDRESS_PARTS)}")
    if unknown := [name for name in row.source if name not in ADDRESS_PARTS]:
        raise Wrong(f"{key}.from.{unknown[0]}", f"no part of an address; allowed: {', '.join(ADDRESS_PARTS)}")
    if row.steps or row.values or row.split or row.format:
        raise Wrong(key, "`with`, `values`, `split` and `format` are not for addresses")
    if row.country_as is not None and row.country_as not in FORMS:
        raise Wrong(f"{key}.country_as", f"{row.country_as!r} is unknown; allowed: {', '.join(FORMS)}")
    paths = {name: path_of(text, f"{key}.from.{name}") for name, text in row.source.items()}
    first = next(iter(paths.values()))
    if any((p.each is None) != (first.each is None) for p in paths.values()):
        raise Wrong(f"{key}.from", "either all parts lie in one list, or none does")
    country = known_region(row.region, f"{key}.region") or region
    every = tuple(paths.values())
    if first.each is None:
        return ColumnSlot(every, _address_codec(row, paths, country, Label(row.label)), row.label)
    if any(path.steps != first.steps for path in every):
        raise Wrong(f"{key}.from", f"all parts lie in the same list: {first.text}")
    label, label_path = _item_label(row, first, key)
    codec = _address_codec(row, paths, country, label)
    taken = (*every, label_path) if label_path else every
    return ListSlot(taken, codec, getter(first.steps), first.steps, None, row.label)


def _address_codec(row: RowSpec, paths: dict[str, Path], country: str | None, label: Label) -> AddressCodec:
    parts = []
    for name, path in paths.items():
        steps = path.steps if path.each is None else path.each
        step = _country(row.country_as or "alpha2") if name == "country" else PLAIN["text"]
        if name == "postcode":
            step = PLAIN["id"]
        write = outward_text(row, [step], exact=name in ("country", "postcode")) or same
        read = reader(row, [step]) if name != "street" else reader(row, [_LINES])
        if name in FEW:
            read = _remembered(read)
        parts.append(Part(name, getter(steps), steps, read, write))
    return AddressCodec("addresses", tuple(parts), country, label)


def _remembered(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    known = lru_cache(maxsize=4_096)(read)
    return lambda raw: known(raw) if type(raw) is str else read(raw)


def _country(form: str) -> Transform:
    return Transform(country_code, lambda code: country_name(code, form), exact=True)


def _lines(text: str) -> str:
    """A street of several lines keeps them; blanks inside a line are one."""
    if text.isprintable():  # so it is one line
        return " ".join(text.split())
    return "\n".join(" ".join(line.split()) for line in text.splitlines() if line.strip())


_LINES = Transform(_lines, same)
