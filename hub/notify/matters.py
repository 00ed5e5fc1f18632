"""What needs a person, and what is said of it: pure. No personal data, and no text of any system."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

FAILING, PAUSED, HELD, CONFLICTS, WORK_LISTS, OPT_OUTS = (
    *("failing", "paused", "held", "conflicts", "work_lists", "opt_outs"),
)
LINKS = {
    FAILING: "/connections/{}",
    PAUSED: "/connections/{}",
    HELD: "/holds",
    CONFLICTS: "/conflicts?connection={}",
    WORK_LISTS: "/{}",
    OPT_OUTS: "/connections/{}",
}
SAID = {
    FAILING: ("{}: its runs fail.", "{}: its runs fail no more."),
    PAUSED: ("{} is paused: nothing runs until somebody starts it.", "{} is not paused any more."),
    HELD: ("{}: a run waits for approval.", "{}: no run waits for approval any more."),
    CONFLICTS: ("{} brings many more conflicts than usual.", "{} brings no more conflicts than usual."),
    WORK_LISTS: (
        "The work list “{}” has entries that have waited for long.",
        "The work list “{}” is up to date again.",
    ),
    OPT_OUTS: ("{} has not acknowledged an opt-out.", "{} has acknowledged all opt-outs."),
}
LISTS = {"holds": "Held runs", "reviews": "Possible duplicates", "conflicts": "Conflicts", "parked": "Set aside"}
SPIKE = 5  # times as many as in an hour of the last week
WEEK_HOURS = 168


@dataclass(frozen=True, slots=True)
class Matter:
    """kind: one of the words above; subject: a connection, or the name of a work list"""

    kind: str
    subject: str

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.subject}"

    @property
    def link(self) -> str:
        """A path of the console."""
        return LINKS[self.kind].format(self.subject)

    def text(self, *, is_over: bool = False) -> str:
        return SAID[self.kind][is_over].format(LISTS.get(self.subject, self.subject))


def matter_of(key: str) -> Matter:
    kind, _, subject = key.partition("/")
    return Matter(kind, subject)


@dataclass(frozen=True, slots=True)
class Connected:
    """How a connection stands. conflicts: within the last hour, and within the last week"""

    name: str
    is_failing: bool = False
    is_paused: bool = False
    is_held: bool = False
    oldest_opt_out: datetime | None = None
    conflicts: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Limits:
    """kinds: only these, none being all; conflicts: in an hour; waiting, opt_outs: seconds"""

    kinds: frozenset[str] = frozenset()
    conflicts: int = 20
    waiting: float = 3 * 86_400.0
    opt_outs: float = 86_400.0


def matters(
    connections: Sequence[Connected], oldest: Mapping[str, float | None], limits: Limits, now: float
) -> set[Matter]:
    """oldest: work list → since when its oldest entry waits, epoch seconds"""
    found = {*_of_connections(connections, limits, now), *_of_lists(oldest, limits, now)}
    return {each for each in found if not limits.kinds or each.kind in limits.kinds}


def _of_connections(connections: Sequence[Connected], limits: Limits, now: float) -> Iterator[Matter]:
    for one in connections:
        hour, week = one.conflicts
        since = one.oldest_opt_out
        holds = {
            FAILING: one.is_failing and not one.is_paused,
            PAUSED: one.is_paused,
            HELD: one.is_held,
            CONFLICTS: hour > limits.conflicts and hour > SPIKE * week / WEEK_HOURS,
            OPT_OUTS: since is not None and now - since.timestamp() > limits.opt_outs,
        }
        yield from (Matter(kind, one.name) for kind, does in holds.items() if does)


def _of_lists(oldest: Mapping[str, float | None], limits: Limits, now: float) -> Iterator[Matter]:
    for name, since in oldest.items():
        if name in LISTS and since is not None and now - since > limits.waiting:
            yield Matter(WORK_LISTS, name)
