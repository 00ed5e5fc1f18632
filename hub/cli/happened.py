"""`hub contacts timeline` and `log`: what happened with a contact."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from hub.cli import show
from hub.cli.screen import DONE, SET_ASIDE, Json
from hub.cli.show import By, GoldenId, Limit, Skip, cell, when
from hub.store.lists import Listed, Part

if TYPE_CHECKING:
    from hub.sync.history import Event

MOST_SHOWN = 60  # characters of a summary in a table


def timeline(ctx: typer.Context, golden_id: GoldenId, limit: Limit = 50, skip: Skip = 0, as_json: Json = False) -> None:
    """What happened with a contact: calls, messages, forms, visits, the latest first.

    "shared": somebody else has the same address or number, so it may have been them.
    Exit: 0 there is something, 1 nothing.
    """
    from hub.sync import history

    part = Part(limit, skip)
    with show.opened(ctx) as store, store.read() as tx:
        listed = history.timeline(tx, golden_id, part)
    if listed is None:
        raise show.unknown(golden_id)
    if as_json:
        show.put_list(listed)
    else:
        show.rows(show.out(), listed, part, "Nothing is known to have happened.", events(listed))
    raise typer.Exit(DONE if listed.rows else SET_ASIDE)


def log(
    ctx: typer.Context,
    golden_id: GoldenId,
    kind: Annotated[str, typer.Argument(help="call.answered, note, visit, complaint, task.done …")],
    summary: Annotated[str, typer.Argument(help="What happened, in a few words.")] = "",
    channel: Annotated[str, typer.Option(help="call sms email chat web social visit post other")] = "other",
    direction: Annotated[str, typer.Option(help="in, out, or nothing")] = "",
    by: By = None,
) -> None:
    """Note what happened with a contact: a call, a visit, a complaint."""
    from hub.model import Interaction
    from hub.sync import notes

    who = show.person(by)
    with show.opened_hub(ctx) as hub:
        at = datetime.fromtimestamp(hub.clock(), UTC)
        item = Interaction(hub.new_id("i"), at, channel, kind, direction, summary=summary.strip(), details={"by": who})
        noted = notes.log(hub, golden_id, notes.Note(item), who)
    show.say(show.out(), f"Noted with {noted.contact}.")


def events(listed: Listed[Event]) -> Table:
    table = show.table("at", "what", "", "with", "summary", "from")
    for event in listed.rows:
        table.add_row(
            when(event.at),
            cell(event.kind),
            cell(event.direction),
            cell("; ".join(event.points) + (" (shared)" if event.shared else "")),
            cell(_short(event.summary)),
            cell(f"{event.connection}:{event.id}"),
        )
    return table


def _short(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 1] + "…"
