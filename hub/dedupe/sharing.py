"""Values that several people hold: the more do, the less it says that two records agree on one.

A value that k people hold is each one's in one case of k, so every doubling of them halves the odds: log2(k) bits. What
is counted is people, not records: somebody known to five systems holds an address once. Records are one group as far
as promising pairs hold them together, which leaves namesakes who may be one to `Table.surely`. Those that name nobody
are not counted, since they are as likely of one of the others.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from math import log2
from typing import Final, TypeAlias, TypeVar

from hub.dedupe.features import ORGANISATION, Features
from hub.dedupe.keys import number_of
from hub.dedupe.weigh import FIELDS, Bits, Model

SHARED: Final = ("tax", "email", "phone")
"""Fields whose values are counted, in the order of the blocking keys that say who holds one."""
PLACES: Final = tuple(FIELDS.index(name) for name in SHARED)
EQUAL: Final = 1  # the level at which a value is worth most
MOST: Final = 50  # people who are told apart from more: a key of more records is hot
DOUBLINGS: Final = (0.0, *[round(log2(people), 2) for people in range(1, MOST + 1)])

People: TypeAlias = Mapping[int, int]
"""Blocking key of a value → how many people hold it; one where it is not named."""

T = TypeVar("T", bound=Hashable)
NOBODY: Final[People] = {}


def is_somebody(record: Features) -> bool:
    """Whether a record names the one whose values it has."""
    return bool(record.name or record.generation) or record.kind == ORGANISATION


def counted(holders: Mapping[int, Iterable[T]], ties: Iterable[tuple[T, T]]) -> dict[int, int]:
    """Values that several people hold.

    holders  blocking key of a value → who has it: golden records, and records that have none
    ties     those that may be one person, and count as one
    """
    group: dict[T, list[T]] = {}
    for one, other in ties:
        ours, theirs = group.setdefault(one, [one]), group.setdefault(other, [other])
        if ours is not theirs:
            ours += theirs
            group.update(dict.fromkeys(theirs, ours))
    found = {key: len({group[x][0] if x in group else x for x in some}) for key, some in holders.items()}
    return {key: min(people, MOST) for key, people in found.items() if people > 1}


def of_values(record: Features, keys: Sequence[int]) -> Sequence[int]:
    """Those of a record's blocking keys that stand for a value alone: they come first."""
    return keys[: len(record.tax) + len(record.emails) + len(record.phones)]


def _values(record: Features, name: str) -> frozenset[str]:
    return record.tax if name == "tax" else record.emails if name == "email" else record.phones


@lru_cache(maxsize=1_024)
def _key(name: str, value: str) -> int:
    return number_of(f"{name}:{value}")


def holders_of(a: Features, b: Features, people: People) -> tuple[int, ...]:
    """By `SHARED` how many people hold what two records agree on, of several values the one that fewest do; 0: none."""
    found = []
    for name in SHARED:
        common = _values(a, name) & _values(b, name)
        found.append(min((people.get(_key(name, value), 1) for value in common), default=0))
    return tuple(found)


def less(bits: Bits, holders: Sequence[int], model: Model, *, organisations: bool) -> Bits:
    """The evidence with what it loses because others hold the same values."""
    found = list(bits)
    for place, people in zip(PLACES, holders, strict=True):
        if people > 1:
            found[place] -= discount(bits[place], model.rows[organisations][place][EQUAL], people)
    return tuple(found)


def discount(worth: float, most: float, people: int) -> float:
    """Bits to take off an agreement, never more than it is worth.

    most  what the field is worth at its surest. A level below it reckons with several holders already: a landline
          with a household
    """
    return max(min(DOUBLINGS[people] - max(most - worth, 0.0), worth), 0.0)
