"""One record against a full store: `python -m bench.dedupe.latency CONTACTS [--stored 1000000] [--arrivals 1000]`.

The store holds the first rows of a file of contacts. Each arrival is then one of the rows after them, by the way every
record goes: mapped, looked up, matched, its golden record computed anew, all of it committed with the cursor. Prints
the times of the arrivals as a histogram, on SQLite and with `--postgres` on a PostgreSQL started for it (fsync on).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from os import getloadavg
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.dedupe.fill import SYSTEMS, Rig, at_once, page_by_page, records
from hub.store.db import Store
from hub.store.schema import metadata
from hub.store.upgrade import opened
from hub.sync.intake import save_page
from hub.sync.reading import read_page

AIM = {"median": 5.0, "99th percentile": 25.0}  # ms
EDGES = (0, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 25, 50, 100, float("inf"))  # ms
BAR = 50  # characters of the longest bar
WARMING = 50  # arrivals before the first that counts


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.dedupe.latency", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("contacts", type=Path, help="made by bench.dedupe.people; more rows than are stored")
    parser.add_argument("--stored", type=int, default=1_000_000)
    parser.add_argument("--arrivals", type=int, default=1000)
    parser.add_argument("--postgres", action="store_true", help="PostgreSQL too")
    parser.add_argument("--by-page", action="store_true", help="fill the store page by page, as a sync does")
    parser.add_argument("--store", type=Path, help="file to keep the filled store in, or to take it from")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="latency-") as folder:
        path = options.store or Path(folder) / "hub.db"
        if not path.exists():
            fill(path, options)
        print_times("SQLite", options, copied(path, Path(folder) / "tried.db"))
        if options.postgres:
            with postgres() as url:
                store = opened(url)
                print(f"copied into PostgreSQL in {copy_into(path, store):.0f} s", flush=True)
                print_times("PostgreSQL", options, store)
    return 0


def fill(path: Path, options: argparse.Namespace) -> None:
    start = time.perf_counter()
    store = opened(f"sqlite:///{path}")
    way = page_by_page if options.by_page else at_once
    way(Rig.on(store), options.contacts, options.stored)
    store.close()
    print(f"{options.stored:,} records stored in {time.perf_counter() - start:.0f} s", flush=True)


def copied(path: Path, to: Path) -> Store:
    """A copy to try things on: the filled store stays as it is."""
    store = opened(f"sqlite:///{path}")
    store.copy_to(to)
    store.close()
    return opened(f"sqlite:///{to}")


def print_times(name: str, options: argparse.Namespace, store: Store) -> None:
    try:
        times, cpu = measure(Rig.on(store), options.contacts, options.stored, options.arrivals)
        with store.read() as tx:
            row = tx.one("SELECT (SELECT count(*) FROM record), (SELECT count(*) FROM golden WHERE state = 'live')")
        assert row
        print(f"\n{name}: {options.arrivals:,} arrivals, one at a time; {row[0]:,} records, {row[1]:,} golden after it")
        print("\n".join(histogram(times)))
        print(f"  CPU of this process a record: {cpu:.2f} ms on average; load of the machine {getloadavg()[0]:.1f}")
    finally:
        store.close()


def measure(rig: Rig, contacts: Path, stored: int, arrivals: int) -> tuple[list[float], float]:
    """Milliseconds of each arrival, from the record as the connector reads it to the end of its commit. And CPU."""
    runs = {system: rig.run(system) for system in SYSTEMS}
    times = []
    cpu = 0.0
    for system, record in records(contacts, stored, arrivals + WARMING):
        run = runs[system]
        start, used = time.perf_counter(), time.process_time()
        save_page(rig.hub, run, read_page(rig.hub, run, [record]), [record.version])
        times.append((time.perf_counter() - start) * 1e3)
        cpu += (time.process_time() - used) * 1e3
        if run.counts.pop("creates", 0) != 1:
            raise RuntimeError("the record was no new one: the file has fewer rows than are stored and arrive")
    return times[WARMING:], cpu / len(times)


def histogram(times: Sequence[float]) -> Iterator[str]:
    ordered = sorted(times)

    def share(part: float) -> float:
        return ordered[min(int(part * len(ordered)), len(ordered) - 1)]

    found = {
        "median": share(0.5),
        "90th percentile": share(0.9),
        "99th percentile": share(0.99),
        "longest": ordered[-1],
    }
    for name, value in found.items():
        aim = AIM.get(name)
        judged = "" if aim is None else f"  aim {aim:.0f} ms: {'met' if value <= aim else 'missed'}"
        yield f"  {name:16} {value:8.2f} ms{judged}"
    counts = [sum(low <= t < high for t in ordered) for low, high in pairwise(EDGES)]
    for (low, high), count in zip(pairwise(EDGES), counts, strict=True):
        label = f"{low:g} to {high:g} ms" if high < float("inf") else f"{low:g} ms or more"
        yield f"  {label:>16} {count:6} {'█' * round(BAR * count / max(counts))}"


# --- PostgreSQL -------------------------------------------------------------------------------------


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a server of our own that writes durably, as one in use does."""
    from tests.connectors.servers import PASSWORD, USER, postgres

    with postgres() as server:
        server.stop()
        durable = ["fsync=on" if word == "fsync=off" else word for word in server.command]
        server.command = [*durable, "-c", "shared_buffers=1GB", "-c", "max_wal_size=4GB"]
        server.start()
        yield f"postgresql+psycopg://{USER}:{PASSWORD}@127.0.0.1:{server.port}/postgres"


def copy_into(path: Path, target: Store) -> float:
    """All rows of a SQLite store into an empty PostgreSQL one; seconds."""
    start = time.perf_counter()
    source = opened(f"sqlite:///{path}")
    with source.read() as tx, target.engine.connect() as connection:
        cursor = connection.connection.cursor()
        for table in metadata.sorted_tables:
            names = ", ".join(column.name for column in table.columns)
            with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
                for row in tx.stream(f"SELECT {names} FROM {table.name}"):
                    copy.write_row(row)
        cursor.execute("VACUUM ANALYZE")
        for table in metadata.sorted_tables:
            for column in table.columns:
                if column.autoincrement is True:
                    sequence = f"pg_get_serial_sequence('{table.name}', '{column.name}')"
                    cursor.execute(f"SELECT setval({sequence}, coalesce(max({column.name}), 0) + 1) FROM {table.name}")
    source.close()
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
