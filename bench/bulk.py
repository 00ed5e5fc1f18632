"""How well and how fast everything is matched at once, from the rows of a CSV file to clusters.

    python -m bench.bulk contacts.csv [--truth truth.csv] [--workers 2] [--compare] [--out clusters.csv]

contacts   as for `bench.matching`
--compare  load the same records page by page too, and count the pairs that are decided differently

The file is cut at line ends and read by worker processes, which hand over columns; this process finds the
pairs, has the workers compare values, and decides. Prints wall seconds of each step, CPU seconds of all processes,
and their memory at its largest.
"""

from __future__ import annotations

import argparse
import csv
import gc
import gzip
import io
import resource
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from bench.matching import Ref, canonical, pairs_of, rows, run, score
from hub.dedupe.bulk import Bulk, Decision, Records, Shard
from hub.dedupe.features import features
from hub.dedupe.keys import blocking_keys

BLOCK = 1_500_000  # bytes of a file read by one worker at a time: few enough that none has much more to do
OBJECTS = 200_000  # made before Python looks for cycles among them: there are none here


def prepare() -> None:
    """What every process does first."""
    gc.set_threshold(OBJECTS, 50, 100)


def blocks(path: Path, size: int = BLOCK) -> Iterator[tuple[bytes, bytes]]:
    """The header and some whole rows. A line end within quotes does not end a row."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        header = file.readline()
        while block := file.read(size):
            block += file.readline()
            while block.count(b'"') % 2:
                line = file.readline()
                if not line:
                    break
                block += line
            yield header, block


def read(work: tuple[bytes, bytes]) -> Shard:
    """Rows of a block as a shard; records are numbered within it."""
    header, block = work
    found = Records()
    names = next(csv.reader([header.decode()]))
    for number, values in enumerate(csv.reader(io.StringIO(block.decode(), newline=""))):
        row = dict(zip(names, values, strict=True))
        record = features(canonical(row))
        found.add(number, None, record, blocking_keys(record), (row["system"], row["source_id"]))
    return found.shard()


class Clock:
    """Wall seconds by step."""

    def __init__(self) -> None:
        self.start = self.last = time.perf_counter()
        self.steps: list[str] = []

    def step(self, name: str) -> None:
        now = time.perf_counter()
        self.steps.append(f"{name} {now - self.last:.2f}")
        self.last = now


def load(path: Path, workers: int, clock: Clock) -> tuple[Bulk, Decision]:
    with ProcessPoolExecutor(workers, get_context("fork"), prepare) as pool:
        bulk = Bulk(spread=pool.map)
        start = 0
        for shard in pool.map(read, blocks(path)):
            bulk.take(shard._replace(numbers=shard.numbers + start))
            start += len(shard.numbers)
        clock.step("read")
        decision = bulk.decide()
        clock.step("decide")
    return bulk, decision


def refs_of(path: Path) -> list[Ref]:
    return [(row["system"], row["source_id"]) for row in rows(path)]


def differences(one: dict[Ref, int], other: dict[Ref, str]) -> tuple[int, int]:
    """Pairs of records that are together in one of two clusterings only, and those in either."""
    both = pairs_of(Counter((one[ref], other[ref]) for ref in one).values())
    first, second = pairs_of(Counter(one.values()).values()), pairs_of(Counter(other.values()).values())
    return first + second - 2 * both, first + second - both


def memory_mb() -> str:
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return f"this process {own:.0f} MB, the largest worker {largest:.0f} MB"


def cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def report(path: Path, decision: Decision, clock: Clock) -> dict[Ref, int]:
    clusters = np.unique(decision.clusters)
    sizes = np.bincount(decision.clusters)
    n = len(decision.numbers)
    print(f"records {n}  golden {len(clusters)}  largest {sizes.max()}  asked {len(decision.asks)}")
    print(f"wall s {clock.last - clock.start:.2f} ({', '.join(clock.steps)})  CPU s {cpu_seconds():.2f}  {memory_mb()}")
    return dict(zip(refs_of(path), decision.clusters.tolist(), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("contacts", type=Path)
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    prepare()
    clock = Clock()
    _, decision = load(options.contacts, options.workers, clock)
    found = report(options.contacts, decision, clock)
    if options.truth:
        truth = {(row["system"], row["source_id"]): row["person_id"] for row in rows(options.truth)}
        print("  ".join(f"{name} {value:.4f}" for name, value in score(truth, found).items()))
    if options.compare:
        pages = run(options.contacts, dict.fromkeys(found, ""), 1000, 50, (0, 1))
        different, either = differences(found, pages.golden)
        print(f"page by page: {different} of {either} pairs decided differently ({different / max(either, 1):.3%})")
    if options.out:
        with options.out.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(("system", "source_id", "cluster_id"))
            writer.writerows((*ref, cluster) for ref, cluster in found.items())


if __name__ == "__main__":
    main()
