"""A system in memory that does just what a test tells it: no chance, and no time of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from hub.connectors.contract import Can, Connector, Context, Promise, Report, Settings
from hub.errors import CursorExpired, TransientError
from hub.model import (
    Done,
    Item,
    Missing,
    NotSent,
    Op,
    Outcome,
    Page,
    Record,
    Refused,
    Stale,
    Tombstone,
    Unknown,
    Write,
)

PROMISES = {
    "K": Promise.KEYED,
    "R": Promise.READBACK,
    "E": Promise.EVENTUAL,
    "W": Promise.WRITE_ONLY,
}


def can(promise: str = "R", **more: Any) -> Can:
    """A system that can do all, with this promise; `more` replaces abilities."""
    settle = 60.0 if promise == "E" else 0.0
    abilities: dict[str, Any] = {
        "changes": True,
        "read": True,
        "create": True,
        "update": True,
        "archive": True,
        "delete": True,
        "stale": True,
        "batch": 10,
        "settle_seconds": settle,
        "late_seconds": 0.0,
    }
    return Can(**{**abilities, "promise": PROMISES[promise], **more})


@dataclass
class Row:
    """One contact there. `order` grows with every change in the system."""

    fields: dict[str, Any]
    order: int
    at: float
    key: str | None = None
    archived: bool = False


Answer = Callable[["FakeConnector", Sequence[Write]], list[Outcome]]
"""What a call of `write` does and says."""


class FakeSystem:
    """A table, and what will go wrong with the calls to come.

    keep      what the table makes of the values it is given
    answers   for the next calls of `write`, one each; with none left all goes well
    failures  for the next calls of any kind, raised instead
    hidden    ids that no pull shows; a read and a search do
    heirs     id of a record that gave way → the one that took its place, where a read and an update tell that
    during    called at the beginning of each call, with its name
    """

    def __init__(self, name: str, abilities: Can, clock: Callable[[], float], page: int = 100) -> None:
        self.name, self.can, self.clock, self.page = name, abilities, clock, page
        self.rows: dict[str, Row] = {}
        self.removed: list[tuple[int, str]] = []
        self.extra: list[Item] = []
        self.writes: list[Write] = []
        self.calls: list[str] = []
        self.keep: Callable[[dict[str, Any]], dict[str, Any]] = dict
        self.answers: deque[Answer] = deque()
        self.failures: deque[BaseException | None] = deque()
        self.hidden: set[str] = set()
        self.heirs: dict[str, str] = {}
        self.forgets_cursors = False
        self.during: Callable[[str], None] = lambda call: None
        self.skew = 0.0
        self._order = 0

    # people ---------------------------------------------------------------------------------------

    def put(self, row_id: str, **fields: Any) -> str:
        """Somebody makes or edits a contact."""
        row = self.rows.get(row_id)
        if row is None:
            row = self.rows[row_id] = Row({}, 0, 0.0)
        row.fields.update(fields)
        self._changed(row)
        return row_id

    def remove(self, row_id: str) -> None:
        """Somebody deletes a contact."""
        del self.rows[row_id]
        self._order += 1
        self.removed.append((self._order, row_id))

    def _changed(self, row: Row) -> None:
        self._order += 1
        row.order, row.at = self._order, self.clock() + self.skew

    # what the API shows and does ------------------------------------------------------------------

    @property
    def order(self) -> int:
        return self._order

    def record(self, row_id: str) -> Record:
        row = self.rows[row_id]
        shown = self.can.promise in (Promise.READBACK, Promise.EVENTUAL)
        return Record(
            row_id,
            dict(row.fields),
            version=str(row.order),
            changed_at=datetime.fromtimestamp(row.at, UTC),
            archived=row.archived,
            key=row.key if shown else None,
        )

    def carry_out(self, write: Write) -> Outcome:
        self.writes.append(write)
        if write.op is Op.CREATE:
            return self._create(write)
        there = self.heirs.get(write.id or "", write.id)
        if there not in self.rows:
            return Missing()
        if write.op in {Op.DELETE, Op.ERASE}:
            self.remove(there)
            return Done(None)
        row = self.rows[there]
        if self.can.stale and write.version is not None and write.version != str(row.order):
            self.writes.pop()
            return Stale()
        row.fields.update(self.keep(dict(write.fields)))
        row.archived = row.archived or write.op is Op.ARCHIVE
        self._changed(row)
        return Done(self.record(there))

    def _create(self, write: Write) -> Outcome:
        found = [i for i, row in self.rows.items() if row.key == write.key]
        if found and self.can.promise is Promise.KEYED:
            return Done(self.record(found[0]), existed=True)
        row_id = f"{self.name}-new{len([w for w in self.writes if w.op is Op.CREATE])}"
        key = write.key if self.can.promise is not Promise.WRITE_ONLY else None
        self.rows[row_id] = row = Row(self.keep(dict(write.fields)), 0, 0.0, key)
        self._changed(row)
        return Done(self.record(row_id))


class FakeConnector(Connector):
    """The hub's side of a `FakeSystem`."""

    Settings = Settings
    default_mapping = ""

    def __init__(self, system: FakeSystem) -> None:
        super().__init__(None, Context(system.name))
        self.system = system

    @property
    def can(self) -> Can:
        return self.system.can

    def check(self) -> Report:
        return Report(self.system.name)

    def _call(self, name: str) -> None:
        self.system.calls.append(name)
        self.system.during(name)
        if self.system.failures and (failure := self.system.failures.popleft()) is not None:
            raise failure

    def pull(self, since: str | None) -> Iterator[Page]:
        system = self.system
        if since is not None and system.forgets_cursors:
            raise CursorExpired("the cursor is no longer known")
        if since is None or since.startswith("list "):
            yield from self._listing(since)
        else:
            yield from self._changes(int(since))

    def _listing(self, since: str | None) -> Iterator[Page]:
        """Cursors say "list FIRST LAST": the order at the beginning, and the last id read."""
        system = self.system
        first, last = (since or f"list {system.order} ").split(" ")[1:]
        while True:
            self._call("pull")
            left = sorted(i for i in system.rows if i > last and i not in system.hidden)
            part = left[: system.page]
            items: list[Item] = [system.record(i) for i in part]
            if len(left) <= system.page:
                end = first if self.can.changes else None
                yield Page((*items, *system.extra), end)
                return
            last = part[-1]
            yield Page(tuple(items), f"list {first} {last}")

    def _changes(self, since: int) -> Iterator[Page]:
        self._call("pull")
        system = self.system
        changed = sorted((r.order, i) for i, r in system.rows.items() if r.order > since and i not in system.hidden)
        gone = [i for order, i in system.removed if order > since and i not in system.rows and self.can.tombstones]
        items: list[Item] = [system.record(i) for _, i in changed]
        yield Page((*items, *map(Tombstone, gone), *system.extra), str(system.order))

    def read(self, ids: Sequence[str]) -> dict[str, Record]:
        self._call("read")
        there = {i: self.system.heirs.get(i, i) for i in ids}
        return {i: self.system.record(row_id) for i, row_id in there.items() if row_id in self.system.rows}

    def find(self, key: str) -> Record | None:
        self._call("find")
        return next((self.system.record(i) for i, row in self.system.rows.items() if row.key == key), None)

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        assert 0 < len(writes) <= self.can.batch
        self._call("write")
        if self.system.answers:
            return self.system.answers.popleft()(self, writes)
        return [self.system.carry_out(write) for write in writes]


