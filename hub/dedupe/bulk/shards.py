"""Records as arrays, made where they are read and put together where the decision is made."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hub.dedupe.bulk.columns import COLUMNS, Codes, Ints, Values, column_of
from hub.dedupe.cluster import Ref
from hub.dedupe.features import Features
from hub.dedupe.frequency import NameCounts

LONGEST_ID: Final = 64  # bytes of an external id up to which ids are sorted in columns


class Shard(NamedTuple):
    """Some records as arrays, to be handed from one process to another.

    systems        connections, and `system` which of them a record is of
    ids, id_ends   external ids in UTF-8, one after the other
    goldens        golden ids of the records that have one, by place
    keys, owners   blocking keys, and the place of the record that has each
    kinds          what each key stands for: 1, 2, 3, a value of that place in `SHARED`; 0, something else
    names          how many records bear each word of a name
    """

    numbers: Ints
    systems: list[str]
    system: Codes
    ids: bytes
    id_ends: Ints
    goldens: dict[int, str]
    keys: Ints
    owners: Codes
    kinds: NDArray[np.uint8]
    columns: tuple[Values, ...]
    names: NameCounts


class Records:
    """Records while they are read."""

    def __init__(self) -> None:
        self._numbers = array("q")
        self._systems: dict[str, int] = {}
        self._system = array("i")
        self._ids = bytearray()
        self._id_ends = array("q")
        self._goldens: dict[int, str] = {}
        self._keys = array("q")
        self._counts = array("i")
        self._kinds = bytearray()
        self._features: list[Features] = []

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, number: int, golden: str | None, record: Features, keys: Sequence[int], ref: Ref) -> None:
        """number: of the record, rising; golden: the golden record it has already; keys: its blocking keys."""
        if golden:
            self._goldens[len(self._numbers)] = golden
        self._numbers.append(number)
        self._system.append(self._systems.setdefault(ref[0], len(self._systems)))
        self._ids += ref[1].encode("utf-8", "surrogatepass")
        self._id_ends.append(len(self._ids))
        self._keys.extend(keys)
        self._counts.append(len(keys))
        self._kinds += _kinds(len(record.tax), len(record.emails), len(record.phones), len(keys))
        self._features.append(record)

    def shard(self) -> Shard:
        """What was added."""
        counts = np.frombuffer(self._counts, np.int32)
        return Shard(
            np.frombuffer(self._numbers, np.int64).copy(),
            list(self._systems),
            np.frombuffer(self._system, np.int32).copy(),
            bytes(self._ids),
            np.frombuffer(self._id_ends, np.int64).copy(),
            self._goldens,
            np.frombuffer(self._keys, np.int64).copy(),
            np.repeat(np.arange(len(counts), dtype=np.int32), counts),
            np.frombuffer(bytes(self._kinds), np.uint8),
            tuple(column_of(self._features, column) for column in COLUMNS),
            self._names(),
        )

    def _names(self) -> NameCounts:
        found = NameCounts(len(self))
        found.words.update(chain.from_iterable(map(set, map(attrgetter("name"), self._features))))
        return found


@lru_cache(maxsize=1_024)
def _kinds(tax: int, emails: int, phones: int, keys: int) -> bytes:
    """What each key of a record stands for: values come first."""
    return (b"\1" * tax + b"\2" * emails + b"\3" * phones)[:keys].ljust(keys, b"\0")


class Refs:
    """The refs of all records."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self.systems = sorted({name for shard in shards for name in shard.systems})
        rank = {name: number for number, name in enumerate(self.systems)}
        ranks = [np.array([rank[name] for name in shard.systems], np.int32) for shard in shards]
        self.system = np.concatenate([of[shard.system] for of, shard in zip(ranks, shards, strict=True)])
        self._ids = b"".join(shard.ids for shard in shards)
        before = np.cumsum([0, *(len(shard.ids) for shard in shards)])
        ends = [shard.id_ends + start for shard, start in zip(shards, before, strict=False)]
        self._bounds = np.concatenate([np.zeros(1, np.int64), *ends])

    def __getitem__(self, at: int) -> Ref:
        raw = self._ids[self._bounds[at] : self._bounds[at + 1]]
        return self.systems[self.system[at]], raw.decode("utf-8", "surrogatepass")

    def sorted_within(self, group: Codes, records: Codes) -> Codes:
        """The records in order of their group, and of their refs within a group."""
        starts = self._bounds[records]
        lengths = self._bounds[records + 1] - starts
        longest = int(lengths.max(initial=0))
        if longest > LONGEST_ID:
            by_ref = sorted(zip(group.tolist(), map(self.__getitem__, records.tolist()), records.tolist(), strict=True))
            return np.array([record for _, _, record in by_ref], np.int32)
        order = np.lexsort([*self._id_words(starts, lengths, longest), self.system[records], group])
        return records[order]

    def _id_words(self, starts: Ints, lengths: Ints, longest: int) -> list[NDArray[np.uint64]]:
        """Ids as numbers of eight bytes that sort like them, the last ones first."""
        width = max(8, -(-longest // 8) * 8)
        buffer = np.frombuffer(self._ids + bytes(width), np.uint8)
        padded = np.zeros((len(starts), width), np.uint8)
        for at in range(longest):
            padded[:, at] = np.where(at < lengths, buffer[np.minimum(starts + at, len(buffer) - 1)], 0)
        words = padded.view(">u8").astype(np.uint64)
        return [words[:, at] for at in reversed(range(words.shape[1]))]
