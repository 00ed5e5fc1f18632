"""A listing that the service makes as a whole, in its own time: started, waited for, and read in parts."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from hub.connectors.rest.answers import unpacked
from hub.connectors.rest.calls import Export, FileForm
from hub.connectors.rest.exchange import Exchange, Said
from hub.connectors.rest.words import Values
from hub.errors import TransientError

MOST = 2000  # records a page
PATIENCE = 30.0  # seconds of waiting before an empty page says that it still goes on


def begin(exchange: Exchange, export: Export, values: Values) -> dict[str, Any]:
    """Starts it: where reading goes on.

    `begun` is when it was asked for: what changes from then on may be missing in it.
    """
    at = exchange.now()
    return {"job": exchange.begin(export.start, values).job, "begun": at.isoformat(), "waits": True}


def wait(exchange: Exchange, export: Export, values: Values, state: dict[str, Any]) -> dict[str, Any]:
    """Where reading goes on after a while: the same place as long as the export is not over."""
    poll = export.start.poll
    assert poll is not None, "checked with the file"
    left = PATIENCE
    try:
        while (answer := exchange.ended(poll, state["job"], values)) is None:
            if (exchange.now() - begun(state)).total_seconds() > poll.at_most:
                raise TransientError(f"An export was not over after {poll.at_most:g} seconds. Nothing was read.")
            if left <= 0:
                return state
            exchange.wait(poll.every)
            left -= poll.every
    except Said as error:
        if error.means == "failed":
            raise TransientError(f"{error.words} Nothing was read.") from error
        raise
    over = {name: each for name, each in state.items() if name != "waits"}
    return over if export.at is None else {**over, "files": _files(export.at.of(answer.body))}


def _files(found: Any) -> list[str]:
    files = [found] if isinstance(found, str) else found
    if not isinstance(files, list) or not all(isinstance(each, str) for each in files):
        raise TransientError("The answer names no files where they belong; nothing was read.")
    return files


def begun(state: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(state["begun"]).astimezone(UTC)


def records(form: FileForm, body: Any) -> list[Any]:
    """The records of a file. TransientError for anything else: who is missing in it means nothing."""
    if body is None:
        return []
    if not isinstance(body, bytes):
        raise TransientError("The answer is no file of the form that belongs there; nothing was read.")
    try:
        text = unpacked(body).decode("utf-8-sig")
        return list(_csv(form, text) if form.kind == "csv" else map(orjson.loads, filter(str.strip, text.splitlines())))
    except (ValueError, csv.Error) as error:
        raise TransientError("A file that was exported cannot be read; nothing is concluded from it.") from error


def _csv(form: FileForm, text: str) -> Iterator[dict[str, Any]]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=form.delimiter, strict=True)
    names = next(rows, [])
    for row in rows:
        if len(row) != len(names):
            raise ValueError("a row has another number of columns than the first")
        yield _nested({name: _value(form, name, value) for name, value in zip(names, row, strict=True)})


def _value(form: FileForm, name: str, value: str) -> Any:
    if value == "":
        return None
    return value.lower() == "true" if name in form.booleans else value


def _nested(row: Mapping[str, Any]) -> dict[str, Any]:
    """`Account.Name` is the name within the account; an object all of whose columns are empty is none."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        head, dot, rest = name.partition(".")
        if dot:
            found.setdefault(head, {})[rest] = value
        else:
            found[head] = value
    return {name: None if _hollow(value) else value for name, value in found.items()}


def _hollow(value: Any) -> bool:
    return isinstance(value, dict) and all(each is None for each in value.values())
