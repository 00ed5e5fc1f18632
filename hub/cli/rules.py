"""`hub conflicts fields` and `propose`: which fields are in conflict, and what another rule would have done."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli import show
from hub.cli.screen import Json
from hub.cli.show import By, cell, plain_text, when

if TYPE_CHECKING:
    from rich.console import Console

    from hub.sync.propose import Proposal
    from hub.sync.rulebook import Draft

Days = Annotated[int, typer.Option("--days", min=1, max=366, help="How far back conflicts are looked at.")]
Field = Annotated[str, typer.Argument(metavar="FIELD", help="As `hub conflicts fields` shows it.")]
Rule = Annotated[
    list[str],
    typer.Argument(metavar="RULE", help="latest, most_complete, most_common, or connections, best first."),
]


def fields(ctx: typer.Context, days: Days = 30, as_json: Json = False) -> None:
    """Fields in conflict, by the system that brought it: how many, and how often people overturned."""
    from hub.store.disputes import by_field
    from hub.sync.propose import since

    found = show.look(ctx, lambda tx: by_field(tx, since(time.time(), days)))
    if as_json:
        show.put_json({"rows": found})
        return
    if not found:
        show.say(show.out(), f"No field was in conflict in the last {show.counted(days, 'day')}.")
        return
    table = show.table(
        "field", "changed in", "conflicts", "accepted", "overturned", right=["conflicts", "accepted", "overturned"]
    )
    for row in found:
        counts = (f"{n:,}" for n in (row.conflicts, row.accepted, row.overturned))
        table.add_row(cell(row.field), cell(row.connection), *counts)
    show.out().print(table)


def propose(
    ctx: typer.Context,
    field: Field,
    rule: Rule,
    days: Days = 30,
    save: Annotated[bool, typer.Option("--save", help="Put the rule into hub.yaml.")] = False,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Try a rule on past conflicts: what it would have decided otherwise. Nothing is changed without --save."""
    from hub.sync import propose as trial
    from hub.sync import rulebook

    config = show.config_of(ctx)
    wanted = rulebook.rule_from(config, field, rule)
    with show.opened_hub(ctx) as hub:
        with hub.store.read() as tx:
            disputes = trial.disputes(hub, tx, field, trial.since(time.time(), days))
            found = trial.propose(hub, tx, disputes, wanted)
        draft = rulebook.draft(config, field, wanted)
        if save:
            rulebook.save(hub, config, field, wanted, show.person(by), etag=draft.etag)
    if as_json:
        show.put_json({"proposal": found, "difference": draft.difference, "saved": save})
        return
    _print(show.out(), found, days)
    _print_difference(show.out(), draft, saved=save)


def _print(out: Console, found: Proposal, days: int) -> None:
    seen = found.effect
    show.say(
        out,
        f"{seen.otherwise:,} of {show.counted(seen.tried, 'conflict')} of the last {show.counted(days, 'day')} "
        "would have been decided otherwise",
    )
    if seen.by_hand:
        show.say(
            out,
            f"as people decided by hand: {seen.agreed_after:,} of {seen.by_hand:,}, until now {seen.agreed_before:,}",
        )
    if seen.unknown:
        show.say(out, f"{seen.unknown:,} decided by something else than the rule, such as a pin, are not counted")
    if found.cut:
        show.say(out, "There were more conflicts: the newest of them were tried.")
    if not found.examples:
        return
    table = show.table("number", "at", "golden id", "won", "would have won", "a person said", "today", "with the rule")
    for one in found.examples:
        person = "" if one.verdict == "open" else _said(one.right)
        row = (one.golden_id, _said(one.then), _said(one.would), person, _said(one.now), _said(one.after))
        table.add_row(str(one.number), when(one.at), *map(cell, row))
    out.print(table)


def _said(value: object) -> str:
    return "nothing" if value is None else plain_text(value) or "yes"


def _print_difference(out: Console, draft: Draft, *, saved: bool) -> None:
    if not draft.difference:
        show.say(out, "", "hub.yaml says so already.")
        return
    show.heading(out, "hub.yaml")
    show.say(out, *draft.difference.splitlines())
    if saved:
        show.say(out, "", "Saved. It decides from the next change of a contact on; `hub run` takes it in by SIGHUP.")
    else:
        show.say(out, "", "Nothing was changed. --save puts it into hub.yaml.")
