"""A page of source records enters the hub: one transaction with its cursor, or nothing.

What `hub.sync.reading` found to be new is taken into its link, matched, merged into its golden record and queued for
the systems that should know.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from hub.dedupe.features import features, pack
from hub.dedupe.frequency import NameCounts
from hub.dedupe.keys import blocking_keys
from hub.model import Fields, LinkState, Tombstone, base_field
from hub.store import keys as index
from hub.store import links as db
from hub.store import work
from hub.store.db import Tx, dumps
from hub.store.interactions import points_of
from hub.store.names import add_names
from hub.sync import held_rows, history
from hub.sync.clusters import Cluster, Clusters
from hub.sync.conflicts import Fight, log_fights
from hub.sync.engine import Held, Hub, Run, golden_of
from hub.sync.guard import held, most
from hub.sync.lacks import lacks
from hub.sync.link import HOLDING, Edit, Link, date_consents, date_edits, differs, holds_all, take
from hub.sync.place import Newcomer, place
from hub.sync.reading import FEW, Fresh, Reading, newcomer_of, state_of
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


# --- the transaction --------------------------------------------------------------------------------


def save_page(hub: Hub, run: Run, reading: Reading, save_cursor: Sequence[str | None] = ()) -> None:
    """Take a page in, with its cursor: `save_cursor` is empty, or holds the one to save.

    Held when the run would touch more than its limits: then nothing of this page was done.
    """
    counts = dict(run.counts)
    if not reading.is_quiet() or save_cursor:
        with hub.store.write(run.fence, few=reading.total + len(reading.happened) <= FEW) as tx:
            _take_in(hub, tx, run, reading, counts)
            for cursor in save_cursor:
                work.advance(tx, run.name, cursor, hub.clock() + run.lease_seconds)
    for outcome, n in (
        ("pulled", reading.total),
        ("unchanged", reading.unchanged),
        ("set_aside", sum(p.stage != "value" for p in reading.parked)),
        ("tombstones", len(reading.gone)),
    ):
        if n:
            counts[outcome] = counts.get(outcome, 0) + n
    run.counts = counts
    for channel, n in Counter(item.channel for item in reading.happened).items():
        hub.meter.interactions(run.name, channel, n)


def _take_in(hub: Hub, tx: Tx, run: Run, reading: Reading, counts: dict[str, int]) -> None:
    now = hub.clock()
    clusters = Clusters(hub, tx, run.id, now)
    if reading.touched:
        _touch(tx, run, reading, now)
    if reading.gone:
        doom(tx, run.name, reading.gone.values(), now, run.id)
    if reading.fresh:
        _absorb(hub, tx, run, reading, clusters, counts)
    if reading.happened:
        _note(hub, tx, run, reading, counts)
    if reading.parked:
        work.park(tx, run.name, reading.parked, now, run.id)
    if reading.settles:
        work.close_intents(tx, reading.settles)
    reason = held(run.route.limits, counts, run.population, run.allowed)
    if reason is not None:
        held_counts = {k: counts.get(k, 0) for k in ("creates", "updates", "consents")}
        raise Held("intake", held_counts, reason, held_rows.of_page(tx, run.name, run.id, now))


def _note(hub: Hub, tx: Tx, run: Run, reading: Reading, counts: dict[str, int]) -> None:
    """After the records of the page, so that what they state finds them too."""
    noted = history.note(hub, tx, run, reading.happened)
    work.unpark(tx, run.name, [item.id for item in reading.happened], ["read"])
    for outcome, n in (("interactions", noted.new), ("consents", noted.consents)):
        if n:
            counts[outcome] = counts.get(outcome, 0) + n


def _touch(tx: Tx, run: Run, reading: Reading, now: float) -> None:
    """Seen again after an absence, archived or taken out of the archive: what waited for it goes on."""
    for state in (LinkState.LIVE, LinkState.ARCHIVED):
        db.set_state(tx, [i for i, s in reading.touched if s is state], state)
    links = db.links_by_id(tx, [i for i, _ in reading.touched])
    if run.route.writes:
        work.enqueue(tx, sorted({(run.name, x.golden_id) for x in links.values()}), now, run.id)


def doom(tx: Tx, connection: str, tombstones: Iterable[Tombstone], now: float, run_id: str) -> None:
    """Word that records are gone: they wait for the limit on deletions; merged ones are asked about."""
    stones = {t.id: t for t in tombstones}
    links = db.links_of(tx, connection, list(stones))
    doomed = [x.id for x in links.values() if x.state in HOLDING and not stones[x.external_id].merged_into]
    db.set_state(tx, doomed, LinkState.DOOMED)
    merged = [x for x in links.values() if stones[x.external_id].merged_into]
    db.set_state(tx, [x.id for x in merged], LinkState.MERGED)
    heirs = db.links_of(tx, connection, [str(stones[x.external_id].merged_into) for x in merged])
    asks = []
    for link in merged:
        heir = heirs.get(str(stones[link.external_id].merged_into))
        if heir is not None and heir.golden_id != link.golden_id:
            first, second = sorted((heir.id, link.id))
            evidence = dumps([{"field": "record", "level": "merged in the source", "bits": 20.0}])
            asks.append({"record_a": first, "record_b": second, "weight": 20.0, "evidence": evidence, "at": now})
    work.add_asks(tx, [{**a, "state": "open", "run_id": run_id} for a in asks])


def _note_corrections(hub: Hub, tx: Tx, run: Run, reading: Reading, homes: Mapping[str, str]) -> None:
    """What a person corrected is said in the history of the contact."""
    said = [(homes[i], fresh.correction) for i, fresh in reading.fresh.items() if fresh.correction and i in homes]
    changes = [
        work.Change(home, hub.clock(), f"taken in as corrected by {made.person}", run.name, dumps(dict(made.values)))
        for home, made in said
    ]
    work.log_changes(tx, changes, run.id)


# --- changed and new records ------------------------------------------------------------------------


@dataclass(slots=True)
class Taken:
    """What taking the known records of a page into their links came to."""

    changed: list[Link] = field(default_factory=list)
    moved: list[Newcomer] = field(default_factory=list)  # what matching looks at has changed
    dropped: list[tuple[int, int]] = field(default_factory=list)  # blocking keys of theirs: set anew
    fights: list[Fight] = field(default_factory=list)
    given_up: list[tuple[int, str]] = field(default_factory=list)  # contact points that they have no more
    updates: int = 0


def _absorb(hub: Hub, tx: Tx, run: Run, reading: Reading, clusters: Clusters, counts: dict[str, int]) -> None:
    ahead = index.ask_ahead(tx, {key for n in reading.newcomers.values() for key in n.keys})
    homes, parked = db.homes(tx, run.name, list(reading.fresh))
    adopted = _adoptions(tx, reading, homes)
    clusters.load([*homes.values(), *adopted.values()])
    pending = work.intents(tx, run.name, {*homes.values(), *adopted.values()}) if run.route.writes else {}
    taken = _take_known(hub, run, reading, clusters, homes, pending)
    newcomers, adoptees = _newcomers(tx, run, reading, homes, adopted)
    # the merges that a person would have to approve are asked instead, one by one
    room = most(run.route.limits.merges, run.population, counts.get("merges", 0))
    most_merges = None if run.allowed is not None else room
    placement = place(clusters, [*newcomers, *taken.moved], most_merges=most_merges, ahead=ahead)
    if newcomers and run.route.writes:
        late = {n.link.golden_id for n in newcomers} - pending.keys()
        pending |= work.intents(tx, run.name, {g for g in late if not clusters[g].created})
    for link, fresh in [*((n.link, reading.fresh[n.link.external_id]) for n in newcomers), *adoptees]:
        tries = [i for i in pending.get(link.golden_id, ()) if not i.record_id]
        _attach(hub, run, clusters[link.golden_id], link, fresh, [i.payload for i in tries])
        if any(holds_all(link, i.payload, run.route.mapping.stored) for i in tries):
            work.close_intents(tx, [i.id for i in pending.pop(link.golden_id) if not i.record_id])
    settled = clusters.settle()
    run.remember(x.golden_id for x in (*taken.changed, *(n.link for n in newcomers), *(x for x, _ in adoptees)))
    _save_links(tx, run, taken, newcomers, [link for link, _ in adoptees])
    history.give_up(tx, taken.given_up)
    if run.route.writes:
        # an edit that did not win (a pin, a rule, an emptied value) is put right again where it was made
        lacking = {x.golden_id for x in taken.changed if lacks(run.route, clusters[x.golden_id].golden.fields, x)}
        work.enqueue(tx, sorted((run.name, g) for g in lacking), hub.clock(), run.id)
    log_fights(hub, tx, run, clusters, taken.fights)
    _note_corrections(
        hub, tx, run, reading, {**homes, **adopted, **{n.link.external_id: n.link.golden_id for n in newcomers}}
    )
    if parked:  # before, and through now
        work.unpark(tx, run.name, parked, ["read", "map", "value"])
    for outcome, n in (
        ("updates", taken.updates),
        ("creates", len(newcomers)),
        ("mapped", len(reading.fresh)),
        ("linked", placement.matched + len(adoptees)),
        ("created", settled.created),
        ("merges", placement.merges),
        ("moves", placement.moves),
        ("asked", placement.asks),
        ("consents", settled.consents),
        ("conflicts", len(taken.fights)),
    ):
        if n:
            counts[outcome] = counts.get(outcome, 0) + n


def _take_known(
    hub: Hub,
    run: Run,
    reading: Reading,
    clusters: Clusters,
    homes: Mapping[str, str],
    pending: Mapping[str, Sequence[work.Intent]],
) -> Taken:
    taken = Taken()
    doomed = _doomed(run, clusters, sorted(set(homes.values())))
    for external_id, link in _links(run, clusters, homes).items():
        fresh, cluster = reading.fresh[external_id], clusters[link.golden_id]
        before = _matching_keys(link, fresh.fields)
        held = points_of([link]) if before is not None else set()
        edits, fights = _edit(hub, run, cluster, link, fresh, _sent_to(link, pending.get(cluster.id, ())))
        if edits and (cluster.golden.state != "live" or cluster.id in doomed) and "edit_beats_delete" not in hub.off:
            _revive(cluster)
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
    doomed = work.being_deleted(clusters.tx, golden_ids)
    in_part = [g for g in golden_ids if any(m.state is LinkState.REMOVED for m in clusters[g].members)]
    return doomed | work.deleted_lately(clusters.tx, run.name, in_part) if in_part else doomed


def _sent_to(link: Link, pending: Iterable[work.Intent]) -> list[Fields]:
    """Payloads of unacknowledged writes to this very record: what a create had sent can only be in a new one."""
    return [i.payload for i in pending if i.record_id == link.id]


def _save_links(tx: Tx, run: Run, taken: Taken, newcomers: Sequence[Newcomer], adoptees: Sequence[Link]) -> None:
    adopted = {link.id: features(link.opinion().fields) for link in adoptees}
    seen = NameCounts()
    seen.add(n.features for n in newcomers)
    add_names(tx, seen)
    looks = {n.link.id: pack(n.features) for n in newcomers} | {i: pack(f) for i, f in adopted.items()}
    db.insert_links(tx, [*(n.link for n in newcomers), *adoptees], run.id, looks)
    db.update_links(tx, taken.changed, run.id)
    db.save_features(tx, [(pack(n.features), n.link.id) for n in taken.moved])
    index.drop_keys(tx, taken.dropped)
    keys = [(k, n.link.id) for n in newcomers for k in n.keys]
    keys.extend((k, n.link.id) for n in taken.moved for k in n.keys)
    keys.extend((k, i) for i, record in adopted.items() for k in blocking_keys(record))
    index.add_keys(tx, keys)


def _adoptions(tx: Tx, reading: Reading, homes: Mapping[str, str]) -> dict[str, str]:
    """External id → golden id of records that carry our key: made by us, their acknowledgement was lost."""
    found = {}
    for external_id, fresh in reading.fresh.items():
        golden_id = golden_of(fresh.record.key)
        if golden_id is not None and external_id not in homes and (home := db.resolve_golden(tx, golden_id)):
            found[external_id] = home
    return found


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
    fights = [f for e in edits if (f := _fight(run, cluster, link, e, base))]
    date_edits(link, edits, at, floor, {f.edit.key for f in fights})
    link.fingerprint, link.version, link.odd = fresh.fingerprint, record.version, set(fresh.odd)
    if link.state not in HOLDING:
        _revive(cluster)
    link.state = state_of(record)
    cluster.touched = True
    cluster.told_by.add(run.name)
    return edits, fights


def iso(at: float) -> str:
    return _iso(int(at))


@lru_cache(maxsize=64)  # a page falls into few seconds
def _iso(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _revive(cluster: Cluster) -> None:
    """A person made it anew, or edited it while its deletion was under way: an edit outlives a deletion."""
    cluster.golden.state = "live"
    cluster.joined = cluster.revived = True


def _fight(run: Run, cluster: Cluster, link: Link, edit: Edit, base: Fields) -> Fight | None:
    """A conflict: the field changed there and here since the last agreed value, to different ones."""
    if not (run.route.writes and run.route.mapping.covers(edit.key)):
        return None
    ours = cluster.golden.fields.get(edit.key)
    if base_field(edit.key) == "addresses":
        mine = {k for k in cluster.golden.fields if k.startswith("addresses/")}
        if edit.theirs is None or not mine or edit.key in mine or mine <= base.keys():
            return None
        return Fight(edit, sorted(mine)[0], cluster.golden.fields[sorted(mine)[0]], link.ref)
    if differs(edit.key, ours, base.get(edit.key)) and differs(edit.key, ours, edit.theirs):
        return Fight(edit, edit.key, ours, link.ref)
    return None


def _newcomers(
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


def _attach(hub: Hub, run: Run, cluster: Cluster, link: Link, fresh: Fresh, payloads: Sequence[Fields]) -> None:
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
        _revive(cluster)
    if not cluster.created:
        cluster.kind = "linked"
