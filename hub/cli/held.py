"""`hub held`: runs that would touch too much, or a first sync at its plan: look, then approve or refuse."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from hub.cli import show
from hub.cli.screen import Json
from hub.cli.show import All, By, ConnectionOption, Limit, Skip, cell, counts_text, when
from hub.readable import say_changes
from hub.store import lists
from hub.store.lists import Part, RowFilter

if TYPE_CHECKING:
    from hub.store.lists import HoldRow, PlanRow

app = typer.Typer(
    no_args_is_help=True,
    help="Runs that would touch too much, or a first sync at its plan: approve or refuse.",
)
Number = Annotated[int, typer.Argument(metavar="NUMBER", help="As `hub held list` shows it.")]
NAMED = 20  # rows that have changed since, as they are named
GATES = {
    "first": "the first sync",
    "intake": "what was read",
    "absence": "records missing from the listing",
    "deletes": "deletions",
    "push creates": "new contacts to be written there",
    "push deletes": "deletions to be written there",
}
REFUSED = {
    "first": "Change the mapping, the limits or the filter of the connection, then start it: it plans anew.",
    "intake": "Put right what changed in the system, then start it: it reads on from the last saved page.",
    "absence": "See that the account sees all records again, then start it: the listing is made anew.",
    "deletes": "Restore the records in the system, then start it: what is there again is not deleted.",
    "push creates": "Set `push: updates` for the connection, or narrow its mapping, then start it.",
    "push deletes": "Set `deletes: keep` for the connection the deletions come from, then start it.",
}
"""What to do after a refusal, by what was held."""


@app.command("list")
def list_holds(
    ctx: typer.Context,
    connection: ConnectionOption = None,
    everything: All = False,
    limit: Limit = 50,
    skip: Skip = 0,
    as_json: Json = False,
) -> None:
    """What waits for a person, newest first."""
    part = Part(limit, skip)
    state = show.wanted_state(everything)
    found = show.look(ctx, lambda tx: lists.holds(tx, part, state=state, connection=connection))
    if as_json:
        show.put_list(found)
        return
    table = show.table("number", "since", "connection", "what", "counts", "reason", "state")
    for row in found.rows:
        table.add_row(
            str(row.number),
            when(row.at),
            cell(row.connection),
            cell(GATES.get(row.gate, row.gate)),
            cell(counts_text(row.counts)),
            cell(row.reason),
            cell(_state(row)),
        )
    show.rows(show.out(), found, part, "Nothing is held.", table)


def _state(row: HoldRow) -> str:
    return f"{row.state} by {row.person}" if row.person else row.state


@app.command("show")
def show_one(ctx: typer.Context, number: Number, limit: Limit = 50, skip: Skip = 0, as_json: Json = False) -> None:
    """One hold: counts, reason, and its plan row by row, old → new. --limit and --skip are for the plan."""
    part = Part(limit, skip)
    hold, groups, plan = show.look(
        ctx, lambda tx: (lists.hold(tx, number), lists.plan_groups(tx, number), lists.plan_rows(tx, number, part))
    )
    hold = show.there(hold, "hold", number, "hub held list")
    if as_json:
        show.put_json({"hold": hold, "groups": groups, "plan": plan.rows, "more": plan.more})
        return
    out = show.out()
    _print(out, hold)
    for group in groups:
        fields = ", ".join(f"{field} {n:,}" for field, n in group.fields.items())
        show.say(out, f"{group.connection}: {group.rows:,} {group.op}" + (f" ({fields})" if fields else ""))
    show.rows(out, plan, part, "No rows are kept for this hold: its counts say all there is.", _plan(plan.rows))
    if hold.total and hold.total > sum(group.rows for group in groups):
        show.say(out, f"The plan has {hold.total:,} rows; those that are not kept come up when these are decided.")
    if hold.state == "open":
        show.say(out, f"Go on: hub held approve {number}    Not so: hub held refuse {number}")


def _print(out: Console, hold: HoldRow) -> None:
    out.print(cell(f"Hold {hold.number}: {GATES.get(hold.gate, hold.gate)} of {hold.connection}", "bold"))
    show.say(out, f"{_state(hold)}, run {hold.run_id}, {show.moment(hold.at)}")
    show.say(out, f"would touch: {counts_text(hold.counts)}", f"reason: {hold.reason}")
    out.print()


def _op(row: PlanRow) -> str:
    return f"{row.op} ({row.verdict})" if row.verdict else row.op


def _plan(rows: tuple[PlanRow, ...]) -> Table:
    table = show.table("row", "connection", "what", "record", "name", "field", "now", "then")
    for row in rows:
        name = row.detail.get("name")
        head = (str(row.number), cell(row.connection), cell(_op(row)), cell(row.subject), cell(name))
        for n, line in enumerate(say_changes(row.detail)):
            table.add_row(*(head if n == 0 else ("", "", "", "", "")), *map(cell, line))
    return table


Rows = Annotated[list[int] | None, typer.Option("--row", metavar="ROW", help="Only this row of the plan; repeat it.")]
Op = Annotated[str | None, typer.Option("--op", help="Only rows of this kind, such as create or gone.")]
Changing = Annotated[str | None, typer.Option("--field", help="Only rows that change this field.")]


@app.command()
def approve(
    ctx: typer.Context,
    numbers: Annotated[list[int], typer.Argument(metavar="NUMBER", help="Of holds.")],
    rows: Rows = None,
    op: Op = None,
    field: Changing = None,
    by: By = None,
) -> None:
    """Let the next run of the connection touch as much as the hold counted, and no more; or only some of its rows.

    With --row, --op or --field: those are carried out by the next run, the others wait on. A row that has changed since
    it was shown is not approved, and named.
    """
    from hub.sync import desk

    who = show.person(by)
    if rows or op or field:
        _decide_some(ctx, numbers, RowFilter(tuple(rows) if rows else None, op, field), "approved", who)
        return
    names = []
    with show.opened(ctx) as store:
        for number in dict.fromkeys(numbers):
            hold = desk.approve(store, number, who, time.time())
            names.append(hold.connection)
            show.say(
                show.out(),
                f"Hold {number} approved by {who}: the next run of {hold.connection} may touch "
                f"{counts_text(hold.counts)}.",
            )
    show.say(show.out(), f"Now: hub sync {' '.join(dict.fromkeys(names))}")


def _decide_some(ctx: typer.Context, numbers: list[int], chosen: RowFilter, verdict: str, who: str) -> None:
    from hub.sync.in_part import Said, decide_rows

    with show.opened_hub(ctx) as hub:
        for number in dict.fromkeys(numbers):
            made = decide_rows(hub, number, chosen, Said(verdict, who), time.time())
            left = counts_text(made.hold.counts) if made.hold.state == "open" else "nothing"
            show.say(
                show.out(),
                f"Hold {number}: {show.counted(len(made.rows), 'row')} {verdict} by {who}; {left} left to decide.",
            )
            if made.moved:
                named = ", ".join(map(str, made.moved[:NAMED]))
                show.say(
                    show.out(),
                    f"Changed since it was shown, and not decided: row {named}. Look again: hub held show {number}",
                )
            show.say(show.out(), f"Now: hub sync {made.hold.connection}")


@app.command()
def refuse(
    ctx: typer.Context,
    number: Number,
    rows: Rows = None,
    op: Op = None,
    field: Changing = None,
    by: By = None,
) -> None:
    """Close a hold without doing it, and pause its connection until somebody starts it by hand; or refuse some rows.

    With --row, --op or --field nothing is paused, and the other rows wait on: what was read is kept out until it
    changes there, a missing record counts as there, a contact is not made there until it changes, a deletion is not
    carried on.
    """
    from hub.sync import desk

    who = show.person(by)
    if rows or op or field:
        _decide_some(ctx, [number], RowFilter(tuple(rows) if rows else None, op, field), "refused", who)
        return
    with show.opened(ctx) as store:
        hold = desk.refuse(store, number, who, time.time())
    show.say(
        show.out(),
        f"Hold {number} refused by {who}: nothing more of it is done. {hold.connection} is paused, and its "
        "schedule leaves it alone.",
        REFUSED.get(hold.gate, "Put right what was held, then start it."),
        f"Start: hub sync {hold.connection}",
    )


@app.command()
def again(ctx: typer.Context, number: Number, by: By = None) -> None:
    """Ask again about what was refused of a hold row by row: its connection lists everything at its next run."""
    from hub.sync.in_part import ask_again

    with show.opened(ctx) as store:
        records = ask_again(store, number, show.person(by), time.time())
        with store.read() as tx:
            hold = lists.hold(tx, number)
    name = hold.connection if hold is not None else ""
    show.say(show.out(), f"{show.counted(records, 'record')} of hold {number} are asked again. Now: hub sync {name}")
