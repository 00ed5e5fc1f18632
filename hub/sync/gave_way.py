"""Records that a system has made one: the one that gave way is gone there, and leads to the one that took its place.

Nobody is deleted by that, nobody made anew, and no two people become one without a question.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hub.model import Item, LinkState, Record, Tombstone
from hub.store import intents
from hub.store import links as db
from hub.store.db import Tx, dumps
from hub.store.questions import add_asks


def there(found: Mapping[str, Record]) -> dict[str, Record]:
    """Of what a system answered to `read`, what answers under its own id."""
    return {asked: record for asked, record in found.items() if record.id == asked}


def as_items(found: Mapping[str, Record]) -> list[Item]:
    """What a system answered to `read`: an id that answers with another record has given way to that."""
    stones = [Tombstone(asked, merged_into=r.id) for asked, r in found.items() if r.id != asked]
    return [*stones, *found.values()]


def give_way(tx: Tx, connection: str, stones: Iterable[Tombstone], now: float, run_id: str) -> None:
    """What was sent to them and has no answer yet is looked for in what took their place."""
    into = {stone.id: stone.merged_into for stone in stones if stone.merged_into and stone.merged_into != stone.id}
    if not into:
        return
    links = db.links_of(tx, connection, list(into))
    heirs = db.links_of(tx, connection, sorted(set(into.values())))
    db.set_state(tx, [link.id for link in links.values()], LinkState.MERGED)
    asks = []
    for link in links.values():
        heir = heirs.get(into[link.external_id])
        if heir is None:
            continue
        intents.hand_on(tx, link.id, heir.id, heir.golden_id)
        if heir.golden_id != link.golden_id:
            first, second = sorted((heir.id, link.id))
            evidence = dumps([{"field": "record", "level": "merged in the source", "bits": 20.0}])
            asks.append({"record_a": first, "record_b": second, "weight": 20.0, "evidence": evidence, "at": now})
    add_asks(tx, [{**ask, "state": "open", "run_id": run_id} for ask in asks])
