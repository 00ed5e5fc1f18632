"""Compiled fields with many elements: emails, phones, addresses, tags.

A column holds one element, a list any number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, Protocol, TypeAlias, TypeGuard

from hub.mapping.elements import address_key, raw_key
from hub.mapping.fields import keeps_own
from hub.mapping.paths import MISSING, Getter, Path, Step, place
from hub.mapping.table import WriteMode
from hub.mapping.text import Unmappable, as_text, shown
from hub.model import Fields, Problem

Element: TypeAlias = tuple[str, dict[str, Any]]  # key after the slash, value
USUAL_LABELS = ("work", "main", "home", "mobile", "other")


# --- one element in one place of a source record ----------------------------------------------------


class Codec(Protocol):
    """Reads one element out of an item, which is the record itself or an item of a list, and writes it."""

    @property
    def base(self) -> str: ...

    def read(self, item: Any, problems: list[Problem]) -> Element | None: ...

    def write(self, element: Element, into: dict[str, Any]) -> None:
        """Unmappable when it does not fit."""

    def clear(self, into: dict[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class Label:
    """A label that the mapping gives, or that stands in the item and is looked up."""

    constant: str | None = None
    get: Getter | None = None
    steps: tuple[Step, ...] = ()
    table: Mapping[str, str] = field(default_factory=dict)
    back: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_none(self) -> bool:
        return self.get is None and self.constant is None

    def read(self, item: Any, value: dict[str, Any]) -> None:
        if self.get is None:
            if self.constant is not None:
                value["label"] = self.constant
            return
        raw = self.get(item) if isinstance(item, Mapping) else MISSING
        text = as_text(raw) if isinstance(raw, str) else None
        if text is not None:
            value["label"] = self.table.get(text, text)

    def write(self, value: Mapping[str, Any], into: dict[str, Any]) -> None:
        if self.get is not None:
            label = value.get("label")
            place(into, self.steps, self.back.get(label, label) if label else None)


@dataclass(frozen=True, slots=True)
class TextCodec:
    """An element that is one text: an email, a phone number, a tag.

    get    None: the item is the text itself
    key    text → element key; Unmappable
    spell  element key → text; None: the text as given
    loose  keep what has no key as an invalid element
    also   further readings a text has to agree with, or the key is written
    here   readings that are enough where the key is too long for the system
    """

    base: str
    get: Getter | None
    steps: tuple[Step, ...]
    before: Callable[[Any], Any]
    key: Callable[[str], str]
    spell: Callable[[str], str] | None
    label: Label
    loose: bool
    max_length: int | None = None
    also: tuple[Callable[[str], str], ...] = ()
    here: tuple[Callable[[str], str], ...] = ()

    def read(self, item: Any, problems: list[Problem]) -> Element | None:
        raw = item if self.get is None else self.get(item)
        if raw is MISSING or raw is None or raw == "":
            return None
        try:
            text = self.before(raw)
        except Unmappable as err:
            problems.append(Problem(self.base, shown(raw), err.reason))
            return None
        if text is None or text is MISSING:
            return None
        return self.element(text, item, problems)

    def element(self, text: str, item: Any, problems: list[Problem]) -> Element | None:
        """text: in its one form, as `before` leaves it"""
        value: dict[str, Any] = {}
        try:
            key = self.key(text)
            if self.loose and key != text:
                value["raw"] = text
        except Unmappable as err:
            problems.append(Problem(self.base, text, err.reason))
            if not self.loose:
                return None
            key = raw_key(text)
            value = {"raw": text, "invalid": True}
        if not self.label.is_none:
            self.label.read(item, value)
        return key, value

    def text(self, element: Element) -> str:
        """The text as given, or as the mapping has it spelled, where it means the same here; else the key."""
        key, value = element
        raw = value.get("raw")
        if value.get("invalid"):
            text = str(raw)
        else:
            given = raw if self.spell is None else self.spell(key)
            text = given if _means(given, key, (self.key, *self.also)) else key
            if self.here and self._is_long(text) and _means(raw, key, self.here):
                text = raw
        if self._is_long(text):
            raise Unmappable("longer than this system holds")
        return text

    def _is_long(self, text: str) -> bool:
        return self.max_length is not None and len(text) > self.max_length

    def write(self, element: Element, into: dict[str, Any]) -> None:
        place(into, self.steps, self.text(element))
        self.label.write(element[1], into)

    def clear(self, into: dict[str, Any]) -> None:
        place(into, self.steps, None)


def _means(text: Any, key: str, readings: Iterable[Callable[[str], str]]) -> TypeGuard[str]:
    """Is it read as this key, whichever way it is read?"""
    try:
        return isinstance(text, str) and all(read(text) == key for read in readings)
    except Unmappable:
        return False


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an address in an item."""

    name: str
    get: Getter
    steps: tuple[Step, ...]
    read: Callable[[Any], Any]
    write: Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class AddressCodec:
    """An address: a group of parts with one key. `country` is that of an address that names none."""

    base: str
    parts: tuple[Part, ...]
    country: str | None
    label: Label

    def read(self, item: Any, problems: list[Problem]) -> Element | None:
        value: dict[str, Any] = {}
        for part in self.parts:
            raw = part.get(item)
            if raw is MISSING or raw is None or raw == "":
                continue
            try:
                text = part.read(raw)
            except Unmappable as err:
                problems.append(Problem(self.base, shown(raw), f"{part.name}: {err.reason}"))
                if part.name == "country" and isinstance(raw, str):
                    value["country_raw"] = as_text(raw)
                continue
            if text is not None and text is not MISSING:
                value[part.name] = text
        if not value:
            return None
        if self.country is not None and "country" not in value and "country_raw" not in value:
            value["country"] = self.country
        key = address_key(value)
        self.label.read(item, value)
        return key, value

    def write(self, element: Element, into: dict[str, Any]) -> None:
        value = element[1]
        for part in self.parts:
            text = value.get(part.name)
            if text is None and part.name == "country" and value.get("country_raw"):
                place(into, part.steps, value["country_raw"])
            else:
                place(into, part.steps, None if text is None else part.write(text))
        self.label.write(value, into)

    def clear(self, into: dict[str, Any]) -> None:
        for part in self.parts:
            place(into, part.steps, None)


