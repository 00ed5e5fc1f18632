"""What is no longer there: doubt first, then proof, then the limit, then the policy.

A record counts as gone after two complete listings without it, confirmed by a read where the system has one,
or by a tombstone. An empty or shrunken listing marks nothing. People who left a mailing list have opted out;
they are not deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from hub.dedupe import consent
from hub.model import LinkState
from hub.store import holds, intents, queue, rulings
from hub.store import links as db
from hub.store.db import Tx, dumps
from hub.store.disputes import log_conflicts
from hub.sync import held_rows
from hub.sync.clusters import Cluster, Clusters
from hub.sync.engine import Held, Hub, Run, chunks
from hub.sync.gave_way import as_items
from hub.sync.guard import held
from hub.sync.intake import save_page
from hub.sync.lacks import lacks, outlives
from hub.sync.link import HOLDING, Link, iso
from hub.sync.reading import read_page
from hub.sync.unknown import hear_of_deletions

BATCH = 500  # links acted on in one transaction
IN_DOUBT = frozenset({LinkState.LIVE, LinkState.ARCHIVED, LinkState.ABSENT})  # states that a listing is asked about


class Seen:
    """Which records a listing showed: one bit a record."""

    def __init__(self) -> None:
        self._bits = bytearray()
        self.nameless = 0  # items that could not be read, key included: any record may be among them

    def add(self, record_ids: Iterable[int]) -> None:
        bits = self._bits
        for number in record_ids:
            byte = number >> 3
            if byte >= len(bits):
                bits.extend(bytes(byte + 1 - len(bits) + 4096))
            bits[byte] |= 1 << (number & 7)

    def __contains__(self, number: int) -> bool:
        byte = number >> 3
        return byte < len(self._bits) and bool(self._bits[byte] & (1 << (number & 7)))


@dataclass(slots=True)
class _Ruled:
    """Missing records that people have decided. gone: by number; kept: numbers"""

    gone: dict[int, Link] = field(default_factory=dict)
    kept: set[int] = field(default_factory=set)


def mark_absent(hub: Hub, run: Run, seen: Seen) -> None:
    """After one complete listing: who is missing is in doubt; who is missing again has gone.

    Held when the listing shrank by more than the limit on deletions: then nobody is marked. Nobody is either where
    part of the listing could not be read. Whom a person has called gone is gone, whom not is not missing.
    """
    if seen.nameless:
        run.notes.append(f"{seen.nameless} items had no readable key, so nobody was taken for missing")
        return
    ruled = _ruled(hub, run, seen) if rulings.ABSENCE in run.judged else _Ruled()
    with hub.store.glance() as tx:
        there = missing = 0
        for number, _ in _known(tx, run.name):
            if number in seen or number in ruled.kept:
                there += 1
            elif number not in ruled.gone:
                missing += 1
    population = there + missing + len(ruled.gone)
    run.population = population - run.counts.get("creates", 0)  # the true one, from which `end` goes on
    if ruled.gone:
        _bury_agreed(hub, run, ruled.gone)
    if missing:
        _hold_missing(hub, run, seen, ruled, there, missing)
        _mark_missing(hub, run, seen, ruled)
    if rulings.ABSENCE in run.in_part:
        with hub.store.write(run.fence) as tx:
            holds.close_in_part(tx, run.name, rulings.ABSENCE, hub.clock())


def _ruled(hub: Hub, run: Run, seen: Seen) -> _Ruled:
    """What was decided counts while the record is missing, and as long as it is what was looked at."""
    with hub.store.glance() as tx:
        found = rulings.of_gate(tx, run.name, rulings.ABSENCE)
        links = {}
        for part in chunks(found, BATCH):
            links.update(db.links_of(tx, run.name, [each.external_id for each in part]))
    ruled, over = _Ruled(), []
    for each in found:
        link = links.get(each.external_id)
        if link is None or link.state not in IN_DOUBT or link.id in seen:
            over.append(each.external_id)
        elif each.verdict == rulings.APPROVED and each.mark == held_rows.mark_of_link(link):
            ruled.gone[link.id] = link
        elif each.verdict == rulings.REFUSED and link.state is not LinkState.ABSENT:
            ruled.kept.add(link.id)
        else:  # edited meanwhile, or a write has not found it: asked again
            over.append(each.external_id)
    if over:
        with hub.store.write(run.fence) as tx:
            rulings.drop(tx, run.name, rulings.ABSENCE, over)
    return ruled


def _bury_agreed(hub: Hub, run: Run, links: Mapping[int, Link]) -> None:
    """A person says that they are gone, and two listings: one more look by id, and their deletion is acted on."""
    for part in chunks(list(links), BATCH):
        some = {number: links[number] for number in part}
        if run.route.can.read:
            found = run.connector.read([link.external_id for link in some.values()])
            if found:
                save_page(hub, run, read_page(hub, run, as_items(found)))
            gone = [number for number, link in some.items() if link.external_id not in found]
        else:
            gone = list(some)
        with hub.store.write(run.fence) as tx:
            rulings.drop(tx, run.name, rulings.ABSENCE, [link.external_id for link in some.values()])
            current = list(db.links_by_id(tx, gone).values())  # under the lock: as they are now
            if run.route.can.opt_out_leaves:
                _opt_out(hub, tx, run, current)
            else:
                _bury(hub, tx, run, current)
        if not run.route.can.opt_out_leaves:
            run.count("deletes", len(gone))
        run.count("confirmed_gone", len(gone))


def _hold_missing(hub: Hub, run: Run, seen: Seen, ruled: _Ruled, there: int, missing: int) -> None:
    """Held where more are missing than the limit, or beside some that a person has decided."""
    population = there + missing + len(ruled.gone)
    reason = held(run.route.limits, {"deletes": missing}, population, run.allowed)
    if (reason is None and rulings.ABSENCE not in run.in_part) or "limits" in hub.off:
        return
    with hub.store.glance() as tx:
        missed = (n for n, _ in _known(tx, run.name) if n not in seen and n not in ruled.kept)
        some = list(islice(missed, held_rows.MOST_HELD))
    with hub.store.glance() as tx:
        rows = held_rows.of_missing(db.links_by_id(tx, some).values(), "missing")
    raise Held(
        rulings.ABSENCE,
        {"deletes": missing},
        f"The listing shrank: {there} of {population} known records were in it. Nothing was marked as missing. "
        "See whether the account still sees all records; approve if they are really gone"
        if reason is not None
        else f"{missing} missing records are left of those that a person has decided in part",
        rows,
        missing,
    )


def _mark_missing(hub: Hub, run: Run, seen: Seen, ruled: _Ruled) -> None:
    with hub.store.glance() as tx:
        absent = [(n, state) for n, state in _known(tx, run.name) if n not in seen and n not in ruled.kept]
    again = [n for n, state in absent if state == LinkState.ABSENT or "absence" in hub.off]
    first = [n for n, state in absent if state != LinkState.ABSENT]
    with hub.store.write(run.fence) as tx:
        for part in chunks(first, 5000):
            db.set_state(tx, part, LinkState.ABSENT)
    run.count("absent", len(first))
    for part in chunks(again, BATCH):
        _confirm(hub, run, part)


def _known(tx: Tx, connection: str) -> Iterator[tuple[int, str]]:
    for row in tx.stream(
        "SELECT id, state FROM record WHERE connection = :c AND state IN ('live', 'archived', 'absent')",
        c=connection,
    ):
        yield row[0], row[1]


def _confirm(hub: Hub, run: Run, record_ids: Sequence[int]) -> None:
    """Missing twice: one more look by id, then either back or proven gone."""
    with hub.store.glance() as tx:
        links = db.links_by_id(tx, record_ids)
    gone = links
    if run.route.can.read:
        found = run.connector.read([x.external_id for x in links.values()])
        gone = {n: x for n, x in links.items() if x.external_id not in found}
        if found:
            save_page(hub, run, read_page(hub, run, as_items(found)))
    with hub.store.write(run.fence) as tx:
        if run.route.can.opt_out_leaves:
            _opt_out(hub, tx, run, gone.values())
        else:
            db.set_state(tx, list(gone), LinkState.DOOMED)
    run.count("confirmed_gone", len(gone))


def _opt_out(hub: Hub, tx: Tx, run: Run, links: Iterable[Link]) -> None:
    """They left the list: what it granted is denied from now on, and every system has to hear it."""
    now = hub.clock()
    clusters = Clusters(hub, tx, run.id, now)
    clusters.load({x.golden_id for x in links})
    numbers = {x.id for x in links}
    changed = []
    for cluster in clusters:
        for link in cluster.members:
            if link.id not in numbers:
                continue
            deny(link, now, "left the list")
            link.state, link.fingerprint = LinkState.LEFT, None
            cluster.touched = True
            cluster.told_by.add(run.name)
            cluster.kind = "opted out"
            changed.append(link)
    settled = clusters.settle()
    db.update_links(tx, changed, run.id)
    run.count("consents", settled.consents)


def deny(link: Link, now: float, basis: str) -> None:
    """Turn every consent a link grants into a denial."""
    at = iso(now)
    for key, value in list(link.fields.items()):
        if key.startswith(consent.PREFIX) and value and value.get("status") != consent.DENIED:
            link.fields[key] = {"status": consent.DENIED, "at": at, "basis": basis}
            link.echo.discard(key)
            link.told.pop(key, None)
            link.since[key] = now


def carry_out_deletions(hub: Hub, run: Run) -> None:
    """Act on what is proven gone, by the connection's policy; held as a whole above the limit.

    From a system that people leave by opting out a tombstone is an opt-out: it is no deletion, and none follows.
    What the hub itself has deleted there, unheard, is neither.
    """
    hear_of_deletions(hub, run)
    if run.route.can.opt_out_leaves:
        _take_opt_outs(hub, run)
        return
    with hub.store.glance() as tx:
        count = db.count_doomed(tx, run.name)
    if count:
        count -= _carry_out_decided(hub, run)
    if not count:
        return
    reason = _held_deletions(hub, run, count)
    if reason is not None and "limits" not in hub.off:
        with hub.store.glance() as tx:
            rows = held_rows.of_missing(db.in_state(tx, run.name, LinkState.DOOMED, held_rows.MOST_HELD), "gone")
        raise Held("deletes", {"deletes": count}, f"{reason}. Nothing was deleted", rows, count)
    while True:
        with hub.store.write(run.fence) as tx:
            links = db.in_state(tx, run.name, LinkState.DOOMED, BATCH)
            if not links:
                return
            _bury(hub, tx, run, links)
        run.count("deletes", len(links))


def _held_deletions(hub: Hub, run: Run, count: int) -> str | None:
    """Why these wait for a person, or None."""
    with hub.store.glance() as tx:
        in_part = "deletes" in holds.gates_in_part(tx, run.name)
    reason = held(run.route.limits, {"deletes": count}, max(run.population, count), run.allowed)
    return reason or (f"{count} deletions are left of those that a person has decided in part" if in_part else None)


def _carry_out_decided(hub: Hub, run: Run) -> int:
    """What people decided one by one: how many records. One that has changed since waits on."""
    with hub.store.glance() as tx:
        decided = holds.decided_rows(tx, run.name, "deletes")
    done = 0
    for part in chunks(decided, BATCH):
        with hub.store.write(run.fence) as tx:
            links = db.links_of(tx, run.name, [subject for _, _, subject, _, _ in part])
            for verdict, word in (("approved", "done"), ("refused", "kept")):
                chosen = [row for row in part if row[4] == verdict]
                due = [x for row in chosen if (x := links.get(row[2])) and held_rows.mark_of_link(x) == row[3]]
                due = [link for link in due if link.state is LinkState.DOOMED]
                if due:
                    _bury(hub, tx, run, due, spread=verdict == "approved")
                for hold_id in sorted({row[0] for row in chosen}):
                    holds.set_verdict(tx, hold_id, [row[1] for row in chosen if row[0] == hold_id], word)
                run.count("deletes" if verdict == "approved" else "kept", len(due))
                done += len(due)
    return done


def _take_opt_outs(hub: Hub, run: Run) -> None:
    with hub.store.glance() as tx:
        count = db.count_doomed(tx, run.name)
    reason = held(run.route.limits, {"consents": count}, max(run.population, count), run.allowed) if count else None
    if reason is not None and "limits" not in hub.off:
        raise Held("deletes", {"consents": count}, f"{reason}. Nobody was opted out")
    while count > 0:
        with hub.store.write(run.fence) as tx:
            links = db.in_state(tx, run.name, LinkState.DOOMED, BATCH)
            _opt_out(hub, tx, run, links)
        count = count - len(links) if links else 0


def _bury(hub: Hub, tx: Tx, run: Run, links: Sequence[Link], *, spread: bool = True) -> None:
    """spread: by the connection's policy; False: a person has refused that it means anything elsewhere"""
    clusters = Clusters(hub, tx, run.id, hub.clock())
    clusters.load({x.golden_id for x in links})
    numbers = {x.id for x in links}
    changed = []
    for cluster in clusters:
        gone = [m for m in cluster.members if m.id in numbers]
        edited = any(_edited_elsewhere(run, cluster, link) for link in gone)
        for link in gone:
            link.state, link.fingerprint = LinkState.GONE, None
            changed.append(link)
        cluster.touched = True
        cluster.kind = ("deleted in " if spread else "kept, though deleted in ") + run.name
        _forget_waiting(hub, tx, run, cluster, gone)
        stays = any(m.state is not LinkState.DOOMED for m in cluster.holding(run.name))  # two were made one there
        if spread and run.route.deletes != "keep" and not stays:
            if edited and "edit_beats_delete" not in hub.off:
                _log_survivor(hub, tx, run, cluster)
            else:
                _spread(hub, tx, run, cluster)
    clusters.settle()
    db.update_links(tx, changed, run.id)


