"""`hub check`: the configuration, then each system: reachable, allowed, what it can do, how a record maps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hub.checking import Finding, SampleRow, check_connection
from hub.cli.notify import say_tried
from hub.cli.screen import DONE, FAILED, SET_ASIDE, Chosen, Json, print_json, screen
from hub.config import HubConfig, connection_config, open_secret_files
from hub.connectors.contract import Can, Inbox, Promise
from hub.secrets import redact

if TYPE_CHECKING:
    from hub.notify.opening import Tried

app = typer.Typer()

ABILITIES = {
    "changes": "changes only",
    "complete": "full listing",
    "tombstones": "deletions told",
    "read": "read back",
    "create": "create",
    "update": "update",
    "archive": "archive",
    "delete": "delete",
    "erase": "erase",
    "stale": "stale writes refused",
}
PROMISES = {
    Promise.KEYED: "takes our key",
    Promise.READBACK: "found again at once",
    Promise.EVENTUAL: "found again later",
    Promise.WRITE_ONLY: "an unknown create goes to a person",
}


@app.command()
def check(
    ctx: typer.Context,
    connections: Annotated[
        list[str] | None, typer.Argument(metavar="CONNECTION", help="Default: all that are enabled.")
    ] = None,
    show_values: Annotated[
        bool, typer.Option("--show-values", help="Show the sample record as it is: personal data.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check the configuration, then each system: reachable, allowed, what it can do. Writes nothing.

    Without a CONNECTION also whether subscriptions of events, receivers of notifications and the mail server answer.

    One record of each system is shown before and after mapping, with letters as x and digits as 9 unless
    --show-values is given. Exit: 0 all well, 1 some values would be set aside, 2 a connection is unusable.
    """
    config = ctx.find_object(Chosen).loaded  # type: ignore[union-attr] # set by the command hub
    names = connections or [name for name, connection in config.connections.items() if connection.enabled]
    for name in names:
        connection_config(config, name)  # a wrong name stops before any system is reached
    out = screen()
    findings = _with_lacks(config, _look_at(config, names, quiet=as_json))
    told = [] if connections else _targets(config)
    readable = open_secret_files(config)
    if as_json:
        print_json({
            "folder": config.folder,
            "warnings": [_say_readable(config, reference) for reference in readable],
            "connections": [_as_json(finding, show_values) for finding in findings],
            "targets": [{"target": each.what, "way": each.way, "error": each.error} for each in told],
        })  # fmt: skip
    else:
        _print_all(out, config, findings, readable, show_values)
        if told:
            out.print()
            say_tried(told, "answers")
    raise typer.Exit(FAILED if any(each.error for each in told) else _exit_code(findings))


def _targets(config: HubConfig) -> list[Tried]:
    """Subscriptions, receivers of notifications, the mail server: with the store, since their secrets may be in it."""
    if not (config.events or config.notifications or config.mail):
        return []
    from hub.config.keys import open_if_ready
    from hub.events.net import Outside
    from hub.notify.opening import check_targets

    store = open_if_ready(config)
    try:
        return check_targets(config, Outside())
    finally:
        if store is not None:
            store.close()


def _look_at(config: HubConfig, names: Sequence[str], *, quiet: bool) -> list[Finding]:
    """With the store if there is one: what forms have taken is in it."""
    from hub.config.keys import open_if_ready
    from hub.store.inbox import StoreInbox

    store = open_if_ready(config)
    inbox = StoreInbox(store) if store is not None else None
    try:
        return [_look(config, name, inbox.of(name) if inbox else None, quiet=quiet) for name in names]
    finally:
        if store is not None:
            store.close()


def _with_lacks(config: HubConfig, findings: list[Finding]) -> list[Finding]:
    """What a form needs of the rest of hub.yaml: `hub run` would not start without it."""
    from hub.optin.opening import lacks

    lacking = lacks(config)
    return [replace(each, error=each.error or lacking.get(each.name)) for each in findings]


def _look(config: HubConfig, name: str, inbox: Inbox | None, *, quiet: bool) -> Finding:
    err = screen(stderr=True)
    if quiet or not err.is_terminal:
        return check_connection(config, name, inbox)
    with err.status(f"checking {name} …"):
        return check_connection(config, name, inbox)


def _exit_code(findings: list[Finding]) -> int:
    if any(finding.error for finding in findings):
        return FAILED
    return SET_ASIDE if any(finding.problems for finding in findings) else DONE


# --- for people -------------------------------------------------------------------------------------


def _print_all(
    out: Console, config: HubConfig, findings: list[Finding], readable: list[str], show_values: bool
) -> None:
    out.print(f"[green]✓[/] {escape(str(config.folder))}: the configuration is valid")
    for reference in readable:
        out.print(f"[yellow]![/] {escape(_say_readable(config, reference))}")
    if not findings:
        out.print("There is no enabled connection yet: add one to hub.yaml below `connections`.")
        return
    out.print(_overview(findings))
    for finding in findings:
        print_finding(out, finding, show_values)


