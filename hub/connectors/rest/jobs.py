"""Writes as a table that the service works through in its own time: made, filled, closed, waited for, and read."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from hub.connectors.rest.exchange import Exchange, Said
from hub.connectors.rest.export import records
from hub.connectors.rest.write_calls import Job
from hub.errors import AccountError, TransientError


def carry_out(exchange: Exchange, job: Job, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """{"good": what was carried out, "bad": what was not}, as the service tells it.

    Said, AccountError: nothing was carried out. TransientError says whether it may have been: never before the job
    is closed, since a job that is not closed does nothing.
    """
    try:
        name = job.name.of(exchange.ask(job.start, {}, idempotent=True).body)
        if name in (None, ""):
            raise TransientError("The answer to a new job names none.")
        values = {"job": str(name)}
        exchange.ask(job.upload, values, idempotent=True, content=("text/csv", table_of(rows, job.empty)))
    except TransientError as error:
        raise TransientError(str(error), retry_after=error.retry_after) from error
    try:
        exchange.ask(job.close, values)
        good, bad = (exchange.ask(each, values, idempotent=True).body for each in (job.good, job.bad))
        return {"good": records(job.file, good), "bad": records(job.file, bad)}
    except (Said, AccountError, TransientError) as error:
        raise TransientError(f"A job was begun, and its results cannot be read. {error}", maybe_done=True) from error


def table_of(rows: Sequence[Mapping[str, Any]], empty: str) -> bytes:
    """CSV with a column for every name; a cell is left empty where the row does not speak of it.

    empty  the word that takes a value away
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO(newline="")
    table = csv.writer(out, lineterminator="\n")
    table.writerow(names)
    table.writerows([_cell(row[name], empty) if name in row else "" for name in names] for row in rows)
    return out.getvalue().encode("utf-8")


def _cell(value: Any, empty: str) -> str:
    if value is None or value == "":
        return empty
    return str(value).lower() if isinstance(value, bool) else str(value)


def is_flat(row: Mapping[str, Any]) -> bool:
    """A table has no room for lists and objects, nor for half characters."""
    if any(isinstance(value, dict | list) for value in row.values()):
        return False
    try:
        "".join(str(value) for value in row.values()).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
