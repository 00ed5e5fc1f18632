"""Does the order of arrival matter? `python -m bench.dedupe.order CONTACTS TRUTH [--orders 3] [--page 1000]`.

The same records are loaded page by page in shuffled orders and once all at once. Of the pairs that are one person in
either of two results, the share that is so in one of them only is what the order has decided; 0 would be a result
that does not depend on it.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections import Counter
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from random import Random

from bench.bulk import Clock, load, refs_of
from bench.matching import Ref, pairs_of, rows, run, score

CAP = 50  # as in bench.matching


def shuffled(contacts: Path, to: Path, seed: int) -> Path:
    """The same file with its rows in another order."""
    found = list(rows(contacts))
    Random(seed).shuffle(found)
    with to.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(found[0]))
        writer.writeheader()
        writer.writerows(found)
    return to


def differently(one: Mapping[Ref, str], other: Mapping[Ref, str]) -> float:
    """Share of the pairs together in either that are together in one only."""
    both = pairs_of(Counter((one[ref], other[ref]) for ref in one).values())
    apart = pairs_of(Counter(one.values()).values()) + pairs_of(Counter(other.values()).values()) - 2 * both
    return apart / max(apart + both, 1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.dedupe.order", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("contacts", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--orders", type=int, default=3)
    parser.add_argument("--page", type=int, default=1000)
    options = parser.parse_args()
    truth = {(row["system"], row["source_id"]): row["person_id"] for row in rows(options.truth)}
    found: dict[str, dict[Ref, str]] = {}
    with tempfile.TemporaryDirectory(prefix="order-") as folder:
        for seed in range(1, options.orders + 1):
            path = shuffled(options.contacts, Path(folder) / f"{seed}.csv", seed)
            found[f"order {seed}"] = run(path, truth, options.page, CAP, (0, 1)).golden
    _, decision = load(options.contacts, 1, Clock())
    clusters = map(str, decision.clusters.tolist())
    found["all at once"] = dict(zip(refs_of(options.contacts), clusters, strict=True))
    for name, clusters_of in found.items():
        print(f"{name:12} " + "  ".join(f"{part} {value:.4f}" for part, value in score(truth, clusters_of).items()))
    for one, other in combinations(found, 2):
        print(f"{one} and {other}: {differently(found[one], found[other]):.3%} of the pairs decided differently")


if __name__ == "__main__":
    main()
