"""The same histories on SQLite and on PostgreSQL: python -m tests.simulation.differential --seeds 20.

Both stores have to end with the same rows in every table, and the systems with the same contacts. Numbers that a
database hands out by itself are left out of the comparison; what refers to them is compared by what it refers to.
"""

from __future__ import annotations

import argparse
import sys
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hub.store.db import Store
from hub.store.schema import metadata
from tests.connectors.servers import PASSWORD, USER, ServerMissing, postgres
from tests.simulation.history import History
from tests.simulation.shapes import shape_of
from tests.simulation.world import Crash, Violation

KEYED = {  # made with the key of each store
    "audit": ("code", "detail"),
    "erasure_step": ("mark",),
    "suppression": ("mark",),
}
NUMBERED = ("ask", "change", "conflict", "erasure_step", "hold", "inbox", "intent", "parked")
"""Tables whose id is handed out by the database."""
Rows = Counter[str]


def dump(store: Store) -> dict[str, Rows]:
    """Table → its rows as text, without the numbers a database hands out."""
    found: dict[str, Rows] = {}
    with store.read() as tx:
        meant = _Meant(
            {r[0]: (r[1], r[2], r[3]) for r in tx.all("SELECT id, connection, gate, run_id FROM hold")},
            [r[0] for r in tx.all("SELECT id FROM change ORDER BY id")],
        )
        for name, table in metadata.tables.items():
            if name == "data_key":
                continue  # by chance
            own = (*KEYED.get(name, ()), *(("id",) if name in NUMBERED else ()))
            columns = [c.name for c in table.columns if c.name not in own]
            rows = tx.all(f"SELECT {', '.join(columns)} FROM {name}")
            found[name] = Counter(_canonical(dict(zip(columns, row, strict=True)), meant) for row in rows)
    return found


@dataclass(frozen=True)
class _Meant:
    """What numbers that a database hands out stand for. changes: their numbers in order, with gaps"""

    holds: dict[int, Any]
    changes: list[int]


def _canonical(row: dict[str, Any], meant: _Meant) -> str:
    if "hold_id" in row:
        row["hold_id"] = meant.holds.get(row["hold_id"])
    if str(row.get("subject")).startswith("hold "):  # of the audit
        row["subject"] = meant.holds.get(int(row["subject"].split()[1]))
    for name in ("first_change", "last_change"):  # of a run: so many changes were there by then
        if row.get(name) is not None:
            row[name] = bisect_right(meant.changes, row[name])
    return repr({k: bytes(v) if isinstance(v, bytes | memoryview) else v for k, v in row.items()})


def outcome(seed: int, store: Store | None = None) -> tuple[str | None, dict[str, Rows], dict[str, Any]]:
    """(violation, rows of the store, what stands in the systems) at the end of a history."""
    history = History(seed, store=store, shape=shape_of(seed))
    try:
        history.run()
        said = None
    except (Violation, Crash) as err:
        said = str(err)
    history.store._boundary = None
    rows = dump(history.store)
    systems = {n: {i: (r.fields, r.key, r.revision) for i, r in s.rows.items()} for n, s in history.systems.items()}
    return said, rows, systems


def differences(seed: int, url: str) -> tuple[int, list[str]]:
    """How many rows were compared, and what differs between the two databases at the end of one history."""
    with emptied(url) as store:
        there = outcome(seed, store)
    here = outcome(seed)
    found = [f"{n}: only SQLite: {row}" for n in here[1] for row in (here[1][n] - there[1][n])]
    found += [f"{n}: only PostgreSQL: {row}" for n in here[1] for row in (there[1][n] - here[1][n])]
    if here[0] != there[0]:
        found.append(f"violations: {here[0]} and {there[0]}")
    found += [f"system {n}: {rows} and {there[2][n]}" for n, rows in here[2].items() if rows != there[2][n]]
    return sum(rows.total() for rows in here[1].values()), found


@contextmanager
def emptied(url: str) -> Iterator[Store]:
    """A store on this PostgreSQL with all tables and no rows."""
    store = Store(url)
    try:
        store.create()
        with store.engine.connect() as connection:
            connection.exec_driver_sql(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY")
        yield store
    finally:
        store.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.differential")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    args = parser.parse_args()
    try:
        with postgres() as server:
            url = f"postgresql+psycopg://{USER}:{PASSWORD}@127.0.0.1:{server.port}/postgres"
            return run(range(args.first, args.first + args.seeds), url)
    except ServerMissing as err:
        print(f"nothing was compared: {err}")
        return 2


def run(seeds: range, url: str) -> int:
    started = time.perf_counter()
    differing = compared = 0
    for seed in seeds:
        rows, found = differences(seed, url)
        compared += rows
        differing += bool(found)
        for line in found[:10]:
            print(f"seed {seed}: {line[:600]}", flush=True)
    seconds = time.perf_counter() - started
    print(f"{len(seeds)} histories on SQLite and PostgreSQL in {seconds:.1f} s, {compared} rows compared")
    print(f"{differing} differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
