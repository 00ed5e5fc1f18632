"""Every crash there is, one at a time: python -m tests.simulation.exhaustive --histories 3.

A reference history has no faults and no chance in it but its seed: people act, systems are synchronised in turn,
somebody is deleted, something is pinned. It is played with a crash at its first boundary (a commit or a remote
call, before or after), then at its second, and so on until it runs through without reaching the crash. Every one
has to come to rest with everything in place.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from multiprocessing import Pool
from multiprocessing.pool import Pool as Processes

from tests.simulation.history import History
from tests.simulation.world import Crash, Rates, Violation

ROUNDS = 8  # of people acting and every system being synchronised
DELETION, PIN = 5, 3  # the rounds in which they happen
PART = 40  # boundaries tried by a process at a time


class Reference(History):
    """A history that is the same but for its one crash. crash_at: the boundary, counted from 1."""

    def __init__(self, seed: int, crash_at: int, *, trace: bool = False, off: Iterable[str] = ()) -> None:
        super().__init__(seed, trace=trace, off=off)
        self.world.rates = Rates()
        self.world.crash_at = crash_at

    def run(self) -> None:
        for number in range(ROUNDS):
            if number == DELETION:
                self._delete_someone()
            elif number + 1 != DELETION:  # who is deleted has to be known everywhere, as it is
                self.people.act()
                self.people.act()
            if number == PIN:
                self._pin()
            self._operator()
            for name in self.names:
                self._guarded(lambda name=name: self.cycle(name))
                self.checks.safety()
        self.settle()


def play(seed: int, crash_at: int, off: Iterable[str] = ()) -> tuple[bool, str | None]:
    """(whether the crash was reached, violation or None)."""
    history = Reference(seed, crash_at, off=off)
    try:
        history.run()
        said = None
    except Violation as err:
        said = str(err)
    except (Exception, Crash):
        said = "bug: " + traceback.format_exc(limit=-4)
    return history.world.crashes > 0, said


def _part(args: tuple[int, range]) -> list[tuple[int, bool, str | None]]:
    seed, places = args
    return [(at, *play(seed, at)) for at in places]


def all_of(seed: int, pool: Processes) -> Iterator[tuple[int, str | None]]:
    """(boundary, violation) of every crash, until the history runs through."""
    first = 1
    while True:
        parts = [(seed, range(first + PART * n, first + PART * (n + 1))) for n in range(4)]
        for results in pool.map(_part, parts):
            for at, reached, said in results:
                if not reached:
                    return
                yield at, said
        first += 4 * PART


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.exhaustive")
    parser.add_argument("--histories", type=int, default=3)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    started, crashes, bad = time.perf_counter(), 0, 0
    with Pool(args.processes) as pool:
        for seed in range(args.first, args.first + args.histories):
            places = 0
            for at, said in all_of(seed, pool):
                places += 1
                if said:
                    bad += 1
                    print(f"history {seed}, crash at boundary {at}: {said}", flush=True)
            print(f"history {seed}: a crash at each of {places} boundaries", flush=True)
            crashes += places
    print(f"{args.histories} histories, {crashes} crashes in {time.perf_counter() - started:.1f} s")
    print(f"{bad} violations")
    return 1 if bad or not crashes else 0


if __name__ == "__main__":
    sys.exit(main())
