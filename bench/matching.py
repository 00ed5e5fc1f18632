"""How well and how fast the incremental matching works on a labelled set of contacts.

    python -m bench.matching contacts.csv truth.csv [--page 1000] [--cap 50] [--out clusters.csv] [--part 0/2]

contacts  system, source_id, given_name, family_name, full_name, company, emails, phones, street, city,
          postcode, country, birth_date, vat_number; several e-mails or phones separated by ";"
truth     system, source_id, person_id
--part    only the persons whose id falls in this part of so many, by a hash: to keep some unseen

Records arrive in pages, as in the first load of a hub: keys, candidates from an index, whole golden records,
decision. Prints pairwise precision, recall and F1 and the CPU seconds of each step.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

from hub.dedupe.cluster import Member, promising, resolve
from hub.dedupe.features import Features, features
from hub.dedupe.frequency import NameCounts
from hub.dedupe.keys import blocking_keys
from hub.dedupe.sharing import MOST, People, counted, is_somebody, of_values
from hub.dedupe.weigh import DEFAULT, Model
from hub.model import Fields

Ref = tuple[str, str]


def rows(path: Path) -> Iterator[dict[str, str]]:
    """Rows of a CSV file, gzipped or not."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def canonical(row: dict[str, str]) -> Fields:
    """Canonical fields, the simplest way: no value is checked, phones keep the digits they have."""
    fields: dict[str, object] = {}
    for name in ("given_name", "family_name", "full_name", "company", "birth_date"):
        if row.get(name):
            fields[name] = row[name]
    if row.get("vat_number"):
        fields["tax_id"] = row["vat_number"]
    for address in filter(None, row.get("emails", "").split(";")):
        fields[f"emails/{address.strip().lower()}"] = {}
    for phone in filter(None, row.get("phones", "").split(";")):
        fields[f"phones/{''.join(filter(str.isdigit, phone))}"] = {"raw": phone}
    place = {"street": row.get("street"), "locality": row.get("city"), "postcode": row.get("postcode")}
    if any(place.values()):
        fields["addresses/1"] = {**place, "country": row.get("country")}
    return fields


@dataclass
class Hub:
    """What the store keeps: members, golden records, and the index of blocking keys."""

    model: Model
    cap: int
    moving: bool = True
    looks: dict[Ref, Features] = field(default_factory=dict)
    golden: dict[Ref, str] = field(default_factory=dict)
    asked: set[tuple[Ref, Ref]] = field(default_factory=set)
    members: dict[str, list[Ref]] = field(default_factory=dict)
    index: dict[int, list[Ref]] = field(default_factory=lambda: defaultdict(list))
    names: NameCounts = field(default_factory=NameCounts)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    counts: Counter[str] = field(default_factory=Counter)

    def load(self, page: list[tuple[Ref, Fields]]) -> None:
        start = time.process_time()
        looks = {ref: features(fields) for ref, fields in page}
        keys = [(ref, blocking_keys(record)) for ref, record in looks.items()]
        self.names.add(looks.values())
        self.looks |= looks
        if self.names.outgrown(self.model):
            self.model = self.names.into(self.model)
        start = self._took("keys", start)
        met = self._candidates(keys)
        pairs = {(a, b) for a, b in met if promising(self.looks[a], self.looks[b], self.model)}
        newcomers = [Member(ref, None, record) for ref, record in looks.items()]
        people = self._people(keys, pairs)
        homes = sorted({self.golden[other] for _, other in pairs if other in self.golden})
        known = [Member(ref, g, self.looks[ref]) for g in homes for ref in self.members[g]]
        start = self._took("candidates", start)
        ages = {g: int(g[1:]) for g in homes}
        found = resolve(newcomers, known, pairs, {}, self.model, ages, moving=self.moving, people=people)
        start = self._took("resolve", start)
        self.counts.update(
            pairs=len(met),
            merges=len(found.merges),
            moves=len(found.moves),
            keys=sum(len(k) for _, k in keys),
        )
        self.asked.update((ask.ref_a, ask.ref_b) for ask in found.asks)
        self._save(found.joins, [(merge.kept, merge.lost) for merge in found.merges], found.moves)
        self._took("save", start)

    def _took(self, step: str, start: float) -> float:
        now = time.process_time()
        self.seconds[step] += now - start
        return now

    def _candidates(self, keys: list[tuple[Ref, tuple[int, ...]]]) -> set[tuple[Ref, Ref]]:
        pairs: set[tuple[Ref, Ref]] = set()
        for ref, found in keys:
            for key in found:
                block = self.index[key]
                if len(block) <= self.cap:
                    pairs.update((ref, other) for other in block if other != ref)
                block.append(ref)
        return pairs

    def _people(self, keys: list[tuple[Ref, tuple[int, ...]]], pairs: set[tuple[Ref, Ref]]) -> People:
        """How many people hold the values of the page: golden records, and what came with it."""
        values = {key for ref, found in keys for key in of_values(self.looks[ref], found)}
        named = {
            key: {self._name(ref) for ref in self.index[key] if is_somebody(self.looks[ref])}
            for key in values
            if 1 < len(self.index[key]) <= self.cap
        }
        ties = [(a, b) for a, b in pairs if is_somebody(self.looks[a]) and is_somebody(self.looks[b])]
        hot = {key for key in values if len(self.index[key]) > self.cap}
        return counted(named, [(self._name(a), self._name(b)) for a, b in ties]) | dict.fromkeys(hot, MOST)

    def _name(self, ref: Ref) -> str | Ref:
        return self.golden.get(ref, ref)

    def _save(
        self,
        joins: dict[Ref, str | int],
        merges: list[tuple[str, str]],
        moves: dict[Ref, str | int],
    ) -> None:
        first = self.counts["golden"]
        for ref in moves:
            self.members[self.golden.pop(ref)].remove(ref)
        for kept, lost in merges:
            for ref in self.members.pop(lost):
                self.golden[ref] = kept
                self.members[kept].append(ref)
        for ref, to in {**joins, **moves}.items():
            golden_id = to if isinstance(to, str) else f"g{first + to}"
            self.golden[ref] = golden_id
            self.members.setdefault(golden_id, []).append(ref)
        numbers = [to for to in (*joins.values(), *moves.values()) if isinstance(to, int)]
        self.counts["golden"] += 1 + max(numbers, default=-1)


