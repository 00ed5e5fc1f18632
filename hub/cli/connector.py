"""`hub connector`: connector types: what they can do, a new one drafted from a description, a connection tried out."""

from __future__ import annotations

import typer

from hub.cli.connector_docs import docs, list_types
from hub.cli.connector_new import new, try_
from hub.cli.connector_sql import sql_log

app = typer.Typer(no_args_is_help=True, help="Connector types: what they can do, a new one, a connection tried out.")
app.command("list")(list_types)
app.command("docs")(docs)
app.command("new")(new)
app.command("try")(try_)
app.command("sql-log")(sql_log)
