"""Compiled fields with one value: how one is read, projected and written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, replace
from typing import Any, Protocol

from hub.mapping.paths import MISSING, Getter, Path, place
from hub.mapping.table import WriteMode
from hub.mapping.text import Unmappable, as_text, shown
from hub.model import KIND, Fields, Problem

COMPANY_ONLY = ("given_name", "family_name", "full_name")


class Field(Protocol):
    """What every compiled field can do; `ContactMapping` is a tuple of these."""

    @property
    def base(self) -> str: ...
    @property
    def bases(self) -> tuple[str, ...]:
        """Canonical fields it speaks of: its own base, or the two parts of a name."""
        ...

    @property
    def mode(self) -> WriteMode: ...
    @property
    def required(self) -> bool: ...
    @property
    def paths(self) -> tuple[Path, ...]: ...
    @property
    def one_way(self) -> bool:
        """Is there no way back from the canonical value to the source?"""

    def covers(self, key: str) -> bool:
        """Does this canonical key belong to the field?"""

    def among(self, columns: Set[str]) -> Field | None:
        """What reads the same of every record with these columns, None when that is nothing at all."""

    def read(self, source: Mapping[str, Any], out: dict[str, Any], problems: list[Problem]) -> None:
        """Adds what the source record says to `out`, and what could not be mapped to `problems`."""

    def project(self, golden: Fields, held: Fields, creating: bool, out: dict[str, Any]) -> None:
        """Adds what the system should hold of the golden record."""

    def write(self, desired: Fields, payload: dict[str, Any]) -> None:
        """Puts the source fields that make the system hold what is desired; nothing desired empties."""

    def lacks(self, golden: Fields) -> bool:
        """Has the golden record nothing for this field?"""


def keeps_own(mode: WriteMode, has_value: bool, creating: bool) -> bool:
    """Does the system keep what it holds, whatever the golden record says?"""
    if mode is WriteMode.OVERWRITE:
        return False
    if mode is WriteMode.IF_EMPTY:
        return has_value
    return mode is WriteMode.NEVER or not creating


@dataclass(frozen=True, slots=True)
class Column:
    """One source path of a single field. `write` is None where there is no way back.

    beside  further paths that are read together with it
    """

    path: Path
    raw: Getter
    read: Callable[[Any], Any]
    write: Callable[[str], Any] | None
    beside: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class SingleField:
    """A field with one value. Of several columns the first that holds something is read, and only the
    first is written."""

    base: str
    mode: WriteMode
    required: bool
    columns: tuple[Column, ...]

    @property
    def bases(self) -> tuple[str, ...]:
        return (self.base,)

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(path for column in self.columns for path in (column.path, *column.beside))

    @property
    def one_way(self) -> bool:
        return self.columns[0].write is None

    def covers(self, key: str) -> bool:
        return key == self.base

    def among(self, columns: Set[str]) -> Field | None:
        there = tuple(c for c in self.columns if any(path.head in columns for path in (c.path, *c.beside)))
        if len(there) == len(self.columns):
            return self
        return replace(self, columns=there) if there else None

    def read(self, source: Mapping[str, Any], out: dict[str, Any], problems: list[Problem]) -> None:
        for column in self.columns:
            raw = column.raw(source)
            if raw is MISSING:
                continue
            try:
                value = column.read(raw)
            except Unmappable as err:
                problems.append(Problem(self.base, shown(raw), err.reason))
                continue
            if value is None:
                out.setdefault(self.base, None)
            elif value is not MISSING:
                out[self.base] = value
                return

    def project(self, golden: Fields, held: Fields, creating: bool, out: dict[str, Any]) -> None:
        mine = held.get(self.base, MISSING)
        value = self.wanted(golden)
        if keeps_own(self.mode, mine not in (MISSING, None), creating) or not self._holds(value):
            value = mine
        if value is not MISSING:
            out[self.base] = value

    def wanted(self, golden: Fields) -> Any:
        value = golden.get(self.base, MISSING)
        return composed_name(golden) if self.base == "full_name" and value in (MISSING, None) else value

    def lacks(self, golden: Fields) -> bool:
        return self.wanted(golden) in (MISSING, None)

    def _holds(self, value: Any) -> bool:
        write = self.columns[0].write
        if value is MISSING or value is None or write is None:
            return True
        try:
            write(value)
        except Unmappable:
            return False
        return True

    def write(self, desired: Fields, payload: dict[str, Any]) -> None:
        column = self.columns[0]
        value = desired.get(self.base)
        if column.write is None:
            return
        if value is None:
            for every in self.columns:
                place(payload, every.path.steps, None)
            return
        try:
            place(payload, column.path.steps, column.write(value))
        except Unmappable:
            return  # `project` never offers such a value; one that was asked for by hand stays unsent


def composed_name(golden: Fields) -> Any:
    """A full name from its parts, or the company's: for systems that have one column for all of it."""
    parts = [golden.get(key) for key in ("given_name", "family_name")]
    whole = " ".join(part for part in parts if part) or golden.get("company")
    return whole or golden.get("full_name", MISSING)


