"""`hub runs`: past runs, and one of them in detail."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from hub.cli.screen import Chosen, Json, print_json, screen
from hub.cli.show import cell
from hub.cli.sync import mark
from hub.errors import ConfigError
from hub.readable import say_value
from hub.secrets import redact
from hub.store.outcomes import WHATS, Outcome, Wanted, every

if TYPE_CHECKING:
    from hub.store.db import Store
    from hub.store.runs import PastRun

app = typer.Typer()


@app.command()
def runs(
    ctx: typer.Context,
    run_id: Annotated[str | None, typer.Argument(metavar="ID", help="One run in detail.")] = None,
    connection: Annotated[str | None, typer.Option("--connection", help="Only of this connection.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Most runs, or records, shown.")] = 20,
    records: Annotated[bool, typer.Option("--records", help="Of one run: what it did, record by record.")] = False,
    what: Annotated[
        str | None, typer.Option("--what", help=f"Only these records: {', '.join(WHATS)}.", show_default=False)
    ] = None,
    text: Annotated[str | None, typer.Option("--text", help="Only records with this in them.")] = None,
    stop: Annotated[bool, typer.Option("--stop", help="Ask a run under way to end after its page.")] = False,
    as_json: Json = False,
) -> None:
    """List past runs, the newest first; with an ID, show that run in detail.

    With --records what it did is listed, what wants attention first; --json prints one object a line, all of them.
    """
    from hub.cli.show import person
    from hub.running import open_store
    from hub.store.runs import past_runs, run_detail
    from hub.sync import desk

    config = ctx.find_object(Chosen).loaded  # type: ignore[union-attr] # set by the command hub
    if run_id is None and (records or stop):
        raise ConfigError("Say which run: `hub runs` lists them. Nothing was done.")
    if what is not None and what not in WHATS:
        raise ConfigError(f"--what is one of {', '.join(WHATS)}. Nothing was done.")
    store = open_store(config)
    try:
        if run_id is not None and stop:
            desk.stop_run(store, run_id, person(None), time.time())
            screen().print(f"Run {escape(run_id)} ends after its page. The next one goes on from there.")
            return
        if run_id is not None and records:
            _show_records(store, run_id, Wanted(what, text, limit), as_json=as_json)
            return
        if run_id is None:
            _show_list(past_runs(store, connection, limit), as_json=as_json)
            return
        found = run_detail(store, run_id)
    finally:
        store.close()
    if found is None:
        raise ConfigError(f"There is no run {run_id}, so nothing is shown. `hub runs` lists them.")
    _show_one(*found, as_json=as_json)


def _show_list(found: list[PastRun], *, as_json: bool) -> None:
    if as_json:
        print_json({"runs": [_as_json(r) for r in found]})
        return
    if not found:
        screen().print("There was no run yet. `hub sync` makes one.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("run", "connection", "began", "took", "", "what became of it"):
        table.add_column(column, overflow="fold")
    for r in found:
        counts = ", ".join(f"{n:,} {k}" for k, n in r.counts.items())
        table.add_row(r.id, escape(r.connection), _time(r.started_at), _took(r), mark(r.status), escape(counts))
    screen().print(table)


def _show_records(store: Store, run_id: str, wanted: Wanted, *, as_json: bool) -> None:
    from hub.store.runs import one_run
    from hub.sync.outcome_rows import line

    with store.read() as tx:
        run = one_run(tx, run_id)
        if run is None:
            raise ConfigError(f"There is no run {run_id}, so nothing is shown. `hub runs` lists them.")
        found = every(tx, run, wanted)
        if as_json:
            for each in found:
                sys.stdout.write(line(each).decode())
            return
        rows = list(islice(found, wanted.limit + 1))
    _print_records(rows[: wanted.limit], is_more=len(rows) > wanted.limit)


def _print_records(rows: Sequence[Outcome], *, is_more: bool) -> None:
    if not rows:
        screen().print("Nothing like that came of this run.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("what", "contact", "record", "reason or change"):
        table.add_column(column, overflow="fold")
    for row in rows:
        said = [say_value(key, *pair) for key, pair in sorted(row.changes.items())]
        changes = "; ".join(
            f"{key}: {before} → {after}" if before else f"{key}: {after}" for key, before, after in said
        )
        table.add_row(*map(cell, (row.said, row.name, ", ".join(row.records), row.reason or changes)))
    screen().print(table)
    if is_more:
        screen().print("There are more: --limit shows more of them, --json all.")


def _show_one(run: PastRun, touched: dict[str, dict[str, int]], *, as_json: bool) -> None:
    if as_json:
        print_json(_as_json(run) | {"history": touched})
        return
    out = screen()
    out.print(f"[bold]{run.id}[/] of {escape(run.connection)}: {mark(run.status)}")
    out.print(f"  began {_time(run.started_at)}, took {_took(run) or 'no end known'}")
    if run.progress is not None:
        step = run.progress
        of = f" of {step.total:,}" if step.total else ""
        out.print(f"  {step.phase}: {step.done:,}{of}, {step.rate:,.0f} a second")
    if run.error:
        out.print(f"  {escape(redact(run.error))}")
    for name, n in run.counts.items():
        out.print(f"  {n:>10,} {escape(name)}")
    for title, counts in touched.items():
        for name, n in counts.items():
            out.print(f"  {n:>10,} {escape(title)}: {escape(name)}")


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _took(run: PastRun) -> str:
    return "" if run.ended_at is None else f"{max(0.0, run.ended_at - run.started_at):,.1f} s"


def _as_json(run: PastRun) -> dict[str, Any]:
    return {
        "id": run.id,
        "connection": run.connection,
        "started_at": datetime.fromtimestamp(run.started_at, UTC),
        "ended_at": None if run.ended_at is None else datetime.fromtimestamp(run.ended_at, UTC),
        "status": run.status,
        "counts": run.counts,
        "error": redact(run.error) if run.error else None,
    }
