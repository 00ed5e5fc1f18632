"""`hub connector new` and `try`: a service file drafted from a description, and a connection walked through."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
import yaml
from rich.console import Console
from rich.markup import escape

from hub.cli.check import mask, print_finding, sample_table
from hub.cli.screen import DONE, FAILED, SET_ASIDE, Chosen, screen, stop
from hub.errors import ConfigError
from hub.secrets import redact

LARGEST = 64 * 1024 * 1024  # bytes of a description
SHOWN = 2000  # characters of what would be sent


def new(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Of the new connector type: small letters, digits, underscores.")
    ],
    openapi: Annotated[
        Path, typer.Option("--openapi", help="The service's OpenAPI 3 or Swagger 2 description, JSON or YAML.")
    ],
    resource: Annotated[
        str | None, typer.Option("--resource", help="Path that lists the contacts; default: the likeliest one.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Draft a service file from the description of a REST service; guesses are marked `check`.

    The file is config/services/NAME.yaml, and NAME is a connector type from then on.
    """
    from hub.connectors.registry import SERVICES
    from hub.connectors.rest.draft import draft
    from hub.connectors.rest.files import check_service
    from hub.document import parse_document

    chosen: Chosen = ctx.find_object(Chosen)  # type: ignore[assignment] # set by the command hub
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise stop(
            f"{name!r} is no name of a connector type: small letters, digits and underscores. Nothing was written."
        )
    path = chosen.folder / SERVICES / f"{name}.yaml"
    if path.exists() and not force:
        raise stop(f"{path} is there already; nothing was written. Next: take another name, or --force to replace it.")
    try:
        text = draft(_description(openapi), name, resource)
    except ValueError as error:
        raise stop(f"{openapi}: {error}. Nothing was written.") from error
    check_service(parse_document(text, str(path)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    _say_drafted(screen(), path, name, text)


def _description(path: Path) -> Any:
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError("it is larger than 64 MB")
        raw = path.read_bytes()
    except OSError as error:
        raise ValueError(f"it cannot be read ({error.strerror})") from error
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        pass
    try:
        return yaml.load(raw, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError("it is neither JSON nor YAML") from error


def _say_drafted(out: Console, path: Path, name: str, text: str) -> None:
    out.print(f"[green]✓[/] {escape(str(path))} was drafted and is valid. To be checked by a person:")
    for number, line in enumerate(text.splitlines(), 1):
        if "# check" in line:
            out.print(f"  [yellow]{number:>4}[/] {escape(line.strip())}")
    keys = re.findall(r"^  (\w+): \{help: .*required: true", text, re.MULTILINE)
    out.print(f"\nNext: add a connection to hub.yaml, then `hub connector try my_{name}`:\n")
    out.print("  connections:")
    out.print(f"    my_{name}:")
    out.print(f"      type: {name}")
    for key in keys:
        out.print(f"      {key}: " + (f"env:{name.upper()}_SECRET" if key == "secret" else "…"))
    out.print("      push: false")


def try_(
    ctx: typer.Context,
    connection: Annotated[str, typer.Argument(metavar="CONNECTION", help="As it is named in hub.yaml.")],
    records: Annotated[int, typer.Option("--records", min=1, max=200, help="How many to read.")] = 10,
    show_values: Annotated[
        bool, typer.Option("--show-values", help="Show records and requests as they are: personal data.")
    ] = False,
) -> None:
    """Walk through a connection: check it, read and map some records, and make a write up to where it would leave.

    Writes nothing anywhere. Values are shown with letters as x and digits as 9 unless --show-values is given.
    Exit: 0 all well, 1 some records or values would be set aside, 2 the connection is unusable.
    """
    from hub.trying import try_connection

    chosen: Chosen = ctx.find_object(Chosen)  # type: ignore[assignment] # set by the command hub
    out = screen()
    try:
        trial = try_connection(chosen.loaded, connection, records)
    except ConfigError as error:
        raise stop(str(error)) from error
    print_finding(out, trial.finding, show_values)
    if trial.finding.error:
        raise typer.Exit(FAILED)
    out.print(
        f"\n[bold]{trial.read} records read[/]" + (f", {len(trial.set_aside)} set aside" if trial.set_aside else "")
    )
    for line in trial.set_aside:
        out.print(f"  [yellow]![/] {escape(redact(line))}")
    for rows in trial.samples[1:]:
        out.print(sample_table(rows, show_values))
    for write in trial.writes:
        _print_write(out, write, show_values)
    problems = trial.set_aside or trial.finding.problems or any(row.problem for rows in trial.samples for row in rows)
    raise typer.Exit(SET_ASIDE if problems else DONE)


def _print_write(out: Console, write: Any, show_values: bool) -> None:
    out.print(f"\n[bold]{write.op} of the first record[/]: made, and not sent")
    if write.why is not None:
        out.print(f"  [yellow]![/] it would not be sent: {escape(redact(write.why))}")
    if write.request is None:
        out.print(f"  fields: {_shown(write.fields, show_values)}")
        return
    call, body = write.request
    out.print(f"  {escape(call if show_values else _masked_call(call))}")
    if body is not None:
        out.print(f"  {_shown(body, show_values)}")


def _masked_call(call: str) -> str:
    """Addresses and numbers of people out of the path."""
    method, _, path = call.partition(" ")
    return f"{method} {re.sub(r'[^/?&=]*(%40|@)[^/?&=]*|[0-9]{5,}', '…', path)}"


def _shown(value: Any, show_values: bool) -> str:
    text = orjson.dumps(value if show_values else mask(value), option=orjson.OPT_INDENT_2, default=str).decode()
    more = f"{os.linesep}… {len(text) - SHOWN} characters more" if len(text) > SHOWN else ""
    return escape(text[:SHOWN] + more)
