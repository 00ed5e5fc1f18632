"""What the demo prints: chapters, what is happening and why it matters, and tables."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from rich.table import Table

WIDE = 160  # columns when the output is no terminal, as the hub's own commands have


class Screen:
    """Where the demo prints. What the hub's commands print stands between it, as they print it."""

    def __init__(self) -> None:
        is_terminal = sys.stdout.isatty()
        self.console = Console(width=None if is_terminal else WIDE, highlight=False)
        self._chapter = 0

    def chapter(self, title: str, *why: str) -> None:
        self._chapter += 1
        self.console.print()
        self.console.print(Rule(f"[bold cyan]{self._chapter}. {escape(title)}[/]", align="left", style="cyan"))
        for paragraph in why:
            self.say(paragraph)

    def say(self, text: str = "") -> None:
        """A paragraph, with rich's marks."""
        self.console.print(text, soft_wrap=False)
        self.flush()

    def command(self, words: Sequence[str]) -> None:
        self.console.print()
        self.console.print(f"[bold green]$[/] [bold]hub {escape(' '.join(_quoted(words)))}[/]")
        self.flush()

    def table(self, *columns: str, rows: Sequence[Sequence[str]]) -> None:
        table = Table(box=None, header_style="dim", padding=(0, 2), pad_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*map(escape, row))
        self.console.print()
        self.console.print(Padding(table, (0, 0, 0, 2), expand=False))
        self.flush()

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Bars that go when they are done; nothing where the output is no terminal."""
        columns = (
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal) as bars:
            yield bars

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        if not self.console.is_terminal:
            self.say(text)
            yield
            return
        with self.console.status(text):
            yield

    def flush(self) -> None:
        """Before a command of the hub prints into the same stream."""
        self.console.file.flush()


def _quoted(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        yield f'"{word}"' if " " in word else word
