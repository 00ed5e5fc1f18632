"""Blocking keys: values two records must share to be compared at all.

Each key is a hash of a tagged value, the same on every machine and in every run. The best come first, so
that a record with many values loses only the weakest. How many records share a key is the store's to count
and cap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b
from struct import Struct
from typing import Final

from hub.dedupe.features import ORGANISATION, Features
from hub.dedupe.words import SAME_NAME

MOST: Final = 14  # keys a record
_NUMBERS: Final = [Struct(f">{count}Q").unpack for count in range(MOST + 1)]


def blocking_keys(record: Features) -> tuple[int, ...]:
    """Distinct numbers from 0 to 2**63 - 1, at most `MOST`; placeholders make none.

    By chance two texts share a number in one of 1500 hubs that hold 10 million records of 11 keys each. Their
    records are then compared like any others that meet.
    """
    found = list(dict.fromkeys(_texts(record)))[:MOST]
    hashed = b"".join([blake2b(text.encode(), digest_size=8).digest() for text in found])
    return tuple([number >> 1 for number in _NUMBERS[len(found)](hashed)])


def number_of(text: str) -> int:
    """The key of a text, as `blocking_keys` has it."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) >> 1


def shared(a: Features, b: Features) -> tuple[str, ...]:
    """What two records meet by, for people to read: `phone:912345678`."""
    theirs = set(texts(b))
    return tuple(text for text in dict.fromkeys(texts(a)) if text in theirs)


def texts(record: Features) -> Iterator[str]:
    """The keys before hashing, best first."""
    return iter(_texts(record))


def _texts(record: Features) -> list[str]:
    found = [f"tax:{number}" for number in record.tax] if record.tax else []
    if record.emails:
        found += [f"email:{address}" for address in _ordered(record.emails)]
    if record.phones:
        found += [f"phone:{number}" for number in _ordered(record.phones)]
    if record.kind == ORGANISATION:
        found += _of_organisation(record)
    else:
        _add_person(record, found)
    return found


def _ordered(values: frozenset[str]) -> Iterable[str]:
    return sorted(values) if len(values) > 1 else values


def _of_organisation(record: Features) -> Iterator[str]:
    for address in sorted(record.roles):
        yield f"email:{address}"
    if record.company:
        yield f"company:{' '.join(record.company)}"
        for place in record.places:
            if place.postcode:
                yield f"company+postcode:{record.company[0]} {place.postcode}"


def _add_person(record: Features, found: list[str]) -> None:
    forms = [_one_form(word) for word in record.name if len(word) > 1]
    ends = forms if len(forms) < 2 else [forms[0], forms[-1]]
    if record.roles or record.work:
        firsts = [_one_form(record.given[0])] if record.given else ends
        if record.roles:
            found += [f"role+name:{address} {first}" for address in _ordered(record.roles) for first in firsts]
    # without an e-mail address or a phone there is little else to meet by
    reached = bool(record.emails or record.phones)
    birth = record.birth
    if birth:
        for form in ends:
            found.append(f"birth+name:{birth} {form}")
        if not reached:
            found += [f"birth+initial:{birth} {form[0]}" for form in ends]
    for _, _, postcode, town in record.places:
        if town and not reached:
            found += [f"town+name:{town} {form}" for form in ends]
        if postcode:
            found += [f"postcode+name:{postcode} {form}" for form in (ends[-1:] if reached else ends)]
            if birth:
                found.append(f"birth+postcode:{birth} {postcode}")
    if len(forms) > 1:
        _add_name_pairs(record, forms, found)
    elif record.hints and forms:
        found += [_name_pair(forms[0], _one_form(hint)) for hint in record.hints]
    if record.work:
        works = dict.fromkeys([label.partition("#")[0] for label in _ordered(record.work)])
        found += [f"work+name:{label} {first}" for label in works for first in firsts]


def _add_name_pairs(record: Features, forms: list[str], found: list[str]) -> None:
    """Given name with each family name, in an order that a swap does not change."""
    first = forms[0]
    for other in forms[1:]:
        found.append(f"name:{first} {other}" if first < other else f"name:{other} {first}")
    if len(forms) > 2 and not record.given:
        last = forms[-1]
        found += [_name_pair(last, other) for other in forms[1:-1]]


def _name_pair(one: str, other: str) -> str:
    return f"name:{one} {other}" if one < other else f"name:{other} {one}"


def _letters(name: str) -> str:
    """The letters of a word in order, doubled ones once: slips that swap or double letters leave them as they are."""
    following = f"{name[1:]} "
    return "".join(sorted([letter for letter, after in zip(name, following, strict=False) if letter != after]))


def _lines_by_letters() -> dict[str, int]:
    """Letters → the line of the names in `SAME_NAME` that have them; those of names in several lines are left out."""
    found: dict[str, set[int]] = {}
    for name, lines in SAME_NAME.items():
        found.setdefault(_letters(name), set()).add(min(lines))
    return {letters: min(lines) for letters, lines in found.items() if len(lines) == 1 and len(letters) > 3}


_LINES: Final = _lines_by_letters()


@lru_cache(maxsize=8_192)
def _one_form(name: str) -> str:
    """A name and its short and foreign forms become one, and so do words whose letters a slip swapped or doubled."""
    lines = SAME_NAME.get(name)
    if lines:
        return str(min(lines))
    letters = _letters(name)
    line = _LINES.get(letters)
    return letters if line is None else str(line)
