"""`hub export`: crosswalk, golden records or interactions as CSV, streamed, for a spreadsheet or another program.

The rows are those of `hub.sync.exporting`; here is the file they go into.
"""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hub.cli import show
from hub.cli.screen import Json, screen
from hub.errors import ConfigError

if TYPE_CHECKING:
    from hub.sync.exporting import What

app = typer.Typer(no_args_is_help=True, help="The crosswalk, the golden records or the interactions as a CSV file.")

Out = Annotated[Path, typer.Option("--out", metavar="FILE", help="Replaced when complete; only you can read it.")]


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
    _say(out, _written(ctx, out, "crosswalk", as_json, gone=gone), "record", as_json)


@app.command()
def contacts(ctx: typer.Context, out: Out, as_json: Json = False) -> None:
    """One row a golden record, in columns named like the canonical fields; several values separated by ; .

    A cell that a spreadsheet would take for a formula gets an apostrophe in front; take it away to read it back.
    Phone numbers such as +351912345678 stay as they are.
    """
    _say(out, _written(ctx, out, "contacts", as_json), "golden record", as_json)


@app.command()
def interactions(ctx: typer.Context, out: Out, as_json: Json = False) -> None:
    """One row an interaction, with the golden ids it belongs to today, separated by ; and none where nobody holds its
    address or number yet.

    A cell that a spreadsheet would take for a formula gets an apostrophe in front; take it away to read it back.
    """
    _say(out, _written(ctx, out, "interactions", as_json), "interaction", as_json)


def _written(ctx: typer.Context, out: Path, what: What, as_json: bool, *, gone: bool = False) -> int:
    from hub.store.audit import note
    from hub.sync.exporting import table

    with show.opened(ctx) as store:
        with store.write() as tx:
            note(tx, show.reader(), "exported", what)
        with store.read() as tx:
            found = table(tx, what, gone=gone)
            return write_csv(out, found.header, found.rows, found.total, quiet=as_json)


def _say(out: Path, written: int, what: str, as_json: bool) -> None:
    if as_json:
        show.put_json({"file": str(out), "rows": written})
    else:
        show.say(show.out(), f"{show.counted(written, what)} written to {out}; only you can read it.")


# --- the file ---------------------------------------------------------------------------------------


def write_csv(
    path: Path, header: Sequence[str], rows: Iterable[Sequence[str]], total: int, *, quiet: bool = False
) -> int:
    """Rows written. The file is whole or as it was before. ConfigError when it cannot be written."""
    from hub.sync.exporting import neutral

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
