"""Records of a page that the hub knows already: what is new in them is taken into their links."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hub.dedupe.features import features
from hub.dedupe.keys import blocking_keys
from hub.model import Fields, LinkState, base_field
from hub.store import intents, queue
from hub.store.interactions import points_of
from hub.sync.clusters import Cluster, Clusters
from hub.sync.conflicts import Fight, fight_about
from hub.sync.engine import Hub, Run
from hub.sync.kept_out import keep_out
from hub.sync.lacks import outlives
from hub.sync.link import HOLDING, Edit, Link, date_consents, date_edits, differs, iso, take
from hub.sync.place import Newcomer
from hub.sync.reading import Fresh, Reading, state_of
from hub.sync.refusals import keep_refusals, refusals

MATCHED = frozenset(
    [
        "given_name",
        "family_name",
        "additional_names",
        "suffix",
        "full_name",
        "nickname",
        "birth_date",
        "company",
        "tax_id",
        "kind",
        "emails",
        "phones",
        "addresses",
    ]
)
"""Fields that matching looks at: a change in them may bring golden records together."""


@dataclass(slots=True)
class Taken:
    """What taking the known records of a page into their links came to."""

    changed: list[Link] = field(default_factory=list)
    moved: list[Newcomer] = field(default_factory=list)  # what matching looks at has changed
    dropped: list[tuple[int, int]] = field(default_factory=list)  # blocking keys of theirs: set anew
    fights: list[Fight] = field(default_factory=list)
    given_up: list[tuple[int, str]] = field(default_factory=list)  # contact points that they have no more
    kept_out: list[tuple[str, frozenset[str]]] = field(default_factory=list)  # of whom what was refused is kept out
    updates: int = 0


def take_known(
    hub: Hub,
    run: Run,
    reading: Reading,
    clusters: Clusters,
    homes: Mapping[str, str],
    pending: Mapping[str, Sequence[intents.Intent]],
) -> Taken:
    taken = Taken()
    doomed = _doomed(run, clusters, sorted(set(homes.values())))
    for external_id, link in _links(run, clusters, homes).items():
        fresh, cluster = reading.fresh[external_id], clusters[link.golden_id]
        before = _matching_keys(link, fresh.fields)
        held = points_of([link]) if before is not None else set()
        sent = _sent_to(link, pending.get(cluster.id, ()))
        if fresh.refused:
            ours = {key for payload in sent for key in payload}
            fields, kept = keep_out(link.fields, fresh.fields, fresh.kept_out, ours)
            fresh = fresh._replace(fields=fields)
            taken.kept_out.append((external_id, kept))
        edits, fights = _edit(hub, run, cluster, link, fresh, sent)
        is_deleted = cluster.golden.state != "live" or cluster.id in doomed
        if is_deleted and outlives({e.key: e.theirs for e in edits}) and "edit_beats_delete" not in hub.off:
            cluster.revive()
        taken.fights.extend(fights)
        taken.changed.append(link)
        # what a system fills in on a record that the hub made is news, but no change that somebody made
        taken.updates += any(e.base is not None for e in edits) or bool(edits and not link.echo)
        if before is not None:
            newcomer = Newcomer(link, link.opinion().fields)
            taken.dropped.extend((k, link.id) for k in {*before, *newcomer.keys})
            taken.moved.append(newcomer)
            taken.given_up.extend((link.id, point) for point in sorted(held - points_of([link])))
    return taken


def _doomed(run: Run, clusters: Clusters, golden_ids: Sequence[str]) -> set[str]:
    """Golden records that an edit, where it is news, brings back: it was made before its deletion was known of there.

    Where the system cannot delete, the golden record stays alive, and what others had of it may be gone already.
    """
    if not golden_ids:
        return set()
    doomed = queue.being_deleted(clusters.tx, golden_ids)
    in_part = [g for g in golden_ids if any(m.state is LinkState.REMOVED for m in clusters[g].members)]
    return doomed | queue.deleted_lately(clusters.tx, run.name, in_part) if in_part else doomed


def _sent_to(link: Link, pending: Iterable[intents.Intent]) -> list[Fields]:
    """Payloads of unacknowledged writes to this very record: what a create had sent can only be in a new one."""
    return [i.payload for i in pending if i.record_id == link.id]


def _links(run: Run, clusters: Clusters, homes: Mapping[str, str]) -> dict[str, Link]:
    found = {}
    for golden_id in sorted(set(homes.values())):
        for link in clusters[golden_id].members:
            if link.connection == run.name and link.external_id in homes:
                found[link.external_id] = link
    return found


def _matching_keys(link: Link, pulled: Fields) -> tuple[int, ...] | None:
    """The blocking keys a link has now, if this reading changes what matching looks at."""
    keys = link.fields.keys() | pulled.keys()
    if not any(base_field(k) in MATCHED and differs(k, link.fields.get(k), pulled.get(k)) for k in keys):
        return None
    return blocking_keys(features(link.opinion().fields))


def _edit(
    hub: Hub, run: Run, cluster: Cluster, link: Link, fresh: Fresh, payloads: Sequence[Fields]
) -> tuple[list[Edit], list[Fight]]:
    """Take a reading into a known link; returns what is news, and which of it is a conflict."""
    pulled = date_consents(link, fresh.fields, iso(hub.clock()))
    differing = [k for k in link.fields.keys() | pulled.keys() if differs(k, link.fields.get(k), pulled.get(k))]
    floor = {k: max(t) for k in differing if (t := [m.claimed_since(k) for m in cluster.members if m.claims(k)])}
    base = dict(link.agreed())
    if "echo" in hub.off:
        payloads = ()
    if "multi" in hub.off:
        payloads = payloads[-1:]
    refused = refusals(link)
    edits = take(link, pulled, payloads, run.route.mapping.stored, fresh.silent)
    keep_refusals(link, refused, edits)
    record = fresh.record
    at = record.changed_at.timestamp() if record.changed_at else hub.clock()
    fights = [f for e in edits if (f := fight_about(run, cluster, link, e, base))]
    date_edits(link, edits, at, floor, {f.edit.key for f in fights})
    link.fingerprint, link.version, link.odd = fresh.fingerprint, record.version, set(fresh.odd)
    if link.state not in HOLDING:
        cluster.revive()
    link.state = state_of(record)
    cluster.touched = True
    cluster.told_by.add(run.name)
    return edits, fights
