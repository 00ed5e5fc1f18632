"""What `hub dedupe train`, `models` and `rematch` show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from hub.cli import show
from hub.cli.screen import screen
from hub.cli.show import cell
from hub.dedupe.compare import LEVELS
from hub.dedupe.document import as_document
from hub.dedupe.weigh import FIELDS, Model
from hub.store.models import SHIPPED, ModelRow
from hub.sync.foresee import Example, Outlook
from hub.sync.learn import Lesson
from hub.sync.rematch import Rematched

LEAST = 0.05  # bits: weights that move less are not shown


@contextmanager
def advancing(*, quiet: bool) -> Iterator[Callable[[str], Callable[[float], None]]]:
    """Name of a step → what hears how much of it is done, from 0 to 1. Bars on a terminal only."""
    err = screen(stderr=True)
    if quiet or not err.is_terminal:
        yield lambda _: lambda _: None
        return
    shown = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*shown, console=err, transient=True) as progress:

        def begin(name: str) -> Callable[[float], None]:
            task = progress.add_task(name, total=1.0)
            return lambda done: progress.update(task, completed=done)

        yield begin


def say_lesson(out: Console, lesson: Lesson) -> None:
    share = f"{lesson.trained.share:.0%}".replace("%", " %")
    show.say(
        out,
        f"Learnt from {show.counted(lesson.records, 'record')}: {show.counted(lesson.pairs, 'pair')} that share a key, "
        f"{lesson.strangers:,} that share none, {show.counted(lesson.answers, 'answer')} of people; "
        f"{show.counted(lesson.trained.rounds, 'round')}.",
        f"{share} of the pairs that share a key are one contact by this model.",
    )


def print_weights(out: Console, old: Model, new: Model) -> None:
    """Weights that move, now and learnt."""
    show.heading(out, "Weights in bits")
    table = show.table("", "field", "comparison", "now", "learnt", "", right=["now", "learnt"])
    for name, rows in (("persons", 0), ("organisations", 1)):
        for field, before, after in zip(FIELDS, old.rows[rows], new.rows[rows], strict=True):
            for level, one, other in zip(LEVELS[field], before, after, strict=True):
                _add(table, (name, field, level), one, other)
    _add(table, ("both", "prior", "they met by a key"), old.prior, new.prior)
    if table.row_count:
        out.print(table)
    else:
        show.say(out, "  none moves")


def _add(table: Table, words: Sequence[str], old: float, new: float) -> None:
    if abs(new - old) >= LEAST:
        table.add_row(*map(cell, words), f"{old:+.1f}", f"{new:+.1f}", show.bar(new - old))


def print_outlook(out: Console, outlook: Outlook) -> None:
    show.heading(out, "What would change")
    show.say(
        out,
        f"  of {outlook.looked_at:,} contacts looked at, decided anew by both models:",
        f"  {outlook.merged:,} would be one with another (of all {outlook.all:,}: about {outlook.merged_of_all:,})",
        f"  {outlook.split:,} would be taken apart (of all {outlook.all:,}: about {outlook.split_of_all:,})",
    )
    for examples, title in (
        (outlook.merges, "Would be one, the strongest"),
        (outlook.splits, "Would be two, the strongest"),
    ):
        if examples:
            show.heading(out, title)
        for example in examples:
            print_example(out, example)


def print_example(out: Console, example: Example) -> None:
    a, b = (":".join(ref) for ref in (example.a, example.b))
    show.say(out, f"  {a} and {b}: {example.before:+.1f} bits now, {example.after:+.1f} by what was learnt")
    now = {line.field: line.bits for line in example.evidence_before}
    table = show.table("", "field", "comparison", "now", "learnt", "", right=["now", "learnt"])
    for line in example.evidence_after:
        bits = now.get(line.field)
        before = "" if bits is None else f"{bits:+.1f}"
        table.add_row("   ", cell(line.field), cell(line.level), before, f"{line.bits:+.1f}", show.bar(line.bits))
    out.print(table)


def say_rematched(out: Console, found: Rematched, *, done: bool) -> None:
    would = "" if done else "would be "
    show.say(
        out,
        f"{show.counted(found.contacts, 'contact')} of {show.counted(found.records, 'record')} decided anew:",
        f"  {found.merges:,} {would}merged into another",
        f"  {found.moves:,} records {would}taken out into another contact",
        f"  {show.counted(found.asked, 'question')} {would}new: hub review list",
    )
    if not done:
        changes = found.merges or found.moves or found.asked
        show.say(out, "", "Nothing was changed." + (" Do it: hub dedupe rematch --yes" if changes else ""))


def as_json(lesson: Lesson, old: Model, outlook: Outlook, number: int | None, used: bool) -> dict[str, Any]:
    return {
        "version": number,
        "used": used,
        "records": lesson.records,
        "pairs": lesson.pairs,
        "strangers": lesson.strangers,
        "answers": lesson.answers,
        "rounds": lesson.trained.rounds,
        "share": lesson.trained.share,
        "now": as_document(old),
        "learnt": as_document(lesson.model),
        "outlook": show.as_data(outlook),
    }


def print_models(out: Console, rows: Sequence[ModelRow]) -> None:
    table = show.table("version", "made", "from", "")
    for row in rows:
        table.add_row(
            str(row.number), show.when(row.at), cell(row.origin), cell("in use" if row.active else "", "green")
        )
    shipped = not any(row.active for row in rows)
    table.add_row(str(SHIPPED), "", cell("shipped with the hub"), cell("in use" if shipped else "", "green"))
    out.print(table)
    show.say(out, cell("use one: hub dedupe use VERSION", "dim"))
