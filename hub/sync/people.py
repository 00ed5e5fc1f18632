"""What people decide about golden records: pin a value, merge, split, answer a question.

Each is one transaction that ends like any other change: the golden record is computed anew and every system
that should know is queued.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

from hub.errors import ConfigError
from hub.store import links as db
from hub.store.db import Tx, dumps, loads
from hub.sync.clusters import Cluster, Clusters
from hub.sync.engine import Hub
from hub.sync.link import Link


def pin(hub: Hub, golden_id: str, field: str, value: object, person: str) -> str:
    """Fix a field (or an element key; None removes it) whatever the systems say. Returns the id that answers."""

    def change(tx: Tx, clusters: Clusters, cluster: Cluster) -> None:
        tx.run(
            "INSERT INTO pin (golden_id, field, value, person, at) VALUES (:g, :f, :v, :p, :a)"
            " ON CONFLICT (golden_id, field) DO UPDATE SET value = excluded.value, person = excluded.person,"
            " at = excluded.at",
            g=cluster.id,
            f=field,
            v=dumps(value),
            p=person,
            a=clusters.now,
        )
        cluster.kind = f"pinned by {person}"

    return _change(hub, golden_id, change)


def unpin(hub: Hub, golden_id: str, field: str, person: str) -> str:
    """Let the rules decide a field again."""

    def change(tx: Tx, _: Clusters, cluster: Cluster) -> None:
        tx.run("DELETE FROM pin WHERE golden_id = :g AND field = :f", g=cluster.id, f=field)
        cluster.kind = f"unpinned by {person}"

    return _change(hub, golden_id, change)


def _change(hub: Hub, golden_id: str, change: Callable[[Tx, Clusters, Cluster], None]) -> str:
    with hub.store.write() as tx:
        clusters = Clusters(hub, tx, hub.new_id("p"), hub.clock())
        cluster = _load(tx, clusters, golden_id)
        change(tx, clusters, cluster)
        cluster.touched = cluster.joined = True
        clusters.settle()
        return cluster.id


def _load(tx: Tx, clusters: Clusters, golden_id: str) -> Cluster:
    home = db.resolve_golden(tx, golden_id)
    if home is None:
        raise ConfigError(f"There is no golden record {golden_id}. Nothing was changed. See `hub contacts find`.")
    clusters.load([home])
    return clusters[home]


def merge(hub: Hub, golden_ids: Sequence[str], person: str) -> str:
    """These golden records are one: the one with most records keeps its id, the others answer with it.

    Remembered as the person's "same", so that no later evidence takes them apart.
    """
    with hub.store.write() as tx:
        clusters = Clusters(hub, tx, hub.new_id("p"), hub.clock())
        homes = list(dict.fromkeys(_load(tx, clusters, g).id for g in golden_ids))
        homes.sort(key=lambda g: (-len(clusters[g].members), clusters[g].golden.created_at, g))
        keep = homes[0]
        for lose in homes[1:]:
            a, b = clusters[keep].members[0], clusters[lose].members[0]
            _answer(tx, a, b, "same", person, clusters.now)
            clusters.merge(keep, lose)
        clusters[keep].kind = f"merged by {person}"
        clusters.settle()
        return keep


def split(hub: Hub, golden_id: str, refs: Sequence[tuple[str, str]], person: str) -> str:
    """Take these (connection, external id) records out into a golden record of their own; its id.

    The exact inverse of a merge: every claim goes with its record, and both sides are repaired in the systems
    like after any other change. Remembered as "different".
    """
    wanted = set(refs)
    with hub.store.write() as tx:
        clusters = Clusters(hub, tx, hub.new_id("p"), hub.clock())
        old = _load(tx, clusters, golden_id)
        moving = [m for m in old.members if m.ref in wanted]
        staying = [m for m in old.members if m.ref not in wanted]
        if len(moving) != len(wanted) or not staying:
            raise ConfigError(
                f"Golden record {old.id} cannot be split like that: {len(moving)} of {len(wanted)} records named are "
                f"part of it, and {len(staying)} would stay. Nothing was changed. See `hub contacts show {old.id}`."
            )
        new = clusters.new(hub.new_id("g"))
        new.kind, old.kind = f"split off by {person}", f"split by {person}"
        for a, b in product(moving, staying):
            _answer(tx, a, b, "different", person, clusters.now)
        for link in moving:
            link.golden_id = new.id
        new.members, old.members = moving, staying
        old.touched = old.joined = new.joined = True
        db.update_links(tx, moving, clusters.run_id)
        clusters.settle()
        return new.id


def answer(hub: Hub, ask_id: int, verdict: str, person: str) -> str:
    """A possible duplicate is decided: "same" merges, "different" is remembered for ever. The golden id."""
    with hub.store.read() as tx:
        row = tx.one("SELECT record_a, record_b FROM ask WHERE id = :i", i=ask_id)
        if row is None:
            raise ConfigError(f"There is no question number {ask_id}. Nothing was changed. See `hub review list`.")
        links = db.links_by_id(tx, row)
    a, b = (links[n] for n in row)
    kept = a.golden_id
    if verdict == "same" and a.golden_id != b.golden_id:
        kept = merge(hub, [a.golden_id, b.golden_id], person)
    elif verdict == "different" and a.golden_id == b.golden_id:
        split(hub, a.golden_id, [b.ref], person)
    with hub.store.write() as tx:
        _answer(tx, a, b, verdict, person, hub.clock())
        tx.run("UPDATE ask SET state = :s WHERE id = :i", s=verdict, i=ask_id)
    return kept


def _answer(tx: Tx, a: Link, b: Link, verdict: str, person: str, at: float) -> None:
    first, second = sorted((a.id, b.id))
    tx.run(
        "INSERT INTO verdict (record_a, record_b, answer, person, at) VALUES (:a, :b, :v, :p, :t)"
        " ON CONFLICT (record_a, record_b) DO UPDATE SET answer = excluded.answer, person = excluded.person,"
        " at = excluded.at",
        a=first,
        b=second,
        v=verdict,
        p=person,
        t=at,
    )


def overturn(hub: Hub, conflict_id: int, person: str) -> str:
    """The loser of a conflict was right: its value is pinned. The golden id."""
    with hub.store.read() as tx:
        row = tx.one("SELECT golden_id, field, claims, winner FROM conflict WHERE id = :i", i=conflict_id)
    if row is None or row[1] == "(record)":
        raise ConfigError(f"Conflict {conflict_id} cannot be overturned. Nothing was changed. See `hub conflicts list`.")
    fight, winner = loads(row[2])[0], loads(row[3])
    loser = fight["ours"] if fight["theirs"] == winner else fight["theirs"]
    home = pin(hub, row[0], row[1], loser, person)
    with hub.store.write() as tx:
        tx.run("UPDATE conflict SET state = 'overturned' WHERE id = :i", i=conflict_id)
    return home
