"""What is kept for matching, made anew after an upgrade: features and blocking keys that an older edition had made.

New records meet old ones by their keys, so keys of two editions would make two contacts of one. All of it is one
transaction: there is no moment in which a record cannot be found.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hub.dedupe.features import EDITION, features, pack
from hub.dedupe.keys import blocking_keys
from hub.store import keys as index
from hub.store import links as db
from hub.store.db import Store, Tx
from hub.sync.link import Link

PAGE: Final = 2_000  # records read together
RECENT: Final = 500_000  # keys that gather before they are put in order

Advance = Callable[[float], None]
"""Hears how much is done, from 0 to 1."""


def rekey(store: Store, *, advance: Advance = lambda _: None, page: int = PAGE) -> int:
    """Make features and keys of all records anew if some are of another edition; how many records that were."""
    with store.read() as tx:
        if not db.packed_otherwise(tx, EDITION):
            return 0
    with store.write() as tx:
        stale = db.packed_otherwise(tx, EDITION)
        if stale:
            _rekey(tx, advance, page)
    return stale


def _rekey(tx: Tx, advance: Advance, page: int) -> None:
    [(total,)] = tx.all("SELECT count(*) FROM record")
    index.forget_keys(tx)
    after = done = 0
    while links := db.links_after(tx, after, page):
        _make_anew(tx, links)
        after, done = links[-1].id, done + len(links)
        advance(min(1.0, done / total))
    index.heat_crowded(tx)


def _make_anew(tx: Tx, links: list[Link]) -> None:
    seen = {link.id: features(link.opinion().fields) for link in links}
    keys = {number: blocking_keys(record) for number, record in seen.items()}
    hot = index.hot_keys(tx, {key for found in keys.values() for key in found})
    db.repack(tx, [(pack(record), number) for number, record in seen.items()])
    index.add_keys(tx, [(key, n) for n, found in keys.items() for key in found if key not in hot], RECENT)
