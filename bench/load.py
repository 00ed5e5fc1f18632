"""Full load: N contacts over the paged service into a new store. `python -m bench.load hub|floor|dlt URL`.

Prints one line of JSON. `--after` goes on in the same process with quiet cycles and cycles with 100 changes;
`--profile FILE` writes the profile of the load for pstats, and makes its time worthless.
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

from bench import changed, hubs, quiet, serve
from bench.dlt_peer import prepared
from bench.floor import Floor
from bench.measure import Spent, peak_mib, spend

BOTH = "(SELECT key FROM match_key UNION ALL SELECT key FROM recent_key)"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.load")
    parser.add_argument("subject", choices=["hub", "floor", "dlt"])
    parser.add_argument("url")
    parser.add_argument("--after", action="store_true", help="quiet and changed cycles too")
    parser.add_argument("--profile", type=Path, help="file for pstats")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as name, ExitStack() as stack:
        measure = {"hub": _hub, "floor": _floor, "dlt": _dlt}[args.subject]
        print(json.dumps(measure(args, Path(name), stack)))


def _hub(args: argparse.Namespace, folder: Path, stack: ExitStack) -> dict[str, Any]:
    bench = stack.enter_context(hubs.over_http(args.url, folder))

    def load() -> Any:
        return bench.cycle(approve=True)

    idle = peak_mib()
    result, spent = spend(_profiled(load, args.profile) if args.profile else load)
    facts = {**_facts(spent), "idle": idle, "contacts": result.counts["pulled"], "counts": result.counts}
    facts["requests"] = serve.requests(args.url)
    facts["keys"] = key_statistics(bench)
    if args.after:
        facts["quiet"] = quiet.of_hub(bench, args.url)
        facts["changed"] = changed.of_hub(bench, args.url)
    return facts


def _floor(args: argparse.Namespace, folder: Path, stack: ExitStack) -> dict[str, Any]:
    floor = Floor(args.url, folder)
    stack.callback(floor.close)
    contacts, spent = spend(floor.cycle)
    facts = {**_facts(spent), "contacts": contacts}
    if args.after:
        facts["quiet"] = quiet.of_floor(floor, args.url)
        facts["changed"] = changed.of_floor(floor, args.url, contacts)
    return facts


def _dlt(args: argparse.Namespace, folder: Path, _: ExitStack) -> dict[str, Any]:
    contacts, spent = spend(prepared(args.url, folder))
    return {**_facts(spent), "contacts": contacts}


def _facts(spent: Spent) -> dict[str, Any]:
    return {"cpu": spent.cpu, "wall": spent.wall, "peak": peak_mib()}


def key_statistics(bench: hubs.Bench) -> dict[str, float]:
    """How much matching had to do: blocking keys a record, and how many records meet by one."""
    with bench.store.read() as tx:
        records = tx.one("SELECT count(*) FROM record")
        keys = tx.one(f"SELECT count(*), count(DISTINCT key) FROM {BOTH}")
        hot = tx.one("SELECT count(*) FROM hot_key")
        met = tx.one(f"SELECT sum(n * (n - 1) / 2), max(n) FROM (SELECT count(*) AS n FROM {BOTH} GROUP BY key)")
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
