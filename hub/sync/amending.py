"""Pieces of a page that a person has put right are taken for the records that they are meant to be."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from hub.model import Item, Record, Tombstone, Unreadable
from hub.store import amended
from hub.store.amended import Amended, Served
from hub.store.db import Tx
from hub.sync.engine import Hub, Run
from hub.sync.lines import Piece, piece_of, raw_text, standing


@dataclass(slots=True)
class Amends:
    """What corrections made of a page. brought: numbers of those whose record the source brings by itself"""

    items: list[Item]
    served: list[Served] = field(default_factory=list)
    brought: list[int] = field(default_factory=list)


def amend(hub: Hub, run: Run, items: Collection[Item]) -> Amends | None:
    """None: there is nothing to be put right. What the source brings by itself goes before what a person has typed."""
    if not run.route.can.reread:
        return None
    unread = {n: piece for n, item in enumerate(items) if isinstance(item, Unreadable) and (piece := piece_of(item))}
    own = {item.id for item in items if isinstance(item, Record)}
    with hub.store.glance() as tx:
        if not amended.has_any(tx, run.name):
            return None
        found = _standing(tx, run, list(items), unread)
        brought = amended.by_records(tx, run.name, own) if own else {}
    amends = Amends([], brought=sorted(number for numbers in brought.values() for number in numbers))
    for n, item in enumerate(items):
        if n in found and isinstance(item, Unreadable):
            _take(run, item, unread[n].place, found[n], own, amends)
        else:
            amends.items.append(item)
    return amends


def _standing(tx: Tx, run: Run, items: list[Item], unread: dict[int, Piece]) -> dict[int, Amended]:
    """Number of an item → the correction that stands for it."""
    if not unread:
        return {}
    numbers, pieces = list(unread), list(unread.values())
    made = amended.by_marks(tx, run.name, (piece.mark for piece in pieces))
    if not made:
        return {}
    aside = amended.waiting(tx, run.name, (piece.place for piece in pieces))
    raws = {piece.place: raw_text(getattr(items[n], "raw", None)) for n, piece in unread.items()}
    waiting = {place for place, raw in aside.items() if raws[place] == raw}
    return {numbers[n]: each for n, each in standing(pieces, made, waiting, run.id).items()}


def _take(run: Run, item: Unreadable, place: str, by: Amended, own: set[str], amends: Amends) -> None:
    """The item as it is meant; as it is where the settings of today make nothing of that text."""
    if item.raw is None:
        raise AssertionError("only a piece with its bytes has a correction")
    meant = run.connector.reread(item.raw, by.text, item.where)
    if not isinstance(meant, Record | Tombstone):
        amends.items.append(item)
        return
    amends.served.append(Served(by.id, place, meant.id, run.id))
    if meant.id in own:
        amends.brought.append(by.id)
    elif by.own_run is None:
        amends.items.append(meant)
