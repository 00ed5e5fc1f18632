"""`hub notify`: who is told when something needs a person, what they know of, and whether they can be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli import show
from hub.cli.screen import DONE, FAILED, Chosen, Json
from hub.cli.show import cell, when
from hub.errors import NotThere

if TYPE_CHECKING:
    from hub.config import HubConfig
    from hub.notify.opening import Tried

app = typer.Typer()


@app.command()
def notify(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="RECEIVER", help="Default: all of them.")] = None,
    test: Annotated[bool, typer.Option("--test", help="Send each a test message, now.")] = False,
    as_json: Json = False,
) -> None:
    """Who is told when something needs a person, and of what they were told.

    Exit: 0 all well, 2 a test was not taken.
    """
    config: HubConfig = ctx.find_object(Chosen).loaded  # type: ignore[union-attr] # set by the command hub
    if name is not None and name not in config.notifications:
        raise NotThere(f"There is no receiver {name!r} under `notifications` in hub.yaml. Nothing was done.")
    names = [name] if name is not None else list(config.notifications)
    if test:
        raise typer.Exit(_test(config, names, as_json=as_json))
    _list(ctx, names, as_json=as_json)


def _list(ctx: typer.Context, names: list[str], *, as_json: bool) -> None:
    from hub.store import notices as db

    known = show.look(ctx, lambda tx: {name: db.known(tx, name) for name in names})
    rows = [(name, key, *times) for name in names for key, times in sorted(known[name].items())]
    if as_json:
        said = ("receiver", "matter", "since", "told_at", "gone_at")
        show.put_json({"receivers": names, "matters": [dict(zip(said, row, strict=True)) for row in rows]})
        return
    if not names:
        show.say(show.out(), "Nobody is told: name somebody under `notifications` in hub.yaml.")
        return
    if not rows:
        show.say(show.out(), f"Nothing needs a person. Told would be: {', '.join(names)}")
        return
    table = show.table("receiver", "what", "since", "told", "over since")
    for receiver, key, *times in rows:
        table.add_row(cell(receiver), cell(key), *(when(at) if at is not None else "" for at in times))
    show.out().print(table)


def _test(config: HubConfig, names: list[str], *, as_json: bool) -> int:
    from hub.config.keys import open_if_ready
    from hub.events.net import Outside, Poster
    from hub.notify.opening import receivers, send_test

    store = open_if_ready(config)  # a secret may be sealed in it
    poster = Poster(Outside())
    try:
        found = [tried for each in receivers(config) if each.name in names for tried in send_test(config, each, poster)]
    finally:
        poster.close()
        if store is not None:
            store.close()
    if as_json:
        show.put_json({"tests": [{"receiver": t.what, "way": t.way, "error": t.error} for t in found]})
    elif not found:
        show.say(show.out(), "Nobody is told: name somebody under `notifications` in hub.yaml.")
    else:
        say_tried(found, "has taken it")
    return FAILED if any(tried.error for tried in found) else DONE


def say_tried(found: list[Tried], well: str) -> None:
    for tried in found:
        mark = "✗" if tried.error else "✓"
        show.say(show.out(), f"{mark} {tried.what} by {tried.way}: {tried.error or well}")
