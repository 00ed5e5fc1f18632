"""`hub connector`: connector types: a new one drafted from a description, a connection tried out."""

from __future__ import annotations

import typer

from hub.cli.connector_new import new, try_

app = typer.Typer(no_args_is_help=True, help="Connector types: draft a new one, try a connection out.")
app.command("new")(new)
app.command("try")(try_)
