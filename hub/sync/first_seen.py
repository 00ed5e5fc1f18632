"""Records of a page that the hub has not seen before, and those of them that it has made itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hub.connectors.contract import Promise
from hub.model import Fields
from hub.store import intents
from hub.store import links as db
from hub.store.db import Tx
from hub.sync.clusters import Cluster
from hub.sync.engine import Hub, Run, golden_of
from hub.sync.link import Link, date_consents, date_edits, iso, take
from hub.sync.place import Newcomer
from hub.sync.reading import Fresh, Reading, newcomer_of


def adoptions(tx: Tx, reading: Reading, homes: Mapping[str, str]) -> dict[str, str]:
    """External id → golden id of records that carry our key: made by us, their acknowledgement was lost."""
    found = {}
    for external_id, fresh in reading.fresh.items():
        golden_id = golden_of(fresh.record.key)
        if golden_id is not None and external_id not in homes and (home := db.resolve_golden(tx, golden_id)):
            found[external_id] = home
    return found


def newcomers_of(
    tx: Tx, run: Run, reading: Reading, homes: Mapping[str, str], adopted: Mapping[str, str]
) -> tuple[list[Newcomer], list[tuple[Link, Fresh]]]:
    """Links for records seen for the first time: those to be placed, and those that carry our key."""
    new = [x for x in reading.fresh if x not in homes]
    numbers = iter(db.next_record_ids(tx, len(new))) if new else iter(())
    newcomers, adoptees = [], []
    for external_id in new:
        fresh = reading.fresh[external_id]
        newcomer = reading.newcomers.get(external_id) or newcomer_of(run, fresh)
        link = newcomer.link
        link.id = next(numbers)
        reading.seen.append(link.id)
        if external_id in adopted:
            link.golden_id = adopted[external_id]
            adoptees.append((link, fresh))
        else:
            newcomers.append(newcomer)
    return newcomers, adoptees


def attach(hub: Hub, run: Run, cluster: Cluster, link: Link, fresh: Fresh, payloads: Sequence[Fields]) -> None:
    """Give a new link its content. What an unacknowledged create of ours had sent is our own echo."""
    record = fresh.record
    now = hub.clock()
    pulled = date_consents(link, fresh.fields, iso(now))
    link.changed = record.changed_at.timestamp() if record.changed_at else now
    link.fingerprint, link.version, link.odd = fresh.fingerprint, record.version, set(fresh.odd)
    if payloads and "multi" in hub.off:
        payloads = payloads[-1:]
    if payloads and "echo" not in hub.off:
        edits = take(link, pulled, payloads, run.route.mapping.stored)
        date_edits(link, edits, now, {}, set())
    else:
        link.fields = dict(pulled)
    cluster.members.append(link)
    cluster.touched = cluster.joined = True
    cluster.told_by.add(run.name)
    if cluster.golden.state != "live":
        cluster.revive()
    if not cluster.created:
        cluster.kind = "linked"


def known_as(tx: Tx, run: Run, link: Link, tries: Sequence[intents.Intent]) -> None:
    """It is this record that a create has made. With our key, what else was tried can only come to the same record."""
    if run.route.can.promise is Promise.KEYED:
        for key in sorted({i.key for i in tries}):
            intents.bind_creates(tx, run.name, key, link.id)
    else:
        intents.close(tx, [i.id for i in tries])
