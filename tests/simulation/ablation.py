"""Is every safety rule needed? python -m tests.simulation.ablation --seeds 2000 [--rule echo] [--enough 3].

Each rule is switched off by itself, and histories are played until enough of them end in a violation, or until
the seeds are used up. A rule that nothing catches is said to be so.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import Pool
from multiprocessing.pool import Pool as Processes

from tests.simulation.__main__ import play

RULES = {
    "intent": "a write is on record before it is sent",
    "sent": "only what was sent is taken for agreed; other fields of the answer are news",
    "echo": "a value that an unacknowledged write of ours put there is no edit",
    "requeue": "what moved while it was written is written again",
    "multi": "all unacknowledged payloads are remembered, not only the last",
    "tomb": "a deletion cancels what waits to be written",
    "readfirst": "after an unknown outcome the record is read before anything is written",
    "absence": "who is missing once is in doubt, not gone",
    "limits": "a run that would touch too much is held",
    "edit_beats_delete": "an edit outlives a deletion",
}
PART = 10  # seeds handed to a process at a time


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of switching a rule off. said: of the first history that caught it."""

    rule: str
    played: int
    caught: tuple[int, ...]
    said: str = ""


def ablate(rule: str, seeds: range, enough: int, pool: Processes) -> Finding:
    played, caught, first = 0, [], ""
    for start in range(seeds.start, seeds.stop, 4 * PART):
        part = range(start, min(start + 4 * PART, seeds.stop))
        for seed, said in pool.map(_play, [(s, rule) for s in part], chunksize=PART):
            played += 1
            if said is not None:
                caught.append(seed)
                first = first or said
        if len(caught) >= enough:
            break
    return Finding(rule, played, tuple(caught), first)


def _play(args: tuple[int, str]) -> tuple[int, str | None]:
    seed, rule = args
    return seed, play(seed, (rule,))[-1]


def table(findings: Sequence[Finding]) -> str:
    lines = [f"{'rule':18} {'first seed':>10} {'violations':>10} {'histories':>9}  what it says"]
    for f in findings:
        first = str(f.caught[0]) if f.caught else "-"
        said = f.said.splitlines()[-1] if f.said else f"NOT CAUGHT: {RULES[f.rule]}"
        lines.append(f"{f.rule:18} {first:>10} {len(f.caught):>10} {f.played:>9}  {said:.90}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.ablation")
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--rule", action="append", choices=sorted(RULES), help="default: all")
    parser.add_argument("--enough", type=int, default=3, help="violations after which a rule is done")
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    started = time.perf_counter()
    findings = []
    with Pool(args.processes) as pool:
        for rule in args.rule or RULES:
            findings.append(ablate(rule, range(args.first, args.first + args.seeds), args.enough, pool))
            print(f"{rule}: {len(findings[-1].caught)} of {findings[-1].played}", flush=True)
    print(table(findings))
    missed = [f.rule for f in findings if not f.caught]
    print(f"{time.perf_counter() - started:.0f} s; without any one of {len(findings) - len(missed)} rules it is caught")
    print(f"{len(missed)} rules not caught: {', '.join(missed) or 'none'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
