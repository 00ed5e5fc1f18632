"""Features of many records as columns: what is compared together is one value, kept once packed and known by a number.

Two records have the same number in a column when their values are equal, so that a comparison of values is made
once for all pairs of records that it serves.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from marshal import dumps, loads
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hub.dedupe.features import Features, Place, _splits, features

Ints: TypeAlias = NDArray[np.int64]
Codes: TypeAlias = NDArray[np.int32]
Words: TypeAlias = tuple[str, ...]

NOTHING: Final = features({})
_PLAIN: Final = 2  # of the forms of marshal the one without references: equal values, equal bytes


class Column(NamedTuple):
    """Fields that are compared together.

    fields  of Features
    levels  fields of a comparison that come from them
    pack    their values in one, of what marshal knows; empty when they say nothing
    unpack  and back: the values in the order of `fields`
    """

    name: str
    fields: tuple[str, ...]
    levels: tuple[str, ...]
    pack: Callable[[Features], Any]
    unpack: Callable[[Any], tuple[Any, ...]]


def _ordered(values: frozenset[str]) -> Words:
    return tuple(sorted(values)) if len(values) > 1 else tuple(values)


def _pack_names(record: Features) -> Words:
    if not record.name and not record.generation:
        return ()
    given, family = " ".join(record.given), " ".join(record.family)
    return (given, family, "" if given or family else " ".join(record.name), record.generation)


def _unpack_names(packed: Words) -> tuple[Any, ...]:
    given, family = tuple(packed[0].split()), tuple(packed[1].split())
    name = given + family or tuple(packed[2].split())
    return given, family, name, packed[3], _splits(given, family, name)


def _pack_emails(record: Features) -> tuple[Any, ...]:
    """With the kind where it counts: how alike office addresses are depends on whose they are."""
    if record.roles:
        return (record.kind, _ordered(record.emails), _ordered(record.roles))
    return ("", _ordered(record.emails), ()) if record.emails else ()


def _pack_company(record: Features) -> Words:
    return (" ".join(record.company), *_ordered(record.work)) if record.company or record.work else ()


COLUMNS: Final = (
    Column(
        "names",
        ("given", "family", "name", "generation", "splits"),
        ("given", "family", "generation"),
        _pack_names,
        _unpack_names,
    ),
    Column(
        "emails",
        ("kind", "emails", "roles"),
        ("email",),
        _pack_emails,
        lambda v: (v[0], frozenset(v[1]), frozenset(v[2])),
    ),
    Column("phones", ("phones",), ("phone",), lambda r: _ordered(r.phones), lambda v: (frozenset(v),)),
    Column(
        "places",
        ("places",),
        ("address",),
        lambda r: tuple([tuple(place) for place in r.places]),
        lambda v: (tuple([Place(*place) for place in v]),),
    ),
    Column("birth", ("birth",), ("birth",), lambda r: r.birth, lambda v: (v,)),
    Column("tax", ("tax",), ("tax",), lambda r: _ordered(r.tax), lambda v: (frozenset(v),)),
    Column(
        "company",
        ("company", "work"),
        ("company",),
        _pack_company,
        lambda v: (tuple(v[0].split()), frozenset(v[1:])),
    ),
    Column("kind", ("kind",), ("kind",), lambda r: r.kind, lambda v: (v,)),
)
KIND: Final = len(COLUMNS) - 1
_PLACES: Final = [[Features._fields.index(name) for name in column.fields] for column in COLUMNS]


class Values(NamedTuple):
    """The values of one column in the order of their records, those that say nothing left out.

    at      which record, from 0
    hashes  64 bits of blake2b: equal values, equal hashes, on every machine
    ends    where each packed value ends in `packed`
    """

    at: Codes
    hashes: NDArray[np.uint64]
    ends: Ints
    packed: bytes


class Growing:
    """Values of one column while records are added."""

    def __init__(self, column: Column) -> None:
        self._pack = column.pack
        self._at = array("i")
        self._ends = array("q")
        self._hashes = bytearray()
        self._packed = bytearray()

    def add(self, at: int, record: Features) -> None:
        value = self._pack(record)
        if value:
            raw = dumps(value, _PLAIN)
            self._packed += raw
            self._hashes += blake2b(raw, digest_size=8).digest()
            self._at.append(at)
            self._ends.append(len(self._packed))

    def values(self) -> Values:
        return Values(
            np.frombuffer(self._at, np.int32).copy(),
            np.frombuffer(self._hashes, np.uint64).copy(),
            np.frombuffer(self._ends, np.int64).copy(),
            bytes(self._packed),
        )


class Coded:
    """One column of all records: a number for each distinct value, 0 for none."""

    def __init__(self, shards: Sequence[Values], sizes: Sequence[int]) -> None:
        hashes = np.concatenate([shard.hashes for shard in shards])
        _, first, codes = np.unique(hashes, return_index=True, return_inverse=True)
        before = np.cumsum([0, *sizes])
        at = np.concatenate([shard.at + start for shard, start in zip(shards, before, strict=False)])
        self.codes = np.zeros(sum(sizes), np.int32)
        self.codes[at] = codes + 1
        self.count = len(first) + 1
        self._packed = b"".join(shard.packed for shard in shards)
        lengths = np.cumsum([0, *(len(shard.packed) for shard in shards)])
        ends = np.concatenate([shard.ends + start for shard, start in zip(shards, lengths, strict=False)])
        self._ends = ends[first]
        self._starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])[first]

    def raw(self, codes: Ints | Codes) -> list[bytes]:
        """Values as they are packed."""
        packed = self._packed
        bounds = zip(self._starts[codes - 1].tolist(), self._ends[codes - 1].tolist(), strict=True)
        return [packed[start:end] for start, end in bounds]


def assembled(packed: Iterable[tuple[int, bytes]]) -> Features:
    """Features of which some columns, by their number, are known; a later one counts more than one before."""
    values = list(NOTHING)
    for number, raw in packed:
        found = COLUMNS[number].unpack(loads(raw))  # noqa: S302 - made by this very process or its own workers
        for at, value in zip(_PLACES[number], found, strict=True):
            values[at] = value
    return Features._make(values)
