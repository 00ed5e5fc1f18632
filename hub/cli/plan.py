"""`hub plan`: what a sync would do, row by row. Writes nothing, neither to a system nor to the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hub.cli.screen import DONE, FAILED, SET_ASIDE, Chosen, Json, print_json, screen
from hub.cli.show import cell
from hub.cli.sync import Connections, chosen
from hub.errors import HubError
from hub.readable import say_changes
from hub.secrets import redact

if TYPE_CHECKING:
    from hub.connectors.contract import Connector
    from hub.running import Workshop
    from hub.sync.plan import Plan

app = typer.Typer()

OPS = {
    "create": "a new record there",
    "update": "a change there",
    "archive": "put away there",
    "delete": "deleted there",
    "gone": "deleted in it, proven by two listings",
    "ask": "possible duplicate",
    "created": "a new contact",
    "doubtful": "a new contact that may be a known one: you will be asked",
    "linked": "found to be a known contact",
    "merged": "contacts found to be one",
    "updated": "a contact changed",
}


@app.command()
def plan(
    ctx: typer.Context,
    connections: Connections = None,
    limit: Annotated[int, typer.Option("--limit", min=0, max=10_000, help="Most rows shown of each kind.")] = 20,
    full: Annotated[bool, typer.Option("--full", help="As of a sync that lists every record.")] = False,
    as_json: Json = False,
) -> None:
    """Print what a sync would do, row by row, with old and new values. Writes nothing.

    The connections are read now, one after the other, on a copy of the store that is thrown away. The rows
    hold personal data. A connection that cannot be used is named, and the plan goes on with the others.
    Exit: 0, 1 if something would wait for your approval or a connection is left out, 2 if none can be used.
    """
    from hub.running import open_workshop
    from hub.sync.plan import Plan, make_plan

    config = ctx.find_object(Chosen).loaded  # type: ignore[union-attr] # set by the command hub
    names = chosen(config, connections)
    err = screen(stderr=True)
    with ExitStack() as stack:
        shop = stack.enter_context(open_workshop(config))
        opened, failed = _open(stack, shop, names)
        if err.is_terminal and not as_json:
            stack.enter_context(err.status("reading " + ", ".join(names) + " …"))
        found = make_plan(shop.hub, opened, full=full, go_on=True) if opened else Plan()
    found.failed[:0] = failed
    if as_json:
        print_json(_as_json(found, limit))
    else:
        _print(screen(), found, limit)
    if names and len(found.failed) == len(names):
        raise typer.Exit(FAILED)
    raise typer.Exit(SET_ASIDE if found.holds or found.failed else DONE)


def _open(stack: ExitStack, shop: Workshop, names: Sequence[str]) -> tuple[dict[str, Connector], list[tuple[str, str]]]:
    """Connectors that can be opened, and (connection, reason) of the others."""
    opened: dict[str, Connector] = {}
    failed = []
    for name in names:
        try:
            opened[name] = stack.enter_context(shop.open(name))
        except HubError as err:
            failed.append((name, str(err)))
    return opened, failed


def _as_json(found: Plan, limit: int) -> dict[str, Any]:
    names = ("connection", "op", "subject", "golden_id")
    rows = [
        {name: row[name] for name in names} | {"detail": orjson.loads(row["detail"])}
        for part in _groups(found)
        for row in part[1][:limit]
    ]
    return {
        "counts": found.counts,
        "held": [{"connection": c, "gate": gate, "reason": why} for c, gate, why in found.holds],
        "failed": [{"connection": c, "reason": redact(why)} for c, why in found.failed],
        "rows": rows,
        "total": found.total,
    }


def _groups(found: Plan) -> list[tuple[tuple[str, str], list[dict[str, Any]]]]:
    def key(row: Mapping[str, Any]) -> tuple[str, str]:
        return row["connection"], row["op"]

    return [(place, list(rows)) for place, rows in groupby(sorted(found.rows, key=key), key)]


def _print(out: Console, found: Plan, limit: int) -> None:
    for (connection, op), rows in _groups(found):
        out.print(f"\n[bold]{escape(connection)}[/]: {escape(OPS.get(op, op))} ({len(rows):,})")
        out.print(_rows(rows[:limit]))
        if len(rows) > limit:
            out.print(f"  … and {len(rows) - limit:,} more; --limit shows more of them")
    for connection, reason in found.failed:
        out.print(f"[red]✗ {escape(connection)}[/] is not in this plan: {escape(redact(reason))}")
    if found.failed:
        out.print("What the others would be told because of it is not in this plan either.")
    elif not found.total:
        out.print("Nothing would be done: all agree.")
    if found.total > len(found.rows):
        out.print(f"\n{found.total:,} decisions in all; the first {len(found.rows):,} were kept.")
    for connection, gate, reason in found.holds:
        out.print(f"[yellow]{escape(connection)}[/] would wait for you ({escape(gate)}): {escape(reason)}")


def _rows(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 2))
    for column in ("record", "contact", "field", "now", "then"):
        table.add_column(column, overflow="fold")
    for row in rows:
        detail = orjson.loads(row["detail"])
        first = [cell(row["subject"]), cell(detail.get("name", ""))]
        for field, before, after in say_changes(detail):
            table.add_row(*first, cell(field), cell(before), cell(after))
            first = [cell(""), cell("")]
    return table
