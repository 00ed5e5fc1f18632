"""`hub status`: how every connection stands, and what to do about it."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape
from rich.table import Table

from hub.cli.screen import DONE, FAILED, SET_ASIDE, Chosen, Json, print_json, screen
from hub.secrets import redact

if TYPE_CHECKING:
    from hub.store.gauges import Standing

app = typer.Typer()

COLOURS = {"healthy": "green", "running": "cyan", "failing": "red", "paused": "red", "off": "dim"}
WAITS = ("first sync", "held")


@app.command()
def status(ctx: typer.Context, as_json: Json = False) -> None:
    """Show the health of every connection: state, last complete run, what waits, and the next step.

    Exit: 0 all healthy, 1 something waits for you, 2 a connection is failing or paused.
    """
    from hub.running import open_store
    from hub.store.gauges import standings

    config = ctx.find_object(Chosen).loaded  # type: ignore[union-attr] # set by the command hub
    store = open_store(config)
    try:
        found = standings(store, config.connections, time.time())
    finally:
        store.close()
    rows = [(s, s.state(config.connections[s.name].enabled)) for s in found]
    if as_json:
        print_json({"connections": [_as_json(s, state) for s, state in rows]})
    else:
        screen().print(_table(rows))
        for standing, state in rows:
            if (step := next_step(standing, state)) is not None:
                screen().print(f"[{COLOURS.get(state, 'yellow')}]{escape(standing.name)}[/]: {escape(step)}")
    raise typer.Exit(_exit_code(rows))


def next_step(standing: Standing, state: str) -> str | None:
    name = standing.name
    if state == "paused":
        return f"{redact(standing.paused or '')} When it is put right: hub sync {name}"
    if state == "failing":
        return f"{redact(standing.last_error or '')} Then: hub sync {name}"
    if state == "first sync":
        return f"look at the plan with `hub plan {name}`, approve it with `hub sync {name} --yes`"
    if state == "held":
        return f"waits for you ({', '.join(standing.gates)}): hub held list"
    if standing.parked and state != "off":
        return f"{standing.parked:,} records are set aside: hub parked list"
    return None


def _exit_code(rows: list[tuple[Standing, str]]) -> int:
    states = {state for _, state in rows}
    if states & {"paused", "failing"}:
        return FAILED
    waits = states & set(WAITS) or any(s.parked for s, state in rows if state != "off")
    return SET_ASIDE if waits else DONE


def _table(rows: list[tuple[Standing, str]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("connection", "state", "last complete"):
        table.add_column(column)
    for column in ("records", "queue", "oldest opt-out", "held", "set aside"):
        table.add_column(column, justify="right")
    for s, state in rows:
        table.add_row(
            escape(s.name),
            f"[{COLOURS.get(state, 'yellow')}]{state}[/]",
            ago(s.last_complete),
            f"{s.records:,}",
            _number(s.queue_depth),
            ago(s.oldest_opt_out) if s.oldest_opt_out else "",
            _number(len(s.gates)),
            _number(s.parked),
        )
    return table


def _number(n: int) -> str:
    return f"{n:,}" if n else ""


def ago(then: datetime | None) -> str:
    """How long ago, to the larger of its units."""
    if then is None:
        return "never"
    seconds = max(0.0, (datetime.now(UTC) - then).total_seconds())
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            n = int(seconds // length)
            return f"{n} {unit}{'s' if n > 1 else ''} ago"
    return f"{int(seconds)} seconds ago"


def _as_json(standing: Standing, state: str) -> dict[str, Any]:
    plain = asdict(standing)
    for key in ("paused", "last_error"):
        plain[key] = redact(plain[key]) if plain[key] else None
    lag = None
    if standing.last_complete is not None:
        lag = round((datetime.now(UTC) - standing.last_complete).total_seconds(), 1)
    return plain | {"state": state, "lag_seconds": lag, "next": next_step(standing, state)}
