"""`hub secrets`: secrets that are typed in, sealed, and never shown."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from hub.cli import show
from hub.cli.screen import Json
from hub.cli.show import By, cell, when
from hub.errors import ConfigError

if TYPE_CHECKING:
    from hub.store.anew import Lost

app = typer.Typer(no_args_is_help=True, help="Secrets that are typed in, sealed in the store, and never shown.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The configuration says sealed:NAME.")]


@app.command("set")
def keep(ctx: typer.Context, name: Name, by: By = None) -> None:
    """Type a secret in, or pipe it in. It replaces one of this name and takes effect at the next run."""
    from hub.store.sealed import keep as seal

    value = _typed()
    with show.opened(ctx) as store, store.write() as tx:
        seal(tx, name, value, show.person(by), time.time())
    show.say(show.out(), f"Sealed. In the configuration: sealed:{name}")


def _typed() -> str:
    """Never an argument: those are for all users of the machine to see."""
    if not sys.stdin.isatty():
        return sys.stdin.read().removesuffix("\n").removesuffix("\r")
    import getpass

    value = getpass.getpass("Secret (it is not shown): ")
    if value != getpass.getpass("Once more: "):
        raise ConfigError("The two differ. Nothing was kept.")
    return value


@app.command("list")
def list_secrets(ctx: typer.Context, as_json: Json = False) -> None:
    """Names of secrets, who typed them in, and when."""
    from hub.store.sealed import secrets

    found = show.look(ctx, secrets)
    if as_json:
        show.put_json({"rows": found})
        return
    if not found:
        show.say(show.out(), "No secret is sealed. Seal one: hub secrets set NAME")
        return
    table = show.table("name", "by", "since")
    for secret in found:
        table.add_row(cell(secret.name), cell(secret.person), when(secret.at))
    show.out().print(table)


@app.command()
def remove(ctx: typer.Context, name: Name, by: By = None) -> None:
    """Forget a secret. Connections that name it cannot be opened any more."""
    from hub.store.sealed import forget

    with show.opened(ctx) as store, store.write() as tx:
        forget(tx, name, show.person(by), time.time())
    show.say(show.out(), f"The secret {name} is forgotten.")


@app.command()
def rotate(ctx: typer.Context, by: By = None) -> None:
    """Seal everything anew, under new keys and the master key of today.

    To change the master key itself: put the new one under `access.master_key` and the old one under
    `access.former_master_key`, restart `hub run`, run this, then take `former_master_key` out.
    """
    from hub.store.sealed import rotate as seal_anew

    with show.opened(ctx) as store, store.write() as tx:
        done = seal_anew(tx, show.person(by), time.time())
    show.say(show.out(), f"{show.counted(done, 'secret')} sealed anew; all keys are under the master key of today.")


@app.command("begin-anew")
def begin_anew(
    ctx: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do it, instead of showing what is lost.")] = False,
    by: By = None,
) -> None:
    """After the master key was lost for good: give up what cannot be opened any more, and nothing else.

    Stop `hub run` before, and start it again after. Should the key turn up, a backup made now can be opened with it.
    """
    from hub.store import anew

    out = show.out()
    with show.opened(ctx) as store:
        if not yes:
            with store.read() as tx:
                found = anew.lost(tx)
            if found is None:
                show.say(out, "Every key of the store can be opened: nothing is lost.")
                return
            _print_lost(out, found)
            show.say(out, "", "Nothing was changed. Make a backup (hub db backup), then: hub secrets begin-anew --yes")
            return
        with store.write() as tx:
            found = anew.begin_anew(tx, show.person(by), time.time())
    _print_lost(out, found)
    show.say(out, "", "Given up. All else is as it was. Keep a copy of the new master key apart from the backups.")


def _print_lost(out: Console, found: Lost) -> None:
    show.say(out, found.reason, "")
    show.say(out, f"{show.counted(len(found.secrets), 'secret')} to be typed in again: {_names(found.secrets)}")
    show.say(
        out,
        f"{show.counted(len(found.accounts), 'account')} without an app for codes until a new one is set up: "
        f"{_names(found.accounts)}",
        f"{show.counted(found.audited, 'row')} of the audit can be read and not be verified any more",
        "links to confirm that were sent and not followed yet, and sign-ins under way, end",
    )


def _names(names: Sequence[str]) -> str:
    return ", ".join(map(show.clean, names)) or "none"
