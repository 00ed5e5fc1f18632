"""What the mapping page shows of a form: mistakes at their rows, sample records before and after, what nothing maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.mapping.apply import ContactMapping
from hub.mapping.paths import parse_path
from hub.mapping.preview import Between, Judged, Shown, judge_table, paths_of, row_says, source_paths
from hub.model import KIND, MANY, SINGLE, Problem, Record
from hub.sampling import Sample
from hub.store.contacts import fields_of_records
from hub.store.db import Store
from hub.sync.link import differs
from hub.web.console.mapping_form import Form, by_name, table_of

MOST_CELLS = 6  # values of one row for one record


@dataclass(frozen=True, slots=True)
class Cell:
    """What one row makes of the chosen record: what is there, and what it becomes or why it cannot."""

    before: Any
    key: str
    after: Any = None
    problem: str | None = None


@dataclass(slots=True)
class Preview:
    """Personal data. ids: of the records; chosen: which of them is shown; cells: by row

    shown  nothing while the table has mistakes
    """

    ids: Sequence[str] = ()
    shown: Sequence[Shown] = ()
    chosen: int = 0
    cells: Mapping[str, list[Cell]] = field(default_factory=dict)
    aside: Sequence[str] = ()
    error: str | None = None

    @property
    def record(self) -> Shown | None:
        return self.shown[self.chosen] if self.shown else None

    @property
    def otherwise(self) -> int:
        return sum(bool(each.changes) for each in self.shown)


@dataclass(slots=True)
class Looked:
    """A form as it is judged. No personal data, but for the values of `unmapped`.

    unmapped  source fields that no row reads, with a value of the sample
    unfilled  golden fields that no row fills, and whether any other connection does
    paths     what may be typed as a source field
    """

    form: Form
    table: Mapping[str, Any]
    judged: Judged
    wrong: Mapping[str, list[str]]
    unmapped: Sequence[tuple[str, Any]] = ()
    unfilled: Sequence[tuple[str, bool]] = ()
    by_name: Sequence[str] = ()
    paths: Sequence[str] = ()

    @property
    def is_right(self) -> bool:
        return not self.wrong


def judge_form(form: Form, region: str | None) -> Looked:
    table, mistakes = table_of(form)
    judged = judge_table(table, region)
    wrong: dict[str, list[str]] = {}
    for key, said in (*mistakes, *judged.wrong):
        wrong.setdefault(key, []).append(said)
    return Looked(form, table, judged, wrong)


def with_sources(looked: Looked, sample: Sample | None, known: Sequence[str], elsewhere: frozenset[str]) -> Looked:
    """known: paths that the mapping of the connection's type names; elsewhere: fields that other connections fill"""
    seen = source_paths(sample.records) if sample is not None else {}
    named = set(map(_head, paths_of(looked.table)))
    flat = set(by_name()) if looked.table["flat"] else set()
    named |= flat
    looked.unmapped = [(path, value) for path, value in seen.items() if _head(path) not in named]
    looked.paths = list(dict.fromkeys([*seen, *known]))
    filled = {*looked.table["fields"], *flat}
    looked.by_name = [name for name in by_name() if name not in looked.table["fields"]] if flat else []
    fields = [name for name in (*sorted(SINGLE), *sorted(MANY - {"consents"})) if name not in filled]
    looked.unfilled = [(name, name in elsewhere) for name in fields]
    return looked


def _head(path: str) -> str:
    try:
        return parse_path(path).head
    except ValueError:
        return path


def preview(looked: Looked, in_use: ContactMapping, sample: Sample, store: Store, name: str, chosen: int) -> Preview:
    """in_use: the mapping that the connection runs with"""
    records = sample.records
    chosen = min(max(chosen, 0), max(0, len(records) - 1))
    shown: list[Shown] = []
    if looked.judged.mapping is not None:
        with store.read() as tx:
            golden = fields_of_records(tx, name, [record.id for record in records])
        between = Between(in_use, looked.judged.mapping, differs)
        shown = [between.show(record, golden.get(record.id)) for record in records]
    cells = _cells(looked, records[chosen]) if records else {}
    return Preview([record.id for record in records], shown, chosen, cells, sample.aside, sample.error)


def _cells(looked: Looked, record: Record) -> dict[str, list[Cell]]:
    found = {}
    for key, row in looked.judged.rows.items():
        name = KIND if key == KIND else key.removeprefix("fields.").rpartition("[")[0]
        found[key] = [_cell(*said) for said in row_says(row, name, record)[:MOST_CELLS]]
    return found


def _cell(before: Any, key: str, after: Any) -> Cell:
    return Cell(before, key, problem=after.reason) if isinstance(after, Problem) else Cell(before, key, after)
