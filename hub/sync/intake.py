"""A page of source records enters the hub: one transaction with its cursor, or nothing.

What `hub.sync.reading` found to be new is taken into its link, matched, merged into its golden record and queued for
the systems that should know.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from hub.dedupe.features import features, pack
from hub.dedupe.frequency import NameCounts
from hub.dedupe.keys import blocking_keys
from hub.model import LinkState, Tombstone
from hub.store import amended, changes, connections, intents, parked, queue, rulings
from hub.store import keys as index
from hub.store import links as db
from hub.store.db import Tx, dumps
from hub.store.erasures import COUNTED
from hub.store.names import add_names
from hub.sync import held_rows, history, owed
from hub.sync.clusters import Clusters
from hub.sync.conflicts import log_fights
from hub.sync.engine import Held, Hub, Run, golden_of
from hub.sync.first_seen import adoptions, attach, known_as, newcomers_of
from hub.sync.gave_way import give_way
from hub.sync.given_anew import keep_apart, let_go
from hub.sync.guard import held, most
from hub.sync.known import Taken, take_known
from hub.sync.lacks import lacks
from hub.sync.link import HOLDING, Link, holds_all
from hub.sync.place import Newcomer, place
from hub.sync.reading import FEW, Fresh, Reading
from hub.sync.withhold import note_withheld, sift


def save_page(
    hub: Hub,
    run: Run,
    reading: Reading,
    save_cursor: Sequence[str | None] = (),
    also: Callable[[Tx], None] | None = None,
) -> None:
    """Take a page in, with its cursor: `save_cursor` is empty, or holds the one to save. `also` belongs to it.

    Held when the run would touch more than its limits: then nothing of this page was done.
    """
    counts = dict(run.counts)
    if not reading.is_quiet() or save_cursor or also:
        with hub.store.write(run.fence, few=reading.total + len(reading.happened) <= FEW) as tx:
            _take_in(hub, tx, run, reading, counts)
            for cursor in save_cursor:
                connections.advance(tx, run.name, cursor, hub.clock() + run.lease_seconds)
            if also is not None:
                also(tx)
    _count(
        counts,
        pulled=reading.total,
        unchanged=reading.unchanged,
        set_aside=sum(p.stage != "value" for p in reading.parked),
        tombstones=len(reading.gone),
        withheld=len(reading.withheld) + reading.unheard,
    )
    run.counts = counts
    for channel, n in Counter(item.channel for item in reading.happened).items():
        hub.meter.interactions(run.name, channel, n)


def _take_in(hub: Hub, tx: Tx, run: Run, reading: Reading, counts: dict[str, int]) -> None:
    now = hub.clock()
    if tx.counter(COUNTED) != reading.erasures:
        sift(tx, run.name, reading)  # somebody was erased since it was read
    note_withheld(tx, run.name, reading, now)
    clusters = Clusters(hub, tx, run.id, now)
    if reading.touched:
        _touch(tx, run, reading, now)
    if reading.gone:
        doom(tx, run.name, reading.gone.values())
        give_way(tx, run.name, reading.gone.values(), now, run.id)
    if reading.fresh:
        _absorb(hub, tx, run, reading, clusters, counts)
    if any(stone.merged_into in reading.fresh for stone in reading.gone.values()):
        give_way(tx, run.name, reading.gone.values(), now, run.id)  # what took their place may have just come in
    if reading.happened:
        _note(hub, tx, run, reading, counts)
    if reading.served:
        amended.serve(tx, run.name, reading.served)
    if reading.brought:
        amended.brought(tx, reading.brought, run.id)
    if reading.parked:
        parked.park(tx, run.name, reading.parked, now, run.id)
    if reading.settles:
        intents.close(tx, reading.settles)
    if reading.settled:
        rulings.drop(tx, run.name, rulings.INTAKE, reading.settled)
    asked = {name: counts.get(name, 0) - run.excused.get(name, 0) for name in ("creates", "updates", "consents")}
    reason = held(run.route.limits, asked, run.population, run.allowed)
    if reason is None and reading.waits:
        reason = f"{len(reading.waits)} changes are left of those that a person has decided in part, or came anew"
    if reason is not None:
        marks = {
            record_id: fresh.fingerprint.hex()
            for record_id, fresh in reading.fresh.items()
            if not fresh.refused and record_id not in reading.made_by_us  # the hub's own write is nobody's to refuse
        }
        raise Held("intake", asked, reason, held_rows.of_page(tx, run.name, run.id, now, marks))


def _note(hub: Hub, tx: Tx, run: Run, reading: Reading, counts: dict[str, int]) -> None:
    """After the records of the page, so that what they state finds them too."""
    noted = history.note(hub, tx, run, reading.happened)
    parked.unpark(tx, run.name, [item.id for item in reading.happened], ["read"])
    _count(counts, interactions=noted.new, consents=noted.consents)


def _touch(tx: Tx, run: Run, reading: Reading, now: float) -> None:
    """Seen again after an absence, archived or taken out of the archive: what waited for it goes on."""
    for state in (LinkState.LIVE, LinkState.ARCHIVED):
        db.set_state(tx, [i for i, s in reading.touched if s is state], state)
    links = db.links_by_id(tx, [i for i, _ in reading.touched])
    if run.route.writes:
        queue.enqueue(tx, sorted({(run.name, x.golden_id) for x in links.values()}), now, run.id)


def doom(tx: Tx, connection: str, tombstones: Iterable[Tombstone]) -> None:
    """Word that records are gone: they wait for the limit on deletions. Those that gave way to others do not."""
    links = db.links_of(tx, connection, [t.id for t in tombstones if not t.merged_into])
    db.set_state(tx, [x.id for x in links.values() if x.state in HOLDING], LinkState.DOOMED)


def _note_corrections(hub: Hub, tx: Tx, run: Run, reading: Reading, homes: Mapping[str, str]) -> None:
    """What a person corrected is said in the history of the contact."""
    said = [(homes[i], fresh.correction) for i, fresh in reading.fresh.items() if fresh.correction and i in homes]
    lines = [
        changes.Change(home, hub.clock(), f"taken in as corrected by {made.person}", run.name, dumps(dict(made.values)))
        for home, made in said
    ]
    changes.log(tx, lines, run.id)


def _absorb(hub: Hub, tx: Tx, run: Run, reading: Reading, clusters: Clusters, counts: dict[str, int]) -> None:
    ahead = index.ask_ahead(tx, {key for n in reading.newcomers.values() for key in n.keys})
    homes, aside = db.homes(tx, run.name, list(reading.fresh))
    adopted = adoptions(tx, reading, homes)
    clusters.load([*homes.values(), *adopted.values()])
    pending = intents.unresolved(tx, run.name, {*homes.values(), *adopted.values()}) if run.route.writes else {}
    homes, former = let_go(clusters, run, reading, homes, pending)
    if former and (ours := adoptions(tx, reading, homes)).keys() - adopted.keys():
        adopted = ours
        clusters.load(adopted.values())
        pending |= intents.unresolved(tx, run.name, adopted.values())
    taken = take_known(hub, run, reading, clusters, homes, pending)
    newcomers, adoptees = newcomers_of(tx, run, reading, homes, adopted)
    keep_apart(tx, former, [n.link for n in newcomers])
    # the merges that a person would have to approve are asked instead, one by one
    room = most(run.route.limits.merges, run.population, counts.get("merges", 0))
    most_merges = None if run.allowed is not None else room
    placement = place(clusters, [*newcomers, *taken.moved], most_merges=most_merges, ahead=ahead)
    if newcomers and run.route.writes:
        late = {n.link.golden_id for n in newcomers} - pending.keys()
        pending |= intents.unresolved(tx, run.name, {g for g in late if not clusters[g].created})
    new = [*((n.link, reading.fresh[n.link.external_id]) for n in newcomers), *adoptees]
    _attach_all(hub, run, reading, clusters, new, pending)
    settled = clusters.settle()
    run.remember(x.golden_id for x in (*taken.changed, *(link for link, _ in new)))
    _save_links(tx, run, taken, newcomers, [link for link, _ in adoptees])
    _follow_up(hub, run, clusters, taken, newcomers)
    _note_corrections(
        hub, tx, run, reading, {**homes, **adopted, **{n.link.external_id: n.link.golden_id for n in newcomers}}
    )
    if aside:  # before, and through now
        parked.unpark(tx, run.name, aside, ["read", "map", "value"])
    _count(
        counts,
        updates=taken.updates,
        creates=len(newcomers),
        mapped=len(reading.fresh),
        linked=placement.matched + len(adoptees),
        created=settled.created,
        merges=placement.merges,
        moves=placement.moves,
        asked=placement.asks,
        consents=settled.consents,
        conflicts=len(taken.fights),
    )


def _attach_all(
    hub: Hub,
    run: Run,
    reading: Reading,
    clusters: Clusters,
    new: Iterable[tuple[Link, Fresh]],
    pending: dict[str, list[intents.Intent]],
) -> None:
    """Give new links their content. A try that one of them turns out to be is pending no more."""
    for link, fresh in new:
        tries = [i for i in pending.get(link.golden_id, ()) if not i.record_id]
        attach(hub, run, clusters[link.golden_id], link, fresh, [i.payload for i in tries])
        if link.echo or golden_of(fresh.record.key) is not None:
            reading.made_by_us.add(link.external_id)
        if any(holds_all(link, i.payload, run.route.mapping.stored) for i in tries):
            pending.pop(link.golden_id)
            known_as(clusters.tx, run, link, tries)


def _follow_up(hub: Hub, run: Run, clusters: Clusters, taken: Taken, newcomers: Sequence[Newcomer]) -> None:
    """What follows from a page for others: links owed, what is kept out, interactions, writes, conflicts."""
    tx = clusters.tx
    owed.welcome(tx, (n.link.fields for n in newcomers), hub.clock())
    rulings.keep(tx, run.name, taken.kept_out)
    history.give_up(tx, taken.given_up)
    if run.route.writes:
        # an edit that did not win (a pin, a rule, an emptied value) is put right again where it was made
        lacking = {x.golden_id for x in taken.changed if lacks(run.route, clusters[x.golden_id].golden.fields, x)}
        queue.enqueue(tx, sorted((run.name, g) for g in lacking), hub.clock(), run.id)
    log_fights(hub, tx, run, clusters, taken.fights)


def _count(counts: dict[str, int], **more: int) -> None:
    for outcome, n in more.items():
        if n:
            counts[outcome] = counts.get(outcome, 0) + n


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
