"""`hub token`: what programs sign in to the API with."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from hub.access.rights import Right
from hub.cli import show
from hub.cli.screen import Json
from hub.cli.show import By, cell, when
from hub.cli.users import opened_accounts

app = typer.Typer(no_args_is_help=True, help="What programs sign in to the API with.")
GIVABLE = frozenset(Right) - {Right.ACCESS}


@app.command()
def new(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="By which it is listed, revoked and audited.")],
    rights: Annotated[
        list[Right], typer.Option("--right", help="May be given several times; any but access.", show_default=False)
    ],
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How long it works.")] = 90,
    by: By = None,
) -> None:
    """Make a token. It is printed once, alone on a line of stdout, and kept nowhere."""
    from hub.accounts.tokens import Wanted, make

    wanted = Wanted(name, [right.value for right in rights], days)
    with opened_accounts(ctx) as accounts:
        secret = make(accounts, show.person(by), wanted, GIVABLE)
    typer.echo(secret)


@app.command("list")
def list_tokens(ctx: typer.Context, as_json: Json = False) -> None:
    """All tokens, without what they are."""
    from hub.store.access import tokens

    found, now = show.look(ctx, tokens), time.time()
    if as_json:
        show.put_json({"rows": [_shown(token, now) for token in found]})
        return
    if not found:
        show.say(show.out(), "There is no token. Make one: hub token new NAME --right lookup")
        return
    table = show.table("name", "rights", "made by", "last used", "until", "state")
    for token in found:
        row = _shown(token, now)
        table.add_row(
            cell(token.name),
            cell(", ".join(sorted(token.rights))),
            cell(token.made_by),
            when(token.used_at),
            when(token.until),
            cell(row["state"]),
        )
    show.out().print(table)


def _shown(token: object, now: float) -> dict[str, object]:
    from hub.store.access import Token

    assert isinstance(token, Token)
    state = "works" if token.works_at(now) else "expired" if token.revoked_at is None else "revoked"
    return {
        "name": token.name,
        "rights": sorted(token.rights),
        "made_by": token.made_by,
        "made_at": show.moment(token.made_at),
        "used_at": None if token.used_at is None else show.moment(token.used_at),
        "until": show.moment(token.until),
        "state": state,
    }


@app.command()
def revoke(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `hub token list` shows it.")],
    by: By = None,
) -> None:
    """It works no more, from the next request on."""
    from hub.accounts.tokens import revoke as take

    with opened_accounts(ctx) as accounts:
        token = take(accounts, show.person(by), name)
    show.say(show.out(), f"The token {token.name} works no more.")
