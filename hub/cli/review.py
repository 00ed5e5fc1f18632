"""`hub review`: possible duplicates side by side with the evidence; an answer outranks the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hub.cli import show
from hub.cli.screen import Json
from hub.cli.show import All, By, ConnectionOption, Limit, Skip, cell, key_and_value
from hub.errors import ConfigError
from hub.model import KIND, base_field, element
from hub.store import lists
from hub.store.lists import Listed, Part

if TYPE_CHECKING:
    from hub.store.lists import AskRow

app = typer.Typer(
    no_args_is_help=True,
    help="Possible duplicates, side by side with the evidence; your answer stands for ever.",
)
Numbers = Annotated[list[int], typer.Argument(metavar="NUMBER...", help="Of questions.")]
FIELDS = {
    "given": ("given_name", "additional_names", "nickname", "full_name"),
    "family": ("family_name",),
    "email": ("emails",),
    "phone": ("phones",),
    "address": ("addresses",),
    "birth": ("birth_date",),
    "tax": ("tax_id",),
    "company": ("company",),
    "generation": ("suffix",),
    "kind": (KIND,),
}
"""What matching calls a field → the canonical fields it looks at."""


@app.command("list")
def list_questions(
    ctx: typer.Context,
    connection: ConnectionOption = None,
    everything: All = False,
    limit: Limit = 50,
    skip: Skip = 0,
    as_json: Json = False,
) -> None:
    """Pairs of records that may be one contact, the likeliest first, with the evidence in bits."""
    part = Part(limit, skip)
    state = None if everything else "open"
    with show.opened(ctx) as store, store.read() as tx:
        found = lists.asks(tx, part, state=state, connection=connection)
    if as_json:
        show.put_json({"rows": [as_json_row(row) for row in found.rows], "more": found.more})
        return
    _print(show.out(), found, part)


def as_json_row(row: AskRow) -> dict[str, Any]:
    """A question without what only the engine needs of its two records."""
    sides = {
        name: {
            "golden_id": link.golden_id,
            "connection": link.connection,
            "external_id": link.external_id,
            "state": str(link.state),
            "fields": dict(link.opinion().fields),
        }
        for name, link in (("a", row.a), ("b", row.b))
    }
    evidence = [dict(line) for line in row.evidence]
    return {
        "number": row.number,
        "weight": row.weight,
        "at": show.moment(row.at),
        "state": row.state,
        "evidence": evidence,
        **sides,
    }


def _print(out: Console, found: Listed[AskRow], part: Part) -> None:
    if not found.rows:
        show.say(out, "There is no open question.")
        return
    for row in found.rows:
        print_question(out, row)
    show.say_more(out, found, part)


def print_question(out: Console, row: AskRow) -> None:
    out.print(
        cell(f"Question {row.number}", "bold")
        + cell(f"  {row.weight:+.1f} bits (0 and more would be one)", "dim")
        + cell("" if row.state == "open" else f"  answered: {row.state}", "yellow")
    )
    out.print(_side_by_side(row))
    out.print(cell(f"one contact: hub review same {row.number}    two: hub review different {row.number}", "dim"))
    out.print()


def _side_by_side(row: AskRow) -> Table:
    table = show.table("field", "", "", "comparison", "bits", "", right=["bits"])
    table.columns[1].header = cell(f"{row.a.connection}:{row.a.external_id} ({row.a.golden_id})")
    table.columns[2].header = cell(f"{row.b.connection}:{row.b.external_id} ({row.b.golden_id})")
    left, right = dict(row.a.opinion().fields), dict(row.b.opinion().fields)
    shown: set[str] = set()
    for line in row.evidence:
        bases = FIELDS.get(line["field"], ())
        shown.update(bases)
        table.add_row(
            cell(line["field"]),
            _values(left, bases),
            _values(right, bases),
            cell(line["level"]),
            f"{line['bits']:+.1f}",
            show.bar(float(line["bits"])),
        )
    for base in _bases(left, right):
        if base not in shown:
            table.add_row(cell(base, "dim"), _values(left, [base]), _values(right, [base]), "", "", "")
    return table


def _bases(*sides: Mapping[str, Any]) -> list[str]:
    """Fields of either side, consents and what matching has no line for included."""
    return sorted({base_field(key) for fields in sides for key in fields if base_field(key) != "consents"})


def _values(fields: Mapping[str, Any], bases: Sequence[str]) -> Text:
    found = [
        key_and_value(key, value)[1] if base_field(key) == "addresses" else cell(element(key) if "/" in key else value)
        for key, value in sorted(fields.items())
        if base_field(key) in bases and value is not None
    ]
    return Text("\n").join(found)


@app.command("show")
def show_one(
    ctx: typer.Context, number: Annotated[int, typer.Argument(metavar="NUMBER")], as_json: Json = False
) -> None:
    """One question."""
    with show.opened(ctx) as store, store.read() as tx:
        found = lists.ask(tx, number)
    if found is None:
        raise ConfigError(f"There is no question {number}. See `hub review list`.")
    if as_json:
        show.put_json(as_json_row(found))
    else:
        print_question(show.out(), found)


@app.command()
def same(ctx: typer.Context, numbers: Numbers, by: By = None) -> None:
    """They are one contact: merged now, whatever the model says. `different` takes it back."""
    _answer(ctx, numbers, "same", by)


@app.command()
def different(ctx: typer.Context, numbers: Numbers, by: By = None) -> None:
    """They are two: kept apart for ever, and taken apart if they were one. `same` takes it back."""
    _answer(ctx, numbers, "different", by)


def _answer(ctx: typer.Context, numbers: Sequence[int], verdict: str, by: str | None) -> None:
    from hub.sync import people

    who = show.person(by)
    with show.opened_hub(ctx) as hub:
        for number in dict.fromkeys(numbers):
            home = people.answer(hub, number, verdict, who)
            with hub.store.read() as tx:
                row = lists.ask(tx, number)
            apart = f"{row.a.golden_id} and {row.b.golden_id} stay two" if row else "they stay two"
            show.say(show.out(), f"Question {number}: {f'one contact, {home}' if verdict == 'same' else apart}.")
