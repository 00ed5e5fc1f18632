"""Merge and split inside a transaction, each the exact inverse of the other.

A merge logs what it brought in: the records and the pins of the golden record that gives way. A split gives that
back, id included; and what was split off goes back where it came from when it is merged again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from hub.errors import ConfigError, NotThere
from hub.store import changes
from hub.store import links as db
from hub.store.contacts import former_ids
from hub.store.db import Tx, dumps, loads
from hub.sync.clusters import Cluster, Clusters
from hub.sync.link import Link

Ref = tuple[str, str]

"""Kind of a change: the golden record began, or began anew, as a part of another one."""


@dataclass(frozen=True, slots=True)
class Parted:
    """home  of the records named to be split off; left: of the others; moved: records whose home changed"""

    home: str
    left: str
    moved: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """kept  answers from now on for `lost`: ids that gave way, each with the records it brought in"""

    kept: str
    lost: tuple[tuple[str, tuple[Ref, ...]], ...]


def load(clusters: Clusters, golden_id: str) -> Cluster:
    """The golden record that answers for an id today. ConfigError when there never was one."""
    home = db.resolve_golden(clusters.tx, golden_id)
    if home is None:
        raise NotThere(f"There is no golden record {golden_id}. Nothing was changed. See `hub contacts find`.")
    clusters.load([home])
    return clusters[home]


# --- merge ------------------------------------------------------------------------------------------


def join(clusters: Clusters, golden_ids: Iterable[str], person: str) -> Joined:
    """These golden records are one. ConfigError before anything is changed when one of them never was.

    What was split off goes back where it came from; else the one with most records keeps its id, of equals the
    oldest. Remembered as "same"; a "different" said before counts no more.
    """
    homes = list(dict.fromkeys(load(clusters, g).id for g in golden_ids))
    keep = _keeper(clusters, homes)
    lost = []
    for lose in sorted(set(homes) - {keep}, key=homes.index):
        one, other = clusters[keep].members, clusters[lose].members
        lost.append((lose, tuple(m.ref for m in other)))
        _forget_different(clusters.tx, product(one, other))
        say(clusters.tx, one[0], other[0], "same", person, clusters.now)
        clusters.merge(keep, lose)
    clusters[keep].kind = f"merged by {person}"
    clusters.settle()
    return Joined(keep, tuple(lost))


def _keeper(clusters: Clusters, homes: Sequence[str]) -> str:
    came_from = _came_from(clusters.tx, homes)
    roots = [g for g in homes if came_from.get(g) not in homes] or list(homes)
    return min(roots, key=lambda g: (-len(clusters[g].members), clusters[g].golden.created_at, g))


def _came_from(tx: Tx, homes: Sequence[str]) -> dict[str, str | None]:
    """Golden id → the one that answers today for what it was last split off from."""
    rows = tx.all(
        "SELECT golden_id, detail FROM change WHERE golden_id IN :*ids AND kind = :k ORDER BY id",
        ids=list(homes),
        k=changes.SPLIT_AWAY,
    )
    return {golden_id: db.resolve_golden(tx, loads(detail)["from"]) for golden_id, detail in rows}


# --- split ------------------------------------------------------------------------------------------


def part(clusters: Clusters, golden_id: str, refs: Iterable[Ref], person: str, *, remember: bool = True) -> Parted:
    """Take these records out into a golden record of their own. ConfigError before anything is changed.

    Every claim goes with its record; the id and the pins that a merge took away come back.
    remember  as "different": they are never one again unless a person says so
    """
    tx, wanted = clusters.tx, set(refs)
    old = load(clusters, golden_id)
    moving = [m for m in old.members if m.ref in wanted]
    staying = [m for m in old.members if m.ref not in wanted]
    if len(moving) != len(wanted) or not staying or not moving:
        raise ConfigError(
            f"Golden record {old.id} cannot be split like that: {len(moving)} of {len(wanted)} records named are "
            f"part of it, and {len(staying)} would stay. Nothing was changed. See `hub contacts show {old.id}`."
        )
    if remember:
        for a, b in product(moving, staying):
            say(tx, a, b, "different", person, clusters.now)
    former = _part_that_was(tx, old, moving, staying)
    new = _given_back(tx, clusters, old, former) if former else clusters.new(clusters.hub.new_id("g"))
    leaving = former.records if former else moving
    clusters.move(leaving, old, new)
    new.kind, old.kind = f"split off by {person}", f"split by {person}"
    clusters.settle()
    changes.log(
        tx, [changes.Change(new.id, clusters.now, changes.SPLIT_AWAY, None, dumps({"from": old.id}))], clusters.run_id
    )
    return Parted(moving[0].golden_id, staying[0].golden_id, tuple(m.ref for m in leaving))


@dataclass(frozen=True, slots=True)
class Former:
    """A golden record that was merged away: what it brought in, as far as that is still there."""

    golden_id: str
    at: float
    records: list[Link]
    pins: list[str]


def formers(tx: Tx, old: Cluster) -> Iterable[Former]:
    """The latest merge first."""
    rows = tx.all(
        "SELECT golden_id, at, detail FROM change WHERE golden_id IN :*ids AND kind = 'merged away' ORDER BY id DESC",
        ids=former_ids(tx, old.id),
    )
    latest = {row[0]: row for row in reversed(rows)}
    for golden_id, at, text in sorted(latest.values(), key=lambda row: -row[1]):
        given: dict[str, list[Any]] = loads(text) if text else {}
        numbers = set(given.get("records", ()))
        yield Former(golden_id, at, [m for m in old.members if m.id in numbers], given.get("pins", []))


def _part_that_was(tx: Tx, old: Cluster, moving: Sequence[Link], staying: Sequence[Link]) -> Former | None:
    """The golden record that one of the two parts was before a merge: it gets its id back."""
    parts = [{m.id for m in moving}, {m.id for m in staying}]
    return next((f for f in formers(tx, old) if {m.id for m in f.records} in parts), None)


def _given_back(tx: Tx, clusters: Clusters, old: Cluster, former: Former) -> Cluster:
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
    pins = db.pins(tx, [old.id, cluster.id])
    for each in (old, cluster):
        each.pins = pins.get(each.id, {})
    return cluster


def side_of(tx: Tx, old: Cluster, a: Link, b: Link) -> list[Ref]:
    """What leaves when two records of one golden record are told apart: what a merge brought in, or `b` alone."""
    for former in formers(tx, old):
        if len({m.id for m in former.records} & {a.id, b.id}) == 1:
            return [m.ref for m in former.records]
    return [b.ref]


# --- verdicts ---------------------------------------------------------------------------------------


def say(tx: Tx, a: Link, b: Link, verdict: str, person: str, at: float) -> None:
    """A person's word on two records; the last one counts."""
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


def _forget_different(tx: Tx, pairs: Iterable[tuple[Link, Link]]) -> None:
    tx.many(
        "DELETE FROM verdict WHERE record_a = :a AND record_b = :b AND answer = 'different'",
        [dict(zip("ab", sorted((a.id, b.id)), strict=True)) for a, b in pairs],
    )
