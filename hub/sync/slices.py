"""Pages in slices while deliveries come in: who sends one waits for the transaction under way, and not for long.

A page of a thousand changed records is one transaction of up to a second. In slices it costs a fifth more, so that is
done only while somebody is served by it. What is broken off between two slices is read again from the last cursor that
was saved, and what is known by then is unchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from hub.model import Page, Record
from hub.store.inbox import newest_at
from hub.sync.engine import Held, Hub

RECENT_SECONDS: Final = 5.0


def in_slices(hub: Hub, page: Page, saved: str | None, take: Callable[[Page], None]) -> None:
    """Take a page in, in as many slices as there is need for; all but the last have the cursor that is saved already.

    Held where the page would be as a whole, with all that is left of it.
    """
    rest = page
    while len(rest.items) > hub.slice and _deliveries_come_in(hub) and _is_separable(rest):
        try:
            take(Page(rest.items[: hub.slice], saved))
        except Held:
            break
        rest = replace(rest, items=rest.items[hub.slice :])
    take(rest)


def _is_separable(page: Page) -> bool:
    """Records only, each once: what replaces another, or tells something of it, stays beside it."""
    return all(isinstance(item, Record) for item in page.items) and len({i.id for i in page.items}) == len(page.items)


def _deliveries_come_in(hub: Hub) -> bool:
    with hub.store.glance() as tx:
        at = newest_at(tx)
    return at is not None and hub.clock() - at < RECENT_SECONDS
