"""The search index kept up with the store: by its history, from a mark; from all golden records where there is none."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic, thread_time

import orjson

from hub.errors import HubError
from hub.store import search as db
from hub.store.db import Store, Tx
from hub.store.search import Place, SearchIndex
from hub.sync.link import HOLDING
from hub.sync.words import words_of

log = logging.getLogger(__name__)

TOGETHER = 500  # golden records read and saved at a time
EVERY_SECONDS = 1.0  # between two looks at the history
SHARE = 0.5  # of one core, at most, while it has much to take in
AFTER_TROUBLE = 10.0  # seconds
HELD = tuple(sorted(map(str, HOLDING)))


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the index is behind. filling: it is made anew, and what it finds is only a part"""

    changes: int
    filling: bool


def step(store: Store, index: SearchIndex) -> int:
    """Take the next golden records into the index; how many. 0: it is where the store is."""
    place = index.place()
    if place is None or not _is_of(store, place):
        _begin(store, index)
        place = index.place()
    assert place is not None
    return _fill(store, index, place) if not place.is_full else _catch_up(store, index, place)


def _is_of(store: Store, place: Place) -> bool:
    """Whether the store has the change that the index ended with: another store, or one put back, has another."""
    if place.mark == 0:
        return True
    with store.glance() as tx:
        return db.change_at(tx, place.mark) == (place.golden_id, place.at)


def _begin(store: Store, index: SearchIndex) -> None:
    """Whatever changes while it is filled is taken in again afterwards."""
    with store.read() as tx:
        mark = db.last_change(tx)
        golden_id, at = db.change_at(tx, mark) or (None, None)
    with index.writing() as (tx, _):
        db.empty(tx)
        db.move(tx, Place(mark, golden_id, at, filling=""))


def _fill(store: Store, index: SearchIndex, place: Place) -> int:
    last = place.filling or ""
    with store.read() as tx:
        ids = db.goldens_after(tx, last, TOGETHER)
        found = _words(tx, ids)
    with index.writing() as (tx, now):
        if now == place:  # another process may have been quicker
            db.replace(tx, found)
            db.move(tx, Place(place.mark, place.golden_id, place.at, ids[-1] if ids else None))
    return max(1, len(ids))


def _catch_up(store: Store, index: SearchIndex, place: Place) -> int:
    with store.read() as tx:
        changes = db.changed_after(tx, place.mark, TOGETHER)
        # a write into a system changes nothing here, but a create there gives the record an id
        ids = list(dict.fromkeys(g for _, g, _, kind in changes if not _is_told(kind)))
        found = _words(tx, ids)
    if not changes:
        return 0
    mark, golden_id, at, _ = changes[-1]
    with index.writing() as (tx, now):
        if now == place:
            db.replace(tx, found, [g for g in ids if g not in found])
            db.move(tx, Place(mark, golden_id, at))
    return len(changes)


def _is_told(kind: str) -> bool:
    return kind.startswith("told: ") and kind != "told: create"


def _words(tx: Tx, golden_ids: Sequence[str]) -> dict[str, str]:
    return {
        golden_id: words_of(golden_id, orjson.loads(fields), records)
        for golden_id, state, fields, records in db.searchable(tx, golden_ids, HELD)
        if state != "merged"
    }


def lag(store: Store, index: SearchIndex) -> Lag:
    place = index.place()
    if place is None:
        return Lag(0, filling=True)
    with store.glance() as tx:
        last = db.last_change(tx)
    return Lag(max(0, last - place.mark), not place.is_full)


class Follower:
    """A thread that keeps the index up with the store until it is told to stop."""

    def __init__(self, store: Store, index: SearchIndex, stopping: threading.Event) -> None:
        self._store, self._index, self._stopping = store, index, stopping
        self._thread = threading.Thread(target=self._follow, name="search", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wait(self, timeout: float) -> bool:
        """After `stopping` is set. False: it has not ended in time."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _follow(self) -> None:
        while not self._stopping.is_set():
            began, used = monotonic(), thread_time()
            try:
                done = step(self._store, self._index)
            except HubError as err:
                log.warning("the search index was not brought up to date: %s", err)
                self._stopping.wait(AFTER_TROUBLE)
                continue
            except Exception:
                log.exception("the search index was not brought up to date, by an error of the hub")
                self._stopping.wait(AFTER_TROUBLE)
                continue
            rest = (thread_time() - used) / SHARE - (monotonic() - began)
            self._stopping.wait(max(0.0, rest) if done >= TOGETHER else EVERY_SECONDS)