# --- answers to a call of `write` -------------------------------------------------------------------


def lost_reply(connector: FakeConnector, writes: Sequence[Write]) -> list[Outcome]:
    """All is carried out, and nobody hears of it."""
    for write in writes:
        connector.system.carry_out(write)
    raise TransientError("the connection broke", maybe_done=True)


class Late:
    """An answer that never comes to a write that is carried out only when the test says so."""

    def __init__(self) -> None:
        self.writes: list[Write] = []

    def __call__(self, connector: FakeConnector, writes: Sequence[Write]) -> list[Outcome]:
        self.writes.extend(writes)
        raise TransientError("timed out", maybe_done=True)


def shown_in_part(*names: str) -> Answer:
    """All is carried out, and the answers show only these columns."""

    def answer(connector: FakeConnector, writes: Sequence[Write]) -> list[Outcome]:
        outcomes = [connector.system.carry_out(write) for write in writes]
        return [_in_part(outcome, names) for outcome in outcomes]

    return answer


def _in_part(outcome: Outcome, names: Sequence[str]) -> Outcome:
    assert isinstance(outcome, Done), outcome
    assert outcome.record is not None
    fields = {name: outcome.record.fields[name] for name in names}
    return Done(replace(outcome.record, fields=fields), partial=True)


def timed_out(connector: FakeConnector, writes: Sequence[Write]) -> list[Outcome]:
    """Nothing is carried out, and nobody hears of it."""
    raise TransientError("timed out", maybe_done=True)


def one_answer_lost(index: int) -> Answer:
    """All is carried out; the answer to one of them is missing."""

    def answer(connector: FakeConnector, writes: Sequence[Write]) -> list[Outcome]:
        outcomes = [connector.system.carry_out(write) for write in writes]
        outcomes[index] = Unknown("the answer is missing")
        return outcomes

    return answer


def refused(reason: str) -> Answer:
    return lambda connector, writes: [Refused(reason) for _ in writes]


def not_now(retry_after: float | None = None, *, untried: bool = False) -> Answer:
    """Surely not carried out."""
    return lambda connector, writes: [NotSent("too many requests", retry_after, untried) for _ in writes]


def cut(**longest: int) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """A table whose columns hold so many characters, and cut the rest off without a word."""
    return lambda fields: {
        name: value[: longest[name]] if isinstance(value, str) and name in longest else value
        for name, value in fields.items()
    }
