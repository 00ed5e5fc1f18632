"""`hub mail`: does the mail server take mails, and what became of those that were to be sent?"""

from __future__ import annotations

import time
from typing import Annotated
from uuid import uuid4

import typer

from hub.cli import show
from hub.cli.screen import FAILED, Chosen, Json
from hub.cli.show import Limit, cell, when

app = typer.Typer(no_args_is_help=True, help="The mail server, and mails that wait, went out or were given up.")

TEST_SUBJECT = "Contact hub: a test"
TEST_TEXT = "The hub can send mails by this server. Nobody has to do anything.\n"


@app.command("list")
def list_mails(ctx: typer.Context, limit: Limit = 50, as_json: Json = False) -> None:
    """The newest first. Whom a mail is for and what it says is not shown, and forgotten once it was sent."""
    from hub.store.mail_out import listed

    rows = show.look(ctx, lambda tx: listed(tx, limit))
    if as_json:
        shown = ("number", "purpose", "state", "at", "attempts", "error")
        show.put_json({"mails": [{name: getattr(row, name) for name in shown} for row in rows]})
        return
    if not rows:
        show.say(show.out(), "No mail was to be sent.")
        return
    table = show.table("mail", "for", "state", "written", "attempts", "why not", right=("mail", "attempts"))
    for row in rows:
        table.add_row(
            str(row.number), cell(row.purpose), row.state, when(row.at), str(row.attempts), cell(row.error or "")
        )
    show.out().print(table)


@app.command()
def test(
    ctx: typer.Context,
    to: Annotated[str, typer.Argument(metavar="ADDRESS", help="Who gets a short mail, now.")],
) -> None:
    """Send one mail by the configured server at once. Exit: 0 it was taken, 2 it was not."""
    from hub.config.keys import open_if_ready
    from hub.errors import ConfigError
    from hub.mail.opening import mail_server
    from hub.mail.outbox import mailbox
    from hub.store.mail_out import Waiting

    config = ctx.find_object(Chosen).loaded  # type: ignore[union-attr] # set by the command hub
    store = open_if_ready(config)  # a password may be sealed in it
    try:
        server = mail_server(config)
        if server is None:
            raise ConfigError("No mail server is configured, so nothing was sent. Set `mail:` in hub.yaml.")
        now = time.time()
        content = (mailbox(to), TEST_SUBJECT, TEST_TEXT, None)
        with server.opened() as line:
            refusal = line.give_in(Waiting(0, "test", *content, uuid4().hex, now, None, now, 1, "waiting", None))
    finally:
        if store is not None:
            store.close()
    if refusal is not None:
        show.say(show.out(), f"✗ {server.host} did not take it: {refusal.reason}")
        raise typer.Exit(FAILED)
    show.say(show.out(), f"✓ {server.host} has taken it")
