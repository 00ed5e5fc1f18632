"""Deliveries on their way into the store: those that come while others are being stored are stored together.

A transaction costs a wait for the disk, and for whoever writes at that moment. One step of a thread is under way at a
time, with all that had come when it began, in the order in which they came: nobody is overtaken.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from math import ceil
from typing import Final, NamedTuple, Protocol

from anyio import CapacityLimiter, to_thread

from hub.errors import HubError, TransientError
from hub.store.inbox import Arrival
from hub.web.bodies import Rejected
from hub.web.intake import Delivery

log = logging.getLogger(__name__)

BUSY_RETRY_SECONDS: Final = 5
TOGETHER: Final = 200  # deliveries in one transaction


class InboxWriter(Protocol):
    """The durable side of the intake."""

    def add(self, arrivals: Sequence[Arrival]) -> list[bool]:
        """Store deliveries, all or none; returns only when they would survive a crash. True: new, False: known by id.

        TransientError when the store is busy or away: nothing was stored.
        """


class _Coming(NamedTuple):
    arrival: Arrival
    is_new: asyncio.Future[bool]


class Storing:
    """What the routes of an application store deliveries with. Of one event loop."""

    def __init__(self, inbox: InboxWriter) -> None:
        self._inbox = inbox
        self._waiting: list[_Coming] = []
        self._under_way: asyncio.Task[None] | None = None

    async def add(self, connection: str, delivery: Delivery) -> bool:
        """When it would survive a crash. True: new, False: known by its id. Rejected(503): the store is busy or away.

        Who goes away meanwhile takes nothing back.
        """
        arrival = Arrival(connection, delivery.id, delivery.received_at, delivery.payload, delivery.asking)
        coming = _Coming(arrival, asyncio.get_running_loop().create_future())
        self._waiting.append(coming)
        if self._under_way is None:
            self._under_way = asyncio.create_task(self._store_waiting())
        return await coming.is_new

    async def _store_waiting(self) -> None:
        try:
            while self._waiting:
                some, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
                await self._store(some, CapacityLimiter(1))  # its own: slow pages may have all the threads there are
        finally:
            self._under_way = None

    async def _store(self, some: Sequence[_Coming], thread: CapacityLimiter) -> None:
        try:
            news = await to_thread.run_sync(self._inbox.add, [each.arrival for each in some], limiter=thread)
        except HubError as err:
            log.warning("%d deliveries to %s were not stored: %s", len(some), _names(some), err)
            for each in some:
                _refuse(each, _busy(err))
        except Exception as err:  # noqa: BLE001  raised where its delivery is waited for; the others are not lost by it
            if len(some) == 1:
                _refuse(some[0], err)
            else:
                for each in some:
                    await self._store([each], thread)
        else:
            for each, is_new in zip(some, news, strict=True):
                if not each.is_new.done():
                    each.is_new.set_result(is_new)
        finally:  # the hub is being ended in the middle of it
            for each in some:
                _refuse(each, _busy(None))


def _refuse(coming: _Coming, why: Exception) -> None:
    if not coming.is_new.done():
        coming.is_new.set_exception(why)


def _names(some: Sequence[_Coming]) -> str:
    return ", ".join(sorted({each.arrival.connection for each in some}))


def _busy(err: HubError | None) -> Rejected:
    asked = err.retry_after if isinstance(err, TransientError) else None
    return Rejected(
        503,
        "Busy",
        "Nothing was stored. Send the same delivery again in a moment.",
        retry_after=max(1, ceil(asked)) if asked else BUSY_RETRY_SECONDS,
    )
