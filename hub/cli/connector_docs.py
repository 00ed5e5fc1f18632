"""`hub connector list` and `hub connector docs`: what every connector type can do, and the pages that say so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import indent
from typing import Annotated

import typer

from hub.cli.checked import read_reasons
from hub.cli.described import COLUMNS, block, overview, row, with_block
from hub.cli.screen import FAILED, Json, complain, print_json, screen
from hub.config.described import Described, described
from hub.config.schema import usable_types
from hub.errors import ConfigError

README, CHECKS = "README.md", "checks.md"
NEW_README = "# Connectors\n"
Only = Annotated[list[str] | None, typer.Argument(help="Types to write; all when none is named.")]


def list_types(as_json: Json = False) -> None:
    """What every installed connector type can do, with the settings of its example."""
    found, reasons = every_type()
    for reason in reasons:
        complain(f"Left out: {reason}")
    if as_json:
        print_json([dict(zip(COLUMNS, row(each), strict=True)) for each in found])
        return
    from rich.table import Table

    table = Table(*COLUMNS, box=None, header_style="bold")
    for each in found:
        table.add_row(*row(each))
    screen().print(table)


def docs(
    types: Only = None,
    out: Annotated[Path, typer.Option(help="Folder of the pages.")] = Path("docs/connectors"),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail when a page is not current.")] = False,
) -> None:
    """Write the generated part of the connectors' pages: abilities, settings, default mapping.

    What stands outside the marks of a page is kept. A type without a page gets one.
    """
    found, reasons = every_type()
    for reason in reasons:
        complain(f"Left out: {reason}")
    stale = {path: text for path, text in pages(out, frozenset(types or ()), found) if not current(path, text)}
    if not check:
        for path, text in stale.items():
            _write(path, text)
            typer.echo(f"written: {path}")
        return
    for path in stale:
        complain(f"{path} is not current.")
    if stale:
        complain("Next: `hub connector docs`.")
        raise typer.Exit(FAILED)
    typer.echo("All pages are current.")


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as err:
        raise ConfigError(
            f"{path} was not written: {err.strerror or type(err).__name__}. Name another folder with --out."
        ) from err


def every_type() -> tuple[list[Described], list[str]]:
    """(types with an example, why others are left out)."""
    types, reasons = usable_types()
    found: list[Described] = []
    for name, kind in types.items():
        try:
            found.append(described(name, kind))
        except ConfigError as error:
            reasons.append(str(error))
    return found, reasons


def pages(
    out: Path, only: frozenset[str] = frozenset(), found: Sequence[Described] | None = None
) -> Iterator[tuple[Path, str]]:
    """Every page as it should be. The table over all types only when all are written."""
    found = every_type()[0] if found is None else found
    checks = out / CHECKS
    reasons = read_reasons(checks.read_text(encoding="utf-8")) if checks.is_file() else {}
    for each in found:
        if not only or each.name in only:
            path = out / f"{each.name}.md"
            page = path.read_text(encoding="utf-8") if path.is_file() else new_page(each)
            yield path, with_block(page, block(each, reasons.get(each.name, ())))
    if not only:
        path = out / README
        page = path.read_text(encoding="utf-8") if path.is_file() else NEW_README
        yield path, with_block(page, overview(found))


def new_page(each: Described) -> str:
    example = indent(each.kind.example.rstrip(), "    ")
    return f"# `{each.name}`\n\n{each.summary}\n\n```yaml\nconnections:\n  {each.name}:\n{example}\n```\n"


def current(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text
