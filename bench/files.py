"""python -m bench.files [--rows 1000000] [FORMAT...]: reading and writing files, rows a second and peak memory.

Each file is written by the hub's own writers (dBase and COBOL records by a program beside it) and read as a snapshot
in a process of its own: twice over, as snapshots are. The aim is memory that does not grow with the file.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.measure import in_process, peak_mib, spend
from hub.connectors.contract import Context
from hub.connectors.files import FileConnector
from hub.connectors.filing.out_settings import OutSettings
from hub.connectors.filing.outbox import Row
from hub.connectors.filing.writers import write_rows

COLUMNS = ["given_name", "family_name", "company", "emails", "phones", "street", "city", "postcode"]
WIDTHS = [20, 24, 24, 40, 20, 30, 20, 8]
COPYBOOK = "01 P.\n 05 ID PIC 9(8).\n" + "".join(
    f" 05 {name.upper().replace('_', '-')} PIC X({width}).\n" for name, width in zip(COLUMNS, WIDTHS, strict=True)
)
READ: dict[str, dict[str, Any]] = {
    "csv": {"path": "p.csv"},
    "jsonl": {"path": "p.jsonl"},
    "fixed": {"path": "p.txt", "format": "fixed"},
    "xlsx": {"path": "p.xlsx"},
    "ldif": {"path": "p.ldif", "key": "id"},
    "dbase": {"path": "p.dbf", "key": "ID"},
    "cobol": {"path": "p.dat", "format": "cobol", "layout": "p.cpy", "encoding": "cp037", "key": "ID"},
}


def layout() -> dict[str, tuple[int, int]]:
    at, columns = 1, {}
    for name, width in zip(["id", *COLUMNS], [8, *WIDTHS], strict=True):
        columns[name] = (at, width)
        at += width
    return columns


def person(n: int) -> dict[str, str]:
    values = (
        f"Given{n % 977}",
        f"Family{n % 9973}",
        f"Company {n % 5003} Ltd",
        f"p{n}@example.org",
        f"+35191{n:07d}",
        f"Rua {n % 701}, {n % 97}",
        f"City {n % 307}",
        f"{n % 9999:04d}",
    )
    return dict(zip(COLUMNS, values, strict=True))


def rows(count: int) -> Iterator[Row]:
    for n in range(count):
        yield Row(f"{n:08d}", person(n), n)


def write(kind: str, count: int, folder: Path) -> None:
    if kind == "dbase":
        write_dbase(count, folder)
        return
    if kind == "cobol":
        (folder / "p.cpy").write_text(COPYBOOK)
        with (folder / "p.dat").open("wb") as file:
            for row in rows(count):
                texts = zip([row.id, *row.fields.values()], [8, *WIDTHS], strict=True)
                file.write("".join(text.ljust(width) for text, width in texts).encode("cp037"))
        return
    told: dict[str, Any] = {"path": READ[kind]["path"], "key": "id"}
    if kind in ("csv", "xlsx"):
        told["columns"] = COLUMNS
    if kind == "fixed":
        told |= {"format": "fixed", "columns": layout()}
    if kind == "ldif":
        told["dn"] = "uid={id},dc=example"
    write_rows(OutSettings.model_validate(told), rows(count), folder / told["path"])


def write_dbase(count: int, folder: Path) -> None:
    """The header by a library, the records, which are fixed, by hand: a million of them."""
    import dbf

    spec = "; ".join(f"{name[:10]} C({width})" for name, width in zip(["id", *COLUMNS], [8, *WIDTHS], strict=True))
    dbf.Table(str(folder / "p.dbf"), spec, codepage="cp1252").open(mode=dbf.READ_WRITE).close()
    with (folder / "p.dbf").open("r+b") as file:
        file.seek(4)
        file.write(count.to_bytes(4, "little"))
        file.seek(8)
        file.seek(int.from_bytes(file.read(2), "little"))
        for row in rows(count):
            texts = zip([row.id, *row.fields.values()], [8, *WIDTHS], strict=True)
            file.write(b" " + "".join(text.ljust(width) for text, width in texts).encode("cp1252"))
        file.write(b"\x1a")


def read(kind: str, folder: Path) -> int:
    told = dict(READ[kind])
    if kind == "fixed":
        told["columns"] = layout()
    connector = FileConnector(FileConnector.Settings.model_validate(told), Context("bench", base=folder))
    return sum(len(page.items) for page in connector.pull(None))


def one(step: str, kind: str, count: int, folder: Path) -> None:
    """In a process of its own."""
    if step == "write":
        _, spent = spend(lambda: write(kind, count, folder))
    else:
        found, spent = spend(lambda: read(kind, folder))
        assert found == count, f"{found} of {count} rows"
    print(json.dumps({"cpu": spent.cpu, "peak": peak_mib()}))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=list(READ))
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--one", nargs=2, metavar=("STEP", "FOLDER"))
    args = parser.parse_args()
    if args.one:
        one(args.one[0], args.kinds[0], args.rows, Path(args.one[1]))
        return 0
    table = Table("format", "rows", "MB", "read, rows/CPU s", "peak MiB", "written, rows/CPU s", "peak MiB")
    for kind in args.kinds:
        with tempfile.TemporaryDirectory(prefix="bench-files-") as folder:
            out = in_process("bench.files", kind, "--rows", str(args.rows), "--one", "write", folder)
            size = sum(path.stat().st_size for path in Path(folder).iterdir()) / 1e6
            back = in_process("bench.files", kind, "--rows", str(args.rows), "--one", "read", folder)
        own = kind not in ("dbase", "cobol")
        print(kind, args.rows, back, out if own else "", file=sys.stderr, flush=True)  # a long run shows where it is
        table.add_row(
            kind,
            f"{args.rows:,}",
            f"{size:.0f}",
            f"{args.rows / back['cpu']:,.0f}",
            f"{back['peak']:.0f}",
            f"{args.rows / out['cpu']:,.0f}" if own else "-",
            f"{out['peak']:.0f}" if own else "-",
        )
    Console(width=120).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
