"""`hub dedupe`: how matching sees two contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli import show
from hub.cli.pair import print_pair
from hub.cli.screen import Json

if TYPE_CHECKING:
    pass

app = typer.Typer(no_args_is_help=True, help="How matching sees two contacts.")
Contact = Annotated[str, typer.Argument(metavar="CONTACT", help="A golden id, or CONNECTION:EXTERNAL_ID.")]


@app.callback()
def dedupe() -> None:
    """How matching sees two contacts."""


@app.command()
def explain(ctx: typer.Context, a: Contact, b: Contact, as_json: Json = False) -> None:
    """Why two contacts are one, are not, or are asked about: keys, levels, weights, prior, decision."""
    from hub.sync.pairs import explain_pair

    with show.opened_hub(ctx) as hub, hub.store.read() as tx:
        story = explain_pair(tx, a, b, hub.model)
    if as_json:
        show.put_json(story)
    else:
        print_pair(show.out(), story)
