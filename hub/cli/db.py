"""`hub db`: upgrade, back up, restore and check the store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from hub.cli import show
from hub.cli.screen import FAILED, Chosen, Json, complain, print_json, screen
from hub.config import HubConfig
from hub.errors import ConfigError, HubError

if TYPE_CHECKING:
    from hub.store.db import Store
    from hub.store.ledger import Ledger

app = typer.Typer(no_args_is_help=True, help="Upgrade, back up, restore and check the store.")

File = Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False)]


@app.command()
def upgrade(ctx: typer.Context) -> None:
    """Bring the schema of the store to this version's, and what matching keeps of each record.

    Each of the two is done whole or not at all. The second takes minutes for a million records, where an older
    version had made it otherwise; no other process can write meanwhile.
    """
    from hub.cli.dedupe_train import advancing
    from hub.store.upgrade import upgrade as bring_up
    from hub.sync.rekey import rekey

    with _store(_config(ctx)) as store:
        before, now = bring_up(store)
        text = (
            f"The schema is {now} already." if before == now else f"The schema is now {now} (was {before or 'none'})."
        )
        screen().print(text)
        with advancing(quiet=False) as begin:
            stale = rekey(store, advance=begin("matching keys"))
    if stale:
        screen().print(f"Matching keys were made anew: {stale:,} records had those of another version of the hub.")


@app.command()
def backup(
    ctx: typer.Context,
    file: File,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there.")] = False,
) -> None:
    """Write a consistent copy of the store to FILE while the hub goes on working.

    The copy holds personal data: only this user can read it. On PostgreSQL it is made by pg_dump. The store may be
    of an older version: before `hub db upgrade` is when a backup is wanted most.
    """
    from hub.store.audit import note
    from hub.store.backup import backup as copy
    from hub.store.upgrade import DAMAGED, REVISIONS, damaged, revision

    with _store(_config(ctx)) as store:
        try:
            found = revision(store)
        except DAMAGED as err:
            raise damaged(err) from err
        if found is None:
            raise ConfigError("There is no store yet, so no backup was made. `hub sync` or `hub run` makes one.")
        size = copy(store, file, overwrite=overwrite)
        if found == REVISIONS[-1]:  # an audit of another version may have another shape
            with store.write() as tx:
                note(tx, show.reader(), "backup made", "store")
    screen().print(f"wrote {escape(str(file))} ({size / 1e6:,.1f} MB)")


@app.command()
def restore(ctx: typer.Context, file: File) -> None:
    """Put the backup FILE in the place of what the store holds now.

    The systems are ahead of the backup then, so every connection lists all its records anew and writes
    nothing until you have approved its plan. Who was erased since the backup is erased again. Refused while another
    process runs a connection.
    """
    from hub.config.keys import ledger_of
    from hub.running import build_hub
    from hub.store.backup import restore as put_back
    from hub.sync.reerase import catch_up

    config = _config(ctx)
    with _store(config) as store:
        erasures = ledger_of(config, store)
        _write_down(store, erasures)
        kept = put_back(store, file, time.time())
        again = catch_up(build_hub(config, store), erasures)
    out = screen()
    out.print(f"restored {escape(str(file))}")
    if again:
        out.print(f"{again:,} erasures are newer than the backup: they were carried out again")
    if kept is not None:
        out.print(f"what was there before is in {escape(str(kept))}")
    out.print("Next: `hub plan` shows what the systems have that the backup has not; `hub sync --yes` approves.")


def _write_down(store: Store, erasures: Ledger) -> None:
    """What systems have let go of by now; not where the store cannot be read, which is why one restores."""
    from hub.store.ledger import write_down
    from hub.store.upgrade import DAMAGED, REVISIONS, revision

    try:
        if revision(store) == REVISIONS[-1]:
            write_down(store, erasures)
    except (HubError, *DAMAGED) as err:
        complain(f"What was told of erasures since the file was last written is not known: {type(err).__name__}.")


@app.command()
def check(ctx: typer.Context, as_json: Json = False) -> None:
    """Look whether everything in the store hangs together. Changes nothing. Exit 2 if something does not."""
    from hub.dedupe.survive import Rules
    from hub.store.upkeep import check as look

    config = _config(ctx)
    rules = Rules.from_config(config.golden.rules, config.golden.empty_wins)
    with _store(config) as store:
        found = look(store, rules)
    if as_json:
        wrong = [{"what": f.what, "count": f.count, "examples": f.examples} for f in found.wrong]
        print_json({"schema": found.revision, "rows": found.rows, "wrong": wrong})
    else:
        out = screen()
        for name, n in found.rows.items():
            out.print(f"{n:>12,} {name}")
        for f in found.wrong:
            out.print(f"[red]✗[/] {f.count:,} {escape(f.what)}  {escape(', '.join(f.examples))}")
        if not found.wrong:
            out.print(f"[green]✓[/] everything hangs together (schema {found.revision})")
    if found.wrong:
        raise typer.Exit(FAILED)


def _config(ctx: typer.Context) -> HubConfig:
    return ctx.find_object(Chosen).loaded  # type: ignore[union-attr] # set by the command hub


@contextmanager
def _store(config: HubConfig) -> Iterator[Store]:
    """The store whatever its version."""
    from hub.config.keys import connect_configured

    store = connect_configured(config)
    try:
        yield store
    finally:
        store.close()
