"""Full load: N contacts over the paged service into a new store. `python -m bench.load hub|floor|dlt URL`.

Prints one line of JSON. `--profile FILE` writes the profile of the hub's load instead of trusting its time.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import hubs
from bench.dlt_peer import load_with_dlt
from bench.floor import Floor
from bench.measure import peak_mib, spend


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.load")
    parser.add_argument("subject", choices=["hub", "floor", "dlt"])
    parser.add_argument("url")
    parser.add_argument("--profile", type=Path, help="file for pstats")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as name, ExitStack() as stack:
        run, facts = _subject(args.subject, args.url, Path(name), stack)
        result, spent = spend(_profiled(run, args.profile) if args.profile else run)
        print(json.dumps({"cpu": spent.cpu, "wall": spent.wall, "peak": peak_mib(), **facts(result)}))


def _subject(
    name: str, url: str, folder: Path, stack: ExitStack
) -> tuple[Callable[[], Any], Callable[[Any], dict[str, Any]]]:
    """What to do, and what to tell of it afterwards."""
    if name == "floor":
        floor = Floor(url, folder)
        stack.callback(floor.close)
        return floor.cycle, lambda fresh: {"contacts": fresh}
    if name == "dlt":
        return lambda: load_with_dlt(url, folder), lambda rows: {"contacts": rows}
    bench = stack.enter_context(hubs.over_http(url, folder))
    return lambda: bench.cycle(approve=True), lambda result: {
        "contacts": result.counts["pulled"],
        "counts": result.counts,
        "keys": key_statistics(bench),
    }


def key_statistics(bench: hubs.Bench) -> dict[str, float]:
    """How much matching had to do: blocking keys a record, and how many records meet by one."""
    with bench.store.read() as tx:
        records = tx.one("SELECT count(*) FROM record")
        keys = tx.one("SELECT count(*), count(DISTINCT key) FROM match_key")
        hot = tx.one("SELECT count(*) FROM hot_key")
        met = tx.one("SELECT sum(n * (n - 1) / 2), max(n) FROM (SELECT count(*) AS n FROM match_key GROUP BY key)")
        golden = tx.one("SELECT count(*) FROM golden WHERE state = 'live'")
    assert records and keys and hot and met and golden
    return {
        "keys a record": keys[0] / records[0],
        "distinct keys": keys[1],
        "hot keys": hot[0],
        "pairs that share a key, a record": (met[0] or 0) / records[0],
        "most records with one key": met[1] or 0,
        "golden records": golden[0],
    }


def _profiled(run: Callable[[], Any], path: Path) -> Callable[[], Any]:
    def profiled() -> Any:
        profile = cProfile.Profile()
        try:
            return profile.runcall(run)
        finally:
            profile.dump_stats(path)

    return profiled


if __name__ == "__main__":
    main()
