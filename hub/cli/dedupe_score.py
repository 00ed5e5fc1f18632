"""What `hub dedupe evaluate` reads and shows."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from hub.cli import show
from hub.cli.show import cell
from hub.dedupe.score import Mistake, Quality
from hub.errors import ConfigError
from hub.sync.scoring import Report, Truth

COLUMNS: Final = (("connection", "system"), ("external_id", "source_id"), ("person_id",))
PARTS = 6  # parts of a mistake that are shown


def read_truth(path: Path) -> Iterator[Truth]:
    """Rows of a CSV file. ConfigError where it cannot be read or lacks a column."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            places = _places(path, next(rows, []))
            for row in rows:
                if row:
                    yield _truth(path, rows.line_num, row, places)
    except (OSError, UnicodeDecodeError, csv.Error) as err:
        reason = getattr(err, "strerror", None) or str(err)
        raise ConfigError(f"{path} cannot be read ({reason}). Nothing was scored. It has to be a CSV file.") from err


def _places(path: Path, header: Sequence[str]) -> list[int]:
    names = [name.strip().lower() for name in header]
    found = [next((names.index(name) for name in either if name in names), None) for either in COLUMNS]
    missing = [" or ".join(either) for either, place in zip(COLUMNS, found, strict=True) if place is None]
    if missing:
        raise ConfigError(f"{path} has no column {', '.join(missing)}. Nothing was scored. The first row names them.")
    return [place for place in found if place is not None]


def _truth(path: Path, line: int, row: Sequence[str], places: Sequence[int]) -> Truth:
    values = [row[place].strip() if place < len(row) else "" for place in places]
    if not all(values):
        raise ConfigError(f"{path}, line {line}: a value is missing. Nothing was scored.")
    return Truth(*values)


def as_json(report: Report) -> dict[str, Any]:
    """Shares are added to what is counted."""
    data: dict[str, Any] = show.as_data(report)
    for name, quality in (("pairs", report.score.pairs), ("bcubed", report.score.bcubed)):
        data["score"][name]["f1"] = quality.f1
    return data


def print_report(out: Console, report: Report) -> None:
    score = report.score
    show.say(
        out,
        f"{show.counted(score.records, 'record')} of {show.counted(score.people, 'person', 'people')} "
        f"in {show.counted(score.clusters, 'golden record')}",
    )
    if report.missing:
        show.say(out, f"{report.missing:,} of them are not in the hub: each counts as a golden record of its own")
    table = show.table("", "precision", "recall", "F1", "", right=["precision", "recall", "F1"])
    _add(table, "pairs", score.pairs, f"{score.true_pairs:,} true, {score.found_pairs:,} found")
    _add(table, "B-cubed", score.bcubed, f"{score.exact:,} of {score.people:,} people are exactly one golden record")
    out.print()
    out.print(table)
    show.say(
        out,
        "",
        f"Golden records that hold several people: {score.wrong_merges:,} "
        f"({score.found_pairs - score.right_pairs:,} wrong pairs)",
        f"People in several golden records: {score.splits:,} ({score.true_pairs - score.right_pairs:,} missing pairs)",
    )
    _print_mistakes(out, "Largest wrong merges", "golden record", "wrong pairs", report.merges, report.members)
    _print_mistakes(out, "Largest splits", "person", "missing pairs", report.splits, report.members)


def _add(table: Any, name: str, quality: Quality, note: str) -> None:
    shares = (f"{share:.4f}" for share in (quality.precision, quality.recall, quality.f1))
    table.add_row(cell(name), *shares, cell(note, "dim"))


def _print_mistakes(
    out: Console,
    title: str,
    what: str,
    wrong: str,
    mistakes: Sequence[Mistake],
    members: Mapping[str, Sequence[tuple[str, str, str]]],
) -> None:
    if not mistakes:
        return
    show.heading(out, title)
    table = show.table(what, wrong, "records of", right=[wrong])
    for mistake in mistakes:
        parts = ", ".join(f"{name} ({n})" for name, n in mistake.parts[:PARTS])
        more = f" and {len(mistake.parts) - PARTS:,} more" if len(mistake.parts) > PARTS else ""
        table.add_row(cell(mistake.name), f"{mistake.pairs:,}", cell(parts + more))
        for ref, person, home in members.get(mistake.name, ()):
            table.add_row("", "", cell(f"{ref}  {person if home == mistake.name else home}", "dim"))
    out.print(table)