def _edited_elsewhere(run: Run, cluster: Cluster, link: Link) -> bool:
    """Whether somebody's edit was still on its way to the record that is gone: a lost edit cannot be had back."""
    return run.route.writes and outlives(lacks(run.route, cluster.golden.fields, link))


def _forget_waiting(hub: Hub, tx: Tx, run: Run, cluster: Cluster, gone: Sequence[Link]) -> None:
    """A deletion cancels what waited for the record: an update must never become a create."""
    if "tomb" in hub.off:
        return
    intents.close_of_records(tx, [link.id for link in gone])
    if not cluster.holding(run.name):
        queue.dequeue(tx, run.name, [cluster.id])
        intents.close_creates(tx, run.name, cluster.id)


def _spread(hub: Hub, tx: Tx, run: Run, cluster: Cluster) -> None:
    """Delete or archive the person's other records, where the systems can; the rest keep the golden record alive."""
    op = "delete" if run.route.deletes == "propagate" else "archive"
    left = [m for m in cluster.members if m.state in HOLDING]
    able = {r.name for r in hub.routes.values() if r.push != "no" and getattr(r.can, op)}
    others = sorted({m.connection for m in left})
    tx.run("DELETE FROM queue WHERE golden_id = :g", g=cluster.id)
    queue.enqueue(tx, [(c, cluster.id) for c in others if c in able], hub.clock(), run.id, op=op)
    if op == "archive":
        cluster.golden.state = "archived"
    elif all(c in able for c in others):
        cluster.golden.state = "deleted"
    cluster.joined = True  # saved even where no field changed


def _log_survivor(hub: Hub, tx: Tx, run: Run, cluster: Cluster) -> None:
    row: dict[str, Any] = {
        "run_id": run.id,
        "connection": run.name,
        "golden_id": cluster.id,
        "field": "(record)",
        "at": hub.clock(),
        "rule": "an edit outlives a deletion",
        "claims": dumps([{"connection": run.name, "value": "deleted"}]),
        "winner": dumps("kept"),
        "diff": f"deleted in {run.name}, edited elsewhere since they last agreed",
        "told": dumps([]),
        "state": "open",
    }
    log_conflicts(tx, [row])
    hub.meter.conflict(run.name, "(record)", "edit outlives deletion")
