"""How good clusters are against the truth: pairwise and B-cubed precision, recall and F1.

Only counts are kept: of each cluster, of each true person, and of their overlaps. A million records take some
100 MB, in whatever order they come.

Source of B-cubed: Bagga and Baldwin 1998, Entity-Based Cross-Document Coreferencing Using the Vector Space Model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Final

Pair = tuple[str, str]
NONE: Final = 1.0  # precision of no pair at all, recall where there is none to find


@dataclass(frozen=True, slots=True)
class Quality:
    """Shares from 0 to 1."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


@dataclass(frozen=True, slots=True)
class Score:
    """clusters, people: how many there are of each; exact: of the people, how many are one cluster and nothing else

    wrong_merges  clusters that hold records of more than one person
    splits        people whose records are in more than one cluster
    """

    records: int
    clusters: int
    people: int
    true_pairs: int
    found_pairs: int
    right_pairs: int
    pairs: Quality
    bcubed: Quality
    exact: int
    wrong_merges: int
    splits: int


@dataclass(frozen=True, slots=True)
class Mistake:
    """A cluster of several people, or a person in several clusters. pairs: wrong, or missing

    parts  (person or cluster, records), the largest first
    """

    name: str
    pairs: int
    parts: tuple[tuple[str, int], ...]


@dataclass
class Tally:
    """What is counted of records as they come by."""

    clusters: Counter[str] = field(default_factory=Counter)
    people: Counter[str] = field(default_factory=Counter)
    overlaps: Counter[Pair] = field(default_factory=Counter)

    def add(self, records: Iterable[Pair]) -> None:
        """records: (cluster, true person) of each, every record once"""
        for cluster, person in records:
            self.clusters[cluster] += 1
            self.people[person] += 1
            self.overlaps[cluster, person] += 1

    def score(self) -> Score:
        records = self.people.total()
        true, found = pairs_of(self.people), pairs_of(self.clusters)
        right = sum(n * (n - 1) // 2 for n in self.overlaps.values())
        precision = sum(n * n / self.clusters[cluster] for (cluster, _), n in self.overlaps.items())
        recall = sum(n * n / self.people[person] for (_, person), n in self.overlaps.items())
        people_in = Counter(cluster for cluster, _ in self.overlaps)
        clusters_of = Counter(person for _, person in self.overlaps)
        return Score(
            records=records,
            clusters=len(self.clusters),
            people=len(self.people),
            true_pairs=true,
            found_pairs=found,
            right_pairs=right,
            pairs=Quality(right / found if found else NONE, right / true if true else NONE),
            bcubed=Quality(precision / records, recall / records) if records else Quality(NONE, NONE),
            exact=sum(n == self.clusters[c] == self.people[p] for (c, p), n in self.overlaps.items()),
            wrong_merges=sum(n > 1 for n in people_in.values()),
            splits=sum(n > 1 for n in clusters_of.values()),
        )

    def worst_merges(self, most: int) -> list[Mistake]:
        """Clusters with the most pairs of different people."""
        return self._worst(self.clusters, 0, most)

    def worst_splits(self, most: int) -> list[Mistake]:
        """People with the most pairs that were not found."""
        return self._worst(self.people, 1, most)

    def _worst(self, sizes: Counter[str], side: int, most: int) -> list[Mistake]:
        """side: which part of an overlap is the name, 0 the cluster, 1 the person"""
        whole: Counter[str] = Counter()
        for pair, n in self.overlaps.items():
            whole[pair[side]] += n * (n - 1) // 2
        wrong = ((n * (n - 1) // 2 - whole[name], name) for name, n in sizes.items() if n > 1)
        worst = {name: pairs for pairs, name in nsmallest(most, wrong, key=lambda one: (-one[0], one[1])) if pairs}
        parts: dict[str, list[tuple[str, int]]] = {name: [] for name in worst}
        for pair, n in self.overlaps.items():
            if pair[side] in parts:
                parts[pair[side]].append((pair[1 - side], n))
        return [
            Mistake(name, pairs, tuple(sorted(parts[name], key=lambda part: (-part[1], part[0]))))
            for name, pairs in worst.items()
        ]


def pairs_of(sizes: Counter[str]) -> int:
    return sum(n * (n - 1) // 2 for n in sizes.values())
