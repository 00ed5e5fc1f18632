"""Ids that a system has given to somebody else: after a restore of its own, or where deleted numbers are used again.

Who had the id before stays who they are, without a record there; who has it now comes in like any newcomer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hub.model import Fields, LinkState
from hub.store import intents, interactions, parked, rulings
from hub.store import links as db
from hub.store.db import Tx
from hub.store.intents import Intent
from hub.sync.clusters import Clusters
from hub.sync.engine import Run, golden_of
from hub.sync.link import HOLDING, Link
from hub.sync.reading import Fresh, Reading
from hub.sync.somebody_else import has_in_common, is_somebody_else

THERE = HOLDING | {LinkState.LEFT, LinkState.MERGED}
"""States of a link whose id the system may know."""
SAID = (
    "Ids there stand for somebody else by now. Who had them before is kept, without a record there: "
    "look whether the system was put back to an earlier state"
)


def let_go(
    clusters: Clusters,
    run: Run,
    reading: Reading,
    homes: Mapping[str, str],
    pending: Mapping[str, Sequence[Intent]],
) -> tuple[dict[str, str], dict[str, int]]:
    """External id → golden id of the records that are whose they were, and → number of the record that the others were.

    The clusters of all are loaded.
    """
    kept = dict(homes)
    parted: list[Link] = []
    made = _made_for_others(clusters.tx, run, reading, homes)
    for golden_id in sorted(set(homes.values())):
        cluster = clusters[golden_id]
        for link in cluster.members:
            fresh = reading.fresh.get(link.external_id) if link.connection == run.name else None
            if fresh is None:
                continue
            sent = [intent.payload for intent in pending.get(golden_id, ()) if intent.record_id == link.id]
            before = (link.fields, link.opinion().fields, cluster.golden.fields, *sent)
            if not _is_anothers(link, before, fresh, is_made_for_another=link.external_id in made):
                continue
            del kept[link.external_id]
            cluster.touched = cluster.joined = True
            cluster.kind = f"its id in {run.name} was given to somebody else"
            parted.append(link)
    former = {link.external_id: link.id for link in parted}
    for link in parted:
        rename(clusters.tx, run, link)
    if parted and SAID not in run.notes:
        run.notes.append(SAID)
    return kept, former


def keep_apart(tx: Tx, former: Mapping[str, int], new: Iterable[Link]) -> None:
    """What a person called different stays so whatever becomes of a record: edited into another, and back."""
    if former:
        db.keep_apart(tx, [(former[x.external_id], x.id) for x in new if x.external_id in former])


def _made_for_others(tx: Tx, run: Run, reading: Reading, homes: Mapping[str, str]) -> set[str]:
    """External ids of known records that carry the key of a create of ours for somebody else that has no answer yet."""
    owners: dict[str, str] = {}
    for external_id, fresh in reading.fresh.items():
        owner = golden_of(fresh.record.key)
        if owner is not None and homes.get(external_id, owner) != owner:
            owners[external_id] = owner
    if not owners:
        return set()
    heirs = db.resolve_goldens(tx, sorted(set(owners.values())))
    pending = intents.unresolved(tx, run.name, sorted(set(heirs.values())))
    tries = {(home, i.key) for home, some in pending.items() for i in some if not i.record_id}
    return {
        external_id
        for external_id, owner in owners.items()
        if (home := heirs.get(owner)) != homes[external_id] and (home, reading.fresh[external_id].record.key) in tries
    }


def _is_anothers(link: Link, before: Sequence[Fields], fresh: Fresh, *, is_made_for_another: bool) -> bool:
    if fresh.refused and fresh.kept_out is None:
        return False  # that it is somebody else's is just what a person has refused
    if is_made_for_another:
        return not has_in_common(before, fresh.fields)
    return golden_of(fresh.record.key) != link.golden_id and is_somebody_else(before, fresh.fields)


def rename(tx: Tx, run: Run, link: Link) -> None:
    """The id is free; what happened at the record, and what was decided of it, is not whose it is now."""
    former = f"{link.external_id} (former {link.id})"
    interactions.move_reference(tx, run.name, link.external_id, former)
    intents.close_of_records(tx, [link.id])
    rulings.drop_all(tx, run.name, link.external_id)
    parked.move(tx, run.name, link.external_id, former)
    link.external_id, link.fingerprint = former, None
    if link.state in THERE:
        link.state = LinkState.GONE
    db.rename(tx, link.id, former)
    db.update_links(tx, [link], run.id)
