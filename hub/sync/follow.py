"""The search index kept up with the store: by its history, from a mark; from all golden records where there is none."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic, thread_time, time

import orjson

from hub.stepping import Beat, Stepping
from hub.store import erasures
from hub.store import search as db
from hub.store.db import Store, Tx
from hub.store.search import Place, SearchIndex
from hub.sync.link import HOLDING
from hub.sync.words import words_of

TOGETHER = 500  # golden records read and saved at a time
SHARE = 0.5  # of one core, at most, while it has much to take in
BEAT = Beat("search", "the search index was not brought up to date", rest=1.0, trouble=10.0)
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


def purge(store: Store, index: SearchIndex, now: float) -> int:
    """Who was erased leaves the last files of the hub: the index, once it has come so far, and the logs. How many did.

    Killed in between it is done again.
    """
    with store.glance() as tx:
        waiting = erasures.unemptied(tx)
    if not waiting:
        return 0
    while step(store, index):
        pass
    place = index.place()
    through = [each.id for each in waiting if place is not None and place.is_full and place.mark >= each.change]
    if not through or not index.purge() or not store.fold_log():
        return 0
    with store.write() as tx:
        erasures.emptied(tx, through, now)
    store.fold_log()
    return len(through)


def follower(store: Store, index: SearchIndex, stopping: threading.Event) -> Stepping:
    """A thread that keeps the index up with the store until it is told to stop."""
    return Stepping(partial(_paced_step, store, index, stopping), BEAT, stopping)


def _paced_step(store: Store, index: SearchIndex, stopping: threading.Event) -> bool:
    """Whether there may be more; then it has rested already for its share of the core."""
    began, used = monotonic(), thread_time()
    done = step(store, index)
    if not done:
        purge(store, index, time())
    if done < TOGETHER:
        return False
    stopping.wait(max(0.0, (thread_time() - used) / SHARE - (monotonic() - began)))
    return True
