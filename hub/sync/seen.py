"""Records as they take part in a decision: what matching sees of them, kept with each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from hub.dedupe.cluster import Member, Ref
from hub.dedupe.features import Features, features, unpack
from hub.store import links as db
from hub.store.db import Tx
from hub.sync.link import HOLDING


class Seen(NamedTuple):
    """A record as it takes part in the decision. golden_id is empty for a newcomer without a golden record."""

    id: int
    ref: Ref
    golden_id: str
    golden_at: float
    features: Features
    tied: bool = False
    there: bool = True

    def member(self) -> Member:
        return Member(self.ref, self.golden_id or None, self.features, self.tied, self.there)


def seen_of(tx: Tx, looks: Iterable[db.Look]) -> list[Seen]:
    """Records with their features unpacked; taken from their fields where another edition had packed them."""
    found, stale = [], []
    for look in looks:
        unpacked = unpack(look.features) if look.features else None
        if unpacked is None:
            stale.append(look)
        else:
            found.append(_seen(look, unpacked))
    links = db.links_by_id(tx, [look.id for look in stale]) if stale else {}
    for look in stale:
        found.append(_seen(look, features(links[look.id].opinion().fields)))
    return found


def _seen(look: db.Look, found: Features) -> Seen:
    there = look.state in HOLDING
    return Seen(look.id, look.ref, look.golden_id, look.golden_at, found, bool(look.tied), there)
