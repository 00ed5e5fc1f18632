"""Lossy systems of the four classes: what a vendor's service does to a hub, without the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from hub.connectors.contract import Can, Connector, Context, Promise, Report, Settings
from hub.errors import CursorExpired, TransientError
from hub.mapping.apply import ContactMapping
from hub.mapping.spec import load_mapping
from hub.model import (
    Done,
    Interaction,
    Item,
    Missing,
    NotSent,
    Op,
    Outcome,
    Page,
    Record,
    Stale,
    Statement,
    Tombstone,
    Unknown,
    Write,
)
from tests.simulation.world import World

PAGE = 3
DEADLINE = 9.0  # seconds; with the tick before it, shorter than the lease of 30


@dataclass(frozen=True)
class Kind:
    """How one system behaves.

    cut     field → longest value it keeps
    mute    its feed of changes leaves out what the hub itself has done: only a whole listing shows that
    stays   a create with a key that is there already is answered with the record as it is, and changes nothing
    logs    it tells what happened with people: one interaction for everything that somebody types
    part    its answers to writes show what was sent only, and now and then not all of that
    """

    name: str
    can: Can
    paging: str  # offset | key
    cut: Mapping[str, int] = field(default_factory=dict)
    upper: tuple[str, ...] = ()
    mute: bool = False
    stays: bool = False
    logs: bool = False
    part: bool = False


NAMES = {
    "given_name": "first",
    "family_name": "last",
    "job_title": "job",
    "department": "dept",
    "nickname": "nick",
    "note": "note",
}
STOPS = (Statement("email", "newsletter", "denied"),)
SHARED = "nickname"  # the field that everybody edits

LATE = 30.0  # seconds for which a write without an answer may still be carried out, as long as a lease
_MUTE = Can(
    changes=True,
    read=True,
    create=True,
    update=True,
    delete=True,
    promise=Promise.KEYED,
    batch=2,
    late_seconds=LATE,
)

KINDS = {
    "R": Kind(
        "R",
        Can(
            changes=True,
            read=True,
            create=True,
            update=True,
            delete=True,
            promise=Promise.READBACK,
            batch=1,
            late_seconds=LATE,
        ),
        "offset",
        cut={"job": 8},
        logs=True,
    ),
    "E": Kind(
        "E",
        Can(
            read=True,
            create=True,
            update=True,
            delete=True,
            promise=Promise.EVENTUAL,
            settle_seconds=60,
            late_seconds=LATE,
            batch=2,
        ),
        "offset",
        cut={"note": 6, "last": 10},
        part=True,
    ),
    "K": Kind(
        "K",
        Can(
            changes=True,
            tombstones=True,
            read=True,
            create=True,
            update=True,
            delete=True,
            stale=True,
            promise=Promise.KEYED,
            late_seconds=LATE,
            batch=3,
        ),
        "key",
        upper=("dept",),
        logs=True,
    ),
    "L": Kind("L", Can(), "offset"),
    "W": Kind(
        "W",
        Can(read=True, create=True, update=True, delete=True, promise=Promise.WRITE_ONLY, late_seconds=LATE, batch=1),
        "key",
        cut={"first": 7},
    ),
    "M": Kind("M", _MUTE, "key", upper=("dept",), mute=True, part=True),
    "X": Kind("X", replace(_MUTE, batch=1), "offset", cut={"note": 6}, mute=True, stays=True),
}


def mapping_of(kind: Kind, without: str | None = None) -> ContactMapping:
    """without: a field of which the mapping says nothing, in either direction"""
    fields: dict[str, Any] = {}
    for canonical, column in NAMES.items():
        if canonical == without:
            continue
        row: dict[str, Any] = {"from": column}
        if column in kind.cut:
            row["max_length"] = kind.cut[column]
        if column in kind.upper:
            row["case"] = "upper"
        fields[canonical] = row
    fields["emails"] = {"from": "mail"}
    fields["phones"] = {"from": "tel", "format": "national"}
    consent = {
        "from": "news",
        "values": {"Y": "granted", "N": "denied"},
        "channel": "email",
        "purpose": "newsletter",
        "at": "news_at",
        "basis": "explicit",
        "whole_person": True,
    }
    table = {"kind": "person", "fields": fields, "consents": [consent]}
    return load_mapping(table, where=f"system {kind.name}", default_region="PT")


@lru_cache(64)
def mapping_by_name(name: str, without: str | None = None) -> ContactMapping:
    """A mapping is the same in every history."""
    return mapping_of(KINDS[name], without)


def _cursor(place: Mapping[str, Any]) -> str:
    return orjson.dumps(place).decode()


def _without(place: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in place.items() if name not in names}


@dataclass
class Row:
    fields: dict[str, Any]
    stamp: float  # whole seconds, as the system shows it
    key: str | None
    made_by: str  # "hub" or "person"
    born: float
    revision: int = 1
    heard: float | None = None  # stamp of the last change that was not the hub's


@dataclass(frozen=True)
class Backup:
    """What a system was at one moment."""

    rows: dict[str, Row]
    removed: list[tuple[float, str]]
    next_id: int
    creates: list[tuple[str | None, str]]


class System:
    """A table with an API in front of it. People edit the table; the hub has only the API."""

    def __init__(self, world: World, kind: Kind, skew: float) -> None:
        self.world, self.kind, self.skew = world, kind, skew
        self.rows: dict[str, Row] = {}
        self.removed: list[tuple[float, str]] = []
        self.left_out: set[str] = set()  # rows that a listing has left out
        self.happened: list[tuple[str, Interaction]] = []  # with the address of whom it was
        self.next_id = 1
        self.creates: list[tuple[str | None, str]] = []
        self.late: list[tuple[float, Callable[[], None]]] = []  # writes that the hub has given up: when they are done
        self.deletions = 0
        self.writes = 0
        self.heirs: dict[str, str] = {}  # row that was merged away → the one that took its place
        self.answers: set[str] = set()  # of these, those that are answered with what took their place
        self.backup: Backup | None = None
        self.epoch = 0  # cursors of another one are refused
        # row and column of what the hub has just written, while it reads back what became of it: an edit of the very
        # same place in that moment looks like the system's own form of what was sent (docs/simulation.md)
        self.read_back: frozenset[tuple[str, str]] = frozenset()

    @property
    def name(self) -> str:
        return self.kind.name

    def clock(self) -> float:
        return float(int(self.world.now + self.skew))

    def keep(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Values as this system stores them."""
        kept: dict[str, Any] = {}
        for column, value in fields.items():
            if isinstance(value, str) and column in self.kind.cut:
                value = value[: self.kind.cut[column]]
            if isinstance(value, str) and column in self.kind.upper:
                value = value.upper()
            kept[column] = value
        return kept

    def catch_up(self) -> None:
        """What has come due since somebody last looked is done."""
        due = [done for at, done in self.late if at <= self.world.now]
        self.late = [(at, done) for at, done in self.late if at > self.world.now]
        for done in due:
            done()

    # what people do ----------------------------------------------------------------------------

    def person_creates(self, fields: Mapping[str, Any]) -> str:
        self.catch_up()
        row_id = self._insert(fields, None, "person")
        self._log(row_id)
        return row_id

    def person_edits(self, row_id: str, fields: Mapping[str, Any]) -> None:
        self.catch_up()
        self._update(row_id, fields, "person")
        self._log(row_id)

    def _log(self, row_id: str) -> None:
        """A call from the person's number, a mail from the address, or a visit noted at the record."""
        if not self.kind.logs:
            return
        row, number = self.rows[row_id].fields, len(self.happened)
        party: dict[str, Any] = {"channel": "visit", "kind": "visit", "record": row_id}
        if number % 3 == 0 and row["tel"]:
            phones = ("+351" + row["tel"].replace(" ", ""),)
            party = {"channel": "call", "kind": "call.answered", "phones": phones}
        elif number % 3 == 1:
            party = {"channel": "email", "kind": "mail.reply", "emails": (row["mail"],)}
            if number % 6 == 4:
                party |= {"kind": "mail.unsubscribed", "says": STOPS}
        at = datetime.fromtimestamp(self.clock(), UTC)
        self.happened.append((row["mail"], Interaction(f"{self.name}-{number}", at, direction="in", **party)))

    def interactions(self, since: float = 0.0) -> tuple[Interaction, ...]:
        return tuple(one for _, one in self.happened if one.at.timestamp() >= since)

    def person_deletes(self, row_id: str) -> None:
        self.catch_up()
        self._delete(row_id)

    # what its operators do ---------------------------------------------------------------------

    def merge(self, keep: str, lose: str, *, answers: bool) -> bool:
        """Two rows become one: `keep` has what it had; `lose` is gone. Whether what was blank was filled from it."""
        self.catch_up()
        kept, lost = self.rows[keep].fields, self.rows[lose].fields
        blank = {column: lost[column] for column, value in kept.items() if value in (None, "") and lost.get(column)}
        self._update(keep, blank, "person")
        self.heirs[lose] = keep
        if answers:
            self.answers.add(lose)
        self._delete(lose)
        return bool(blank)

    def heir(self, row_id: str) -> str | None:
        """The row that answers under this id: itself, or what took its place where the system tells that."""
        while row_id not in self.rows and row_id in self.answers:
            row_id = self.heirs[row_id]
        return row_id if row_id in self.rows else None

    def back_up(self) -> None:
        self.catch_up()
        self.backup = Backup(deepcopy(self.rows), list(self.removed), self.next_id, list(self.creates))

    def put_back(self, *, anew: bool, refuses: bool) -> None:
        """Everything is as it was. anew: ids given out since are given out again. refuses: cursors of before are"""
        assert self.backup is not None, "there is a backup"
        self.catch_up()
        self.rows, self.removed = deepcopy(self.backup.rows), list(self.backup.removed)
        self.creates, self.late = list(self.backup.creates), []
        if anew:
            self.next_id = self.backup.next_id
        self.epoch += refuses

    # the table ---------------------------------------------------------------------------------

    def _insert(self, fields: Mapping[str, Any], key: str | None, made_by: str) -> str:
        row_id = f"{self.name}{self.next_id}"
        self.next_id += 1
        blank = dict.fromkeys([*NAMES.values(), "mail", "tel", "news", "news_at"])
        row = Row({**blank, **self.keep(fields)}, self._stamp(), key, made_by, self.world.now)
        row.heard = row.stamp if made_by == "person" else None
        self.rows[row_id] = row
        return row_id

    def _update(self, row_id: str, fields: Mapping[str, Any], by: str = "hub") -> None:
        row = self.rows[row_id]
        row.fields.update(self.keep(fields))
        row.stamp = self._stamp()
        row.heard = row.stamp if by == "person" else row.heard
        row.revision += 1

    def changed(self, mark: float) -> list[tuple[float, str]]:
        """(stamp, row id) of what its feed tells has changed since then, oldest first."""
        if self.kind.mute:
            return sorted((row.heard, i) for i, row in self.rows.items() if row.heard and row.heard >= mark)
        return sorted((row.stamp, i) for i, row in self.rows.items() if row.stamp >= mark)

    def _delete(self, row_id: str) -> None:
        del self.rows[row_id]
        self.removed.append((self.clock(), row_id))

    def _stamp(self) -> float:
        """Now and then a transaction commits late: its stamp lies before what others have read already."""
        return self.clock() - (self.world.rng.randrange(1, 4) if self.world.chance("late_commit") else 0)

    def record(self, row_id: str) -> Record:
        row = self.rows[row_id]
        return Record(
            row_id,
            dict(row.fields),
            version=str(row.revision),
            changed_at=datetime.fromtimestamp(row.stamp, UTC),
            key=row.key if self.kind.can.promise is Promise.READBACK else None,
        )


