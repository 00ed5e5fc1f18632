"""Who is calling: golden records by a number, an address or a customer number, with what matters in the first seconds.

By the index of matching, which is never behind; what that leaves out (numbers that very many share, values that are
only pinned, customer numbers) by the search index, which is seconds behind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from typing import Any

from hub.dedupe.features import features
from hub.dedupe.keys import blocking_keys
from hub.mapping.elements import email_key
from hub.mapping.phones import phone_key
from hub.mapping.text import Unmappable
from hub.store import contacts as db
from hub.store import follow_ups, links, lists
from hub.store.contacts import GoldenHead
from hub.store.db import Store, Tx
from hub.store.follow_ups import FollowUp
from hub.store.interactions import points_of
from hub.store.lists import Part
from hub.store.search import SearchIndex
from hub.sync import history
from hub.sync.history import Event
from hub.sync.link import HOLDING, Link
from hub.sync.words import exactly, number_words, plainly

MOST = 10  # golden records of one answer
LAST = Part(limit=5)  # interactions
LOOKED_AT = 200  # candidates whose values are compared


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
        return _callers(store, _indexed(index, words), lambda f: _holds_digits(f, words))
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
    named = _indexed(index, tuple(word.split())) if word else []
    sure = {*ids, *([home] if home else [])}
    return _callers(store, [*sure, *named], lambda f: plainly(str(f.get("customer_number", ""))) == word != "", sure)


def by_contact(store: Store, golden_id: str) -> Callers:
    """One golden record, by any id it ever had."""
    with store.read() as tx:
        home = links.resolve_golden(tx, golden_id)
    return _callers(store, [home] if home else [], lambda _: True)


def by_anything(store: Store, index: SearchIndex, text: str, region: str | None) -> Callers:
    """What somebody types without saying what it is: an address, else a number, else a customer number."""
    if "@" in text:
        return by_mail(store, index, text)
    found = by_phone(store, index, text, region)
    return found if found.found else by_customer_number(store, index, text)


def _by_key(store: Store, index: SearchIndex, key: str, words: Sequence[str]) -> Callers:
    with store.read() as tx:
        ids = db.by_match_key(tx, blocking_keys(features({key: {}})), LOOKED_AT)
    return _callers(store, [*ids, *_indexed(index, words)], lambda fields: key in fields)


def _indexed(index: SearchIndex, words: Sequence[str]) -> list[str]:
    return [golden_id for _, golden_id in index.search(exactly(words), LOOKED_AT)] if words else []


def _holds_digits(fields: dict[str, Any], words: Sequence[str]) -> bool:
    held = ("".join(c for c in key if c.isdigit()) for key in fields if key.startswith("phones/"))
    return any(digits in words for digits in held)


def _callers(
    store: Store, candidates: Sequence[str], fits: Callable[[dict[str, Any]], bool], sure: Set[str] = frozenset()
) -> Callers:
    """sure: ids that need not fit"""
    with store.read() as tx:
        heads = db.heads(tx, list(dict.fromkeys(candidates))[: 2 * LOOKED_AT])
        fitting = [head for head in heads if head.state != "merged" and (head.id in sure or fits(head.fields))]
        shown = fitting[:MOST]
        members = links.members(tx, [head.id for head in shown])
        found = tuple(_caller(tx, head, members[head.id]) for head in shown)
    return Callers(found, len(fitting) > MOST)


def _caller(tx: Tx, head: GoldenHead, members: Sequence[Link]) -> Caller:
    matters = lists.asked_open(tx, head.id, [member.id for member in members], [member.ref for member in members])
    fixed = {pin.field: pin.value for pin in db.pin_rows(tx, head.id)}
    held = tuple(member for member in members if member.state in HOLDING)
    last = history.of_members(tx, head.id, members, fixed, LAST)
    promised = follow_ups.open_of(tx, head.id, points_of(members, fixed))
    conflicts, reviews, parked = map(tuple, matters())
    return Caller(head, held, Matters(conflicts, reviews, parked, tuple(promised)), last.rows)
