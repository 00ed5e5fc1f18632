"""What a run did as a file: CSV for a spreadsheet, or a JSON object a line for a program. Made while it is taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

import orjson

from hub.readable import say_value
from hub.store.outcomes import Outcome
from hub.sync.exporting import TOGETHER, Table, csv_parts

Form: TypeAlias = Literal["csv", "jsonl"]
MEDIA = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
COLUMNS = (
    *("what", "said", "number", "at", "connection", "golden_id", "name", "records"),
    *("changes", "reason", "state"),
)


def parts(form: Form, found: Iterable[Outcome]) -> Iterator[bytes]:
    if form == "csv":
        return csv_parts(Table(COLUMNS, map(cells, found), 0))
    return (b"".join(map(line, some)) for some in _batches(found))


def as_document(outcome: Outcome) -> dict[str, Any]:
    """As the API sends it."""
    return {
        "what": outcome.what,
        "said": outcome.said,
        "number": outcome.number,
        "at": datetime.fromtimestamp(outcome.at, UTC),
        "connection": outcome.connection,
        "golden_id": outcome.golden_id,
        "name": outcome.name,
        "records": list(outcome.records),
        "changes": dict(outcome.changes),
        "reason": outcome.reason,
        "state": outcome.state,
    }


def line(outcome: Outcome) -> bytes:
    return orjson.dumps(as_document(outcome), option=orjson.OPT_APPEND_NEWLINE)


def cells(outcome: Outcome) -> list[str]:
    """In the order of `COLUMNS`."""
    said = [say_value(key, *pair) for key, pair in sorted(outcome.changes.items())]
    return [
        outcome.what,
        outcome.said,
        str(outcome.number),
        datetime.fromtimestamp(outcome.at, UTC).isoformat(timespec="seconds"),
        outcome.connection or "",
        outcome.golden_id or "",
        outcome.name,
        "; ".join(outcome.records),
        "; ".join(f"{key}: {before} → {after}" for key, before, after in said),
        outcome.reason or "",
        outcome.state or "",
    ]


def _batches(found: Iterable[Outcome]) -> Iterator[list[Outcome]]:
    some: list[Outcome] = []
    for each in found:
        some.append(each)
        if len(some) == TOGETHER:
            yield some
            some = []
    if some:
        yield some
