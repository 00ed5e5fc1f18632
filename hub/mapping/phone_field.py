"""Phones beside addresses: a number without a country code is one of the country of the record's first address."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from hub.mapping.fields import Field
from hub.mapping.many import ManyField
from hub.mapping.paths import Path
from hub.mapping.phones import is_region, phone_key
from hub.mapping.table import WriteMode
from hub.mapping.text import Unmappable
from hub.model import Fields, Problem

ADDRESSES = "addresses/"

Within: TypeAlias = Callable[[tuple[str, ...], bool], ManyField]
"""The phones of a record whose addresses are in these countries; the first is the one that numbers are read in.
True: a number too long for its column in E.164 may keep a national form that only these countries understand."""


def nearby_key(text: str, country: str, default: str | None) -> str:
    """E.164 in the numbering plan of `country`, or of `default` where it is no possible number there."""
    if text.startswith("+"):
        return phone_key(text, default)
    try:
        return phone_key(text, country)
    except Unmappable:
        if default is None:
            raise
        return phone_key(text, default)


@dataclass(frozen=True, slots=True)
class PhoneField:
    """Phones of which some row names no region of its own.

    plain      of records without a country: numbers are read in the default region
    within     cached
    default    default_region
    fallbacks  countries that address rows give to addresses without one

    A number is written in national form only where it means the same in the default region and in the country
    of every address beside it: so it is read back the same, alone or with any of them.
    """

    plain: ManyField
    within: Within
    default: str | None
    fallbacks: frozenset[str] = frozenset()
    one_way: bool = False

    @property
    def base(self) -> str:
        return self.plain.base

    @property
    def bases(self) -> tuple[str, ...]:
        return self.plain.bases

    @property
    def mode(self) -> WriteMode:
        return self.plain.mode

    @property
    def required(self) -> bool:
        return self.plain.required

    @property
    def paths(self) -> tuple[Path, ...]:
        return self.plain.paths

    def covers(self, key: str) -> bool:
        return self.plain.covers(key)

    def lacks(self, golden: Fields) -> bool:
        return self.plain.lacks(golden)

    def among(self, columns: Set[str]) -> Field | None:
        narrowed = self.plain.among(columns)
        return None if narrowed is None else replace(self, plain=narrowed)

    def read(self, source: Mapping[str, Any], out: dict[str, Any], problems: list[Problem]) -> None:
        """`out` holds the addresses already: in a mapping they come before the phones."""
        for key, value in out.items():
            if key.startswith(ADDRESSES) and (country := value.get("country")):
                if country != self.default and is_region(country):
                    self.within((country,), False).read(source, out, problems)
                    return
                break
        self.plain.read(source, out, problems)

    def project(self, golden: Fields, held: Fields, creating: bool, out: dict[str, Any]) -> None:
        self._beside(out, False).project(golden, held, creating, out)

    def write(self, desired: Fields, payload: dict[str, Any]) -> None:
        self._beside(desired, True).write(desired, payload)

    def _beside(self, fields: Fields, held: bool) -> ManyField:
        countries = self._countries(fields)
        return self.within(tuple(sorted(countries)), held) if countries else self.plain

    def _countries(self, fields: Fields) -> set[str]:
        """Countries in whose numbering plan the phones may be read, besides the default one."""
        found = {value.get("country") for key, value in fields.items() if key.startswith(ADDRESSES) and value}
        every = found | self.fallbacks if found else found
        return {country for country in every if country and country != self.default and is_region(country)}

    def _at_home(self, fields: Fields) -> bool:
        """Is there an address beside which numbers are read in the default region?"""
        countries = [value.get("country") for key, value in fields.items() if key.startswith(ADDRESSES) and value]
        return any(country == self.default or not is_region(country) for country in countries if country)

    def moved(self, desired: Fields) -> bool:
        """Would a number, as the system spells it, be read as another one beside the desired addresses?"""
        held = self.plain.elements(desired).items()
        spelled = [(key, value["raw"]) for key, value in held if value.get("raw") and not value.get("invalid")]
        if not spelled:
            return False
        countries: list[str | None] = [*self._countries(desired)]
        if not countries or self._at_home(desired):
            countries.append(None)
        return any(self._read(raw, country) != key for key, raw in spelled for country in countries)

    def _read(self, raw: str, country: str | None) -> str | None:
        try:
            return phone_key(raw, self.default) if country is None else nearby_key(raw, country, self.default)
        except Unmappable:
            return None
