"""python -m tests.simulation --seeds 2000 --first 0: histories, crashes, faults by kind, violations."""

from __future__ import annotations

import argparse
import gc
import sys
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from multiprocessing import Pool

from tests.simulation.history import History
from tests.simulation.shapes import BESIDE, SHAPES, shape_of
from tests.simulation.world import Crash, Violation

PART = 5  # seeds handed to a process at a time


def play(
    seed: int, off: Sequence[str] = (), trace: bool = False, shape: str | None = None
) -> tuple[int, dict[str, int], int, int, str | None]:
    """(seed, what happened, crashes, other faults, violation or None). shape: None is the seed's own."""
    history = History(seed, off=off, trace=trace, shape=(SHAPES | BESIDE)[shape] if shape else shape_of(seed))
    try:
        history.run()
        said = None
    except Violation as err:
        said = str(err)
    except (Exception, Crash):
        said = "bug: " + traceback.format_exc(limit=-4)
    world = history.world
    return seed, dict(world.hits), world.crashes, world.faults, said


def _play(args: tuple[int, tuple[str, ...], str | None]) -> tuple[int, dict[str, int], int, int, str | None]:
    return play(args[0], args[1], shape=args[2])


def _ready() -> None:
    """What is loaded stays: the collector need not look at it again in every history."""
    gc.collect()
    gc.freeze()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, help="one history")
    parser.add_argument("--shape", choices=sorted(SHAPES | BESIDE), help="default: each seed has its own")
    parser.add_argument("--trace", action="store_true", help="say all that happens in it")
    parser.add_argument("--off", action="append", default=[], help="a safety rule to switch off")
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    if args.seed is not None:
        seed, hits, crashes, faults, said = play(args.seed, args.off, args.trace, args.shape)
        print(f"seed {seed}: {crashes} crashes, {faults} other faults, {hits}")
        print(said or "no violation")
        return 1 if said else 0
    return run(range(args.first, args.first + args.seeds), tuple(args.off), args.processes, args.shape)


def run(seeds: range, off: tuple[str, ...], processes: int, shape: str | None = None) -> int:
    hits: Counter[str] = Counter()
    crashes: list[int] = []
    faults: list[int] = []
    bad: list[tuple[int, str]] = []
    started = time.perf_counter()
    with Pool(processes, initializer=_ready) as pool:
        for seed, happened, died, failed, said in pool.imap_unordered(
            _play, ((s, off, shape) for s in seeds), chunksize=PART
        ):
            hits.update(happened)
            crashes.append(died)
            faults.append(failed)
            if said:
                bad.append((seed, said))
                if len(bad) <= 20:
                    print(f"seed {seed}: {said}", flush=True)
    seconds = time.perf_counter() - started
    print(f"{len(seeds)} histories in {seconds:.1f} s, {len(seeds) / seconds:.0f} a second on {processes} processes")
    print(f"crashes: {sum(crashes)}, at least {min(crashes)} a history")
    print(f"other faults: {sum(faults)}, at least {min(faults)} a history")
    for kind, n in sorted(hits.items()):
        print(f"  {kind:14} {n}")
    print(f"{len(bad)} violations")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
