"""Records of a first load between being read and being saved: in a temporary file, gone when closed."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from struct import Struct
from tempfile import TemporaryFile
from typing import Final, Self

import numpy as np

Row = tuple[int, str, str, bytes]
"""(number, connection, external id, body)"""

_HEAD: Final = Struct(">HI")  # before each record: number of the connection, bytes of the external id
_GONE: Final = -1  # place of a record that does not count
_AT_ONCE: Final = 2_000_000  # bytes that are read together at the most
_GAP: Final = 2_000  # bytes between two records up to which reading them too is cheaper than to ask again


class Stage:
    """Records in the order in which they were read; of two with one key the later one counts."""

    def __init__(self) -> None:
        self._file = TemporaryFile(buffering=0)  # noqa: SIM115  closed with the stage
        self._connections: list[str] = []
        self._starts = array("q")  # of each record, `_GONE` for those that do not count
        self._lengths = array("i")
        self._marks = array("q")  # hashes of the keys, until they are settled
        self._gone: list[int] = []
        self._end = 0

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, connection: str, rows: Iterable[tuple[str, bytes | None]]) -> range:
        """(external id, body) pairs, None for one that is gone again; their numbers."""
        first = len(self._starts)
        if connection not in self._connections:
            self._connections.append(connection)
        of = self._connections.index(connection)
        parts: list[bytes] = []
        for external_id, body in rows:
            key = external_id.encode("utf-8", "surrogatepass")
            if body is None:
                self._gone.append(len(self._starts))
            part = b"".join((_HEAD.pack(of, len(key)), key, body or b""))
            self._starts.append(self._end)
            self._lengths.append(len(part))
            self._marks.append(hash((of, external_id)))
            self._end += len(part)
            parts.append(part)
        self._write(b"".join(parts))
        return range(first + 1, len(self._starts) + 1)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]

    def settle(self) -> bool:
        """Leave only what counts. Whether anything had to go."""
        marks = np.frombuffer(self._marks, np.int64)
        order = np.argsort(marks, kind="stable")
        again = np.flatnonzero(marks[order[1:]] == marks[order[:-1]])
        lost = set(self._gone)
        last: dict[tuple[int, bytes], int] = {}
        for at in sorted({*order[again].tolist(), *order[again + 1].tolist()}):
            key = self._key(at)
            if key in last:
                lost.add(last[key])
            last[key] = at
        for at in lost:
            self._starts[at] = _GONE
        self._marks, self._gone = array("q"), []
        return bool(lost)

    def all(self) -> Iterator[Row]:
        count = len(self._starts)
        ends = np.frombuffer(self._lengths, np.int32).cumsum(dtype=np.int64)
        at = 0
        while at < count:
            begin = int(ends[at - 1]) if at else 0
            stop = max(at + 1, int(np.searchsorted(ends, begin + _AT_ONCE, "right")))
            data = self._read(begin, int(ends[stop - 1]) - begin)
            for number in range(at, stop):
                if self._starts[number] != _GONE:
                    yield self._row(number, data, self._starts[number] - begin)
            at = stop

    def some(self, numbers: Sequence[int]) -> dict[int, Row]:
        """Those that stand near one another are read together."""
        found: dict[int, Row] = {}
        for first, last, near in self._runs(sorted(numbers)):
            begin = self._starts[first]
            data = self._read(begin, self._starts[last] + self._lengths[last] - begin)
            for at in near:
                found[at + 1] = self._row(at, data, self._starts[at] - begin)
        return found

    def _runs(self, numbers: Sequence[int]) -> Iterator[tuple[int, int, list[int]]]:
        """(place of the first, of the last, of all) of what is read at once."""
        near: list[int] = []
        end = most = 0
        for number in numbers:
            at = number - 1
            start = self._starts[at]
            if near and (start - end > _GAP or start > most):
                yield near[0], near[-1], near
                near = []
            if not near:
                most = start + _AT_ONCE
            near.append(at)
            end = start + self._lengths[at]
        if near:
            yield near[0], near[-1], near

    def _read(self, start: int, size: int) -> bytes:
        data = os.pread(self._file.fileno(), size, start)
        while len(data) < size:
            more = os.pread(self._file.fileno(), size - len(data), start + len(data))
            if not more:
                raise EOFError("the temporary file of a first load has lost its end")
            data += more
        return data

    def _row(self, at: int, data: bytes, start: int) -> Row:
        of, size = _HEAD.unpack_from(data, start)
        begin = start + _HEAD.size
        end = begin + size
        external_id = data[begin:end].decode("utf-8", "surrogatepass")
        return at + 1, self._connections[of], external_id, data[end : start + self._lengths[at]]

    def _key(self, at: int) -> tuple[int, bytes]:
        """Number of the connection, and external id."""
        of, size = _HEAD.unpack(self._read(self._starts[at], _HEAD.size))
        return of, self._read(self._starts[at] + _HEAD.size, size)
