"""Features of many records as columns: what is compared together is one value, kept once packed and known by a number.

Two records have the same number in a column when their values are equal, so that a comparison of values is made
once for all pairs of records that it serves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from itertools import count
from marshal import dumps, loads
from operator import attrgetter, itemgetter
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hub.dedupe.features import Features, Place, Split, features, splits_of

Ints: TypeAlias = NDArray[np.int64]
Codes: TypeAlias = NDArray[np.int32]
Floats: TypeAlias = NDArray[np.float64]
Words: TypeAlias = tuple[str, ...]
Splits: TypeAlias = tuple[Split, ...]

NOTHING: Final = features({})
NAMELESS: Final = NOTHING.splits
_PLAIN: Final = 2  # of the forms of marshal the one without references: equal values, equal bytes


class Column(NamedTuple):
    """Fields that are compared together.

    fields  of Features
    levels  fields of a comparison that come from them
    value   all of them in one; nothing when they say nothing
    pack    a value in a form that marshal knows
    unpack  and back: the values in the order of `fields`
    is_like_itself  a value that says something is always equal to itself, at its only level
    """

    name: str
    fields: tuple[str, ...]
    levels: tuple[str, ...]
    value: Callable[[Features], Any]
    pack: Callable[[Any], Any]
    unpack: Callable[[Any], tuple[Any, ...]]
    is_like_itself: bool = False


def _names(record: Features) -> tuple[Any, ...] | None:
    if record.name or record.generation:
        return record.given, record.family, record.name, record.generation, record.hints
    return None


def _pack_names(value: tuple[Words, Words, Words, str, Words]) -> Words:
    given, family, name, generation, hints = value
    return (" ".join(given), " ".join(family), "" if given or family else " ".join(name), generation, *hints)


def _unpack_names(packed: Words) -> tuple[Any, ...]:
    given, family = tuple(packed[0].split()), tuple(packed[1].split())
    name = given + family or tuple(packed[2].split())
    return given, family, name, packed[3], splits_of(given, family, name, packed[4:]), packed[4:]


def _emails(record: Features) -> tuple[Any, ...] | None:
    """With the kind where it counts: how alike office addresses are depends on whose they are."""
    if record.roles:
        return record.kind, record.emails, record.roles
    return ("", record.emails, record.roles) if record.emails else None


def _phones(record: Features) -> tuple[Any, ...] | None:
    return (record.phones, record.mobiles) if record.phones else None


def _birth(record: Features) -> tuple[Any, ...] | None:
    return (record.birth, record.years) if record.birth or record.years else None


def _work(record: Features) -> tuple[Any, ...] | None:
    return (record.company, record.work) if record.company or record.work else None


def _listed(values: frozenset[str]) -> list[str]:
    return sorted(values) if len(values) > 1 else list(values)


COLUMNS: Final = (
    Column(
        "names",
        ("given", "family", "name", "generation", "splits", "hints"),
        ("given", "family", "generation"),
        _names,
        _pack_names,
        _unpack_names,
    ),
    Column(
        "emails",
        ("kind", "emails", "roles"),
        ("email",),
        _emails,
        lambda value: (value[0], _listed(value[1]), _listed(value[2])),
        lambda packed: (packed[0], frozenset(packed[1]), frozenset(packed[2])),
    ),
    Column(
        "phones",
        ("phones", "mobiles"),
        ("phone",),
        _phones,
        lambda value: (_listed(value[0]), _listed(value[1])),
        lambda packed: tuple(map(frozenset, packed)),
    ),
    Column(
        "places",
        ("places",),
        ("address",),
        attrgetter("places"),
        lambda value: list(map(tuple, value)),
        lambda packed: (tuple([Place(*place) for place in packed]),),
    ),
    Column(
        "birth",
        ("birth", "years"),
        ("birth", "year"),
        _birth,
        lambda value: (value[0], *sorted(value[1])),
        lambda packed: (packed[0], frozenset(packed[1:])),
    ),
    Column("tax", ("tax",), ("tax",), attrgetter("tax"), sorted, lambda packed: (frozenset(packed),), True),
    Column(
        "company",
        ("company", "work"),
        ("company",),
        _work,
        lambda value: (" ".join(value[0]), *sorted(value[1])),
        lambda packed: (tuple(packed[0].split()), frozenset(packed[1:])),
    ),
    Column("kind", ("kind",), ("kind",), attrgetter("kind"), str, lambda packed: (packed,), True),
)
NAMES: Final = 0
KIND: Final = len(COLUMNS) - 1
_PLACES: Final = [[Features._fields.index(name) for name in column.fields] for column in COLUMNS]


class Values(NamedTuple):
    """One column of some records; those that say nothing are left out.

    at, codes  a record, from 0, and its value, from 0
    hashes     of the values, 64 bits of blake2b: equal values, equal hashes, on every machine
    ends       where each packed value ends in `packed`
    """

    at: Codes
    codes: Codes
    hashes: NDArray[np.uint64]
    ends: Ints
    packed: bytes


def column_of(records: Sequence[Features], column: Column) -> Values:
    """One column of records: each distinct value once."""
    values = list(map(column.value, records))
    numbers: defaultdict[Any, int] = defaultdict(count().__next__)
    codes = list(map(numbers.__getitem__, filter(None, values)))
    at = np.flatnonzero(np.fromiter(map(bool, values), np.bool_, len(values)))
    raw = [dumps(packed, _PLAIN) for packed in map(column.pack, numbers)]
    hashes = b"".join([blake2b(packed, digest_size=8).digest() for packed in raw])
    return Values(
        at.astype(np.int32),
        np.array(codes, np.int32),
        np.frombuffer(hashes, np.uint64),
        np.cumsum(np.array(list(map(len, raw)), np.int64)),
        b"".join(raw),
    )


class Coded:
    """One column of all records: a number for each distinct value, 0 for none."""

    def __init__(self, shards: Sequence[Values], sizes: Sequence[int]) -> None:
        hashes = np.concatenate([shard.hashes for shard in shards])
        _, first, distinct = np.unique(hashes, return_index=True, return_inverse=True)
        self.codes = np.zeros(sum(sizes), np.int32)
        self.codes[_shifted([s.at for s in shards], sizes)] = (
            distinct[_shifted([s.codes for s in shards], [len(s.hashes) for s in shards])] + 1
        )
        self.count = len(first) + 1
        self._packed = b"".join(shard.packed for shard in shards)
        ends = _shifted([shard.ends for shard in shards], [len(shard.packed) for shard in shards])
        self._ends = ends[first]
        self._starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])[first] if len(ends) else ends

    def raw(self, codes: Ints | Codes) -> list[bytes]:
        """Values as they are packed."""
        packed = self._packed
        bounds = zip(self._starts[codes - 1].tolist(), self._ends[codes - 1].tolist(), strict=True)
        return [packed[start:end] for start, end in bounds]


def _shifted(parts: Sequence[NDArray[Any]], sizes: Sequence[int]) -> Ints:
    """Places within parts of these sizes as places in the whole."""
    starts = np.cumsum([0, *sizes])
    return np.concatenate([part.astype(np.int64) + start for part, start in zip(parts, starts, strict=False)])


def assembled(packed: Iterable[tuple[int, bytes]]) -> Features:
    """Features of which some columns, by their number, are known; a later one counts more than one before."""
    values = list(NOTHING)
    for number, raw in packed:
        found = COLUMNS[number].unpack(loads(raw))  # noqa: S302 - made by this very process or its own workers
        for at, value in zip(_PLACES[number], found, strict=True):
            values[at] = value
    return Features._make(values)


def assembled_each(number: int, packed: Iterable[bytes]) -> list[Features]:
    """For each value of one column the features of a record that says nothing else."""
    unpack, places = COLUMNS[number].unpack, _PLACES[number]
    # takes each field from what was unpacked, which stands behind what says nothing
    ordered = itemgetter(*[len(NOTHING) + places.index(at) if at in places else at for at in range(len(NOTHING))])
    return [Features._make(ordered((*NOTHING, *unpack(loads(raw))))) for raw in packed]  # noqa: S302 - as above


def taken_apart(raw: bytes) -> tuple[Splits, str]:
    """Of a packed name the ways to take it apart, and the generation."""
    given_name, family_name, words, generation, *hints = loads(raw)  # noqa: S302 - as above
    given, family = tuple(given_name.split()), tuple(family_name.split())
    return splits_of(given, family, given + family or tuple(words.split()), tuple(hints)), generation
