"""Clusters scored against the truth: by pairs, by records (B-cubed), by traps and by distortions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from bench.matching import Ref, pairs_of, rows
from hub.dedupe.score import Score, Tally


@dataclass
class Truth:
    """Who each record is. Groups hold records that look alike and are different persons; tags say what went wrong."""

    person: dict[Ref, str] = field(default_factory=dict)
    groups: dict[str, list[Ref]] = field(default_factory=lambda: defaultdict(list))
    tags: dict[Ref, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Truth:
        truth = cls()
        for row in rows(path):
            ref = (row["system"], row["source_id"])
            truth.person[ref] = row["person_id"]
            for group in filter(None, (row.get("trap_group") or "").split("|")):
                truth.groups[group].append(ref)
            tags = frozenset(filter(None, (row.get("tags") or "").split("|")))
            if tags:
                truth.tags[ref] = tags
        return truth


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many pairs."""

    pairs: int
    hits: int

    @property
    def rate(self) -> float:
        return self.hits / self.pairs if self.pairs else 0.0


def score(truth: Mapping[Ref, str], found: Mapping[Ref, str]) -> Score:
    """Records that were not found anywhere count as alone."""
    tally = Tally()
    tally.add((found.get(ref, f"alone:{ref}"), person) for ref, person in truth.items())
    return tally.score()


def wrong_in_traps(truth: Truth, found: Mapping[Ref, str]) -> dict[str, Share]:
    """Kind of trap → pairs of different persons within one group, and how many of them were taken for one."""
    pairs: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for group, refs in truth.groups.items():
        kind = group.partition(":")[0]
        persons = Counter(truth.person[ref] for ref in refs)
        clusters = Counter(found[ref] for ref in refs)
        both = Counter((truth.person[ref], found[ref]) for ref in refs)
        pairs[kind] += pairs_of([len(refs)]) - pairs_of(persons.values())
        wrong[kind] += pairs_of(clusters.values()) - pairs_of(both.values())
    return {kind: Share(pairs[kind], wrong[kind]) for kind in sorted(pairs)}


def found_by_tag(truth: Truth, found: Mapping[Ref, str]) -> dict[str, Share]:
    """Distortion → true pairs with it on either side, and how many of them are together; "none" for the clean."""
    people: dict[str, list[Ref]] = defaultdict(list)
    for ref, person in truth.person.items():
        people[person].append(ref)
    pairs: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    clean: frozenset[str] = frozenset()
    for refs in people.values():
        for a, b in combinations(refs, 2):
            tags: Iterable[str] = truth.tags.get(a, clean) | truth.tags.get(b, clean) or ("none",)
            pairs.update(tags)
            if found[a] == found[b]:
                hits.update(tags)
    return {tag: Share(pairs[tag], hits[tag]) for tag in sorted(pairs)}


def read_clusters(path: Path, column: str) -> dict[Ref, str]:
    return {(row["system"], row["source_id"]): row[column] for row in rows(path)}


def columns(path: Path) -> Sequence[str]:
    """The columns of a file of clusters that hold some."""
    with path.open(encoding="utf-8") as lines:
        return lines.readline().strip().split(",")[2:]
