"""`hub conflicts`: fields that changed in two places at once; what won, what lost, and the way back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from hub.cli import rules, show
from hub.cli.screen import DONE, SET_ASIDE, Json
from hub.cli.show import All, By, ConnectionOption, Limit, Skip, cell, clean, plain_text, when
from hub.errors import ConfigError
from hub.store import lists
from hub.store.lists import Part

if TYPE_CHECKING:
    from hub.store.lists import ConflictRow

app = typer.Typer(
    no_args_is_help=True,
    help="Fields that changed in two places at once: what won, what lost, and the way back.",
)
Number = Annotated[int, typer.Argument(metavar="NUMBER", help="As `hub conflicts list` shows it.")]


@app.command("list")
def list_conflicts(
    ctx: typer.Context,
    connection: ConnectionOption = None,
    field: Annotated[str | None, typer.Option("--field", help="A field, or one key such as emails/ADDRESS.")] = None,
    everything: All = False,
    limit: Limit = 50,
    skip: Skip = 0,
    as_json: Json = False,
) -> None:
    """Open conflicts, newest first. The rule has decided each of them: nothing waits for you."""
    part = Part(limit, skip)
    state = show.wanted_state(everything)
    found = show.look(ctx, lambda tx: lists.conflicts(tx, part, state=state, connection=connection, field=field))
    if as_json:
        show.put_list(found)
        return
    table = show.table("number", "at", "golden id", "field", "changed in", "there", "here", "won", "rule", "state")
    for row in found.rows:
        table.add_row(
            str(row.number),
            when(row.at),
            cell(row.golden_id),
            cell(row.field),
            cell(row.connection),
            cell(_said(row.theirs)),
            cell(_said(row.ours)),
            cell(_said(row.winner), "green"),
            cell(row.rule),
            cell(row.state),
        )
    show.rows(show.out(), found, part, "There is no open conflict.", table)


def _said(value: object) -> str:
    return "nothing" if value is None else plain_text(value) or "yes"


@app.command("show")
def show_one(ctx: typer.Context, number: Number, as_json: Json = False) -> None:
    """One conflict: both values, every claim with its time, the difference, and who is told."""
    found = show.there(show.look(ctx, lambda tx: lists.conflict(tx, number)), "conflict", number, "hub conflicts list")
    if as_json:
        show.put_json(found)
        return
    _print(show.out(), found)


def _print(out: Console, row: ConflictRow) -> None:
    out.print(cell(f"Conflict {row.number}: {row.field} of {row.golden_id}", "bold"))
    show.say(out, f"{row.state}, found {show.moment(row.at)} in run {row.run_id} of {row.connection}")
    table = show.table("", "value")
    table.add_row("last agreed", cell(_said(row.base)))
    table.add_row(cell(f"in {row.connection}"), cell(_said(row.theirs)))
    table.add_row("in the hub", cell(_said(row.ours)))
    table.add_row("won", cell(_said(row.winner), "green"))
    out.print(table)
    show.say(out, f"rule: {row.rule}", "difference, from the hub's to theirs:")
    show.say(out, *(f"  {line}" for line in row.diff.splitlines() or ["(none)"]))
    if row.claims:
        show.heading(out, "Claims")
        claims = show.table("record", "value", "since")
        for claim in row.claims:
            where = f"{claim.get('connection')}:{claim.get('record', '')}"
            claims.add_row(cell(where), cell(_said(claim.get("value"))), when(claim.get("since")))
        out.print(claims)
    show.say(out, f"told: {', '.join(row.told) or 'nobody'}")
    if row.state == "open" and row.field != "(record)":
        show.say(out, f"The other value was right? hub conflicts overturn {row.number}")


@app.command()
def overturn(ctx: typer.Context, number: Number, by: By = None) -> None:
    """The value that lost was right: it is pinned, and every system is told."""
    from hub.sync import people

    who = show.person(by)
    with show.opened_hub(ctx) as hub:
        with hub.store.read() as tx:
            found = lists.conflict(tx, number)
        if found is not None and found.state == "overturned":
            raise ConfigError(
                f"Conflict {number} is overturned already, so nothing was changed. "
                f"To take it back: hub contacts unpin {found.golden_id} {clean(found.field)}"
            )
        home = people.overturn(hub, number, who)
    out = show.out()
    show.say(out, f"The value that lost conflict {number} is pinned in {home} by {who}; the next cycles tell it.")
    if found is not None:
        show.say(out, f"To take it back: hub contacts unpin {home} {found.field}")


@app.command()
def accept(ctx: typer.Context, numbers: Annotated[list[int], typer.Argument(metavar="NUMBER")], by: By = None) -> None:
    """The rule decided well: take these conflicts off the list. Exit: 1 when some were not open."""
    from hub.sync import desk

    who = show.person(by)
    with show.opened(ctx) as store:
        done = desk.accept(store, numbers, who, time.time())
    show.say(show.out(), f"{show.counted(done, 'conflict')} accepted by {who}.")
    if done < len(set(numbers)):
        show.say(show.out(), "The others are not open, or not there. See `hub conflicts list --all`.")
    raise typer.Exit(DONE if done == len(set(numbers)) else SET_ASIDE)


app.command()(rules.fields)
app.command()(rules.propose)
