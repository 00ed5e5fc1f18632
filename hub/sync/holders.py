"""How many people hold the values of records that are compared: golden records, and newcomers that have none yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias

from hub.dedupe.cluster import promising
from hub.dedupe.keys import blocking_keys
from hub.dedupe.sharing import MOST, People, counted, is_somebody, of_values
from hub.dedupe.weigh import Model
from hub.store import keys as index
from hub.store import links
from hub.store.db import Tx
from hub.sync.seen import Seen, seen_of

Holders: TypeAlias = Mapping[int, Collection[int]]
"""Blocking key of a value → ids of the records that have it."""


def people(
    tx: Tx,
    holders: Holders,
    hot: Iterable[int],
    seen: Mapping[int, Seen],
    pairs: Iterable[tuple[int, int]],
) -> People:
    """How many people hold each value.

    hot    keys that too many share for anybody to know how many
    seen   records that were looked at. Of the others that hold a value only the golden record is looked up, at once
    pairs  records, all of them seen, that may be one person
    """
    homes = links.homes_of(tx, {number for some in holders.values() for number in some} - seen.keys())
    homes |= {number: record.golden_id for number, record in seen.items()}
    nobody = {number for number, record in seen.items() if not is_somebody(record.features)}

    def name(number: int) -> str | int:
        return homes.get(number) or number

    ties = [(name(a), name(b)) for a, b in pairs if a not in nobody and b not in nobody]
    named = {key: {name(number) for number in some if number not in nobody} for key, some in holders.items()}
    return counted(named, ties) | dict.fromkeys(hot, MOST)


def people_around(tx: Tx, seen: Mapping[int, Seen], among: Iterable[int], model: Model) -> People:
    """How many people hold the values of some of the records that were looked at; who does, the store is asked."""
    keys = {number: _value_keys(seen[number]) for number in among}
    values = {key for some in keys.values() for key in some}
    holders, hot = index.candidates(tx, values) if values else ({}, set())
    holders = {key: some for key, some in holders.items() if len(some) > 1}
    others = {number for some in holders.values() for number in some} - seen.keys()
    known = {**seen, **{x.id: x for x in seen_of(tx, links.looks(tx, others))}}
    met = {(a, b) for a, some in keys.items() for key in some for b in holders.get(key, ()) if a != b}
    ties = [(a, b) for a, b in met if promising(known[a].features, known[b].features, model)]
    return people(tx, holders, hot, known, ties)


def _value_keys(record: Seen) -> Iterable[int]:
    return of_values(record.features, blocking_keys(record.features))
