"""What events hint at, read by id before anything is believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hub.connectors.contract import Context
from hub.connectors.rest.exchange import Said
from hub.connectors.rest.hooks import DELETED, MERGED, NAMED, Hint, holds, read_hint
from hub.connectors.rest.reading import Item, Noticed, Reading, Spot, read_spot
from hub.connectors.rest.spec import ServiceSpec
from hub.connectors.rest.words import Values
from hub.errors import TransientError
from hub.model import Cursor, Page, Tombstone, Unreadable

ROWS = 500  # deliveries looked at together
MANY = 1000  # records of a page
GIVEN_UP = timedelta(days=1)  # a hint that could not be followed so long: listings have shown what it hinted at
HINTS = "hints"


class Hearing:
    """The deliveries of one connection. Those that hint at one record are one reading, however many came."""

    def __init__(self, spec: ServiceSpec, reading: Reading, settings: Values, context: Context) -> None:
        self._spec, self._reading, self._settings, self._context = spec.webhooks, reading, settings, context
        self._inbox = context.inbox

    @property
    def is_open(self) -> bool:
        """The connection takes events."""
        return self._spec is not None and self._spec.is_open(self._settings)

    def report(self) -> list[str]:
        """Lines of `hub check`."""
        return [f"takes events at /hooks/{self._context.name}"] if self.is_open else []

    def pages(self, since: Cursor | None) -> Iterator[Page]:
        if not self.is_open or self._inbox is None:
            return
        spot = Spot("list") if since is None else read_spot(since)
        while True:
            hints, aside, heard = self._waiting(spot.heard)
            if heard == spot.heard:
                return
            items = (*self._looked_at(hints), *aside)
            spot = replace(spot, heard=heard)
            yield Page(items, spot.text())

    def _waiting(self, after: int) -> tuple[list[Hint], list[Unreadable], int]:
        """(hints of the next deliveries, each once, in order; what is set aside; number of the last of these)."""
        assert self._inbox is not None
        found: dict[Hint, None] = {}
        aside: list[Unreadable] = []
        oldest = self._context.clock() - GIVEN_UP
        rows: Sequence[Any] | None = None
        while rows is None or (len(rows) == ROWS and len(found) < MANY):  # fewer: what is taken alone is a page alone
            rows = self._inbox.read(after, ROWS)
            for number, _, at, payload in rows:
                after = number
                if isinstance(payload, Unreadable):
                    aside.append(payload)
                    continue
                if at < oldest:
                    continue
                stored = payload.get(HINTS)
                read = (read_hint(each) for each in (stored if isinstance(stored, list) else ()))
                found.update(dict.fromkeys(hint for hint in read if hint is not None))
        return list(found), aside, after

    def _looked_at(self, hints: Sequence[Hint]) -> Iterator[Item]:
        """What is there; and a tombstone for what an event called deleted and is not there."""
        seen = Noticed()
        self._notice([hint.id for hint in hints if hint.kind != NAMED], seen)
        for hint in hints:  # one by one, as what is found by a name has another id
            if hint.kind == NAMED:
                self._notice([hint.id], seen)
        yield from seen.items.values()
        gone = {hint.id: hint for hint in hints if hint.kind in {DELETED, MERGED} and hint.id not in seen.known}
        yield from (Tombstone(name, None, hint.into) for name, hint in gone.items())

    def _notice(self, names: Sequence[str], seen: Noticed) -> None:
        """What the service refuses to show is left to the next listing, and keeps nothing else back."""
        names = list(dict.fromkeys(names))
        if not names:
            return
        try:
            self._reading.notice(names, self._within, seen)
        except TransientError as error:
            if not isinstance(error.__cause__, Said):
                raise
            if len(names) == 1:
                seen.known.add(names[0])
                return
            half = len(names) // 2
            self._notice(names[:half], seen)
            self._notice(names[half:], seen)

    def _within(self, raw: Any) -> bool:
        """Among the records that are listed."""
        assert self._spec is not None
        return not self._spec.scope or (isinstance(raw, Mapping) and holds(self._spec.scope, raw, self._settings))
