"""E-mail addresses, phones and postal addresses of many pairs at once, where both records have one.

As `hub.dedupe.compare` does for two; what has several values is left to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import Any, Final, TypeAlias

import numpy as np
from rapidfuzz.distance import OSA
from rapidfuzz.process import cpdist

from hub.dedupe.bulk.columns import Codes, Ints
from hub.dedupe.bulk.lexicon import Flags, Levels
from hub.dedupe.compare import ANY_PHONE, HOUSEHOLD, email_level, is_household, streets_alike

Single: TypeAlias = Callable[[Sequence[Any], Codes, Codes], Levels]
"""Levels of pairs of unpacked values, by their places; all of them are values that `SINGLE` takes."""

EQUAL, SLIP, OTHER_PHONE, OTHER_MOBILE, OTHER_EMAIL = 1, 2, 3, 4, 5


def _numbered(texts: Iterable[str]) -> Ints:
    """Equal texts, equal numbers; 0 is no text."""
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    nothing = numbers[""]
    found = np.fromiter(map(numbers.__getitem__, texts), np.int64)
    assert nothing == 0
    return found


def _one_slip_apart(texts: Sequence[str], one: Codes, other: Codes) -> Flags:
    pairs = [texts[at] for at in one.tolist()], [texts[at] for at in other.tolist()]
    found: Flags = cpdist(*pairs, scorer=OSA.distance, score_cutoff=1, dtype=np.uint8) == 1
    return found


def has_one_email(value: tuple[str, list[str], list[str]]) -> bool:
    return len(value[1]) == 1 and not value[2]


def compare_emails(values: Sequence[tuple[str, list[str], list[str]]], one: Codes, other: Codes) -> Levels:
    addresses = [value[1][0] for value in values]
    parts = [address.partition("@") for address in addresses]
    locals_ = [part[0] for part in parts]
    domain = _numbered([part[2] for part in parts])
    plain = _numbered([local.replace(".", "").replace("_", "").replace("-", "") for local in locals_])
    found = np.full(len(one), OTHER_EMAIL, np.uint8)
    alike = plain[one] == plain[other]
    near = np.flatnonzero(~alike & (domain[one] == domain[other]))
    alike[near] = _one_slip_apart(locals_, one[near], other[near])
    for at in np.flatnonzero(alike).tolist():
        a, b = addresses[one[at]], addresses[other[at]]
        if a == b:
            found[at] = HOUSEHOLD if is_household(a) else EQUAL
        else:
            found[at] = email_level(a, b) if a < b else email_level(b, a)
    return found


def has_one_phone(value: tuple[list[str], list[str]]) -> bool:
    return len(value[0]) == 1


def compare_phones(values: Sequence[tuple[list[str], list[str]]], one: Codes, other: Codes) -> Levels:
    phones = [value[0][0] for value in values]
    number, lengths = _numbered(phones), np.array(list(map(len, phones)))
    mobile = np.array([bool(value[1]) for value in values])
    equal = number[one] == number[other]
    found = np.where(mobile[one] & mobile[other], OTHER_MOBILE, OTHER_PHONE)
    found[equal] = np.where(mobile[one] | mobile[other], EQUAL, ANY_PHONE)[equal]
    near = np.flatnonzero(~equal & (lengths[one] == lengths[other]))
    found[near[_one_slip_apart(phones, one[near], other[near])]] = SLIP
    return found.astype(np.uint8)


def has_one_place(value: Sequence[tuple[str, str, str, str]]) -> bool:
    return len(value) == 1


def compare_places(values: Sequence[Sequence[tuple[str, str, str, str]]], one: Codes, other: Codes) -> Levels:
    streets, numbers, postcodes, towns = zip(*[value[0] for value in values], strict=True)
    street, number, postcode, town = map(_numbered, (streets, numbers, postcodes, towns))
    coded, said, placed, numbered = ((of[one] > 0) & (of[other] > 0) for of in (postcode, town, street, number))
    code = coded & (postcode[one] == postcode[other])
    where = coded | said
    here = said.copy()
    here[said] = _alike(towns, town, one[said], other[said])
    same_number = (number[one] == number[other]) | ~numbered
    near = placed & (code | here | ~where) & same_number
    alike = near.copy()
    alike[near] = _alike(streets, street, one[near], other[near])
    found = np.select([code, here, where | placed], [3, 4, 5], 0)
    found[alike] = np.where(numbered[alike], 2, 3)
    found[alike & numbered & (street[one] == street[other])] = EQUAL
    return found.astype(np.uint8)


def _alike(texts: Sequence[str], numbers: Ints, one: Codes, other: Codes) -> Flags:
    """Whether two towns or two streets are alike; each two are looked at once."""
    found: Flags = numbers[one] == numbers[other]
    apart = np.flatnonzero(~found)
    a, b = numbers[one[apart]], numbers[other[apart]]
    base = int(numbers.max(initial=0)) + 1
    pairs, first, which = np.unique(np.minimum(a, b) * base + np.maximum(a, b), return_index=True, return_inverse=True)
    met = zip(one[apart[first]].tolist(), other[apart[first]].tolist(), strict=True)
    alike = [streets_alike(*sorted((texts[at], texts[to]))) for at, to in met]
    found[apart] = np.array(alike, bool)[which] if len(pairs) else False
    return found


SINGLE: Final[Mapping[str, tuple[Callable[[Any], bool], Single]]] = {
    "emails": (has_one_email, compare_emails),
    "phones": (has_one_phone, compare_phones),
    "places": (has_one_place, compare_places),
}
"""Column → which of its values are compared side by side, and how."""
