"""Which golden record a new source record belongs to: keys → candidates → clusters, a page at a time.

Candidates are looked at through what matching sees of them, kept with each record; only golden records that are
joined or merged are loaded whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from hub.dedupe.cluster import Ask, Resolution, Verdict, promising, resolve
from hub.dedupe.features import Features, features
from hub.dedupe.keys import blocking_keys
from hub.dedupe.sharing import People, of_values
from hub.model import Fields
from hub.store import keys as index
from hub.store import links as db
from hub.store.changes import MOVED_IN, Change, log
from hub.store.db import Tx, dumps
from hub.store.questions import add_asks
from hub.sync.clusters import Cluster, Clusters
from hub.sync.holders import Holders, people
from hub.sync.link import HOLDING, Link
from hub.sync.seen import Seen, seen_of

Ref = tuple[str, str]
Pair = tuple[int, int]

FEW = 10  # golden records that are loaded with the records to compare, since most are joined
TELLING = 8  # records that share a key up to which it is worth a comparison by itself


@dataclass(slots=True, eq=False)
class Newcomer:
    """A record to be placed. One that has a golden record already may bring two of them together."""

    link: Link
    fields: Fields
    features: Features = field(init=False)
    keys: tuple[int, ...] = field(init=False)
    values: Sequence[int] = field(init=False)

    def __post_init__(self) -> None:
        self.features = features(self.fields)
        self.keys = blocking_keys(self.features)
        self.values = of_values(self.features, self.keys)


@dataclass(slots=True)
class Placement:
    """Where the newcomers went."""

    clusters: dict[int, Cluster] = field(default_factory=dict)  # by record id
    matched: int = 0
    moves: int = 0
    merges: int = 0
    asks: int = 0


def place(
    work_set: Clusters,
    newcomers: Sequence[Newcomer],
    *,
    most_merges: int | None,
    anew: bool = False,
    ahead: index.Ahead | None = None,
) -> Placement:
    """Find or make the golden record of each newcomer; merge and ask where the evidence says so.

    most_merges  merges above it are asked instead, and records above it not moved: None, as many as there are
    anew         golden records are decided anew where nothing new has come to light, too
    ahead        who has the keys of some of them, where that was asked before
    """
    placement = Placement()
    resolution, seen = _decide(work_set, newcomers, ahead, anew=anew) if newcomers else (Resolution({}, [], []), {})
    merges = resolution.merges
    work_set.load([g for m in merges for g in (m.kept, m.lost)])
    places = [*resolution.joins.values(), *resolution.moves.values()]
    work_set.load([target for target in places if isinstance(target, str)])
    work_set.load([seen[ref].golden_id for ref in resolution.moves])
    groups: dict[int, Cluster] = {}
    for newcomer in newcomers:
        target = resolution.joins.get(newcomer.link.ref)
        if newcomer.link.golden_id:
            placement.clusters[newcomer.link.id] = work_set[newcomer.link.golden_id]
        elif target is None:
            _settle_alone(work_set, placement, newcomer)
        elif isinstance(target, str):
            _join(placement, newcomer, work_set[target])
        elif target in groups:
            _join(placement, newcomer, groups[target])
        else:
            _settle_alone(work_set, placement, newcomer)
            groups[target] = placement.clusters[newcomer.link.id]
    asks = list(resolution.asks)
    _merge(work_set, placement, merges, asks, most_merges)
    _move(work_set, placement, resolution.moves, groups, most_merges)
    _ask(work_set, placement, asks, seen)
    return placement


def _decide(
    work_set: Clusters, newcomers: Sequence[Newcomer], ahead: index.Ahead | None, *, anew: bool
) -> tuple[Resolution, dict[Ref, Seen]]:
    """What the model says of the newcomers, and all records it looked at."""
    tx = work_set.tx
    model = work_set.hub.matching(tx)
    moved = [n.link.id for n in newcomers if n.link.golden_id]
    said = db.verdicts(tx, moved) if moved else {}
    same = [pair for pair, answer in said.items() if answer == Verdict.SAME]
    met, holders, hot = _met(tx, newcomers, ahead)
    concerned = {i for pair in (*met, *same) for i in pair}
    seen = {n.link.id: _fresh(work_set, n) for n in newcomers if n.link.id in concerned}
    if others := concerned - seen.keys():
        seen |= {x.id: x for x in seen_of(tx, db.looks(tx, others))}
    pairs = {(a, b) for a, b in met if a in seen and promising(seen[a].features, seen[b].features, model)}
    pairs.update(pair for pair in same if pair[0] in seen and pair[1] in seen)
    suspects = {n.link.golden_id for n in newcomers if len(work_set[n.link.golden_id].members) > 1} if anew else set()
    if not pairs and not suspects:
        return Resolution({}, [], []), {}
    concerned = {i for pair in pairs for i in pair}
    homes = {seen[i].golden_id for i in concerned} - {""} | suspects
    mine = [_fresh(work_set, n) for n in newcomers if n.link.id in concerned or n.link.golden_id in homes]
    numbers = {s.id for s in mine}
    load = work_set.loading(homes if len(homes) <= FEW else ())
    looks, told = db.judged(tx, homes)
    load()
    around = seen_of(tx, [look for look in looks if look.id not in numbers])
    everyone = [*mine, *around]
    refs = {s.id: s.ref for s in everyone}
    resolution = resolve(
        [s.member() for s in mine],
        [s.member() for s in around],
        sorted(_pair(refs[a], refs[b]) for a, b in pairs),
        _verdicts(refs, told),
        model,
        {s.golden_id: (s.golden_at, s.golden_id) for s in everyone if s.golden_id},
        moving=True,
        anew=anew,
        people=_people(work_set, newcomers, holders, hot, seen, pairs),
    )
    return resolution, {s.ref: s for s in everyone}


def _people(
    work_set: Clusters,
    newcomers: Iterable[Newcomer],
    holders: Holders,
    hot: Collection[int],
    seen: Mapping[int, Seen],
    pairs: Collection[Pair],
) -> People:
    """How many people hold the values of the newcomers that may be somebody known. pairs: who may be one"""
    concerned = {number for pair in pairs for number in pair}
    values = {key for n in newcomers if n.link.id in concerned for key in n.values}
    shared = {key: holders[key] for key in values & holders.keys()}
    having = {number for some in shared.values() for number in some}
    arriving = {n.link.id: _fresh(work_set, n) for n in newcomers if n.link.id in having and n.link.id not in seen}
    return people(work_set.tx, shared, values.intersection(hot), {**seen, **arriving}, pairs)


def _fresh(work_set: Clusters, newcomer: Newcomer) -> Seen:
    """A newcomer as it is now, not as the store has it."""
    link = newcomer.link
    since = work_set[link.golden_id].golden.created_at if link.golden_id else 0.0
    there = link.state in HOLDING
    return Seen(link.id, link.ref, link.golden_id, since, newcomer.features, bool(link.echo), there)


def _settle_alone(work_set: Clusters, placement: Placement, newcomer: Newcomer) -> None:
    if newcomer.link.golden_id:
        placement.clusters[newcomer.link.id] = work_set[newcomer.link.golden_id]
        return
    cluster = work_set.new(work_set.hub.new_id("g"))
    newcomer.link.golden_id = cluster.id
    placement.clusters[newcomer.link.id] = cluster


def _join(placement: Placement, newcomer: Newcomer, cluster: Cluster) -> None:
    newcomer.link.golden_id = cluster.id
    placement.clusters[newcomer.link.id] = cluster
    placement.matched += 1


def _merge(
    work_set: Clusters,
    placement: Placement,
    merges: Iterable[Any],
    asks: list[Ask],
    most: int | None,
) -> None:
    for keep, lose, weight, evidence in merges:
        if keep not in work_set or lose not in work_set or keep == lose:
            continue
        if most is not None and placement.merges >= most:
            a, b = work_set[keep].members[0], work_set[lose].members[0]
            asks.append(Ask(a.ref, b.ref, weight, evidence))
            continue
        work_set.merge(keep, lose)
        placement.merges += 1
        for record_id, cluster in placement.clusters.items():
            if cluster.id == lose:
                placement.clusters[record_id] = work_set[keep]


def _move(
    work_set: Clusters,
    placement: Placement,
    moves: Mapping[Ref, str | int],
    groups: dict[int, Cluster],
    most: int | None,
) -> None:
    """Records leave golden records that what has come to light speaks against."""
    homes = {link.ref: cluster for cluster in work_set for link in cluster.members if link.ref in moves}
    parted: dict[tuple[str, str], None] = {}
    for ref, target in sorted(moves.items()):
        old = homes[ref]
        if most is not None and placement.merges + placement.moves >= most:
            break
        if isinstance(target, int) and target not in groups:
            groups[target] = work_set.new(work_set.hub.new_id("g"))
        new = work_set[target] if isinstance(target, str) else groups[target]
        if new is old:
            continue
        link = next(m for m in old.members if m.ref == ref)
        work_set.move([link], old, new)
        old.kind = "split by matching"
        new.kind = "split off by matching" if new.created else new.kind
        parted[new.id, old.id] = None
        placement.moves += 1
        if link.id in placement.clusters:
            placement.clusters[link.id] = new
    lines = [Change(new_id, work_set.now, MOVED_IN, None, dumps({"from": old_id})) for new_id, old_id in parted]
    if lines:
        log(work_set.tx, lines, work_set.run_id)


def _met(
    tx: Tx, newcomers: Sequence[Newcomer], ahead: index.Ahead | None
) -> tuple[set[Pair], dict[int, set[int]], set[int]]:
    """Pairs (record id, newcomer's id) that share enough keys to be compared; key → all records that have it; and
    keys that too many have, which are given up."""
    by_key: dict[int, list[Newcomer]] = {}
    for newcomer in newcomers:
        for key in newcomer.keys:
            if key in by_key:
                by_key[key].append(newcomer)
            else:
                by_key[key] = [newcomer]
    found, hot = index.candidates(tx, by_key, ahead)
    by_key = {k: group for k, group in by_key.items() if k in found or len(group) > 1}
    heated = {k for k, group in by_key.items() if k not in hot and _holders(group, found.get(k, ())) > index.KEY_CAP}
    if heated:
        index.heat(tx, heated)
    if useless := hot | heated:
        for newcomer in newcomers:
            newcomer.keys = tuple([k for k in newcomer.keys if k not in useless])
    strong, weak = _meetings(by_key, found, useless)
    holders = {k: {*found.get(k, ()), *[n.link.id for n in group]} for k, group in by_key.items() if k not in useless}
    return strong | {pair for pair, n in weak.items() if n > 1}, holders, useless


def _holders(group: Sequence[Newcomer], known: Sequence[int]) -> int:
    """How many records have a key. Newcomers that only changed may be among the known ones."""
    most = len(group) + len(known)
    return most if most <= index.KEY_CAP else len({*known, *(n.link.id for n in group)})


def _meetings(
    by_key: Mapping[int, Sequence[Newcomer]], found: Mapping[int, Sequence[int]], useless: set[int]
) -> tuple[set[tuple[int, int]], Counter[tuple[int, int]]]:
    """(record id, newcomer's id) that share a key few others have, and how often the rest meet.

    A name that nine people share brings two of them together only with something else they share.
    """
    strong: set[tuple[int, int]] = set()
    weak: Counter[tuple[int, int]] = Counter()
    for key, group in by_key.items():
        known = found.get(key, ())
        if key in useless:
            continue
        numbers = [n.link.id for n in group]
        met = [(a, b) for b in numbers for a in known if a != b]
        met.extend((a, b) if a < b else (b, a) for a, b in combinations(numbers, 2))
        if len(known) + len(numbers) <= TELLING:
            strong.update(met)
        else:
            weak.update(met)
    return strong, weak


def _pair(a: Ref, b: Ref) -> tuple[Ref, Ref]:
    return (a, b) if a < b else (b, a)


def _verdicts(refs: Mapping[int, Ref], said: Mapping[Pair, str]) -> dict[frozenset[Ref], Verdict]:
    """What people said of these records: record id → ref."""
    return {
        frozenset((refs[a], refs[b])): Verdict(answer) for (a, b), answer in said.items() if a in refs and b in refs
    }


def _ask(work_set: Clusters, placement: Placement, asks: Iterable[Ask], seen: Mapping[Ref, Seen]) -> None:
    rows = []
    for ask in asks:
        one, other = seen[ask.ref_a], seen[ask.ref_b]
        first, second = sorted((one.id, other.id))
        rows.append(
            {
                "record_a": first,
                "record_b": second,
                "weight": ask.weight_bits,
                "evidence": dumps(ask.evidence),
                "at": work_set.now,
                "state": "open",
                "run_id": work_set.run_id,
            }
        )
    add_asks(work_set.tx, rows)
    placement.asks += len(rows)
