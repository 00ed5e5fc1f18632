"""Which answers that show a record as stored are held against a reading of it."""

from __future__ import annotations

from hub.model import Record


class Samples:
    """The first call in every so many is read again; after one that was not true, all are.

    every  1: all of them
    """

    def __init__(self, every: int) -> None:
        self._every = every
        self._calls = 0

    def due(self) -> bool:
        """Counts one call."""
        self._calls += 1
        return (self._calls - 1) % self._every == 0

    def compare(self, told: Record, read: Record) -> None:
        if any(name not in read.fields or read.fields[name] != value for name, value in told.fields.items()):
            self._every = 1
