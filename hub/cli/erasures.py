"""`hub erasures`: the receipt of every erasure, and what a person has to do of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from hub.cli import show
from hub.cli.screen import Json
from hub.cli.show import All, By, Limit, cell, counted, when
from hub.errors import NotThere

if TYPE_CHECKING:
    from hub.store.erasures import Erasure, Step

app = typer.Typer(
    no_args_is_help=True,
    help="Who was erased: the receipt of each, what waits for a person, what is lifted. Erase: hub contacts erase ID",
)
ErasureId: TypeAlias = Annotated[
    str, typer.Argument(metavar="ID", help="Of an erasure, as `hub erasures list` shows it.")
]
Connection: TypeAlias = Annotated[str, typer.Argument(metavar="CONNECTION")]
STATES = {
    "pending": "is told by its next run",
    "sent": "is being told",
    "by hand": "waits for a person",
    "refused": "refused: waits for a person",
    "done": "done",
    "lifted": "lifted before it was told",
}
OUTCOMES = {
    "erased": "erased for good",
    "restorable": "deleted, still in a bin there",
    "somebody else": "somebody else has its key there by now; nothing was deleted",
}
"""Of those whose words do not say it all."""


@app.command("list")
def list_erasures(ctx: typer.Context, everything: All = False, limit: Limit = 50, as_json: Json = False) -> None:
    """Those that are not done everywhere; --all: every one, newest first."""
    from hub.store import erasures as db

    with show.opened(ctx) as store, store.read() as tx:
        found = db.listed(tx, limit, open_only=not everything)
        steps = db.steps(tx, [made.id for made in found])
    if as_json:
        show.put_json([receipt(made, steps.get(made.id, ())) for made in found])
        return
    table = show.table("id", "asked", "by", "reference", "state", "systems")
    for made in found:
        some = steps.get(made.id, [])
        done = sum(step.state == "done" for step in some)
        table.add_row(
            *(cell(made.id), when(made.at), cell(made.person), cell(made.reference or ""), cell(made.state)),
            f"{done} of {len(some)}",
        )
    if found:
        show.out().print(table)
    else:
        show.say(show.out(), "Nobody was erased." if everything else "No erasure is open.")


@app.command("show")
def show_one(ctx: typer.Context, erasure_id: ErasureId, as_json: Json = False) -> None:
    """The receipt: who asked for it, and what became of it in each system."""
    from hub.store import erasures as db

    with show.opened(ctx) as store, store.read() as tx:
        made = db.erasure(tx, erasure_id)
        steps = db.steps(tx, [erasure_id]).get(erasure_id, [])
    if made is None:
        raise NotThere(f"There is no erasure {show.clean(erasure_id)}. See `hub erasures list --all`.")
    put_receipt(made, steps, as_json=as_json)


@app.command()
def confirm(ctx: typer.Context, erasure_id: ErasureId, connection: Connection, by: By = None) -> None:
    """You have seen to it that CONNECTION holds nothing of them any more."""
    from hub.sync import erase

    with show.opened_hub(ctx) as hub:
        n = erase.confirm(hub, erasure_id, connection, show.person(by))
    show.say(show.out(), f"{counted(n, 'record')} in {connection} confirmed.")


@app.command()
def retry(ctx: typer.Context, erasure_id: ErasureId, connection: Connection, by: By = None) -> None:
    """Tell CONNECTION again in its next run, after it refused."""
    from hub.sync import erase

    with show.opened_hub(ctx) as hub:
        n = erase.retry(hub, erasure_id, connection, show.person(by))
    show.say(show.out(), f"{counted(n, 'record')} to be told again. Now: hub sync {connection}")


@app.command()
def lift(
    ctx: typer.Context,
    erasure_id: ErasureId,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; nothing of the person.")],
    by: By = None,
) -> None:
    """Let whoever it was come in again; systems that were not told yet are not told any more. Written in the audit."""
    from hub.config.keys import ledger_of
    from hub.sync import erase

    with show.opened_hub(ctx) as hub:
        erase.lift(hub, ledger_of(show.config_of(ctx), hub.store), erasure_id, show.person(by), reason)
    show.say(show.out(), f"Erasure {erasure_id} is lifted: they may come in again.")


def receipt(made: Erasure, steps: Sequence[Step]) -> dict[str, Any]:
    """For programs. Nothing of the person."""
    return {
        "id": made.id,
        "contact": made.golden_id or None,
        "at": show.moment(made.at),
        "by": made.person,
        "reference": made.reference,
        "state": made.state,
        "emptied_at": None if made.emptied_at is None else show.moment(made.emptied_at),
        "ended_at": None if made.ended_at is None else show.moment(made.ended_at),
        "systems": [
            {
                "connection": step.connection,
                "how": step.how,
                "state": step.state,
                "outcome": step.outcome,
                "at": show.moment(step.at),
                "by": step.person,
            }
            for step in steps
        ],
    }


def put_receipt(made: Erasure, steps: Sequence[Step], *, as_json: bool) -> None:
    if as_json:
        show.put_json(receipt(made, steps))
        return
    out = show.out()
    out.print(cell(f"Erasure {made.id}", "bold"))
    asked = f"asked {show.moment(made.at)} by {made.person}" + (f", {made.reference}" if made.reference else "")
    show.say(out, f"{made.state}; {asked}")
    emptied = "the search and the logs still have to let go" if made.emptied_at is None else "nothing is left"
    show.say(out, f"the hub: {emptied}")
    table = show.table("system", "what", "since")
    for step in steps:
        ended = OUTCOMES.get(step.outcome, step.outcome) if step.outcome else None
        said = f"{STATES[step.state]}: {ended}" if ended else STATES[step.state]
        table.add_row(cell(step.connection), cell(said + (f" ({step.person})" if step.person else "")), when(step.at))
    if steps:
        out.print(table)
    if any(step.state in ("by hand", "refused") for step in steps):
        show.say(out, f"Seen to it there? hub erasures confirm {made.id} CONNECTION")
