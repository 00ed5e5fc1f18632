"""`hub runs`: past runs, and one of them in detail."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from hub.cli.screen import Chosen, Json, print_json, screen
from hub.cli.sync import mark
from hub.errors import ConfigError
from hub.secrets import redact

if TYPE_CHECKING:
    from hub.store.runs import PastRun

app = typer.Typer()


@app.command()
def runs(
    ctx: typer.Context,
    run_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="One run in detail.")] = None,
    connection: Annotated[str | None, typer.Option("--connection", help="Only of this connection.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Most runs shown.")] = 20,
    as_json: Json = False,
) -> None:
    """List past runs, the newest first; with an ID, show that run in detail."""
    from hub.running import open_store
    from hub.store.runs import past_runs, run_detail

    config = ctx.find_object(Chosen).loaded  # type: ignore[union-attr] # set by the command hub
    store = open_store(config)
    try:
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


def _show_one(run: PastRun, touched: dict[str, dict[str, int]], *, as_json: bool) -> None:
    if as_json:
        print_json(_as_json(run) | {"history": touched})
        return
    out = screen()
    out.print(f"[bold]{run.id}[/] of {escape(run.connection)}: {mark(run.status)}")
    out.print(f"  began {_time(run.started_at)}, took {_took(run) or 'no end known'}")
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
