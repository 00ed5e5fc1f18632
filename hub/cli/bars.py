"""Progress bars of runs: one line a connection, with counts and rate."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from time import monotonic
from types import TracebackType

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from hub.cli.sync import Live
from hub.sync.engine import Run
from hub.sync.run import Result

SHOWN = {
    "created": "new",
    "updates": "changed",
    "merges": "merged",
    "pushed": "written",
    "set_aside": "set aside",
}


class Bars(Live):
    """Shown on a terminal while runs are under way. Called from the threads of the runs."""

    def __init__(self, console: Console, names: Sequence[str]) -> None:
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("[bold]{task.description}"),
            TextColumn("{task.fields[text]}", justify="left"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._tasks = {name: self._progress.add_task(name, total=None, text="…") for name in names}
        self._began: dict[str, float] = {}
        self._runs: dict[str, Run] = {}
        self._guard = Lock()

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def follow(self, run: Run) -> None:
        with self._guard:
            if self._runs.get(run.name) is not run:
                self._runs[run.name], self._began[run.name] = run, monotonic()
            seconds = max(0.001, monotonic() - self._began[run.name])
        pulled = run.counts.get("pulled", 0)
        rate = f" ({pulled / seconds:,.0f}/s)" if seconds > 0.5 else ""
        self._show(self._tasks[run.name], f"{pulled:,} read{rate}", run.counts)

    def ended(self, result: Result) -> None:
        task = self._tasks[result.connection]
        self._show(task, f"{result.status}: {result.counts.get('pulled', 0):,} read", result.counts)
        self._progress.update(task, total=1, completed=1)

    def _show(self, task: TaskID, text: str, counts: dict[str, int]) -> None:
        parts = [f"{counts[key]:,} {word}" for key, word in SHOWN.items() if counts.get(key)]
        self._progress.update(task, text=", ".join([text, *parts]))