def _overview(findings: list[Finding]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("connection", "type", "system", "records", "can", "a lost reply"):
        table.add_column(column, justify="right" if column == "records" else "left", overflow="fold")
    for finding in findings:
        mark = "[red]✗[/]" if finding.error else "[yellow]![/]" if finding.problems else "[green]✓[/]"
        table.add_row(
            f"{mark} {escape(finding.name)}",
            escape(finding.type),
            escape(finding.system),
            "" if finding.records is None else f"{finding.records:,}",
            "[red]not usable[/]" if finding.error else ", ".join(_abilities(finding.can)),
            PROMISES[finding.can.promise] if finding.can and finding.can.create else "",
        )
    return table


def _abilities(can: Can | None) -> list[str]:
    return [word for name, word in ABILITIES.items() if can is not None and getattr(can, name)]


def print_finding(out: Console, finding: Finding, show_values: bool) -> None:
    out.print()
    out.print(f"[bold]{escape(finding.name)}[/]")
    if finding.error:
        out.print(f"  [red]✗[/] {escape(redact(finding.error))}")
    for line in finding.lines:
        out.print(f"  {escape(redact(line))}")
    for line in finding.warnings:
        out.print(f"  [yellow]![/] {escape(redact(line))}")
    for line in finding.problems:
        out.print(f"  [yellow]![/] {escape(redact(line))}")
    if finding.sample:
        out.print(sample_table(finding.sample, show_values))
    if finding.unmapped:
        out.print(f"  [dim]not mapped: {escape(', '.join(finding.unmapped))}[/]")


def sample_table(rows: tuple[SampleRow, ...], show_values: bool) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 2))
    for column in ("one record: its field", "holds", "canonical field", "becomes"):
        table.add_column(column, overflow="fold")
    for row in rows:
        shown = _shown_row(row, show_values)
        field, after = _becomes(shown["key"], shown["after"])
        if row.problem:
            after = f"[yellow]set aside: {escape(row.problem)}[/]"
        table.add_row(escape(row.path), escape(_text(shown["before"])), escape(field), after)
    return table


def _becomes(key: str, value: Any) -> tuple[str, str]:
    """(field, value) for people: of one among many, the element with what is known of it."""
    base, slash, element = key.partition("/")
    if not slash or base == "addresses":  # whose element is a number that says nothing
        return base, escape(_text(value))
    more = _text(value)
    return base, escape(f"{element} ({more})" if more else element)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_text(part)}" for name, part in value.items())
    if isinstance(value, list):
        return "; ".join(_text(part) for part in value)
    return "" if value is None else str(value)


def _say_readable(config: HubConfig, reference: str) -> str:
    path = config.folder / reference.removeprefix("file:")
    return f"every user of this machine can read the secret {reference}; run: chmod 600 {path}"


# --- for programs -----------------------------------------------------------------------------------


def _as_json(finding: Finding, show_values: bool) -> dict[str, Any]:
    plain = {field.name: getattr(finding, field.name) for field in fields(finding)}
    for key in ("lines", "warnings", "problems"):
        plain[key] = [redact(line) for line in plain[key]]
    return plain | {
        "error": redact(finding.error) if finding.error else None,
        "can": asdict(finding.can) if finding.can else None,
        "sample": [_shown_row(row, show_values) for row in finding.sample],
    }


# --- personal data ----------------------------------------------------------------------------------


def _shown_row(row: SampleRow, show_values: bool) -> dict[str, Any]:
    plain = asdict(row)
    if show_values:
        return plain
    base, slash, element = row.key.partition("/")
    if base == "consents":
        return plain | {"before": mask(row.before), "after": _mask_consent(row.after), "key": _mask_key(row.key)}
    return plain | {"before": mask(row.before), "after": mask(row.after), "key": base + slash + mask(element)}


def _mask_key(key: str) -> str:
    """Channel and purpose say nothing of a person, the address between them does."""
    channel, _, rest = key.partition("|")
    address, _, purpose = rest.rpartition("|")
    return f"{channel}|{mask(address)}|{purpose}"


def _mask_consent(value: Any) -> Any:
    """Status, basis and wording come from the configuration; the time and the rest from the record."""
    if not isinstance(value, dict):
        return mask(value)
    return {name: part if name in ("status", "basis", "wording") else mask(part) for name, part in value.items()}


def mask(value: Any) -> Any:
    """The shape of a value without what it says: letters become x, digits 9."""
    if isinstance(value, dict):
        return {name: mask(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [mask(part) for part in value]
    if value is None or isinstance(value, bool):
        return value
    text = re.sub(r"\d", "9", str(value))
    return re.sub(r"[^\W\d_]", lambda letter: "X" if letter[0].isupper() else "x", text)
