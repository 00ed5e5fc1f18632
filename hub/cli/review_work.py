"""Questions answered one after the other: a key a question, undone as easily."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

import typer
from rich.console import Console

from hub.cli import show
from hub.cli.review import print_question
from hub.cli.screen import complain
from hub.cli.show import cell, counted
from hub.store import lists
from hub.sync import people

if TYPE_CHECKING:
    from hub.store.lists import AskRow
    from hub.sync.engine import Hub
    from hub.sync.people import TakenBack

WORDS = {"same": "s", "different": "d", "skip": "k", "undo": "u", "quit": "q"}
KEYS = "[s]ame  [d]ifferent  s[k]ip  [u]ndo  [q]uit"
ENDS = ("\x03", "\x04", "\x1b")  # Ctrl-C, Ctrl-D, Escape, where the terminal hands them over as keys

Key = Callable[[], str | None]
"""The next key; None when no more will come."""


def keys(stream: TextIO | None = None) -> Key:
    """Keys of the terminal as they are pressed, else of the piped input as letters or words."""
    source = stream or sys.stdin
    if source.isatty():
        return _pressed
    letters = _letters(source)
    return lambda: next(letters, None)


def _pressed() -> str | None:
    try:
        key = typer.getchar()
    except (EOFError, KeyboardInterrupt):
        return None
    return None if key in ENDS else key.lower()


def _letters(source: TextIO) -> Iterator[str]:
    for line in source:
        for word in line.lower().split():
            yield from WORDS.get(word, word)


def answer(hub: Hub, number: int, verdict: str, person: str) -> str:
    """Save an answer; what came of it in words."""
    home = people.answer(hub, number, verdict, person)
    if verdict == "same":
        return f"one contact, {home}"
    with hub.store.read() as tx:
        row = lists.ask(tx, number)
    return f"{row.a.golden_id} and {row.b.golden_id} stay two" if row else "they stay two"


def say_taken_back(number: int, taken: TakenBack) -> str:
    now = (
        f"the model takes them for one contact, {taken.homes[0]}"
        if taken.is_one
        else f"{taken.homes[0]} and {taken.homes[1]} are two, and the question is open again"
    )
    return f"Question {number}: “{taken.answer}” is taken back; {now}."


@dataclass
class Sitting:
    """One person at the list. done: (place, answer or "skip") of what can be undone, the last one last."""

    hub: Hub
    numbers: Sequence[int]
    person: str
    out: Console
    key: Key
    place: int = 0
    done: list[tuple[int, str]] = field(default_factory=list)

    def run(self) -> None:
        while self.place < len(self.numbers):
            row = self._row()
            if row is None:
                self.place += 1
                continue
            print_question(self.out, row, f"{self.place + 1:,} of {len(self.numbers):,}")
            if not self._decide(row):
                break
        self._sum_up()

    def _row(self) -> AskRow | None:
        """The question at this place; None when another answer has settled it."""
        with self.hub.store.read() as tx:
            row = lists.ask(tx, self.numbers[self.place])
        open_still = row is not None and row.state == "open" and row.a.golden_id != row.b.golden_id
        return row if open_still else None

    def _decide(self, row: AskRow) -> bool:
        """Until a key has moved on or back. False: enough."""
        show.say(self.out, cell(KEYS, "bold cyan"))
        while (key := self.key()) not in (None, "q"):
            if key in ("s", "d"):
                verdict = "same" if key == "s" else "different"
                show.say(self.out, f"  {verdict}: {answer(self.hub, row.number, verdict, self.person)}", "")
            elif key == "u":
                if self._undo():
                    return True
                continue
            elif key == "k":
                verdict = "skip"
                show.say(self.out, "  skipped", "")
            else:
                complain(f"{key!r} means nothing here: {KEYS}")
                continue
            self.done.append((self.place, verdict))
            self.place += 1
            return True
        return False

    def _undo(self) -> bool:
        """Back to the question before, its answer taken back. False: there is none of this sitting."""
        if not self.done:
            complain("Nothing was answered yet in this sitting. Older answers: hub review undo NUMBER")
            return False
        self.place, said = self.done.pop()
        number = self.numbers[self.place]
        if said == "skip":
            show.say(self.out, f"  back to question {number}", "")
        else:
            taken = people.take_back(self.hub, number, self.person, decide=False)
            show.say(self.out, f"  {say_taken_back(number, taken)}", "")
        return True

    def _sum_up(self) -> None:
        said = [verdict for _, verdict in self.done]
        answered = counted(len(said) - said.count("skip"), "question")
        parts = [f"{said.count(v):,} {v}" for v in ("same", "different") if v in said]
        parts += [f"{said.count('skip'):,} skipped"] if "skip" in said else []
        show.say(self.out, f"{answered} answered" + (f": {', '.join(parts)}." if parts else "."))
