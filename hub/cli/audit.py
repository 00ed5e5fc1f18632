"""`hub audit`: who changed what; and whether anybody has tampered with that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli import show
from hub.cli.screen import FAILED, Chosen, Json
from hub.cli.show import Limit, cell, when

if TYPE_CHECKING:
    from hub.store.audit import Head

app = typer.Typer(no_args_is_help=True, help="Who changed what; and whether anybody has tampered with that.")


@app.command("list")
def list_rows(
    ctx: typer.Context,
    who: Annotated[
        str | None, typer.Option("--who", metavar="NAME", help="Only what they did; a token: token:NAME.")
    ] = None,
    action: Annotated[str | None, typer.Option("--action", metavar="TEXT", help='Such as "hold approved".')] = None,
    subject: Annotated[str | None, typer.Option("--subject", metavar="TEXT", help='Such as "hold 7".')] = None,
    before: Annotated[
        int | None, typer.Option("--before", metavar="ROW", min=1, help="Only rows before this one.")
    ] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """The newest first."""
    from hub.store.audit import Wanted, rows

    found = show.look(ctx, lambda tx: rows(tx, Wanted(who, action, subject), limit, before))
    if as_json:
        show.put_json({"rows": found})
        return
    if not found:
        show.say(show.out(), "There is no such row.")
        return
    table = show.table("row", "time", "who", "what", "whom", "detail", right=("row",))
    for row in found:
        said = "; ".join(f"{key}: {value}" for key, value in row.detail.items())
        table.add_row(str(row.number), when(row.at), cell(row.who), cell(row.action), cell(row.subject), cell(said))
    show.out().print(table)


@app.command()
def head(ctx: typer.Context) -> None:
    """The number and code of the last row. Keep it elsewhere: rows cut off at the end are seen against it."""
    from hub.store.audit import head as last

    found = show.look(ctx, last)
    if found is not None:
        typer.echo(str(found))


@app.command()
def verify(
    ctx: typer.Context,
    heads: Annotated[
        list[str] | None, typer.Option("--head", metavar="NUMBER:CODE", help="A head that was kept; several times.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--heads", metavar="FILE", dir_okay=False, exists=True, help="Heads, one a line.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Look at every row: was one changed, left out, put in another's place or cut off? Exit: 0 sound, 2 not.

    Heads of `access.audit_heads` are held against it too, where the file is there.
    """
    from hub.accounts.heads import heads_file
    from hub.store.audit import verify as judge

    config = ctx.find_object(Chosen).loaded  # type: ignore[union-attr] # set by the command hub
    own = heads_file(config)
    files = [each for each in (file, own) if each is not None and (each is file or each.is_file())]
    kept = _heads(heads or [], files)
    verdict = show.look(ctx, lambda tx: judge(tx, kept))
    if as_json:
        wrong = [{"row": number, "what": what} for number, what in verdict.wrong]
        newest = str(verdict.head) if verdict.head else None
        show.put_json({"rows": verdict.rows, "unjudged": verdict.unjudged, "head": newest, "wrong": wrong})
    else:
        if verdict.unjudged:
            show.say(
                show.out(),
                f"! {show.counted(verdict.unjudged, 'row')} from before the keys were begun anew: whether one was "
                "changed cannot be told, but against a head that was kept",
            )
        for number, what in verdict.wrong:
            show.say(show.out(), f"✗ row {number}: {what}")
        if not verdict.wrong:
            judged = verdict.rows - verdict.unjudged
            show.say(show.out(), f"✓ {show.counted(judged, 'row')}, none of them tampered with")
            if not kept:
                show.say(show.out(), "Whether rows were cut off at the end is seen against a head: hub audit head")
    if verdict.wrong:
        raise typer.Exit(FAILED)


def _heads(texts: list[str], files: list[Path]) -> list[Head]:
    from hub.accounts.heads import read_heads
    from hub.store.audit import read_head

    return [*map(read_head, texts), *(head for file in files for head in read_heads(file))]