class SimConnector(Connector):
    """The hub's side of a `System`, with everything that can go wrong on the way."""

    Settings = Settings
    default_mapping = ""

    def __init__(self, system: System, world: World, check_write: Any) -> None:
        super().__init__(None, Context(system.name))
        self.system, self.world, self.check_write = system, world, check_write
        self._sent: frozenset[tuple[str, str]] = frozenset()

    @property
    def can(self) -> Can:
        return self.system.kind.can

    def check(self) -> Report:
        return Report(self.system.name)

    # reading -----------------------------------------------------------------------------------

    def _before(self, *, reading: bool = False, focus: str | None = None) -> None:
        self.world.tick()
        self.world.boundary("call before")
        sent = self.world.now
        self.world.between(reading, focus)
        self.system.catch_up()
        if not reading and self.world.now - sent > DEADLINE:
            # a write is given up before its lease ends, so nobody takes over while it is on its way
            raise TransientError("no answer in time", maybe_done=True)
        if self.world.chance("refused"):
            raise TransientError("connection refused")

    def _reading(self) -> None:
        self._before(reading=True)
        if self.world.chance("html"):
            raise TransientError("HTML where JSON was expected")
        if self.world.chance("timeout"):
            raise TransientError("timed out")

    def pull(self, since: str | None) -> Iterator[Page]:
        place = orjson.loads(since) if since else {"mark": self.system.clock(), "at": None}
        epoch = self.system.epoch
        if since and (place.get("epoch", 0) != epoch or self.world.chance("expired")):
            raise CursorExpired("the cursor is no longer known")
        if epoch:
            place["epoch"] = epoch
        if "list" in place or since is None:
            yield from self._listing(place)
        else:
            yield from self._changes(place)

    def _listing(self, place: dict[str, Any]) -> Iterator[Page]:
        if self.world.chance("empty"):
            self._reading()
            yield Page((), self._after_listing(place))
            return
        position: Any = place.get("list")
        missing = self._left_out()
        while True:
            self._reading()
            ids = [i for i in self.system.rows if i != missing]  # in order of their numbers, as they were made
            if self.system.kind.paging == "offset":
                start = int(position or 0)
                part, more = ids[start : start + PAGE], start + PAGE < len(ids)
                position = start + PAGE
            else:
                rest = [i for i in ids if int(i[1:]) > int(position or 0)]
                part, more = rest[:PAGE], len(rest) > PAGE
                position = int(part[-1][1:]) if part else position
            records = tuple(self.system.record(i) for i in part)
            self.world.boundary("call after")
            if not more:
                yield Page((*records, *self.system.interactions()), self._after_listing(place))
                return
            yield Page(records, _cursor({**place, "list": position}))

    def _left_out(self) -> str | None:
        """A row that this listing does not show though it is there. Once at most: twice in a row would be a proof."""
        system = self.system
        left = [i for i in sorted(system.rows) if i not in system.left_out]
        if not left or not self.world.chance("left_out"):
            return None
        row_id = self.world.rng.choice(left)
        system.left_out.add(row_id)
        return row_id

    def _after_listing(self, place: dict[str, Any]) -> str | None:
        return _cursor(_without(place, "list", "at")) if self.can.changes else None

    def _changes(self, place: dict[str, Any]) -> Iterator[Page]:
        """Inclusive, whole seconds, with an overlap as long as the longest transaction."""
        self._reading()
        mark = place["mark"]
        system = self.system
        changed = system.changed(mark - 5)
        gone = [(at, i) for at, i in system.removed if at >= mark - 5] if self.can.tombstones else []
        items: list[Item] = [system.record(i) for _, i in changed]
        items += [Tombstone(i, merged_into=system.heirs.get(i)) for _, i in gone if i not in system.rows]
        latest = max([mark, *(at for at, _ in changed), *(at for at, _ in gone)])
        happened = system.interactions(mark - 5)
        self.world.boundary("call after")
        for start in range(0, len(items), PAGE):
            last = start + PAGE >= len(items)
            part = (*items[start : start + PAGE], *(happened if last else ()))
            yield Page(part, _cursor({**_without(place, "at"), "mark": latest if last else mark}))

    def read(self, ids: Sequence[str]) -> dict[str, Record]:
        self.system.read_back, self._sent = self._sent, frozenset()
        try:
            self._reading()
        finally:
            self.system.read_back = frozenset()
        found = {i: self.system.record(there) for i in ids if (there := self.system.heir(i)) is not None}
        self.world.boundary("call after")
        return found

    def find(self, key: str) -> Record | None:
        assert self.can.promise in (Promise.READBACK, Promise.EVENTUAL), "find was not declared"
        self._reading()
        settled = self.world.now - self.can.settle_seconds
        found = None
        for row_id, row in self.system.rows.items():
            if row.key == key and (self.can.promise is Promise.READBACK or row.born <= settled):
                found = self.system.record(row_id)
        self.world.boundary("call after")
        return found

    # writing -----------------------------------------------------------------------------------

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        assert 0 < len(writes) <= self.can.batch
        for write in writes:
            self.check_write(self.system.name, write)
        row = self.system.rows.get(writes[0].id or "")
        self._before(focus=row.fields["mail"] if row else writes[0].fields.get("mail"))
        if self.world.chance("timeout") or self.world.chance("unsent"):
            raise TransientError("timed out", maybe_done=True)
        if self.world.chance("late"):
            self._do_later(writes)
            raise TransientError("timed out", maybe_done=True)
        outcomes = [self._one(write) for write in writes]
        if self.world.chance("lost_reply"):
            raise TransientError("reply lost", maybe_done=True)
        self.world.boundary("call after")
        if len(writes) > 1 and self.world.chance("lost_reply"):
            outcomes[self.world.rng.randrange(len(outcomes))] = Unknown("one answer is missing")
        self._sent = frozenset(_columns(writes, outcomes))
        return outcomes

    def _do_later(self, writes: Sequence[Write]) -> None:
        """The caller has given up; the service has not."""
        for write in writes:
            at = self.world.now + self.world.rng.uniform(1.0, self.can.late_seconds)
            self.system.late.append((at, lambda write=write: self._done_late(write)))

    def _done_late(self, write: Write) -> None:
        system = self.system
        self.world.say(f"  late: {system.name} {write.op} {write.id or write.key} {dict(write.fields)}")
        system.writes += 1
        if write.op is Op.CREATE:
            self._create(write)
        elif (row := system.rows.get(write.id or "")) is None:
            return
        elif write.op is Op.DELETE:
            system._delete(write.id or "")
            system.deletions += 1
        elif not self.can.stale or write.version == str(row.revision):
            system._update(write.id or "", write.fields)

    def _one(self, write: Write) -> Outcome:
        if self.world.chance("refused"):
            return NotSent("too many requests", 1.0)
        system = self.system
        system.writes += 1
        self.world.say(f"  {system.name} {write.op} {write.id or write.key} {dict(write.fields)}")
        if write.op is Op.CREATE:
            return self._create(write)
        there = system.heir(write.id or "")
        if there is None or (write.op is Op.DELETE and there != write.id):
            return Missing()
        if write.op is Op.DELETE:
            system._delete(there)
            system.deletions += 1
            return Done(None)
        row = system.rows[there]
        if self.can.stale and (write.version != str(row.revision) or self.world.chance("stale")):
            return Stale()
        system._update(there, write.fields)
        return self._answered(there, write)

    def _answered(self, row_id: str, write: Write) -> Done:
        record = self.system.record(row_id)
        if not self.system.kind.part:
            return Done(record)
        told = sorted(write.fields)[self.system.rows[row_id].revision % 5 == 0 :]
        return Done(replace(record, fields={name: record.fields[name] for name in told}), partial=True)

    def _create(self, write: Write) -> Outcome:
        system = self.system
        if self.can.promise is Promise.KEYED:
            for row_id, row in system.rows.items():
                if row.key == write.key:
                    if not system.kind.stays:
                        system._update(row_id, write.fields)
                    return Done(system.record(row_id), existed=system.kind.stays)
        keeps_key = self.can.promise is not Promise.WRITE_ONLY
        row_id = system._insert(write.fields, write.key if keeps_key else None, "hub")
        system.creates.append((write.key, row_id))
        return self._answered(row_id, write)


def _columns(writes: Sequence[Write], outcomes: Sequence[Outcome]) -> Iterator[tuple[str, str]]:
    """Row and column of all that was written."""
    for write, outcome in zip(writes, outcomes, strict=True):
        record = outcome.record if isinstance(outcome, Done) else None
        if row_id := write.id or (record.id if record else None):
            yield from ((row_id, column) for column in write.fields)
