"""`hub users`: who may sign in to the console, and with which role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from hub.access.rights import RIGHTS, Role
from hub.cli import show
from hub.cli.screen import Json
from hub.cli.show import By, cell, when

if TYPE_CHECKING:
    from hub.accounts.people import Accounts

app = typer.Typer(no_args_is_help=True, help="Who may sign in to the console, and with which role.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="As `hub users list` shows it.")]
NewName = Annotated[
    str, typer.Argument(metavar="NAME", help="To sign in with: 2 to 100 letters a-z, digits and . _ @ + -")
]
RoleOption = Annotated[Role, typer.Option("--role", help="What they may do: `hub users roles`.")]
PAGE = "/sign-in/invited"


@contextmanager
def opened_accounts(ctx: typer.Context) -> Iterator[Accounts]:
    import time

    from hub.accounts.people import Accounts
    from hub.running import Ids

    with show.opened(ctx) as store:
        yield Accounts(store, time.time, Ids())


@app.command("list")
def list_accounts(ctx: typer.Context, as_json: Json = False) -> None:
    """All accounts. Passwords are not kept, so none is shown."""
    from hub.store.access import accounts

    found = show.look(ctx, accounts)
    if as_json:
        show.put_json({"rows": [{**_shown(a)} for a in found]})
        return
    table = show.table("name", "role", "second factor", "last sign-in", "wrong tries", "state")
    for account in found:
        row = _shown(account)
        table.add_row(
            cell(row["name"]),
            cell(row["role"]),
            cell(row["second_factor"]),
            when(account.signed_in_at),
            str(account.failed),
            cell(row["state"]),
        )
    if found:
        show.out().print(table)
    else:
        show.say(show.out(), "There is no account yet. The first one: hub users first")


def _shown(account: object) -> dict[str, object]:
    from hub.store.access import Account

    assert isinstance(account, Account)
    chosen = "no password chosen yet" if account.password is None and account.subject is None else "active"
    return {
        "name": account.name,
        "role": account.role.value,
        "second_factor": "app" if account.totp else "other party" if account.subject else "none",
        "signed_in_at": None if account.signed_in_at is None else show.moment(account.signed_in_at),
        "failed": account.failed,
        "state": "disabled" if account.disabled_at is not None else chosen,
    }


@app.command()
def roles(as_json: Json = False) -> None:
    """What each role may do."""
    if as_json:
        show.put_json({role.value: sorted(right.value for right in RIGHTS[role]) for role in Role})
        return
    table = show.table("role", "may")
    for role in Role:
        table.add_row(role.value, ", ".join(sorted(right.value for right in RIGHTS[role])))
    show.out().print(table)


@app.command()
def first(ctx: typer.Context) -> None:
    """A code with which the first administrator makes their account. It works once, for an hour."""
    from hub.errors import ConfigError

    with opened_accounts(ctx) as accounts:
        code = accounts.first_code(show.person(None))
    if code is None:
        raise ConfigError("There is an account already, so no code was made. Another one: hub users add NAME")
    show.say(show.out(), f"Code: {code}", f"Type it at {PAGE} of the console within an hour. It works once.")


@app.command()
def add(ctx: typer.Context, name: NewName, role: RoleOption = Role.VIEWER, by: By = None) -> None:
    """A new account, and the code with which its person chooses a password."""
    with opened_accounts(ctx) as accounts:
        code = accounts.add(show.person(by), name, role)
    _say_code(code)


@app.command("role")
def change_role(
    ctx: typer.Context, name: Name, role: Annotated[Role, typer.Argument(metavar="ROLE")], by: By = None
) -> None:
    """Give an account another role; it counts from the next request on."""
    with opened_accounts(ctx) as accounts:
        account = accounts.change_role(show.person(by), name, role)
    show.say(show.out(), f"{account.name} was {account.role.value} and is {role.value} now.")


@app.command()
def disable(ctx: typer.Context, name: Name, by: By = None) -> None:
    """Sign an account out everywhere and let it in no more; its tokens work no more either."""
    with opened_accounts(ctx) as accounts:
        account = accounts.disable(show.person(by), name)
    show.say(show.out(), f"{account.name} is disabled. Back: hub users enable {account.name}")


@app.command()
def enable(ctx: typer.Context, name: Name, by: By = None) -> None:
    """Let a disabled account in again."""
    with opened_accounts(ctx) as accounts:
        account = accounts.enable(show.person(by), name)
    show.say(show.out(), f"{account.name} may sign in again.")


@app.command()
def reset(ctx: typer.Context, name: Name, by: By = None) -> None:
    """Forget password, app and recovery codes of an account, sign it out, and make a code for a new password.

    Its tokens work on.
    """
    with opened_accounts(ctx) as accounts:
        code, tokens = accounts.reset(show.person(by), name), accounts.working_tokens(name)
    _say_code(code)
    if tokens:
        show.say(
            show.out(),
            f"Tokens of this account work on: {', '.join(tokens)}.",
            "If somebody else may have them: hub token revoke NAME",
        )


def _say_code(code: str) -> None:
    show.say(
        show.out(),
        f"Code: {code}",
        f"Hand it to the person: it works once, within three days, at {PAGE} of the console.",
    )
