"""The golden records a transaction works on, with all their source records, from loading to saving.

Whatever changes (an edit, a newcomer, a merge, a split, a deletion, a pin) ends in `settle`: the golden record
is computed anew from its claims, logged, and queued for the systems that should know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.dedupe import consent
from hub.dedupe.survive import survive
from hub.model import Fields, Source, base_field
from hub.store import changes, queue
from hub.store import interactions as spoken
from hub.store import links as db
from hub.store.db import Row, Tx, dumps
from hub.store.interactions import points_of, sources_of
from hub.store.links import GoldenRow
from hub.sync.engine import Hub, golden_key
from hub.sync.link import HOLDING, Link


@dataclass(slots=True, eq=False)
class Cluster:
    """One golden record and its source records.

    told_by  connections whose own record changed: they know already what they said
    said     what interactions said of its contact points: no record says it
    """

    golden: GoldenRow
    members: list[Link]
    created: bool = False
    touched: bool = False
    joined: bool = False
    told_by: set[str] = field(default_factory=set)
    kind: str = "updated"
    revived: bool = False
    pins: dict[str, Any] = field(default_factory=dict)
    said: Sequence[Source] = ()

    @property
    def id(self) -> str:
        return self.golden.id

    def holding(self, connection: str) -> list[Link]:
        return [m for m in self.members if m.connection == connection and m.state in HOLDING]

    def revive(self) -> None:
        """A person made it anew, or edited it while its deletion was under way: an edit outlives a deletion."""
        self.golden.state = "live"
        self.joined = self.revived = True


class Clusters:
    """A working set inside one transaction."""

    def __init__(self, hub: Hub, tx: Tx, run_id: str, now: float) -> None:
        self.hub, self.tx, self.run_id, self.now = hub, tx, run_id, now
        self._by_id: dict[str, Cluster] = {}
        self._lost: list[tuple[str, str]] = []

    def __iter__(self) -> Iterator[Cluster]:
        return iter(self._by_id.values())

    def __getitem__(self, golden_id: str) -> Cluster:
        return self._by_id[golden_id]

    def __contains__(self, golden_id: object) -> bool:
        return golden_id in self._by_id

    def load(self, golden_ids: Iterable[str]) -> None:
        self.loading(golden_ids)()

    def loading(self, golden_ids: Iterable[str]) -> Callable[[], None]:
        """Asks for them; to be called when they have to be there."""
        wanted = sorted(set(golden_ids) - self._by_id.keys())
        if not wanted:
            return lambda: None
        rows = db.asked_whole(self.tx, wanted)
        return lambda: self._add(rows())

    def _add(self, found: Iterable[Row]) -> None:
        rows, members, pins = db.whole(self.tx, found)
        for golden_id, row in rows.items():
            self._by_id[golden_id] = Cluster(row, members[golden_id], pins=pins.get(golden_id, {}))

    def new(self, golden_id: str) -> Cluster:
        row = GoldenRow(golden_id, "live", 1, {}, self.now)
        cluster = Cluster(row, [], created=True, touched=True, kind="created")
        self._by_id[golden_id] = cluster
        return cluster

    def merge(self, keep: str, lose: str) -> None:
        """Two golden records turn out to be one: `lose` answers with `keep` from now on."""
        kept, lost = self._by_id[keep], self._by_id.pop(lose)
        for link in lost.members:
            link.golden_id = keep
        kept.members = sorted([*kept.members, *lost.members], key=lambda m: m.id)
        kept.touched = kept.joined = True
        kept.pins = lost.pins | kept.pins
        kept.kind = "merged"
        if not lost.created:
            self._lost.append((keep, lose))

    def move(self, links: Sequence[Link], old: Cluster, new: Cluster) -> None:
        """Records change their golden record, and with them what was sent to them and has no answer yet."""
        for link in links:
            link.golden_id = new.id
        new.members = sorted([*new.members, *links], key=lambda m: m.id)
        old.members = [m for m in old.members if m.golden_id == old.id]
        for cluster in (old, new):
            cluster.touched = cluster.joined = True
        db.update_links(self.tx, links, self.run_id)
        self.tx.run(
            "UPDATE intent SET golden_id = :n WHERE golden_id = :o AND (record_id IN :*ids OR key = :k)",
            n=new.id,
            o=old.id,
            ids=[m.id for m in links],
            k=golden_key(new.id),
        )

    def settle(self) -> Settled:
        """Compute, save, log and queue every touched golden record."""
        self._save_merges()
        touched = [c for c in self if c.touched]
        self._hear(touched)
        done = Settled()
        created: list[GoldenRow] = []
        updated: list[GoldenRow] = []
        log: list[changes.Change] = []
        for cluster in touched:
            before = cluster.golden.fields
            claims = [*(m.opinion() for m in cluster.members), *cluster.said]
            after = survive(claims, self.hub.rules, cluster.pins).fields
            changed = _changed(before, after)
            cluster.golden.fields = after
            if cluster.created:
                created.append(cluster.golden)
            elif changed or cluster.joined:
                cluster.golden.version += 1
                updated.append(cluster.golden)
            else:
                continue
            log.append(self._log(cluster, changed))
            done.add(cluster, before, changed)
        if back := [c.id for c in touched if c.revived]:
            queue.cancel_deletions(self.tx, back)
            db.take_back(self.tx, back)
        db.insert_goldens(self.tx, created, self.now)
        db.update_goldens(self.tx, updated, self.now)
        changes.log(self.tx, log, self.run_id)
        self._queue(done)
        return done

    def _hear(self, touched: Sequence[Cluster]) -> None:
        """What interactions said of their contact points, asked once for all."""
        if not touched or not spoken.is_said(self.tx):
            return
        points = {c.id: points_of(c.members, c.pins) for c in touched}
        found = spoken.read_statements(self.tx, {point for some in points.values() for point in some})
        for cluster in touched:
            cluster.said = sources_of(found, points[cluster.id]) if found else ()

    def _log(self, cluster: Cluster, changed: Mapping[str, Any]) -> changes.Change:
        # a creation is told by the claims themselves; only later changes need their old values kept
        detail = None if cluster.created else dumps(changed)
        said = sorted(cluster.told_by)
        return changes.Change(cluster.id, self.now, cluster.kind, said[0] if said else None, detail)

    def _queue(self, done: Settled) -> None:
        """A field that a mapping does not speak of is looked at by the push all the same: it may do so by then."""
        pairs: list[tuple[str, str]] = []
        unspoken: list[tuple[str, str]] = []
        for route in self.hub.targets():
            for cluster, changed in done.clusters:
                if self._concerns(route, cluster):
                    speaks = _speaks(route, cluster, changed)
                    (pairs if speaks else unspoken).append((route.name, cluster.id))
        queue.enqueue(self.tx, pairs, self.now, self.run_id, optouts=done.optouts)
        if unspoken:
            queue.enqueue_besides(self.tx, unspoken, self.now, self.run_id)

    def _concerns(self, route: Any, cluster: Cluster) -> bool:
        """Whether a connection may lack something now. Says yes in doubt: the push looks closely."""
        if cluster.golden.state != "live":
            return False
        there = [m for m in cluster.members if m.connection == route.name]
        if not there:
            return bool(route.wants(cluster.golden.fields))
        alone = len(cluster.members) == 1 and not cluster.said
        return not (alone and route.name in cluster.told_by and not there[0].told and not there[0].own)

    def _given(self, keep: str, lose: str) -> dict[str, list[Any]]:
        """What `lose` brings in: its records and the pins that move with it. A split gives them back."""
        records = self.tx.all("SELECT id FROM record WHERE golden_id = :l ORDER BY id", l=lose)
        pins = self.tx.all(
            "SELECT field FROM pin WHERE golden_id = :l AND field NOT IN"
            " (SELECT field FROM pin WHERE golden_id = :k) ORDER BY field",
            k=keep,
            l=lose,
        )
        return {"records": [r[0] for r in records], "pins": [p[0] for p in pins]}

    def _save_merges(self) -> None:
        for keep, lose in self._lost:
            tx = self.tx
            given = self._given(keep, lose)
            tx.run("UPDATE record SET golden_id = :k WHERE golden_id = :l", k=keep, l=lose)
            tx.run(
                "UPDATE golden SET state = 'merged', merged_into = :k, version = version + 1, updated_at = :a"
                " WHERE id = :l",
                k=keep,
                l=lose,
                a=self.now,
            )
            tx.run(
                "UPDATE pin SET golden_id = :k WHERE golden_id = :l AND field NOT IN"
                " (SELECT field FROM pin WHERE golden_id = :k)",
                k=keep,
                l=lose,
            )
            tx.run("UPDATE intent SET golden_id = :k WHERE golden_id = :l", k=keep, l=lose)
            waiting = tx.all("SELECT connection, optout_at FROM queue WHERE golden_id = :l AND op = 'sync'", l=lose)
            tx.run("DELETE FROM queue WHERE golden_id = :l", l=lose)
            for connection, optout_at in waiting:
                optouts = {keep} if optout_at else set()
                queue.enqueue(tx, [(connection, keep)], self.now, self.run_id, optouts=optouts)
            gone = changes.Change(lose, self.now, "merged away", None, dumps({"into": keep, **given}))
            changes.log(tx, [gone], self.run_id)
        self._lost.clear()


@dataclass(slots=True)
class Settled:
    """What came out: the golden records that changed, and how."""

    clusters: list[tuple[Cluster, Mapping[str, Any]]] = field(default_factory=list)
    optouts: set[str] = field(default_factory=set)
    consents: int = 0
    created: int = 0

    def add(self, cluster: Cluster, before: Fields, changed: Mapping[str, Any]) -> None:
        self.clusters.append((cluster, changed))
        self.created += cluster.created
        if any(base_field(key) == "consents" for key in changed):
            if not cluster.created:
                self.consents += 1
            if consent.stricter(before, cluster.golden.fields):
                self.optouts.add(cluster.id)


def _speaks(route: Any, cluster: Cluster, changed: Mapping[str, Any]) -> bool:
    """Whether what has changed is the connection's business by its mapping of now."""
    if cluster.joined or cluster.created or not any(m.connection == route.name for m in cluster.members):
        return True
    return any(route.mapping.covers(key) for key in changed)


def _changed(before: Fields, after: Fields) -> dict[str, list[Any]]:
    """Key → [old, new] for what differs."""
    if not before:
        return {key: [None, value] for key, value in after.items()}
    keys = before.keys() | after.keys()
    return {k: [before.get(k), after.get(k)] for k in sorted(keys) if before.get(k) != after.get(k)}