def pairs_of(sizes: Iterable[int]) -> int:
    return sum(n * (n - 1) // 2 for n in sizes)


def score(truth: dict[Ref, str], found: dict[Ref, str]) -> dict[str, float]:
    """Pairwise precision, recall and F1 of the clusters."""
    right = pairs_of(Counter((truth[ref], found[ref]) for ref in found).values())
    predicted = pairs_of(Counter(found.values()).values())
    true = pairs_of(Counter(truth[ref] for ref in found).values())
    precision, recall = right / max(predicted, 1), right / max(true, 1)
    return {"precision": precision, "recall": recall, "f1": 2 * right / max(predicted + true, 1)}


def run(
    contacts: Path,
    truth: dict[Ref, str],
    page_size: int,
    cap: int,
    part: tuple[int, int],
    model: Model = DEFAULT,
    *,
    moving: bool = True,
) -> Hub:
    hub = Hub(model, cap, moving)
    page: list[tuple[Ref, Fields]] = []
    for row in rows(contacts):
        ref = (row["system"], row["source_id"])
        if crc32(truth[ref].encode()) % part[1] != part[0]:
            continue
        page.append((ref, canonical(row)))
        if len(page) == page_size:
            hub.load(page)
            page = []
    if page:
        hub.load(page)
    return hub


def read_part(text: str) -> tuple[int, int]:
    number, _, of = text.partition("/")
    return int(number), int(of or 1)


def report(hub: Hub, truth: dict[Ref, str]) -> None:
    n, counts = len(hub.golden), hub.counts
    asked = [(a, b) for a, b in hub.asked if hub.golden[a] != hub.golden[b]]
    right = sum(truth[a] == truth[b] for a, b in asked)
    print("  ".join(f"{name} {value:.4f}" for name, value in score(truth, hub.golden).items()))
    print(
        f"records {n}  golden {len(hub.members)}  largest {max(map(len, hub.members.values()))}  "
        f"merges {counts['merges']}  moves {counts['moves']}"
    )
    print(f"asked {len(asked)} ({len(asked) / n:.2%} of records), {right} of them one person")
    print(f"a record: {counts['keys'] / n:.1f} keys, {counts['pairs'] / n:.2f} pairs")
    print("CPU s  " + "  ".join(f"{step} {took:.2f}" for step, took in hub.seconds.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("contacts", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--page", type=int, default=1000)
    parser.add_argument("--cap", type=int, default=50)
    parser.add_argument("--part", type=read_part, default=(0, 1))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--fixed", action="store_true")
    options = parser.parse_args()
    truth = {(row["system"], row["source_id"]): row["person_id"] for row in rows(options.truth)}
    hub = run(options.contacts, truth, options.page, options.cap, options.part, moving=not options.fixed)
    report(hub, truth)
    if options.out:
        with options.out.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(("system", "source_id", "cluster_id"))
            writer.writerows((*ref, golden_id) for ref, golden_id in hub.golden.items())


if __name__ == "__main__":
    main()
