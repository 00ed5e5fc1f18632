"""Ids that a system has given to somebody else: after a restore of its own, or where deleted numbers are used again.

Who had the id before stays who they are, without a record there; who has it now comes in like any newcomer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hub.model import Fields, LinkState, base_field
from hub.store import intents, interactions
from hub.store import links as db
from hub.store.db import Tx
from hub.store.intents import Intent
from hub.sync.clusters import Clusters
from hub.sync.engine import Run, golden_of
from hub.sync.link import HOLDING, Link
from hub.sync.reading import Fresh, Reading
from hub.sync.withhold import Identity, identity_of

REACHED = ("emails", "phones")
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
    for golden_id in sorted(set(homes.values())):
        cluster = clusters[golden_id]
        sent = {intent.record_id for intent in pending.get(golden_id, ())}
        for link in cluster.members:
            fresh = reading.fresh.get(link.external_id) if link.connection == run.name else None
            if fresh is None or link.id in sent or not _is_anothers(link, cluster.golden.fields, fresh):
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


def _is_anothers(link: Link, golden: Fields, fresh: Fresh) -> bool:
    if fresh.refused or golden_of(fresh.record.key) == link.golden_id:
        return False
    return is_somebody_else((link.fields, link.opinion().fields, golden), fresh.fields)


def is_somebody_else(before: Sequence[Fields], now: Fields) -> bool:
    """Whether a record says plainly who it is of, by name and mail, phone or tax id, and nothing of it was so. Pure."""
    reached = _reached(now)
    if any(reached & _reached(fields) for fields in before):
        return False  # as nearly always; what follows costs as much as matching
    has = identity_of(now)
    if not _is_plain(has):
        return False
    had = Identity()
    for fields in before:
        had |= identity_of(fields)
    if not _is_plain(had):
        return False
    common = _words(had) & _words(has) or had.mails & has.mails or had.phones & has.phones or had.taxes & has.taxes
    return not common


def _reached(fields: Fields) -> set[str]:
    """Mail addresses and phones as keys of fields."""
    return {key for key, value in fields.items() if value is not None and "/" in key and base_field(key) in REACHED}


def _is_plain(who: Identity) -> bool:
    return bool(who.names and (who.mails or who.phones or who.taxes))


def _words(who: Identity) -> set[str]:
    return {word for name in who.names for word in name.split()}


def rename(tx: Tx, run: Run, link: Link) -> None:
    """The id is free; what happened at the record stays with whoever it happened to."""
    former = f"{link.external_id} (former {link.id})"
    interactions.move_reference(tx, run.name, link.external_id, former)
    intents.close_of_records(tx, [link.id])
    link.external_id, link.fingerprint = former, None
    if link.state in HOLDING:
        link.state = LinkState.GONE
    db.rename(tx, link.id, former)
    db.update_links(tx, [link], run.id)
