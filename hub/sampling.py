"""A few records of a connection, read now, for somebody who is changing its mapping. Nothing is written anywhere.

What is read is kept for that person only, in memory, for some minutes, and never logged.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from time import monotonic

import orjson

from hub.config import HubConfig
from hub.connectors.contract import Inbox
from hub.errors import HubError, TransientError
from hub.mapping.apply import ContactMapping
from hub.mapping.preview import Tally
from hub.model import Item, Record, Unreadable
from hub.opening import open_connector

MOST_RECORDS = 10
MOST_COUNTED = 500  # records for a count
LARGEST_RECORD = 64 * 1024  # bytes as JSON; a larger one is not kept
KEPT_SECONDS = 600.0
COUNT_SECONDS = 20.0
MOST_KEPT = 20  # samples, of all people together
AT_ONCE = 2  # systems that are asked at one time

InboxOf = Callable[[str], Inbox]


@dataclass(frozen=True, slots=True)
class Sample:
    """Personal data. aside: what could not be read, with the reason; error: why the system could not be asked"""

    records: tuple[Record, ...] = ()
    aside: tuple[str, ...] = ()
    error: str | None = None


class Samples:
    """Reads samples and keeps each for who asked. Thread-safe.

    clock  seconds that only grow
    """

    def __init__(self, inbox: InboxOf, clock: Callable[[], float] = monotonic) -> None:
        self._inbox, self._clock = inbox, clock
        self._kept: dict[tuple[str, str], tuple[float, Sample]] = {}
        self._guard = threading.Lock()
        self._turn = threading.BoundedSemaphore(AT_ONCE)

    def kept(self, who: str, name: str) -> Sample | None:
        with self._guard:
            self._forget_old()
            found = self._kept.get((who, name))
        return None if found is None else found[1]

    def read(self, config: HubConfig, name: str, who: str) -> Sample:
        """Asks the system. What it answers with an error is part of the sample; TransientError: others are asking."""
        with self._asking():
            try:
                with closing(_items(config, name, self._inbox(name))) as items:
                    sample = _sample(islice(items, MOST_RECORDS))
            except HubError as err:
                sample = Sample(error=str(err))
        with self._guard:
            self._forget_old()
            while len(self._kept) >= MOST_KEPT:
                del self._kept[min(self._kept, key=lambda each: self._kept[each][0])]
            self._kept[who, name] = (self._clock(), sample)
        self._forget_later()
        return sample

    def count(self, config: HubConfig, name: str, before: ContactMapping, after: ContactMapping) -> Tally:
        """How many of the first records of the listing map otherwise; nothing of them is kept.

        HubError when the system cannot be asked.
        """
        tally, until = Tally(), self._clock() + COUNT_SECONDS
        with self._asking(), closing(_items(config, name, self._inbox(name))) as items:
            for item in islice(items, MOST_COUNTED):
                if isinstance(item, Record):
                    tally.add(before, after, item)
                if self._clock() > until:
                    break
        return tally

    @contextmanager
    def _asking(self) -> Iterator[None]:
        if not self._turn.acquire(blocking=False):
            raise TransientError(
                "Records of other connections are being read at this moment, so none were read. Try again in a moment.",
                retry_after=2.0,
            )
        try:
            yield
        finally:
            self._turn.release()

    def _forget_old(self) -> None:
        oldest = self._clock() - KEPT_SECONDS
        for key in [key for key, (at, _) in self._kept.items() if at <= oldest]:
            del self._kept[key]

    def _forget_later(self) -> None:
        """Also when nobody asks any more."""

        def forget() -> None:
            with self._guard:
                self._forget_old()

        timer = threading.Timer(KEPT_SECONDS + 1.0, forget)
        timer.daemon = True
        timer.start()


def _items(config: HubConfig, name: str, inbox: Inbox) -> Generator[Item]:
    with (
        open_connector(config, name, inbox) as connector,
        closing(connector.pull(None)) as pages,  # type: ignore[type-var] # connectors write generators
    ):
        for page in pages:
            yield from page.items


def _sample(items: Iterator[Item]) -> Sample:
    records: list[Record] = []
    aside: list[str] = []
    for item in items:
        if isinstance(item, Unreadable):
            aside.append(f"{item.where}: {item.reason}")
        elif isinstance(item, Record):
            if _size(item) > LARGEST_RECORD:
                aside.append(f"{item.id}: larger than {LARGEST_RECORD // 1024} KiB, so it is not shown here")
            else:
                records.append(item)
    return Sample(tuple(records), tuple(aside))


def _size(record: Record) -> int:
    """Bytes as JSON, roughly where a value has no JSON form."""
    try:
        return len(orjson.dumps(record.fields, default=str, option=orjson.OPT_NON_STR_KEYS))
    except (TypeError, ValueError):
        return len(repr(record.fields))
