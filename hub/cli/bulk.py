"""`hub contacts merge --from` and `split --from`: what a file would do, then doing it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from hub.cli import show
from hub.cli.screen import DONE, SET_ASIDE, screen
from hub.cli.show import cell, counted
from hub.errors import ConfigError

if TYPE_CHECKING:
    from hub.sync.bulk import Done, Line, Mistake, Outlook
    from hub.sync.engine import Hub

From: TypeAlias = Annotated[Path | None, typer.Option("--from", metavar="FILE.csv", help="Do all lines of a file.")]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", help="With --from: do it, instead of showing it.")]
UndoFile: TypeAlias = Annotated[
    Path | None, typer.Option("--undo-file", metavar="FILE.csv", help="With --from: write what takes it back.")
]
Kind: TypeAlias = Literal["merge", "split"]
BACK = {"merge": "split", "split": "merge"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of a command with --from."""

    yes: bool
    undo_file: Path | None
    limit: int
    as_json: bool
    by: str | None


def run(ctx: typer.Context, kind: Kind, path: Path, wanted: Wanted, *, given: bool) -> None:
    """given: contacts were named on the command line, too. Exit: 0, or 1 when lines have mistakes."""
    from hub.sync import bulk

    if given:
        raise ConfigError("Name contacts or --from FILE.csv, not both. Nothing was changed.")
    if wanted.undo_file is not None and wanted.undo_file.exists():
        raise ConfigError(f"{wanted.undo_file} is there already, so nothing was changed. Name another --undo-file.")
    who = show.person(wanted.by)
    lines, mistakes = bulk.read_lines(path, kind)
    with show.opened_hub(ctx) as hub:
        if wanted.yes:
            failed = _carry_out(hub, kind, lines, mistakes, who, wanted)
        else:
            with hub.store.read() as tx:
                outlook = bulk.look_ahead(tx, lines, mistakes)
            failed = bool(outlook.mistakes)
            _show(hub, kind, path, outlook, wanted)
    raise typer.Exit(SET_ASIDE if failed else DONE)


# --- what would be done -----------------------------------------------------------------------------


def _show(hub: Hub, kind: Kind, path: Path, outlook: Outlook, wanted: Wanted) -> None:
    targets = [route.name for route in hub.targets()]
    if wanted.as_json:
        show.put_json({"changed": False, "told": targets, "outlook": outlook})
        return
    out = show.out()
    show.say(
        out,
        f"{path}: {counted(len(outlook.steps), kind)}, {outlook.already:,} done already, "
        f"{counted(len(outlook.mistakes), 'line')} with a mistake",
    )
    if outlook.steps:
        show.say(
            out,
            f"{counted(outlook.before, 'golden record')} → {outlook.after:,}, with "
            f"{counted(outlook.records, 'source record')} in {', '.join(outlook.systems)}",
            f"told by the next cycles, where something is lacking: {', '.join(targets) or 'nobody'}",
        )
        _print_steps(out, kind, outlook, wanted.limit)
    _print_mistakes(out, outlook.mistakes, wanted.limit)
    show.say(
        out, "", "Nothing was changed." + (f" Do it: hub contacts {kind} --from {path} --yes" * bool(outlook.steps))
    )


def _print_steps(out: Console, kind: Kind, outlook: Outlook, limit: int) -> None:
    show.heading(out, "Becomes one" if kind == "merge" else "Becomes two")
    table = show.table("line", "name", "records", "", "name", "records", right=["line", "records"])
    for step in outlook.steps[:limit]:
        left, right = zip(step.names, step.records, step.homes, strict=True)
        sign = "+" if kind == "merge" else "→"
        table.add_row(str(step.line), _who(left), str(left[1]), sign, _who(right), str(right[1]))
    out.print(table)
    _say_more(out, len(outlook.steps), limit)


def _who(side: tuple[str, int, str]) -> Text:
    name, _, home = side
    return cell(f"{name} ") + cell(home, "dim")


def _print_mistakes(out: Console, mistakes: Sequence[Mistake], limit: int) -> None:
    if not mistakes:
        return
    show.heading(out, "Lines with a mistake")
    for mistake in mistakes[:limit]:
        show.say(out, cell(f"  line {mistake.line}: {mistake.reason}", "yellow"))
    _say_more(out, len(mistakes), limit)


def _say_more(out: Console, count: int, limit: int) -> None:
    if count > limit:
        show.say(out, f"  … and {count - limit:,} more; --limit shows more of them")


# --- doing it ---------------------------------------------------------------------------------------


def _carry_out(
    hub: Hub, kind: Kind, lines: Sequence[Line], mistakes: Sequence[Mistake], who: str, wanted: Wanted
) -> bool:
    """Whether lines had mistakes. The file that takes it back holds what was saved, however this ends."""
    from hub.sync import bulk

    done: list[Done] = []
    failed = list(mistakes)
    try:
        with _progress(f"{kind} …", len(lines), quiet=wanted.as_json) as told:
            for found in bulk.carry_out(hub, lines, who, told):
                if isinstance(found, bulk.Mistake):
                    failed.append(found)
                else:
                    done.append(found)
    finally:
        if wanted.undo_file is not None:
            bulk.write_back(wanted.undo_file, kind, done)
    failed.sort(key=lambda mistake: mistake.line)
    changed = sum(one.changed for one in done)
    if wanted.as_json:
        show.put_json({"changed": changed, "already": len(done) - changed, "mistakes": failed})
        return bool(failed)
    out = show.out()
    show.say(
        out,
        f"{counted(changed, kind)} done by {who}, {len(done) - changed:,} done already, "
        f"{counted(len(failed), 'line')} with a mistake",
    )
    _print_mistakes(out, failed, wanted.limit)
    if wanted.undo_file is not None and changed:
        show.say(out, f"To take it back: hub contacts {BACK[kind]} --from {wanted.undo_file} --yes")
    if changed and (targets := [route.name for route in hub.targets()]):
        show.say(out, f"The next cycles tell the systems. Now: hub sync {' '.join(targets)}")
    return bool(failed)


@contextmanager
def _progress(what: str, total: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, with count, rate and time left."""
    err = screen(stderr=True)
    if quiet or not err.is_terminal:
        yield lambda _: None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bars:
        task = bars.add_task(what, total=total, rate="")

        def told(saved: int) -> None:
            speed = bars.tasks[0].speed
            bars.update(task, completed=saved, rate=f"{speed:,.0f}/s" if speed else "")

        yield told
