"""Who is calling: golden records by a number, an address or a customer number, with what matters in the first seconds.

By the index of matching, which is never behind; what that leaves out (numbers that very many share, values that are
only pinned, customer numbers) by the search index, which is seconds behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import islice
from typing import Any

from hub.dedupe.features import features
from hub.dedupe.keys import blocking_keys
from hub.mapping.elements import email_key
from hub.mapping.phones import phone_key
from hub.mapping.text import Unmappable
from hub.store import callers, links
from hub.store import contacts as db
from hub.store.callers import Holder
from hub.store.contacts import GoldenHead
from hub.store.db import Store, Tx
from hub.store.follow_ups import FollowUp
from hub.store.interactions import points_of
from hub.store.search import SearchIndex
from hub.sync import history
from hub.sync.history import Event
from hub.sync.link import HOLDING, Link
from hub.sync.words import exactly, number_words, plainly

MOST = 10  # golden records of one answer
LAST = 5  # interactions of each
LOOKED_AT = 200  # candidates of each way whose values are compared
TOGETHER = MOST + 2  # candidates read at once: mostly all of them have it

Way = Callable[[Tx], Sequence[str]]
"""Golden ids of those who may have it."""
Fits = Callable[[dict[str, Any]], bool]
"""Whether a golden record of these fields has it."""


@dataclass(frozen=True, slots=True)
class Matters:
    """What is open with somebody: numbers of conflicts, of questions and of parked records; what was promised."""

    conflicts: tuple[int, ...]
    reviews: tuple[int, ...]
    parked: tuple[int, ...]
    follow_ups: tuple[FollowUp, ...] = ()


@dataclass(frozen=True, slots=True)
class Caller:
    head: GoldenHead
    records: tuple[Link, ...]
    matters: Matters
    last: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Callers:
    """more  others have it too, who are not shown"""

    found: tuple[Caller, ...]
    more: bool


def by_phone(store: Store, index: SearchIndex, text: str, region: str | None) -> Callers:
    """A number as it is written or signalled: with +, 00, 0, tel: or none, with any punctuation."""
    text = text.strip().removeprefix("tel:").strip()
    try:
        key = phone_key(text, region)
    except Unmappable:
        digits = "".join(letter for letter in text if "0" <= letter <= "9")
        words = number_words(digits) if digits else ()
        return _callers(store, [lambda _: _indexed(index, words)], lambda f: _holds_digits(f, words))
    return _by_key(store, index, f"phones/{key}", (key.removeprefix("+"),))


def by_mail(store: Store, index: SearchIndex, text: str) -> Callers:
    try:
        address = email_key(text.strip())
    except Unmappable:
        return Callers((), more=False)
    return _by_key(store, index, f"emails/{address}", tuple(plainly(address).split()))


def by_customer_number(store: Store, index: SearchIndex, text: str) -> Callers:
    """The id of a source record in any system, the field customer_number, or a golden id."""
    text = text.strip()
    word = plainly(text)
    with store.read() as tx:
        ids = db.by_external_id(tx, text, db.connections(tx), MOST + 1)
        home = links.resolve_golden(tx, text)
    sure = list(dict.fromkeys([*ids, *([home] if home else [])]))
    ways: list[Way] = [lambda _: sure, lambda _: _indexed(index, word.split())]
    return _callers(store, ways, lambda f: plainly(str(f.get("customer_number", ""))) == word != "", frozenset(sure))


def by_contact(store: Store, golden_id: str) -> Callers:
    """One golden record, by any id it ever had."""
    with store.read() as tx:
        home = links.resolve_golden(tx, golden_id)
    return _callers(store, [lambda _: [home] if home else []], lambda _: True)


def by_anything(store: Store, index: SearchIndex, text: str, region: str | None) -> Callers:
    """What somebody types without saying what it is: an address, else a number, else a customer number."""
    if "@" in text:
        return by_mail(store, index, text)
    found = by_phone(store, index, text, region)
    return found if found.found else by_customer_number(store, index, text)


def _by_key(store: Store, index: SearchIndex, key: str, words: Sequence[str]) -> Callers:
    keys = blocking_keys(features({key: {}}))
    ways: list[Way] = [lambda tx: db.by_match_key(tx, keys, LOOKED_AT), lambda _: _indexed(index, words)]
    return _callers(store, ways, lambda fields: key in fields)


def _indexed(index: SearchIndex, words: Sequence[str]) -> list[str]:
    return [golden_id for _, golden_id in index.search(exactly(words), LOOKED_AT)] if words else []


def _holds_digits(fields: dict[str, Any], words: Sequence[str]) -> bool:
    held = ("".join(c for c in key if c.isdigit()) for key in fields if key.startswith("phones/"))
    return any(digits in words for digits in held)


def _callers(store: Store, ways: Sequence[Way], fits: Fits, sure: Set[str] = frozenset()) -> Callers:
    """ways: to candidates, the next one gone only where those before leave room; sure: ids that need not fit"""
    with store.read() as tx:
        found = list(islice(_fitting(tx, ways, fits, sure), MOST + 1))
        return Callers(_shown(tx, found[:MOST]), len(found) > MOST)


def _fitting(tx: Tx, ways: Sequence[Way], fits: Fits, sure: Set[str]) -> Iterator[GoldenHead]:
    """A few read at a time: of a number that hundreds share, the first ones are enough."""
    seen: set[str] = set()
    for way in ways:
        fresh = [golden_id for golden_id in dict.fromkeys(way(tx)) if golden_id not in seen]
        seen.update(fresh)
        for start in range(0, len(fresh), TOGETHER):
            for head in db.heads(tx, fresh[start : start + TOGETHER]):
                if head.state != "merged" and (head.id in sure or fits(head.fields)):
                    yield head


def _shown(tx: Tx, heads: Sequence[GoldenHead]) -> tuple[Caller, ...]:
    """As many queries for ten of them as for one."""
    if not heads:
        return ()
    ids = [head.id for head in heads]
    members, pins = links.members(tx, ids), links.pins(tx, ids)
    holders = [Holder(g, members[g], frozenset(points_of(members[g], pins.get(g, {})))) for g in ids]
    opened = callers.asked_open(tx, holders)
    last = history.last_of(tx, holders, LAST)
    promised, matters = callers.promised(tx, holders), opened()
    return tuple(
        Caller(
            head=head,
            records=tuple(member for member in members[head.id] if member.state in HOLDING),
            matters=Matters(*matters[head.id], follow_ups=promised[head.id]),
            last=last[head.id],
        )
        for head in heads
    )
