"""Which parked records a command means, and what is typed or piped into it."""

from __future__ import annotations

import sys
from typing import Annotated, TypeAlias

import typer

from hub.errors import ConfigError
from hub.store.lists import ParkedFilter

Numbers: TypeAlias = Annotated[list[int] | None, typer.Argument(metavar="NUMBER")]
Reason: TypeAlias = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Only those whose reason has this text in it.")
]


def typed(what: str) -> str:
    """A line that is typed, or all that is piped. Never an argument: those are for all users of the machine to see."""
    if sys.stdin.isatty():
        return str(typer.prompt(what, default="", show_default=False))
    return _ended(sys.stdin.read())


def typed_line(what: str) -> str:
    """A line that is typed, or the next one of a pipe."""
    if sys.stdin.isatty():
        return str(typer.prompt(what, default="", show_default=False))
    return _ended(sys.stdin.readline())


def typed_text(what: str) -> str:
    """All that is typed or piped, without its last line break."""
    if sys.stdin.isatty():
        typer.echo(f"{what}; end it with Ctrl+D:", err=True)
    return _ended(sys.stdin.read())


def _ended(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")


def chosen_of(numbers: list[int] | None, connection: str | None, reason: str | None) -> ParkedFilter:
    if not (numbers or connection or reason):
        raise ConfigError(
            "Say which: numbers as `hub parked list` shows them, --connection NAME or --reason TEXT. "
            "Nothing was changed."
        )
    return ParkedFilter(connection, reason=reason, numbers=tuple(numbers) if numbers else None)
