"""`hub config`: what the configuration means, and its JSON Schema for editors."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.cli.screen import Chosen, complain, print_json
from hub.config.schema import hub_schema, mapping_schema, service_schema, usable_types

app = typer.Typer(no_args_is_help=True, help="Show the configuration as it is understood, or its JSON Schema.")


@app.command()
def schema(
    mapping: Annotated[bool, typer.Option("--mapping", help="The schema of mapping files instead.")] = False,
    service: Annotated[bool, typer.Option("--service", help="The schema of service files instead.")] = False,
) -> None:
    """Print the JSON Schema of hub.yaml, with the settings of every installed connector type.

    In an editor: `hub config schema > config/hub.schema.json`, and as the first line of hub.yaml
    `# yaml-language-server: $schema=hub.schema.json`.
    """
    if mapping:
        print_json(mapping_schema())
        return
    if service:
        print_json(service_schema())
        return
    types, reasons = usable_types()
    for reason in reasons:
        complain(f"Left out of the schema: {reason}")
    print_json(hub_schema(types))


@app.command()
def show(ctx: typer.Context) -> None:
    """Print the configuration with every default filled in; secrets stay references."""
    chosen: Chosen = ctx.obj
    print_json(chosen.loaded.model_dump(mode="json"))
