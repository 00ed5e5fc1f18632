"""Made-up contacts of five systems with their truth: `python -m bench.dedupe.people --records N --seed S --out DIR`.

Writes contacts.csv (one row a record as one system holds it) and truth.csv (who it is, with whom it shares a
trap, what was distorted), in the same order. The same arguments make the same files. Nobody in them exists.

Memory stays flat but for the addresses of e-mail given out: rows go to files of chance first, which are then
shuffled one by one.
"""

from __future__ import annotations

import argparse
import csv
import io
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from random import Random

from bench.dedupe.systems import FIELDS, OF_COMPANIES, SYSTEMS, System, Written, write_company, write_person
from bench.dedupe.world import Company, Person, World

CONTACTS = ("system", "source_id", *FIELDS, "updated_at")
TRUTH = ("system", "source_id", "person_id", "trap_group", "tags")
RECORDS = tuple(accumulate((43, 24, 13, 7.7, 5, 2.8, 1.9, 1.1, 0.7, 0.5, 0.2, 0.1)))  # people with 1, 2, 3 … records
PART = 20_000  # rows shuffled at a time, about
EPOCH = datetime(2014, 1, 1, tzinfo=UTC)
SECONDS = 12 * 365 * 86_400


def rows(draw: Random) -> Iterator[tuple[list[str], list[str]]]:
    """(contact, truth), one person after the other, without an end."""
    number = 0
    of_people = tuple(accumulate(system.share for system in SYSTEMS))
    of_companies = tuple(accumulate(OF_COMPANIES))
    for neighbourhood in World(draw).neighbourhoods():
        for somebody in neighbourhood:
            count = draw.choices(range(1, len(RECORDS) + 1), cum_weights=RECORDS)[0]
            weights = of_companies if isinstance(somebody, Company) else of_people
            for system in draw.choices(SYSTEMS, cum_weights=weights, k=count):
                number += 1
                # no number comes twice, and their order says nothing
                source_id = f"{system.letter}{number * 2_654_435_761 % 2**40:010x}"
                record = _written(somebody, system, draw)
                at = EPOCH + timedelta(seconds=int(draw.random() * SECONDS))
                yield (
                    [system.name, source_id, *record.values.values(), f"{at:%Y-%m-%dT%H:%M:%SZ}"],
                    [system.name, source_id, somebody.id, "|".join(somebody.groups), "|".join(sorted(record.tags))],
                )


def _written(somebody: Person | Company, system: System, draw: Random) -> Written:
    if isinstance(somebody, Company):
        return write_company(somebody, system, draw)
    return write_person(somebody, system, draw)


def write(count: int, seed: int, folder: Path) -> None:
    """contacts.csv and truth.csv of so many records in a folder, which is made."""
    draw = Random(f"{seed}:{count}")  # made-up people, no secrets
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="people-", dir=folder) as name, ExitStack() as stack:
        parts = [Path(name) / str(number) for number in range(count // PART + 1)]
        files = [stack.enter_context(part.open("w", encoding="utf-8")) for part in parts]
        for number, (contact, truth) in enumerate(rows(draw)):
            if number == count:
                break
            file = files[int(draw.random() * len(files))]
            file.write(line(contact))
            file.write(line(truth))
        for file in files:
            file.close()
        _shuffled(parts, folder, draw)


def _shuffled(parts: list[Path], folder: Path, draw: Random) -> None:
    with (
        (folder / "contacts.csv").open("w", encoding="utf-8") as contacts,
        (folder / "truth.csv").open("w", encoding="utf-8") as truth,
    ):
        contacts.write(line(list(CONTACTS)))
        truth.write(line(list(TRUTH)))
        for part in parts:
            lines = part.read_text(encoding="utf-8").splitlines(keepends=True)
            pairs = list(zip(lines[::2], lines[1::2], strict=True))
            draw.shuffle(pairs)
            contacts.writelines(contact for contact, _ in pairs)
            truth.writelines(known for _, known in pairs)
            part.unlink()


def line(values: list[str]) -> str:
    """A line of a CSV file. No value made here has a line break or a quote; some have a comma."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(values)
    return out.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.dedupe.people", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--records", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="folder for contacts.csv and truth.csv")
    options = parser.parse_args()
    start = time.perf_counter()
    write(options.records, options.seed, options.out)
    print(f"{options.records:,} records in {options.out}, {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