@dataclass(frozen=True, slots=True)
class NameField:
    """Given and family name taken apart from one source path by an explicit `split_name`."""

    base: str  # the two bases, for messages
    mode: WriteMode
    required: bool
    path: Path
    raw: Getter
    read_part: tuple[Callable[[Any], Any], Callable[[Any], Any]]
    write_whole: Callable[[str], Any]
    one_way: bool = False
    bases: tuple[str, ...] = ("given_name", "family_name")

    @property
    def paths(self) -> tuple[Path, ...]:
        return (self.path,)

    def covers(self, key: str) -> bool:
        return key in ("given_name", "family_name")

    def among(self, columns: Set[str]) -> Field | None:
        return self if self.path.head in columns else None

    def read(self, source: Mapping[str, Any], out: dict[str, Any], problems: list[Problem]) -> None:
        raw = self.raw(source)
        if raw is MISSING:
            return
        for key, read in zip(("given_name", "family_name"), self.read_part, strict=True):
            try:
                value = read(raw)
            except Unmappable as err:
                problems.append(Problem(key, shown(raw), err.reason))
                return
            out[key] = None if value is MISSING else value

    def project(self, golden: Fields, held: Fields, creating: bool, out: dict[str, Any]) -> None:
        keys = ("given_name", "family_name")
        has_value = any(held.get(key) for key in keys)
        chosen = held if keeps_own(self.mode, has_value, creating) else golden
        out.update((key, chosen[key]) for key in keys if key in chosen)

    def lacks(self, golden: Fields) -> bool:
        return not (golden.get("given_name") or golden.get("family_name"))

    def write(self, desired: Fields, payload: dict[str, Any]) -> None:
        parts = (desired.get(key) for key in ("given_name", "family_name"))
        given, family = (part if isinstance(part, str) else "" for part in parts)
        name = joined_name(given, family)
        place(payload, self.path.steps, self.write_whole(name) if name else None)

    def stored(self, fields: Fields) -> dict[str, Any]:
        """As it comes back. A part that is asked for alone is stored beside some other part."""
        asked = [key for key in self.bases if key in fields]
        payload: dict[str, Any] = {}
        out: dict[str, Any] = {}
        self.write(dict.fromkeys(self.bases, SOME_NAME) | dict(fields), payload)
        self.read(payload, out, [])
        return {key: out[key] for key in asked if key in out}


SOME_NAME = "X"


def joined_name(given: str, family: str) -> str:
    """A full name that `split_name` takes apart at the same place: "Lee, Ann Mary" for two given names."""
    family = " ".join(family.replace(",", " ").split())
    if given and " " not in given and "," not in given:
        return f"{given} {family}".strip()
    return f"{family}, {given}".strip() if given or family else ""


@dataclass(frozen=True, slots=True)
class KindField:
    """Person or organisation. Without a column of its own: a record with nothing but a company is one."""

    mode: WriteMode
    column: Column | None
    default: str | None
    base: str = KIND
    bases: tuple[str, ...] = (KIND,)
    required: bool = False
    one_way: bool = False

    @property
    def paths(self) -> tuple[Path, ...]:
        return () if self.column is None else (self.column.path,)

    def covers(self, key: str) -> bool:
        return key == KIND

    def among(self, columns: Set[str]) -> Field | None:
        return self if self.column is not None and self.column.path.head in columns else None

    def read(self, source: Mapping[str, Any], out: dict[str, Any], problems: list[Problem]) -> None:
        raw = MISSING if self.column is None else self.column.raw(source)
        if self.column is None or raw is MISSING:
            return
        try:
            value = self.column.read(raw)
        except Unmappable as err:
            problems.append(Problem(KIND, shown(raw), err.reason))
            return
        if value:
            out[KIND] = value

    def derived(self, out: Fields) -> str:
        if self.default is not None:
            return self.default
        alone = out.get("company") and not any(out.get(key) for key in COMPANY_ONLY)
        return "organisation" if alone else "person"

    def project(self, golden: Fields, held: Fields, creating: bool, out: dict[str, Any]) -> None:
        if self.column is None:
            return
        keep = keeps_own(self.mode, KIND in held, creating)
        value = held.get(KIND) if keep else golden.get(KIND, held.get(KIND))
        if value is not None:
            out[KIND] = value

    def lacks(self, golden: Fields) -> bool:
        return KIND not in golden

    def write(self, desired: Fields, payload: dict[str, Any]) -> None:
        value = desired.get(KIND)
        if self.column is None or self.column.write is None or value is None:
            return  # a system that tells the kinds apart has no third kind to set
        try:
            place(payload, self.column.path.steps, self.column.write(value))
        except Unmappable:
            return


def text_reader(steps: tuple[Callable[[str], str], ...], empty: frozenset[str]) -> Callable[[Any], Any]:
    """Raw value → canonical text; None when the source says empty; MISSING when nothing is left of it."""

    def read(raw: Any) -> Any:
        text = as_text(raw)
        if text is None or text in empty:
            return None
        for step in steps:
            text = step(text)
        return text or MISSING

    if empty or len(steps) > 1:
        return read
    return _one_step(steps[0]) if steps else as_text


def _one_step(step: Callable[[str], str]) -> Callable[[Any], Any]:
    def read(raw: Any) -> Any:
        text = as_text(raw)
        return None if text is None else step(text) or MISSING

    return read
