"""Crosswalk, golden records and interactions as rows of text, for a spreadsheet or another program.

A cell that a spreadsheet would take for a formula (it begins with = + - @, a tab or a line break) gets an
apostrophe in front, which makes it a text; `as_written` takes it away again, and nothing else. Phone
numbers in international form are no formulas and stay as they are: +351912345678.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from hub.model import KIND, UNREAD, element
from hub.store import exports
from hub.store import interactions as db
from hub.store.contacts import GoldenHead
from hub.store.db import Tx
from hub.sync import history

What: TypeAlias = Literal["crosswalk", "contacts", "interactions"]
TOGETHER = 500  # rows of a part of the text

CROSSWALK = ("connection", "external_id", "golden_id")
INTERACTIONS = (
    *("at", "connection", "id", "channel", "kind", "direction", "golden_ids", "contact_points", "record"),
    *("summary", "reference", "outcome"),
)
SINGLES = (
    "given_name",
    "family_name",
    "full_name",
    "additional_names",
    "prefix",
    "suffix",
    "nickname",
    "birth_date",
    "language",
    "timezone",
    "company",
    "department",
    "job_title",
    "tax_id",
    "customer_number",
    "lifecycle_stage",
    "website",
    "note",
)
LISTS = ("emails", "phones", "tags", "social", "memberships")
ADDRESS = {
    "street": "street",
    "city": "locality",
    "region": "region",
    "postcode": "postcode",
    "country": "country",
}
"""Column → part of the first address."""
SEPARATOR = ";"
_FORMULA = re.compile("'*[=+@\\-\t\r\n＝＋－＠]")
_WRITTEN = re.compile("'+[=+@\\-\t\r\n＝＋－＠]")
_PHONES = re.compile(r"\+[0-9]{4,20}(;\+[0-9]{4,20})*")


def neutral(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula."""
    if _FORMULA.match(text) and not _PHONES.fullmatch(text):
        return "'" + text
    return text


def as_written(cell: str) -> str:
    """The text that `neutral` made a cell of."""
    return cell[1:] if _WRITTEN.match(cell) else cell


@dataclass(frozen=True, slots=True)
class Table:
    """A header, its rows, and how many there are."""

    header: Sequence[str]
    rows: Iterable[Sequence[str]]
    total: int


def table(tx: Tx, what: What, *, gone: bool = False) -> Table:
    """Rows are read while they are taken. gone: of the crosswalk, records that are no longer there too"""
    if what == "crosswalk":
        return Table(CROSSWALK, exports.crosswalk(tx, gone=gone), exports.count_records(tx, gone=gone))
    if what == "interactions":
        return Table(INTERACTIONS, _interactions(tx), db.count(tx))
    custom = exports.custom_fields(tx)
    rows = (flat(head, records, custom) for head, records in exports.goldens_with_records(tx))
    return Table(columns(custom), rows, exports.count_goldens(tx))


def csv_parts(table: Table) -> Iterator[bytes]:
    """The table as CSV in UTF-8, some hundred rows at a time."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)  # lines end in CRLF: with LF alone, a CR inside a value would not be quoted
    writer.writerow(table.header)
    for number, row in enumerate(table.rows, 1):
        writer.writerow([neutral(cell) for cell in row])
        if number % TOGETHER == 0:
            yield text.getvalue().encode("utf-8", "backslashreplace")
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode("utf-8", "backslashreplace")


def _interactions(tx: Tx) -> Iterator[list[str]]:
    memo: dict[str, set[str]] = {}
    for rows in db.everything(tx, 2_000):
        homes = history.homes(tx, rows, memo)
        for row in rows:
            yield [
                *(_moment(row.at), row.connection, row.id, row.channel, row.kind, row.direction),
                SEPARATOR.join(homes[row.number]),
                SEPARATOR.join(map(element, row.points)),
                _text(row.record),
                row.summary,
                _text(row.reference),
                _text(row.details.get("outcome")),
            ]


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


# --- rows -------------------------------------------------------------------------------------------


def columns(custom: Sequence[str]) -> tuple[str, ...]:
    return (
        "golden_id",
        "state",
        KIND,
        *SINGLES,
        *LISTS,
        *ADDRESS,
        "address_count",
        "consents",
        *custom,
        "records",
        "created_at",
        "updated_at",
    )


def flat(head: GoldenHead, records: Iterable[tuple[str, str]], custom: Sequence[str]) -> list[str]:
    """One golden record as cells, in the order of `columns`."""
    fields = head.fields
    first: Mapping[str, Any] = next((v for k, v in sorted(fields.items()) if k.startswith("addresses/") and v), {})
    consents = _elements(fields, "consents")
    return [
        head.id,
        head.state,
        _text(fields.get(KIND)),
        *(_text(fields.get(name)) for name in SINGLES),
        *(SEPARATOR.join(name.removeprefix(UNREAD) for name in _elements(fields, base)) for base in LISTS),
        *(_text(first.get(part)) for part in ADDRESS.values()),
        str(len(_elements(fields, "addresses"))),
        SEPARATOR.join(f"{name}={value.get('status')}" for name, value in consents.items() if value),
        *(_text(fields.get(name)) for name in custom),
        SEPARATOR.join(f"{connection}:{external_id}" for connection, external_id in records),
        _moment(head.created_at),
        _moment(head.updated_at),
    ]


def _elements(fields: Mapping[str, Any], base: str) -> dict[str, Any]:
    return {element(key): fields[key] for key in sorted(fields) if key.startswith(base + "/")}


def _text(value: Any) -> str:
    return "" if value is None else str(value)
