"""`hub parked`: records that could not be taken and writes that did not go out; nothing of them is lost."""

from __future__ import annotations

import time
from typing import Annotated

import orjson
import typer

from hub.cli import parked_lines, show
from hub.cli.parked_chosen import Numbers, Reason, chosen_of, typed
from hub.cli.screen import Json
from hub.cli.show import All, By, ConnectionOption, Limit, Skip, cell, when
from hub.errors import ConfigError
from hub.store import lists
from hub.store.lists import ParkedFilter, Part

app = typer.Typer(
    no_args_is_help=True,
    help="Records that could not be taken, writes that did not go out: correct, retry or drop them.",
)
STAGES = {
    "read": "could not be read",
    "map": "could not be mapped",
    "value": "a value was left out",
    "write": "was not written there",
    "unknown": "unknown whether it was written",
    "spam": "was taken for spam",
}
NEXT = {
    "read": "Put it right in the source, then retry: the source is listed again as a whole.",
    "map": "Put it right in the mapping or in the source, then retry.",
    "value": "Correct it (`hub parked edit`), add it to the mapping, or put it right in the source, then retry.",
    "write": "See the reason; put the value right on the contact (`hub parked edit`), or there what stands in the way.",
    "spam": "Retry it if it is none: it is taken in then. Else let it be: it is forgotten after a while.",
    "unknown": "Look in the system: drop this if the contact is there, retry if it is not.",
}
app.command()(parked_lines.line)
app.command()(parked_lines.lines)
app.command()(parked_lines.domain)
LONGEST = 100_000  # characters of an original that are shown


@app.command("list")
def list_parked(
    ctx: typer.Context,
    connection: ConnectionOption = None,
    reason: Reason = None,
    everything: All = False,
    limit: Limit = 50,
    skip: Skip = 0,
    as_json: Json = False,
) -> None:
    """What is parked, oldest first, with a summary by connection."""
    part = Part(limit, skip)
    chosen = ParkedFilter(connection, reason=reason, states=() if everything else lists.WAITING)
    with show.opened(ctx) as store, store.read() as tx:
        found = lists.parked(tx, chosen, part)
        summary = lists.parked_by_reason(tx, chosen)
    if as_json:
        show.put_list(found)
        return
    out = show.out()
    table = show.table("number", "since", "connection", "record", "what", "reason", "state")
    for row in found.rows:
        table.add_row(
            str(row.number),
            when(row.at),
            cell(row.connection),
            cell(row.external_id),
            cell(STAGES.get(row.stage, row.stage)),
            cell(row.reason),
            cell(row.state),
        )
    for name, stage, count in summary:
        show.say(out, f"{name}: {count:,} {STAGES.get(stage, stage)}")
    show.rows(out, found, part, "Nothing is parked.", table)


@app.command("show")
def show_one(
    ctx: typer.Context, number: Annotated[int, typer.Argument(metavar="NUMBER")], as_json: Json = False
) -> None:
    """One parked record: the reason, the original as it came, and what to do."""
    with show.opened(ctx) as store, store.read() as tx:
        found = lists.parked(tx, ParkedFilter(numbers=(number,), states=()))
    if not found.rows:
        raise ConfigError(f"Nothing is parked as {number}. See `hub parked list`.")
    row = found.rows[0]
    if as_json:
        show.put_json(row)
        return
    from hub.sync.corrections import read_correction

    out = show.out()
    out.print(cell(f"Parked {row.number}: {row.connection}:{row.external_id}", "bold"))
    show.say(out, f"{STAGES.get(row.stage, row.stage)}, {row.state}, since {show.moment(row.at)}")
    show.say(out, f"reason: {row.reason}", "original:")
    show.say(out, *(f"  {line}" for line in _original(row.original)))
    if correction := read_correction(row.edit):
        show.say(out, f"corrected by {correction.person}:")
        show.say(out, *(f"  {key}: {old} → {new}" for key, (old, new) in correction.values.items()))
    if row.raw is not None:
        show.say(out, f"Put its text right: hub parked line {row.number}")
    show.say(out, NEXT.get(row.stage, ""))


def _original(text: str) -> list[str]:
    """JSON indented, anything else as it is."""
    if len(text) > LONGEST:
        return [
            *text[:LONGEST].splitlines(),
            f"… and {len(text) - LONGEST:,} characters more; --json shows all",
        ]
    try:
        return orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2).decode().splitlines()
    except orjson.JSONDecodeError:
        return text.splitlines()


@app.command()
def retry(
    ctx: typer.Context,
    numbers: Numbers = None,
    connection: ConnectionOption = None,
    reason: Reason = None,
    by: By = None,
) -> None:
    """Send parked records back: by number, of a connection, or by reason. The next run takes them again."""
    from hub.sync import desk

    chosen = chosen_of(numbers, connection, reason)
    with show.opened(ctx) as store:
        done = desk.retry(store, chosen, show.person(by))
    show.say(show.out(), f"{show.counted(done, 'record')} sent back: the next run tries again. Now: hub sync")


@app.command()
def drop(
    ctx: typer.Context,
    numbers: Numbers = None,
    connection: ConnectionOption = None,
    reason: Reason = None,
    by: By = None,
) -> None:
    """Let parked records be: they leave the list until their original changes. --all of `list` shows them."""
    from hub.sync import desk

    chosen = chosen_of(numbers, connection, reason)
    with show.opened(ctx) as store:
        done = desk.drop(store, chosen, show.person(by))
    show.say(show.out(), f"{show.counted(done, 'record')} dropped.")


@app.command()
def edit(
    ctx: typer.Context,
    field: Annotated[str, typer.Option("--field", metavar="NAME", help="As `hub parked show` names it.")],
    numbers: Numbers = None,
    connection: ConnectionOption = None,
    reason: Reason = None,
    by: By = None,
) -> None:
    """Correct a field of parked records and send them back. The value that is meant is asked for, or read from a pipe.

    The original stays beside it, and the system keeps what it has; a newer original with another value is taken as it
    comes. An empty value leaves the field out.

    Of a write that a system refused the value is put right on the contact, pinned, and goes to all systems.
    """
    from hub.sync import desk
    from hub.sync.refused_writes import STAGE, correct_contacts

    chosen = chosen_of(numbers, connection, reason)
    value, who = typed(field), show.person(by)
    with show.opened_hub(ctx) as hub:
        with hub.store.read() as tx:
            stages = {row.stage for row in lists.parked(tx, chosen, Part(limit=desk.EVERYTHING)).rows}
        if stages == {STAGE}:
            rows = correct_contacts(hub, chosen, {field: value}, who, show.config_of(ctx).default_region)
        else:
            rows = desk.correct(hub.store, chosen, {field: value}, who, time.time())
    show.say(show.out(), f"{show.counted(len(rows), 'record')} corrected and sent back. Now: hub sync")
