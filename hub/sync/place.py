"""Which golden record a new source record belongs to: keys → candidates → clusters, a page at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from hub.dedupe.cluster import Ask, Member, Verdict, resolve
from hub.dedupe.features import Features, features
from hub.dedupe.keys import blocking_keys
from hub.model import Fields
from hub.store import links as db
from hub.store import work
from hub.store.db import dumps
from hub.sync.clusters import Cluster, Clusters
from hub.sync.link import Link

Ref = tuple[str, str]

TELLING = 8  # records that share a key up to which it is worth a comparison by itself


@dataclass(slots=True, eq=False)
class Newcomer:
    """A record to be placed. One that has a golden record already may bring two of them together."""

    link: Link
    fields: Fields
    features: Features = field(init=False)
    keys: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.features = features(self.fields)
        self.keys = blocking_keys(self.features)


@dataclass(slots=True)
class Placement:
    """Where the newcomers went."""

    clusters: dict[int, Cluster] = field(default_factory=dict)  # by record id
    matched: int = 0
    merges: int = 0
    asks: int = 0


def place(work_set: Clusters, newcomers: Sequence[Newcomer], *, most_merges: int | None) -> Placement:
    """Find or make the golden record of each newcomer; merge and ask where the evidence says so.

    most_merges  merges above it are asked instead: None, as many as there are
    """
    placement = Placement()
    if not newcomers:
        return placement
    pairs, others = _candidates(work_set, newcomers)
    if not pairs:
        for newcomer in newcomers:
            _settle_alone(work_set, placement, newcomer)
        return placement
    everyone = {link.ref: link for link in others} | {n.link.ref: n.link for n in newcomers}
    resolution = resolve(
        [_member(n.link, n.features) for n in newcomers],
        [_member(link, features(link.opinion().fields)) for link in others],
        sorted(pairs),
        _verdicts(work_set, everyone),
        work_set.hub.model,
        {c.id: (c.golden.created_at, c.id) for c in work_set},
    )
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
    _merge(work_set, placement, resolution.merges, asks, most_merges)
    _ask(work_set, placement, asks, everyone)
    return placement


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


def _candidates(work_set: Clusters, newcomers: Sequence[Newcomer]) -> tuple[set[tuple[Ref, Ref]], list[Link]]:
    """Pairs that share a key, and every known record of the golden records they lead to."""
    by_key: dict[int, list[Newcomer]] = {}
    for newcomer in newcomers:
        for key in newcomer.keys:
            by_key.setdefault(key, []).append(newcomer)
    found, hot = db.candidates(work_set.tx, by_key)
    heated = {k for k, group in by_key.items() if k not in hot and len(found.get(k, ())) + len(group) > db.KEY_CAP}
    if heated:
        db.heat(work_set.tx, heated)
    useless = hot | heated
    for newcomer in newcomers:
        if useless:
            newcomer.keys = tuple(k for k in newcomer.keys if k not in useless)
    strong, weak = _meetings(by_key, found, useless)
    met = strong | {pair for pair, n in weak.items() if n > 1}
    candidates = _load(work_set, {a for a, _ in met} - {n.link.id for n in newcomers})
    refs = {n.link.id: n.link.ref for n in newcomers} | {i: link.ref for i, link in candidates.items()}
    pairs = {_pair(refs[a], refs[b]) for a, b in met if a in refs}
    mine = {n.link.id for n in newcomers}
    others = [m for c in work_set for m in c.members if m.id not in mine]
    return pairs, others


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
        if key in useless or (len(group) == 1 and not known):
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


def _load(work_set: Clusters, record_ids: set[int]) -> dict[int, Link]:
    """The candidates' whole golden records, and the candidates among their members."""
    if not record_ids:
        return {}
    ids = sorted(record_ids)
    rows = work_set.tx.all("SELECT DISTINCT golden_id FROM record WHERE id IN :*ids", ids=ids)
    work_set.load(r[0] for r in rows)
    return {m.id: m for c in work_set for m in c.members if m.id in record_ids}


def _member(link: Link, looks: Features) -> Member:
    return Member(link.ref, link.golden_id or None, looks)


def _verdicts(work_set: Clusters, everyone: Mapping[Ref, Link]) -> dict[frozenset[Ref], Verdict]:
    by_id = {link.id: ref for ref, link in everyone.items()}
    answers = db.verdicts(work_set.tx, by_id)
    return {
        frozenset((by_id[a], by_id[b])): Verdict(answer)
        for (a, b), answer in answers.items()
        if a in by_id and b in by_id
    }


def _ask(work_set: Clusters, placement: Placement, asks: Iterable[Ask], everyone: Mapping[Ref, Link]) -> None:
    rows = []
    for ask in asks:
        one, other = everyone[ask.ref_a], everyone[ask.ref_b]
        if one.golden_id == other.golden_id:
            continue
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
    work.add_asks(work_set.tx, rows)
    placement.asks += len(rows)
