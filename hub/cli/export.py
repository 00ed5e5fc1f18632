"""`hub export`: crosswalk, golden records or interactions as CSV, streamed, for a spreadsheet or another program.

A cell that a spreadsheet would take for a formula (it begins with = + - @, a tab or a line break) gets an
apostrophe in front, which makes it a text; `as_written` takes it away again, and nothing else. Phone
numbers in international form are no formulas and stay as they are: +351912345678.
"""

from __future__ import annotations

import csv
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hub.cli import show
from hub.cli.screen import Json, screen
from hub.errors import ConfigError
from hub.model import KIND, element

if TYPE_CHECKING:
    from hub.store.contacts import GoldenHead
    from hub.store.db import Tx

app = typer.Typer(no_args_is_help=True, help="The crosswalk, the golden records or the interactions as a CSV file.")

Out = Annotated[Path, typer.Option("--out", metavar="FILE", help="Replaced when complete; only you can read it.")]

CROSSWALK = ("connection", "external_id", "golden_id")
INTERACTIONS = (
    *("at", "connection", "id", "channel", "kind", "direction", "golden_ids", "contact_points", "record"),
    *("summary", "reference"),
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


@app.command()
def crosswalk(
    ctx: typer.Context,
    out: Out,
    gone: Annotated[bool, typer.Option("--gone", help="Records that are no longer there, too.")] = False,
    as_json: Json = False,
) -> None:
    """Which source record is which golden record: connection,external_id,golden_id.

    A cell that a spreadsheet would take for a formula gets an apostrophe in front; take it away to read it back.
    """
    from hub.store import exports

    with show.opened(ctx) as store, store.read() as tx:
        total = exports.count_records(tx, gone=gone)
        written = write_csv(out, CROSSWALK, exports.crosswalk(tx, gone=gone), total, quiet=as_json)
    _say(out, written, "record", as_json)


@app.command()
def contacts(ctx: typer.Context, out: Out, as_json: Json = False) -> None:
    """One row a golden record, in columns named like the canonical fields; several values separated by ; .

    A cell that a spreadsheet would take for a formula gets an apostrophe in front; take it away to read it back.
    Phone numbers such as +351912345678 stay as they are.
    """
    from hub.store import exports

    with show.opened(ctx) as store, store.read() as tx:
        total = exports.count_goldens(tx)
        custom = exports.custom_fields(tx)
        rows = (flat(head, records, custom) for head, records in exports.goldens_with_records(tx))
        written = write_csv(out, columns(custom), rows, total, quiet=as_json)
    _say(out, written, "golden record", as_json)


@app.command()
def interactions(ctx: typer.Context, out: Out, as_json: Json = False) -> None:
    """One row an interaction, with the golden ids it belongs to today, separated by ; and none where nobody holds its
    address or number yet.

    A cell that a spreadsheet would take for a formula gets an apostrophe in front; take it away to read it back.
    """
    from hub.store import interactions as db

    with show.opened(ctx) as store, store.read() as tx:
        written = write_csv(out, INTERACTIONS, _interactions(tx), db.count(tx), quiet=as_json)
    _say(out, written, "interaction", as_json)


def _interactions(tx: Tx) -> Iterator[list[str]]:
    from hub.store import interactions as db
    from hub.sync import history

    memo: dict[str, set[str]] = {}
    for rows in db.everything(tx, 2_000):
        homes = history.homes(tx, rows, memo)
        for row in rows:
            yield [
                *(show.moment(row.at), row.connection, row.id, row.channel, row.kind, row.direction),
                SEPARATOR.join(homes[row.number]),
                SEPARATOR.join(map(element, row.points)),
                _text(row.record),
                row.summary,
                _text(row.reference),
            ]


def _say(out: Path, written: int, what: str, as_json: bool) -> None:
    if as_json:
        show.put_json({"file": str(out), "rows": written})
    else:
        show.say(show.out(), f"{show.counted(written, what)} written to {out}; only you can read it.")


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
        *(SEPARATOR.join(name.removeprefix("raw:") for name in _elements(fields, base)) for base in LISTS),
        *(_text(first.get(part)) for part in ADDRESS.values()),
        str(len(_elements(fields, "addresses"))),
        SEPARATOR.join(f"{name}={value.get('status')}" for name, value in consents.items() if value),
        *(_text(fields.get(name)) for name in custom),
        SEPARATOR.join(f"{connection}:{external_id}" for connection, external_id in records),
        show.moment(head.created_at),
        show.moment(head.updated_at),
    ]


def _elements(fields: Mapping[str, Any], base: str) -> dict[str, Any]:
    return {element(key): fields[key] for key in sorted(fields) if key.startswith(base + "/")}


def _text(value: Any) -> str:
    return "" if value is None else str(value)


# --- the file ---------------------------------------------------------------------------------------


def write_csv(
    path: Path, header: Sequence[str], rows: Iterable[Sequence[str]], total: int, *, quiet: bool = False
) -> int:
    """Rows written. The file is whole or as it was before. ConfigError when it cannot be written."""
    written = 0
    with _replacing(path) as file, _progress(path.name, total, quiet=quiet) as advance:
        writer = csv.writer(file)  # lines end in CRLF: with LF alone, a CR inside a value would not be quoted
        writer.writerow(header)
        for row in rows:
            writer.writerow([neutral(text) for text in row])
            written += 1
            if written % 1000 == 0:
                advance(written)
        advance(written)
    return written


@contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    """A file beside it, that takes its place at the end and that nobody else may read."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # with mode 0600
    except OSError as err:
        raise _cannot(path, err) from err
    beside = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as err:
        raise _cannot(path, err) from err
    finally:
        beside.unlink(missing_ok=True)


def _cannot(path: Path, err: OSError) -> ConfigError:
    return ConfigError(
        f"{path} was not written: {err.strerror or type(err).__name__}. What was there before is unchanged. "
        "Name another file with --out."
    )


@contextmanager
def _progress(name: str, total: int, *, quiet: bool) -> Iterator[Any]:
    """A function that takes the rows written; shows a bar where somebody looks."""
    err = screen(stderr=True)
    if quiet or not err.is_terminal:
        yield lambda _: None
        return
    shown = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*shown, console=err, transient=True) as progress:
        task = progress.add_task(show.clean(name), total=total, rate="")
        began = monotonic()

        def advance(written: int) -> None:
            per_second = written / max(0.001, monotonic() - began)
            progress.update(task, completed=written, rate=f"{per_second:,.0f}/s")

        yield advance
