"""`hub review`: possible duplicates side by side with the evidence; an answer outranks the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hub.cli import show
from hub.cli.screen import Json
from hub.cli.show import All, By, ConnectionOption, Limit, Skip, cell, counted
from hub.store import lists
from hub.store.lists import Listed, Part, chance
from hub.sync.sides import side_by_side, unexplained

if TYPE_CHECKING:
    from hub.store.lists import AskRate, AskRow

app = typer.Typer(
    no_args_is_help=True,
    help="Possible duplicates, side by side with the evidence; your answer stands until you take it back.",
)
Numbers = Annotated[list[int], typer.Argument(metavar="NUMBER", help="Of questions.")]


@app.command("list")
def list_questions(
    ctx: typer.Context,
    connection: ConnectionOption = None,
    everything: All = False,
    limit: Limit = 50,
    skip: Skip = 0,
    as_json: Json = False,
) -> None:
    """Pairs of records that may be one contact, those most worth an answer first.

    Worth = how likely the two are one, by their bits, times what that touches: the source records of both sides
    and the systems they are in. While a question is open, the two stay apart.
    """
    part = Part(limit, skip)
    state = show.wanted_state(everything)
    found, rate = show.look(
        ctx, lambda tx: (lists.asks(tx, part, state=state, connection=connection), lists.ask_rate(tx))
    )
    if as_json:
        show.put_json({"rows": [as_json_row(row) for row in found.rows], "more": found.more, "rate": rate})
        return
    _print(show.out(), found, part, rate)


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
    return {
        "number": row.number,
        "weight": row.weight,
        "chance": round(chance(row.weight), 3),
        "reach": row.reach,
        "worth": row.worth,
        "at": show.moment(row.at),
        "state": row.state,
        "evidence": [dict(line) for line in row.evidence],
        **sides,
    }


def _print(out: Console, found: Listed[AskRow], part: Part, rate: AskRate) -> None:
    if not found.rows:
        show.say(out, "There is no open question.")
        return
    for row in found.rows:
        print_question(out, row)
        show.say(
            out,
            cell(f"one contact: hub review same {row.number}    two: hub review different {row.number}", "dim")
            if row.state in ("open", "withdrawn")
            else cell(f"take the answer back: hub review undo {row.number}", "dim"),
            "",
        )
    show.say_more(out, found, part)
    show.say(out, say_rate(rate), "One after the other: hub review work")


def say_rate(rate: AskRate) -> str:
    """62 open questions about 117 of 5,000 records (2.3 %)"""
    share = f" ({rate.concerned / rate.records:.1%})".replace("%", " %") if rate.records else ""
    asked, there = counted(rate.questions, "open question"), counted(rate.records, "record")
    return f"{asked} about {rate.concerned:,} of {there}{share}"


# --- one question -----------------------------------------------------------------------------------


def print_question(out: Console, row: AskRow, place: str = "") -> None:
    """place: where it stands in the order, "3 of 62"."""
    out.print(
        cell(f"Question {row.number}", "bold")
        + cell(f"  {place}" if place else "", "bold")
        + cell(f"  {row.weight:+.1f} bits: one by {chance(row.weight):.0%}", "dim")
        + cell(f", touches {row.reach}, worth {row.worth:.1f}", "dim")
        + cell(_state(row), "yellow")
    )
    out.print(_side_by_side(row))


def _state(row: AskRow) -> str:
    if row.state == "open":
        return ""
    return "  no doubt any more" if row.state == "withdrawn" else f"  answered: {row.state}"


def _side_by_side(row: AskRow) -> Table:
    table = show.table("field", "", "", "comparison", "bits", "", right=["bits"])
    table.columns[0].overflow = "ellipsis"
    table.columns[1].header = _head(row.a)
    table.columns[2].header = _head(row.b)
    for line in side_by_side(row):
        table.add_row(
            cell(line.field, "" if line.level else "dim"),
            _lines(line.left),
            _lines(line.right),
            cell(line.level or ""),
            "" if line.bits is None else f"{line.bits:+.1f}",
            "" if line.bits is None else show.bar(line.bits),
        )
    _add_sum(table, row)
    return table


def _head(link: Any) -> Text:
    return Text("\n").join([cell(f"{link.connection}:{link.external_id}"), cell(link.golden_id, "dim")])


def _add_sum(table: Table, row: AskRow) -> None:
    """What makes the lines add up to the weight on which the golden records were judged."""
    if rest := unexplained(row):
        words = cell("prior, household, other records", "dim")
        table.add_row(cell("the rest"), "", "", words, f"{rest:+.1f}", show.bar(rest))
    total = cell(f"{row.weight:+.1f}", "bold")
    table.add_row(
        cell("all in all", "bold"), "", "", cell("0 and more would be one", "dim"), total, show.bar(row.weight)
    )


def _lines(values: Sequence[str]) -> Text:
    return Text("\n").join(map(cell, values))


@app.command("show")
def show_one(
    ctx: typer.Context, number: Annotated[int, typer.Argument(metavar="NUMBER")], as_json: Json = False
) -> None:
    """One question."""
    found = show.there(show.look(ctx, lambda tx: lists.ask(tx, number)), "question", number, "hub review list")
    if as_json:
        show.put_json(as_json_row(found))
        return
    out = show.out()
    print_question(out, found)
    names = " ".join(f"{x.connection}:{x.external_id}" for x in (found.a, found.b))
    show.say(
        out,
        cell(f"one contact: hub review same {number}    two: hub review different {number}", "dim"),
        cell(f"all that matching says of them: hub dedupe explain {names}", "dim"),
    )


# --- answers ----------------------------------------------------------------------------------------


@app.command()
def work(
    ctx: typer.Context,
    connection: ConnectionOption = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Stop after so many questions.")] = None,
    by: By = None,
) -> None:
    """Answer the open questions one after the other, those most worth it first.

    Keys: s same, d different, k skip, u undo the last one, q quit. On a terminal a key is enough; otherwise they
    are read from the input, as letters or words. Every answer is saved at once.
    """
    from hub.cli.review_work import Sitting, keys

    who = show.person(by)
    with show.opened_hub(ctx) as hub:
        with hub.store.read() as tx:
            numbers = lists.ask_numbers(tx, connection=connection)[:limit]
        if not numbers:
            show.say(show.out(), "There is no open question.")
            return
        Sitting(hub, numbers, who, show.out(), keys()).run()
        with hub.store.read() as tx:
            show.say(show.out(), say_rate(lists.ask_rate(tx)))


@app.command()
def same(ctx: typer.Context, numbers: Numbers, by: By = None) -> None:
    """They are one contact: merged now, whatever the model says. `undo` takes it back."""
    _answer(ctx, numbers, "same", by)


@app.command()
def different(ctx: typer.Context, numbers: Numbers, by: By = None) -> None:
    """They are two: kept apart for ever, and taken apart if they were one. `undo` takes it back."""
    _answer(ctx, numbers, "different", by)


@app.command()
def undo(ctx: typer.Context, numbers: Numbers, by: By = None) -> None:
    """Take answers back: what they did is undone, and the model decides again.

    The question is open again, unless the model takes the two for one without being told.
    """
    from hub.cli.review_work import say_taken_back
    from hub.sync import people

    who = show.person(by)
    with show.opened_hub(ctx) as hub:
        for number in dict.fromkeys(numbers):
            show.say(show.out(), say_taken_back(number, people.take_back(hub, number, who)))


def _answer(ctx: typer.Context, numbers: Sequence[int], verdict: str, by: str | None) -> None:
    from hub.cli.review_work import answer

    who = show.person(by)
    with show.opened_hub(ctx) as hub:
        for number in dict.fromkeys(numbers):
            show.say(show.out(), f"Question {number}: {answer(hub, number, verdict, who)}.")
