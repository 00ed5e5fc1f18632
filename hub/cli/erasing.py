"""`hub contacts erase`: somebody asks to be erased. Shown first, done when it is confirmed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli import show
from hub.cli.screen import DONE, SET_ASIDE, Json
from hub.cli.show import By, GoldenId, counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.sync.engine import Hub
    from hub.sync.erase import Held

WAYS = {
    "erase": "is told to erase it for good",
    "delete": "is told to delete it",
    "empty": "cannot delete: its fields are emptied",
    "by hand": "a person has to see to it there",
}


def erase(
    ctx: typer.Context,
    golden_id: GoldenId,
    reference: Annotated[
        str | None,
        typer.Option("--reference", metavar="TEXT", help="What you know the request by; nothing of the person."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and nothing else.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    as_json: Json = False,
    by: By = None,
) -> None:
    """Erase somebody: here at once, in every system that holds them by its next run, with a receipt.

    They are kept out from then on, whatever brings them: by keyed hashes, nothing of them is kept. It cannot be undone.
    Without --yes it shows what would be done and asks for the id. Exit: 0 done here, 1 nothing was done.
    """
    from hub.store.holdings import counts
    from hub.sync.erase import look

    who = show.person(by)
    with show.opened_hub(ctx) as hub:
        with hub.store.read() as tx:
            held = look(hub, tx, golden_id)
            rows = counts(tx, held.who)
        if not yes or dry_run:
            _foresee(held, rows, golden_id, as_json=as_json)
        if dry_run or not (yes or _is_confirmed(held)):
            raise typer.Exit(DONE if dry_run else SET_ASIDE)
        _carry_out(ctx, hub, golden_id, who, reference, as_json=as_json)


def _foresee(held: Held, rows: Mapping[str, int], golden_id: str, *, as_json: bool) -> None:
    told = [{"connection": r.connection, "how": r.how} for r in held.recipients]
    if as_json:
        show.put_json({"changed": False, "contact": held.home, "rows": dict(rows), "systems": told})
        return
    out = show.out()
    show.say(out, f"{golden_id} is {held.home}." if golden_id != held.home else f"Golden record {held.home}:")
    table = show.table("here", "rows", right=["rows"])
    for name, n in rows.items():
        table.add_row(name, f"{n:,}")
    out.print(table)
    systems = show.table("system", "records", "what is done", right=["records"])
    for connection, how in sorted({(r.connection, r.how) for r in held.recipients}):
        n = sum((r.connection, r.how) == (connection, how) for r in held.recipients)
        systems.add_row(connection, str(n), WAYS[how])
    out.print(systems)


def _is_confirmed(held: Held) -> bool:
    """The id is typed in; where nobody can type, nothing is done."""
    out = show.out()
    if not sys.stdin.isatty():
        show.say(out, f"Nothing was done. Do it: hub contacts erase {held.home} --yes")
        return False
    typed = str(typer.prompt("This cannot be undone. Type the id of the golden record", default="", show_default=False))
    if typed.strip() != held.home:
        show.say(out, "That is not its id. Nothing was done.")
        return False
    return True


def _carry_out(ctx: typer.Context, hub: Hub, golden_id: str, who: str, reference: str | None, *, as_json: bool) -> None:
    from hub.cli.erasures import put_receipt
    from hub.config.keys import ledger_of
    from hub.running import open_index
    from hub.store import erasures
    from hub.sync.erase import ask
    from hub.sync.follow import purge

    config = show.config_of(ctx)
    made = ask(hub, ledger_of(config, hub.store), golden_id, who, reference)
    index = open_index(config, hub.store)
    try:
        purge(hub.store, index, hub.clock())
    finally:
        index.close()
    with hub.store.read() as tx:
        now = erasures.erasure(tx, made.id)
        steps = erasures.steps(tx, [made.id]).get(made.id, [])
    assert now is not None
    put_receipt(now, steps, as_json=as_json)
    waiting = sorted({step.connection for step in steps if step.state == "pending"})
    if waiting and not as_json:
        show.say(
            show.out(), f"{counted(len(waiting), 'system')} told by the next run. Now: hub sync {' '.join(waiting)}"
        )
