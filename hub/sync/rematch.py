"""Deciding all that is there anew: for a model that came after the decisions.

A page of golden records at a time, each page one transaction that ends like any other change. Broken off, it is begun
again from the start: what was decided anew is found as it should be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hub.dedupe.weigh import NO_MATCHING
from hub.errors import ConfigError
from hub.store.audit import note
from hub.store.db import Tx
from hub.sync.clusters import Clusters
from hub.sync.engine import Hub, NoMeter
from hub.sync.place import Newcomer, place

PAGE = 200  # golden records decided together

Advance = Callable[[float], None]
"""Hears how much is done, from 0 to 1."""


@dataclass(slots=True)
class Rematched:
    """contacts and records looked at; merges of two contacts, records that moved, questions not asked before."""

    contacts: int = 0
    records: int = 0
    merges: int = 0
    moves: int = 0
    asked: int = 0


def foresee_all(hub: Hub, *, advance: Advance = lambda _: None) -> Rematched:
    """What `rematch` would do, found out on a copy of the store that is thrown away."""
    with hub.store.scratch() as store:
        return rematch(replace(hub, store=store, meter=NoMeter()), advance=advance)


def rematch(hub: Hub, *, person: str | None = None, advance: Advance = lambda _: None, page: int = PAGE) -> Rematched:
    """Decide every golden record anew by the model in use. What people said stands, as always.

    person  who asked for it; written into the audit
    ConfigError where matching is off: every contact would be taken apart.
    """
    if hub.model == NO_MATCHING:
        raise ConfigError("There is nothing to decide, since matching is off. Nothing was changed.")
    done = Rematched()
    with hub.store.read() as tx:
        [(total,)] = tx.all("SELECT count(*) FROM golden WHERE state = 'live'")
        [(asked,)] = tx.all("SELECT coalesce(max(id), 0) FROM ask")
    if person is not None:
        with hub.store.write() as tx:
            note(tx, person, "decided anew", "model in use", {"contacts": total}, at=hub.clock())
    after: str | None = ""
    while after is not None:
        with hub.store.write() as tx:
            after = _decide_page(hub, tx, after, page, done)
        advance(min(1.0, done.contacts / total) if total else 1.0)
    with hub.store.read() as tx:
        [(done.asked,)] = tx.all("SELECT count(*) FROM ask WHERE id > :before", before=asked)
    return done


def _decide_page(hub: Hub, tx: Tx, after: str, page: int, done: Rematched) -> str | None:
    """The last golden id of the page, or None when there was none left."""
    rows = tx.all("SELECT id FROM golden WHERE state = 'live' AND id > :a ORDER BY id LIMIT :n", a=after, n=page)
    if not rows:
        return None
    decide(hub, tx, [row[0] for row in rows], done)
    return str(rows[-1][0])


def decide(hub: Hub, tx: Tx, golden_ids: Sequence[str], done: Rematched) -> None:
    """Decide these golden records anew, each among all that its records meet."""
    clusters = Clusters(hub, tx, hub.new_id("m"), hub.clock())
    clusters.load(golden_ids)
    links = [link for cluster in clusters for link in cluster.members]
    placement = place(clusters, [Newcomer(x, x.opinion().fields) for x in links], most_merges=None, anew=True)
    clusters.settle()
    done.contacts += len(golden_ids)
    done.records += len(links)
    done.merges += placement.merges
    done.moves += placement.moves
