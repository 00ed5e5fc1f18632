"""What people decide about golden records: pin a value, merge, split, answer a question.

Each is one transaction that ends like any other change: the golden record is computed anew and every system
that should know is queued.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from hub.errors import ConfigError
from hub.mapping.elements import address_key
from hub.model import base_field
from hub.store import links as db
from hub.store.contacts import former_ids
from hub.store.db import Tx, dumps, loads
from hub.sync.clusters import Cluster, Clusters
from hub.sync.engine import Hub
from hub.sync.link import Link


def pin(hub: Hub, golden_id: str, field: str, value: object, person: str) -> str:
    """Fix a field (or an element key; None removes it) whatever the systems say. Returns the id that answers."""
    return _pin(hub, golden_id, {field: value}, person)


def _pin(hub: Hub, golden_id: str, values: Mapping[str, object], person: str) -> str:
    def change(tx: Tx, clusters: Clusters, cluster: Cluster) -> None:
        for field, value in values.items():
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
            one, other = clusters[keep].members, clusters[lose].members
            _forget_different(tx, product(one, other))
            _answer(tx, one[0], other[0], "same", person, clusters.now)
            clusters.merge(keep, lose)
        clusters[keep].kind = f"merged by {person}"
        clusters.settle()
        return keep


def split(hub: Hub, golden_id: str, refs: Sequence[tuple[str, str]], person: str) -> str:
    """Take these (connection, external id) records out into a golden record of their own; its id.

    The exact inverse of a merge: every claim goes with its record, the id and the pins that a merge took away
    come back, and both sides are repaired in the systems like after any other change. Remembered as "different".
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
        for a, b in product(moving, staying):
            _answer(tx, a, b, "different", person, clusters.now)
        former = _part_that_was(tx, old, moving, staying)
        new = _given_back(tx, clusters, old, former) if former else clusters.new(hub.new_id("g"))
        leaving = former.records if former else moving
        new.kind, old.kind = f"split off by {person}", f"split by {person}"
        for link in leaving:
            link.golden_id = new.id
        new.members = list(leaving)
        old.members = [m for m in old.members if m.golden_id == old.id]
        for cluster in (old, new):
            cluster.touched = cluster.joined = True
        db.update_links(tx, leaving, clusters.run_id)
        clusters.settle()
        return moving[0].golden_id


@dataclass(frozen=True, slots=True)
class _Former:
    """A golden record that was merged away: what it brought in, as far as that is still there."""

    golden_id: str
    at: float
    records: list[Link]
    pins: list[str]


def _formers(tx: Tx, old: Cluster) -> Iterable[_Former]:
    """The latest merge first."""
    rows = tx.all(
        "SELECT golden_id, at, detail FROM change WHERE golden_id IN :*ids AND kind = 'merged away' ORDER BY id DESC",
        ids=former_ids(tx, old.id),
    )
    latest = {row[0]: row for row in reversed(rows)}
    for golden_id, at, text in sorted(latest.values(), key=lambda row: -row[1]):
        given: dict[str, list[Any]] = loads(text) if text else {}
        numbers = set(given.get("records", ()))
        yield _Former(golden_id, at, [m for m in old.members if m.id in numbers], given.get("pins", []))


def _part_that_was(tx: Tx, old: Cluster, moving: Sequence[Link], staying: Sequence[Link]) -> _Former | None:
    """The golden record that one of the two parts was before a merge: it gets its id back."""
    parts = [{m.id for m in moving}, {m.id for m in staying}]
    return next((f for f in _formers(tx, old) if {m.id for m in f.records} in parts), None)


def _given_back(tx: Tx, clusters: Clusters, old: Cluster, former: _Former) -> Cluster:
    clusters.load([former.golden_id])
    cluster = clusters[former.golden_id]
    cluster.golden.state = "live"
    tx.run("UPDATE golden SET merged_into = NULL WHERE id = :g", g=cluster.id)
    tx.run(
        "UPDATE pin SET golden_id = :n WHERE golden_id = :o AND field IN :*f AND at <= :a",
        n=cluster.id,
        o=old.id,
        f=former.pins,
        a=former.at,
    )
    return cluster


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
        split(hub, a.golden_id, _side_of(hub, a, b), person)
    with hub.store.write() as tx:
        _answer(tx, a, b, verdict, person, hub.clock())
        tx.run("UPDATE ask SET state = :s WHERE id = :i", s=verdict, i=ask_id)
    return kept


def _side_of(hub: Hub, a: Link, b: Link) -> list[tuple[str, str]]:
    """What leaves when two records of one golden record are told apart: what a merge had brought in, or `b` alone."""
    with hub.store.read() as tx:
        old = _load(tx, Clusters(hub, tx, "", hub.clock()), a.golden_id)
        for former in _formers(tx, old):
            numbers = {m.id for m in former.records}
            if len(numbers & {a.id, b.id}) == 1:
                return [m.ref for m in former.records]
    return [b.ref]


def _forget_different(tx: Tx, pairs: Iterable[tuple[Link, Link]]) -> None:
    tx.many(
        "DELETE FROM verdict WHERE record_a = :a AND record_b = :b AND answer = 'different'",
        [dict(zip("ab", sorted((a.id, b.id)), strict=True)) for a, b in pairs],
    )


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
        raise ConfigError(
            f"Conflict {conflict_id} cannot be overturned. Nothing was changed. See `hub conflicts list`."
        )
    fight, winner = loads(row[2])[0], loads(row[3])
    loser = fight["ours"] if fight["theirs"] == winner else fight["theirs"]
    home = _pin(hub, row[0], _pins_of(row[1], loser, winner), person)
    with hub.store.write() as tx:
        tx.run("UPDATE conflict SET state = 'overturned' WHERE id = :i", i=conflict_id)
    return home


def _pins_of(field: str, loser: Any, winner: Any) -> dict[str, Any]:
    """Key → value to pin so that the loser stands. An address has a key of its own."""
    if base_field(field) != "addresses" or loser is None:
        return {field: loser}
    beaten = {f"addresses/{address_key(winner)}": None} if winner else {}
    return beaten | {f"addresses/{address_key(loser)}": loser}
