"""Changes and deletions by a log table that triggers of the database fill.

Numbers of the log are given out before a transaction commits, so one may appear later than those above it. Numbers
that are missing below the highest one are kept in the cursor, with the time at which they were missed, and asked for
again until `overlap` has passed; then they are taken for those of transactions that were undone. What is told of a row
is the row as it is now: the log only says which ones to look at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from hub.connectors.contract import PAGE_SIZE
from hub.connectors.rows import Item, Layout, moment
from hub.connectors.sql_children import row_id
from hub.connectors.sql_read import BATCH, Reader
from hub.connectors.sql_settings import Log
from hub.connectors.sql_shape import LogShape, Shape
from hub.connectors.sql_source import Database, Where
from hub.errors import CursorExpired
from hub.model import Cursor, Page, Tombstone

MOST_GAPS = 200  # more are taken together: some numbers between them are then read twice

Row = Sequence[Any]
Gap = tuple[int, int, str]
"""First and last number that are missing, and when they were missed, by the clock of the database."""


@dataclass(frozen=True, slots=True)
class Read:
    """How far a log was read: up to `high`, but for the gaps."""

    high: int
    gaps: tuple[Gap, ...] = ()

    @classmethod
    def of(cls, place: Mapping[str, Any]) -> Read:
        return cls(int(place["log"]), tuple((int(a), int(b), str(at)) for a, b, at in place["gaps"]))

    def place(self) -> dict[str, Any]:
        return {"log": self.high, "gaps": [list(gap) for gap in self.gaps]}

    def after(self, numbers: Sequence[int], now: datetime) -> Read:
        """With these numbers read, in their order; those left out on the way are gaps."""
        high, gaps = self.high, list(self.gaps)
        for number in sorted(numbers):
            if number > high + 1:
                gaps.append((high + 1, number - 1, now.isoformat()))
            elif number <= high:
                gaps = [part for gap in gaps for part in _without(gap, number)]
            high = max(high, number)
        if len(gaps) > MOST_GAPS:
            gaps = [(gaps[0][0], gaps[-1][1], max(at for _, _, at in gaps))]
        return Read(high, tuple(gaps))

    def without_old(self, now: datetime, overlap: float) -> Read:
        oldest = now - timedelta(seconds=overlap)
        return Read(self.high, tuple(gap for gap in self.gaps if datetime.fromisoformat(gap[2]) >= oldest))


def _without(gap: Gap, number: int) -> list[Gap]:
    first, last, at = gap
    if not first <= number <= last:
        return [gap]
    parts = [(first, number - 1, at), (number + 1, last, at)]
    return [part for part in parts if part[0] <= part[1]]


class LogReader:
    """Reads the log of one table.

    name  of the connection
    """

    def __init__(self, db: Database, settings: Log, reader: Reader, name: str) -> None:
        self._db, self._settings, self._reader, self._name = db, settings, reader, name

    def begin(self, log: LogShape) -> dict[str, Any]:
        """Where to read on after a listing that begins now; numbers missing among the last ones may still appear."""
        with self._db.reading() as connection:
            high = int(connection.execute(sa.select(sa.func.max(log.sequence))).scalar() or 0)
            recent = log.sequence > high - self._settings.window
            numbers = [int(n) for n in connection.execute(sa.select(log.sequence).where(recent)).scalars()]
            now = self._now(connection)
        return Read(max(high - self._settings.window, 0)).after(numbers, now).place()

    def changes(self, shape: Shape, log: LogShape, place: Mapping[str, Any]) -> Iterator[Page]:
        read = Read.of(place)
        with self._db.reading() as connection:
            now = self._now(connection)
            self._check_trimmed(connection, log, read)
        for rows in self._rows(log, read):
            read = read.after([int(row[0]) for row in rows], now)
            items = self._items(shape, log, rows)
            if items:
                yield Page(items, self._cursor(read))
        yield Page((), self._cursor(read.without_old(now, self._settings.overlap)))

    def _rows(self, log: LogShape, read: Read) -> Iterator[Sequence[Row]]:
        """The gaps first, then what is new, in pages."""
        between = [log.sequence.between(first, last) for first, last, _ in read.gaps]
        if between:
            yield from self._pages(log, sa.or_(*between), 0)
        yield from self._pages(log, sa.true(), read.high)

    def _pages(self, log: LogShape, where: Where, after: int) -> Iterator[Sequence[Row]]:
        time = [] if log.time is None else [log.time]
        base = sa.select(log.sequence, *log.key, *time).where(where).order_by(log.sequence).limit(PAGE_SIZE)
        while True:
            with self._db.reading() as connection:
                rows = connection.execute(base.where(log.sequence > after)).all()
            if rows:
                yield rows
            if len(rows) < PAGE_SIZE:
                return
            after = int(rows[-1][0])

    def _items(self, shape: Shape, log: LogShape, rows: Sequence[Row]) -> tuple[Item, ...]:
        """The rows that the log names, as they are now; one that is not there is gone."""
        width = len(log.key)
        at = Layout((), tuple(range(1, 1 + width)), encoding=shape.layout.encoding, labelled=shape.layout.labelled)
        last = {row_id(at, row): row for row in rows}
        ids = [each for each in last if each]
        found: dict[str, Item] = {}
        for start in range(0, len(ids), BATCH):
            with self._db.reading() as connection:
                there = self._reader.rows(connection, shape, ids[start : start + BATCH])
            found.update({each: item for each, (_, item, _) in there.items()})
        zone = shape.layout.zone
        return tuple(
            found.get(each) or Tombstone(each, None if log.time is None else moment(last[each][1 + width], zone))
            for each in ids
        )

    def _check_trimmed(self, connection: sa.Connection, log: LogShape, read: Read) -> None:
        """The rows we stopped at must still be there, some of them: else others may be gone that nobody read."""
        lowest = connection.execute(sa.select(sa.func.min(log.sequence))).scalar()
        empty_as_before = lowest is None and read.high == 0
        if not empty_as_before and (lowest is None or int(lowest) > max(read.high, 1)):
            raise CursorExpired(
                f"{self._name}: the log {log.source.name} was trimmed beyond what was read: everything is listed anew. "
                "Next: keep at least its last row, and rows longer than the time between two pulls."
            )

    def _now(self, connection: sa.Connection) -> datetime:
        now = moment(connection.execute(sa.select(sa.func.now())).scalar(), UTC)
        assert now is not None, "the database has no clock"
        return now

    def _cursor(self, read: Read) -> Cursor:
        return self._reader.cursor(**read.place())
