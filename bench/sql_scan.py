"""CPU seconds and memory of one full listing of a legacy table in SQLite.

python bench/sql_scan.py [ROWS]
"""

from __future__ import annotations

import resource
import sqlite3
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from hub.connectors.contract import Context
from hub.connectors.sql import SqlConnector

COLUMNS = "nombre, apellidos, empresa, nif, email, telefono, direccion, cp, poblacion, baja, fmod"


def fill(path: Path, rows: int) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"CREATE TABLE clientes (id INTEGER PRIMARY KEY, {COLUMNS.replace(',', ' TEXT,')} TEXT)")
    connection.executemany(
        f"INSERT INTO clientes VALUES ({', '.join('?' * 12)})", ((n, *person(n)) for n in range(1, rows + 1))
    )
    connection.commit()
    connection.close()


def person(n: int) -> tuple[str, ...]:
    return (
        *("José", f"Núñez {n}", "ACME", f"B{n:08d}".ljust(20), f"p{n}@example.org", f"91{1000000 + n}"),
        *(f"Calle {n}", "28001", "Madrid", "N", "2026-01-01 10:00:00"),
    )


def bare(path: Path) -> float:
    """CPU seconds of the driver alone, reading every row."""
    connection = sqlite3.connect(path)
    began = time.process_time()
    for _ in connection.execute("SELECT * FROM clientes ORDER BY id"):
        pass
    spent = time.process_time() - began
    connection.close()
    return spent


def scan(path: Path) -> tuple[int, float]:
    settings = SqlConnector.Settings.model_validate({"url": f"sqlite:///{path}", "table": "clientes", "key": "id"})
    with ExitStack() as closing:
        connector = SqlConnector(settings, Context("bench", closing=closing))
        connector.check()
        began = time.process_time()
        count = sum(len(page.items) for page in connector.pull(None))
        return count, time.process_time() - began


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "legacy.db"
        fill(path, rows)
        driver = bare(path)
        count, spent = scan(path)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"sql scan: {count} rows, {spent:.2f} CPU s, {count / spent:,.0f} rows a CPU s, "
        f"{spent / driver:.1f} times the bare driver, peak {peak:.0f} MiB"
    )


if __name__ == "__main__":
    main()