# --- where elements stand ---------------------------------------------------------------------------


class Slot(Protocol):
    """Columns for one element, or a list for any number."""

    @property
    def single(self) -> bool: ...
    @property
    def label(self) -> str | None: ...
    @property
    def paths(self) -> tuple[Path, ...]: ...
    @property
    def codec(self) -> Codec: ...

    def read(self, source: Mapping[str, Any], problems: list[Problem]) -> Iterable[Element]: ...

    def write(self, elements: Sequence[Element], payload: dict[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class ColumnSlot:
    paths: tuple[Path, ...]
    codec: Codec
    label: str | None
    single: bool = True

    def read(self, source: Mapping[str, Any], problems: list[Problem]) -> Iterable[Element]:
        found = self.codec.read(source, problems)
        return () if found is None else (found,)

    def write(self, elements: Sequence[Element], payload: dict[str, Any]) -> None:
        if elements:
            self.codec.write(elements[0], payload)
        else:
            self.codec.clear(payload)


@dataclass(frozen=True, slots=True)
class ListSlot:
    """A list of texts (`scalar`) or of objects."""

    paths: tuple[Path, ...]
    codec: Codec
    get: Getter
    steps: tuple[Step, ...]
    scalar: TextCodec | None
    label: str | None
    single: bool = False

    def read(self, source: Mapping[str, Any], problems: list[Problem]) -> Iterable[Element]:
        items = self.get(source)
        if items is MISSING or items is None:
            return
        for item in items if isinstance(items, list | tuple) else (items,):
            if self.scalar is None and not isinstance(item, Mapping):
                problems.append(Problem(self.codec.base, shown(item), "a list of objects was expected"))
                continue
            found = self.codec.read(item, problems)
            if found is not None:
                yield found

    def write(self, elements: Sequence[Element], payload: dict[str, Any]) -> None:
        items: list[Any] = []
        for element in elements:
            if self.scalar is not None:
                items.append(self.scalar.text(element))
            else:
                item: dict[str, Any] = {}
                self.codec.write(element, item)
                items.append(item)
        place(payload, self.steps, items)


@dataclass(frozen=True, slots=True)
class SplitSlot:
    """Several elements in one text, between any of `separators`; written with the first of them."""

    paths: tuple[Path, ...]
    codec: TextCodec
    get: Getter
    steps: tuple[Step, ...]
    separators: str
    label: str | None
    single: bool = False

    def read(self, source: Mapping[str, Any], problems: list[Problem]) -> Iterable[Element]:
        raw = self.get(source)
        if raw is MISSING or raw is None or raw == "":
            return ()
        codec = self.codec
        try:
            text = as_text(raw) or ""
        except Unmappable as err:
            problems.append(Problem(codec.base, shown(raw), err.reason))
            return ()
        first = self.separators[0]
        for other in self.separators[1:]:
            text = text.replace(other, first)
        # a part of a text in its one form is in it too
        parts = [part.strip() for part in text.split(first)] if first in text else [text]
        if codec.before is as_text:
            read = [codec.element(part, part, problems) for part in parts if part]
        else:
            read = [codec.read(part, problems) for part in parts]
        return [found for found in read if found is not None]

    def write(self, elements: Sequence[Element], payload: dict[str, Any]) -> None:
        texts = [self.codec.text(element) for element in elements]
        place(payload, self.steps, self.separators[0].join(texts) or None)


# --- the field --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ManyField:
    """All slots of one field. A column keeps its element as long as the golden record has it too, so that
    two systems with one column each do not fight over which is the first."""

    base: str
    mode: WriteMode
    required: bool
    slots: tuple[Slot, ...]
    capacity: int | None
    lossy_keys: bool  # an element may come back under another key: parts of it can be cut or missing
    always_fits: bool  # no column limits the length of an element
    one_way: bool = False

    @property
    def bases(self) -> tuple[str, ...]:
        return (self.base,)

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(chain.from_iterable(slot.paths for slot in self.slots))

    def covers(self, key: str) -> bool:
        return key.startswith(f"{self.base}/")

    def among(self, columns: Set[str]) -> ManyField | None:
        there = tuple(slot for slot in self.slots if any(path.head in columns for path in slot.paths))
        if len(there) == len(self.slots):
            return self
        return replace(self, slots=there) if there else None

    def read(self, source: Mapping[str, Any], out: dict[str, Any], problems: list[Problem]) -> None:
        for slot in self.slots:
            for key, value in slot.read(source, problems):
                out.setdefault(f"{self.base}/{key}", value)

    def elements(self, fields: Fields) -> dict[str, dict[str, Any]]:
        """Key after the slash → value. None is an element that is not there any more."""
        prefix = f"{self.base}/"
        cut = len(prefix)
        return {key[cut:]: value for key, value in fields.items() if key.startswith(prefix) and value is not None}

    def project(self, golden: Fields, held: Fields, creating: bool, out: dict[str, Any]) -> None:
        mine = self.elements(held)
        if keeps_own(self.mode, bool(mine), creating):
            chosen = mine
        else:
            chosen = dict(self._chosen(golden, mine))
        out.update((f"{self.base}/{key}", value) for key, value in chosen.items())

    def _chosen(self, golden: Fields, mine: Mapping[str, Any]) -> list[Element]:
        offered = [
            (key, with_own_spelling(value, mine.get(key)))
            for key, value in self.elements(golden).items()
            if key in mine or (not value.get("invalid") and self._fits((key, value)))
        ]
        if self.capacity is None or len(offered) <= self.capacity:
            return offered
        ordered = sorted(offered, key=self.rank)
        kept = [e for e in ordered if e[0] in mine or self._read_back(e) in mine][: self.capacity]
        free = self.capacity - len(kept)
        return kept + self._fill(free, kept, [e for e in ordered if e not in kept])

    def _fill(self, free: int, kept: list[Element], rest: list[Element]) -> list[Element]:
        """A column with a label takes an element with that label first."""
        open_labels = [slot.label for slot in self.slots if slot.label is not None]
        for _, value in kept:
            if value.get("label") in open_labels:
                open_labels.remove(value["label"])
        fitting: list[Element] = []
        for label in open_labels:
            match = next((e for e in rest if e[1].get("label") == label and e not in fitting), None)
            if match is not None:
                fitting.append(match)
        others = [e for e in rest if e not in fitting]
        return (fitting + others)[:free]

    def rank(self, element: Element) -> tuple[int, str, str]:
        """Label order, then key: the labels of the columns, the usual ones, any other, none."""
        key, value = element
        label = value.get("label")
        order = [slot.label for slot in self.slots if slot.label is not None]
        order += [usual for usual in USUAL_LABELS if usual not in order]
        if label is None:
            return len(order) + 1, "", key
        return (order.index(label) if label in order else len(order)), str(label), key

    def _fits(self, element: Element) -> bool:
        return self.always_fits or any(_holds(slot, element) for slot in self.slots)

    def _read_back(self, element: Element) -> str:
        """The key under which this system would hold the element."""
        if not self.lossy_keys:
            return element[0]
        item: dict[str, Any] = {}
        codec = self.slots[0].codec
        codec.write(element, item)
        found = codec.read(item, [])
        return element[0] if found is None else found[0]

    def lacks(self, golden: Fields) -> bool:
        return all(value.get("invalid") for value in self.elements(golden).values())

    def write(self, desired: Fields, payload: dict[str, Any]) -> None:
        for slot, elements in zip(self.slots, self.placed(desired), strict=True):
            slot.write(elements, payload)

    def placed(self, desired: Fields) -> list[list[Element]]:
        """The desired elements by slot: fitting labels first, the rest in order, lists take what is left."""
        elements = self.elements(desired)
        if len(elements) <= 1 and len(self.slots) == 1 and self.always_fits:
            return [list(elements.items())]
        rest = sorted(elements.items(), key=self.rank)
        places: list[list[Element]] = [[] for _ in self.slots]
        for by_label in (True, False):
            for slot, put in zip(self.slots, places, strict=True):
                if (slot.single and put) or (by_label and slot.label is None):
                    continue
                taken = [
                    e
                    for e in rest
                    if (not by_label or e[1].get("label") == slot.label) and (self.always_fits or _holds(slot, e))
                ]
                put += taken[:1] if slot.single else taken
                rest = [e for e in rest if e not in put]
        return places


def _holds(slot: Slot, element: Element) -> bool:
    try:
        slot.codec.write(element, {})
    except Unmappable:
        return False
    return True


def with_own_spelling(value: dict[str, Any], own: Mapping[str, Any] | None) -> dict[str, Any]:
    """How a number or an address is spelled is each system's own affair and is not synchronised."""
    if own is None or own.get("raw") == value.get("raw"):
        return value
    spelled = {name: part for name, part in value.items() if name != "raw"}
    return spelled if own.get("raw") is None else {"raw": own["raw"], **spelled}
