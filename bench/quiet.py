"""A cycle in which nothing changed, in a process that has been running for a while.

python -m bench.quiet ROWS    without a cursor: every row of a SQLite table is read and compared
"""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
from hashlib import blake2b
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from bench import hubs, serve
from bench.floor import Floor
from bench.measure import peak_mib, spend
from bench.people import PAGE, page

TIMES = 7  # cycles measured; the median counts
BOOKKEEPING = frozenset({"connection_state", "run"})  # the lease, and the run's own line in the log of runs


def of_hub(bench: hubs.Bench, url: str) -> dict[str, Any]:
    """Figures of one quiet cycle over the service, after two to get warm."""
    bench.cycle()
    with bench.rows_by_table() as rows:
        bench.cycle()
    serve.requests(url)
    cpu = median(spend(bench.cycle)[1].cpu for _ in range(TIMES))
    return {
        "cpu": cpu,
        "requests": serve.requests(url) / TIMES,
        "bookkeeping": sum(rows[name] for name in BOOKKEEPING),
        "rows": sum(n for name, n in rows.items() if name not in BOOKKEEPING),
    }


def of_floor(floor: Floor, url: str) -> dict[str, Any]:
    floor.cycle()
    serve.requests(url)
    cpu = median(spend(floor.cycle)[1].cpu for _ in range(TIMES))
    return {"cpu": cpu, "requests": serve.requests(url) / TIMES}


# --- without a cursor -------------------------------------------------------------------------------


def fill(database: Path, rows: int) -> None:
    names = list(page(0)[0])
    connection = sqlite3.connect(database)
    connection.execute(f"CREATE TABLE contacts ({', '.join(names)}, PRIMARY KEY (source_id))")
    for number in range(0, rows, PAGE):
        part = page(number // PAGE)[: rows - number]
        marks = ", ".join("?" * len(names))
        connection.executemany(f"INSERT INTO contacts VALUES ({marks})", [tuple(c.values()) for c in part])
    connection.commit()
    connection.close()


def bare_scan(database: Path, marks: Path) -> int:
    """The least there is to do: read every row, hash it, compare with the hash kept in another file."""
    source, kept = sqlite3.connect(database), sqlite3.connect(marks, isolation_level=None)
    kept.execute("CREATE TABLE IF NOT EXISTS mark (id TEXT PRIMARY KEY, mark BLOB NOT NULL)")
    rows = source.execute("SELECT * FROM contacts ORDER BY source_id")
    names = [column[0] for column in rows.description]
    fresh = 0
    while part := rows.fetchmany(PAGE):
        found = [dict(zip(names, row, strict=True)) for row in part]
        ids = orjson.dumps([c["source_id"] for c in found]).decode()
        known = dict(kept.execute("SELECT id, mark FROM mark WHERE id IN (SELECT value FROM json_each(?))", (ids,)))
        now = {c["source_id"]: blake2b(orjson.dumps(c), digest_size=16).digest() for c in found}
        new = [(i, mark) for i, mark in now.items() if known.get(i) != mark]
        kept.execute("BEGIN")
        kept.executemany("INSERT OR REPLACE INTO mark VALUES (?, ?)", new)
        kept.execute("COMMIT")
        fresh += len(new)
    source.close()
    kept.close()
    return fresh


def main() -> None:
    rows = int(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as name:
        folder = Path(name)
        database = folder / "legacy.db"
        fill(database, rows)
        bare_scan(database, folder / "marks.db")
        changed, bare = spend(lambda: bare_scan(database, folder / "marks.db"))
        assert changed == 0
        with hubs.over_table(database, folder) as bench:
            _, load = spend(lambda: bench.cycle(approve=True))
            result, scan = spend(bench.cycle)
            assert result.counts["unchanged"] == rows, result.counts
            with bench.rows_by_table() as written:
                bench.cycle()
            wrote = sum(n for name, n in written.items() if name not in BOOKKEEPING)
    print(json.dumps({"load": load.cpu, "cpu": scan.cpu, "bare": bare.cpu, "rows": wrote, "peak": peak_mib()}))


if __name__ == "__main__":
    main()
