"""Where a pull goes on that lists everything once and then asks for what has changed since a date.

A system commits late what it dated early: so what is not older than the newest date known, less an overlap, is read
again, until that date has been read once more after all that time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hub.errors import CursorExpired
from hub.model import Cursor

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pull goes on.

    at       newest date known when this reading began
    first    epoch seconds (the hub's clock) when `at` was first seen
    settled  nothing that is not newer than `at` can come any more: it was read again after the overlap
    begun    changes from here on are being read; None: everything is
    after    id of the last record read; None: that reading is over
    """

    at: datetime
    first: float
    settled: bool = False
    begun: datetime | None = None
    after: int | None = None

    def text(self) -> Cursor:
        begun = self.begun.isoformat() if self.begun else None
        place = {"at": self.at.isoformat(), "first": self.first, "settled": self.settled}
        return json.dumps({**place, "begun": begun, "after": self.after})

    def resumed(self, now: float, overlap_seconds: float, step: timedelta) -> Place:
        """Goes on inside a reading, or begins one of all changes since the last. step: how exact the dates are"""
        if self.after is not None:
            return replace(self, settled=False)
        if self.settled:
            return replace(self, begun=self.at + step, after=0)
        begun = max(self.at - timedelta(seconds=overlap_seconds), LONG_AGO)
        return replace(self, settled=now - self.first > overlap_seconds, begun=begun, after=0)

    def seen(self, at: datetime, now: float) -> Place:
        """With `at`, if that is newer: a date known by the time the first page was read.

        Those of later pages do not count: a record read before may have changed by then.
        """
        return self if at <= self.at else replace(self, at=at, first=now, settled=False)


def read_place(cursor: Cursor, system: str) -> Place:
    """CursorExpired for anything that is not a cursor of ours."""
    try:
        found = json.loads(cursor)
        begun = datetime.fromisoformat(found["begun"]) if found["begun"] else None
        after = None if found["after"] is None else int(found["after"])
        return Place(datetime.fromisoformat(found["at"]), float(found["first"]), bool(found["settled"]), begun, after)
    except (ValueError, TypeError, KeyError) as error:
        raise CursorExpired(f"The cursor is not one of {system}'s: everything is listed again.") from error
