"""What all commands share of the terminal: where they print, what was chosen, how they end."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import orjson
import typer

from hub.secrets import redact

if TYPE_CHECKING:  # the help of `hub` needs neither
    from rich.console import Console

    from hub.config import HubConfig

DONE, SET_ASIDE, FAILED = 0, 1, 2
WIDE = 160  # columns when the output is no terminal: tables stay whole in files and pipes

Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@dataclass(frozen=True)
class Chosen:
    """The options before the command: `ctx.obj` of every command."""

    config: Path | None = None
    debug: bool = False

    @property
    def folder(self) -> Path:
        """The configuration's folder: as named, else ./config, else $HUB_CONFIG."""
        here = Path("config")
        named = os.environ.get("HUB_CONFIG")
        if self.config is not None:
            return self.config
        return Path(named) if named and not (here / "hub.yaml").is_file() else here

    @cached_property
    def loaded(self) -> HubConfig:
        from hub.config import load_config

        return load_config(self.folder)


def screen(*, stderr: bool = False) -> Console:
    """A console of the terminal's width, or wide when the output goes elsewhere."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else WIDE, highlight=False, soft_wrap=False)


def print_json(value: Any) -> None:
    """One JSON value on stdout, indented; dates and paths as texts."""
    sys.stdout.write(orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2).decode() + "\n")


def complain(message: str) -> None:
    """A message for people on stderr, without any secret."""
    sys.stderr.write(redact(message).rstrip() + "\n")


def stop(message: str) -> typer.Exit:
    """`raise stop(…)` ends a command that failed."""
    complain(message)
    return typer.Exit(FAILED)
