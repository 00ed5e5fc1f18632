"""Blocking keys: values two records must share to be compared at all.

Each key is a hash of a tagged value, the same on every machine and in every run. The best come first, so
that a record with many values loses only the weakest. How many records share a key is the store's to count
and cap.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from hub.dedupe.features import ORGANISATION, Features, features
from hub.dedupe.words import SAME_NAME
from hub.model import Fields

_NOT_ALNUM: Final = re.compile("[^a-z0-9]+")
MOST: Final = 14  # keys a record


def blocking_keys(fields: Fields) -> tuple[int, ...]:
    """Distinct numbers from 0 to 2**63 - 1, at most `MOST`; placeholders make none."""
    return tuple(dict.fromkeys(_number(text) for text in texts(features(fields))))[:MOST]


def shared(a: Fields, b: Fields) -> tuple[str, ...]:
    """What two records meet by, for people to read: `phone:912345678`."""
    theirs = set(texts(features(b)))
    return tuple(text for text in dict.fromkeys(texts(features(a))) if text in theirs)


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def texts(record: Features) -> Iterator[str]:
    """The keys before hashing, best first."""
    for number in sorted(record.tax):
        yield f"tax:{number}"
    for address in sorted(record.emails):
        yield f"email:{address}"
    for number in sorted(record.phones):
        yield f"phone:{number}"
    if record.kind == ORGANISATION:
        yield from _of_organisation(record)
    else:
        yield from _of_person(record)


def _of_organisation(record: Features) -> Iterator[str]:
    for address in sorted(record.roles):
        yield f"email:{address}"
    if record.company:
        yield f"company:{' '.join(record.company)}"
        for place in record.places:
            if place.postcode:
                yield f"company+postcode:{record.company[0]} {place.postcode}"


def _of_person(record: Features) -> Iterator[str]:
    names = [word for word in record.name if len(word) > 1]
    firsts = [_one_form(word) for word in (record.given[:1] or names[:1] + names[-1:])]
    for address in sorted(record.roles):
        for first in firsts:
            yield f"role+name:{address} {first}"
    if record.birth:
        for word in names[:4]:
            yield f"birth+name:{record.birth} {_one_form(word)}"
    for place in record.places:
        if place.postcode:
            for word in names[:4]:
                yield f"postcode+name:{place.postcode} {_one_form(word)}"
    yield from _name_pairs(record, names)
    for label in sorted(record.work):
        for first in firsts:
            yield f"work+name:{label} {first}"
    for address in sorted(record.emails):
        local = _NOT_ALNUM.sub("", address.partition("@")[0])
        if len(local) > 6:
            yield f"local:{local}"


def _name_pairs(record: Features, names: list[str]) -> Iterator[str]:
    """Given name with each family name, in an order that a swap does not change."""
    if len(names) < 2:
        return
    pairs = [(names[0], word) for word in names[1:]]
    if not record.given:
        pairs += [(names[-1], word) for word in names[1:-1]] if len(names) > 2 else []
    for one, other in pairs:
        first, second = sorted((_one_form(one), _one_form(other)))
        yield f"name:{first} {second}"


@lru_cache(maxsize=8_192)
def _one_form(name: str) -> str:
    """A name and its short and foreign forms become one; letters doubled by a slip become single."""
    lines = SAME_NAME.get(name)
    if lines:
        return str(min(lines))
    return "".join(letter for at, letter in enumerate(name) if not at or letter != name[at - 1])
