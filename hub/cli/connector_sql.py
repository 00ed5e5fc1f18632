"""`hub connector sql-log`: the SQL of a change log, for the owner of a database to install."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.cli.screen import Chosen, stop
from hub.errors import HubError


def sql_log(
    ctx: typer.Context,
    connection: Annotated[str, typer.Argument(metavar="CONNECTION", help="As it is named in hub.yaml; of type sql.")],
    table: Annotated[str, typer.Option("--table", help="Name of the log table.")] = "hub_log",
) -> None:
    """Print the SQL of a change log for a table and its child tables: log table, index, triggers, rights, removal.

    It reads the columns of the table, and runs nothing. The owner of the database reads it and installs it; then
    `log: {table: NAME}` in the connection makes the hub see every change and deletion.
    """
    from hub.connectors.sql import SqlConnector
    from hub.opening import open_connector

    chosen: Chosen = ctx.find_object(Chosen)  # type: ignore[assignment] # set by the command hub
    try:
        with open_connector(chosen.loaded, connection) as connector:
            if not isinstance(connector, SqlConnector):
                raise stop(f"{connection} is not of type sql: nothing was made.")
            typer.echo(connector.log_sql(table))
    except HubError as error:
        raise stop(str(error)) from error
