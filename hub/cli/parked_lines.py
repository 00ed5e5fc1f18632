"""`hub parked line`, `lines` and `domain`: texts that could not be read put right, and domains of addresses."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from hub.cli import show
from hub.cli.parked_chosen import Numbers, Reason, chosen_of, typed_line, typed_text
from hub.cli.show import By, ConnectionOption, cell
from hub.errors import ConfigError
from hub.sync.line_rules import At, LineRule

if TYPE_CHECKING:
    from rich.console import Console

    from hub.rereading import Amendment, Reread
    from hub.sync.engine import Hub

Look: TypeAlias = Annotated[bool, typer.Option("--look", help="Only show what would become of it; change nothing.")]


def line(
    ctx: typer.Context,
    number: Annotated[int, typer.Argument(metavar="NUMBER")],
    only_look: Look = False,
    by: By = None,
) -> None:
    """Put the text of what could not be read right, and take its record in. The text is typed, or read from a pipe.

    The file keeps what it has. While the very same text stands in it, what is typed counts; another one is parked anew.
    """
    from hub.rereading import line_of, look, put_right

    config, text = show.config_of(ctx), typed_text("The text as it is meant")
    out = show.out()
    with show.opened_hub(ctx) as hub:
        with hub.store.read() as tx:
            found = line_of(tx, number)
        if found is None:
            raise ConfigError(f"Record {number} is none whose text can be put right. See `hub parked list`.")
        if only_look:
            _say(out, look(config, hub.store, found, text))
            return
        made = put_right(config, hub.store, number, text, show.person(by), time.time(), found.version)
        _taken(ctx, hub, out, made)


def _say(out: Console, found: Reread) -> None:
    if not found.is_read:
        show.say(out, f"It cannot be read: {found.problem}")
        return
    show.say(out, f"It can be read: record {found.record_id}" + (", which says it is deleted" if found.gone else ""))
    if found.known:
        show.say(out, "A record with this key is known from this connection already: it would be changed.")
    if found.problem:
        show.say(out, f"The mapping would set it aside: {found.problem}")
    table = show.table("golden field", "value")
    for each in found.rows:
        table.add_row(*show.key_and_value(each.key, each.after))
    out.print(table)


def _taken(ctx: typer.Context, hub: Hub, out: Console, made: Amendment) -> None:
    from hub.rereading import take_in

    results = take_in(show.config_of(ctx), hub, made.connections)
    waits = sorted(name for name, result in results.items() if result.status != "done")
    show.say(out, f"{show.counted(len(made.numbers), 'text')} put right.")
    if made.unread:
        show.say(out, f"{show.counted(made.unread, 'record')} left as they are: the rule makes nothing of them.")
    if made.left:
        show.say(out, f"{show.counted(made.left, 'record')} were not come to: say it again.")
    if waits:
        show.say(out, f"Taken in by the next run of {', '.join(waits)}. Now: hub sync")


def lines(
    ctx: typer.Context,
    numbers: Numbers = None,
    connection: ConnectionOption = None,
    reason: Reason = None,
    encoding: Annotated[
        str | None, typer.Option("--encoding", metavar="NAME", help="Read them again in it, such as cp1252.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Find a text and put another: both are asked for, or two lines of a pipe.")
    ] = False,
    at: Annotated[At, typer.Option("--at", help="Where of a text it is looked for.")] = "anywhere",
    only_look: Look = False,
    by: By = None,
) -> None:
    """Put many texts that could not be read right by one rule, and take their records in."""
    from hub.rereading import forecast, put_all_right

    chosen, config = chosen_of(numbers, connection, reason), show.config_of(ctx)
    find = typed_line("The text that is looked for") if replace else ""
    rule = LineRule(encoding, find, typed_line("What is put there") if replace else "", at)
    out = show.out()
    with show.opened_hub(ctx) as hub:
        if not only_look:
            made = put_all_right(config, hub.store, chosen, rule, show.person(by), time.time(), None)
            _taken(ctx, hub, out, made)
            return
        told = forecast(config, hub.store, chosen, rule)
    table = show.table("number", "as it came", "as it would be", "becomes")
    for each in told.shown:
        becomes = each.problem or (f"record {each.record_id}" if each.record_id else "not changed")
        table.add_row(str(each.number), cell(each.text), cell(each.after or ""), cell(becomes))
    out.print(table)
    show.say(
        out, f"{told.read:,} would be read of {told.counted:,} tried ({told.total:,} in all). Nothing was changed."
    )


def domain(
    ctx: typer.Context,
    wrong: Annotated[str, typer.Option("--from", metavar="DOMAIN", help="What stands behind the @.")],
    meant: Annotated[str, typer.Option("--to", metavar="DOMAIN", help="What is meant by it.")],
    numbers: Numbers = None,
    connection: ConnectionOption = None,
    reason: Reason = None,
    only_look: Look = False,
    by: By = None,
) -> None:
    """Put the domain of e-mail addresses right in parked records, and on the contacts of refused writes."""
    from hub.sync import domains
    from hub.sync.domains import DomainRule

    chosen, rule = chosen_of(numbers, connection, reason), DomainRule(wrong, meant)
    out = show.out()
    with show.opened_hub(ctx) as hub:
        if only_look:
            told = domains.forecast(hub.store, chosen, rule)
            found = f"{show.counted(told.records, 'record')} and {show.counted(told.writes, 'refused write')}"
            show.say(out, f"Such an address: {found}. Nothing was changed.")
            return
        made = domains.mend(hub, chosen, rule, show.person(by), show.config_of(ctx).default_region)
    show.say(out, f"{show.counted(len(made.numbers), 'record')} corrected and sent back. Now: hub sync")
    if made.left:
        show.say(out, f"{show.counted(made.left, 'record')} were not come to: say it again.")
