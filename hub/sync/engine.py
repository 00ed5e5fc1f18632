"""What the sync engine works with: the routes to every connection, and the ports to the world."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from hub.connectors.contract import Can, Connector
from hub.dedupe.frequency import GROWN
from hub.dedupe.survive import Rules
from hub.dedupe.weigh import DEFAULT, Model
from hub.mapping.apply import ContactMapping
from hub.model import Fields
from hub.store import names
from hub.store.db import Fence, Store, Tx
from hub.sync.guard import Limits

DAY = 86_400.0
NEVER = 1e12  # seconds: `full_every: never`
MOST_HOMES = 5_000
SLICE = 50  # records


class Meter(Protocol):
    """What the engine counts with; `hub.metrics.Metrics` is one."""

    def count(self, connection: str, outcome: str, n: int = 1) -> None: ...
    def conflict(self, connection: str, field: str, rule: str) -> None: ...
    def interactions(self, connection: str, channel: str, n: int) -> None: ...
    def run(self, connection: str, status: str, seconds: float) -> None: ...
    def quota(self, connection: str, left: int, most: int) -> None: ...


class NoMeter:
    """Counts nothing."""

    def count(self, connection: str, outcome: str, n: int = 1) -> None: ...
    def conflict(self, connection: str, field: str, rule: str) -> None: ...
    def interactions(self, connection: str, channel: str, n: int) -> None: ...
    def run(self, connection: str, status: str, seconds: float) -> None: ...
    def quota(self, connection: str, left: int, most: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Route:
    """One connection as the engine sees it.

    push      "yes": creates and updates there; "updates": only records that are there already; "no"
    deletes   what a deletion there means elsewhere: "keep" | "archive" | "propagate"
    erasure   what is done there when somebody is erased: "erase" | "delete" | "empty" | "by hand"; None: what it can
    """

    name: str
    mapping: ContactMapping
    can: Can
    push: str = "yes"
    deletes: str = "keep"
    limits: Limits = field(default_factory=Limits)
    full_every: float = DAY
    erasure: str | None = None

    @property
    def forgets(self) -> str:
        """How it lets go of a record of somebody who is erased: "erase" | "delete" | "empty" | "by hand"."""
        can_empty = self.can.update and self.can.read and self.mapping.outward
        if self.erasure is not None:
            able = {"erase": self.can.erase, "delete": self.can.delete, "empty": can_empty}.get(self.erasure, False)
            return self.erasure if able else "by hand"
        if self.push == "no":
            return "by hand"
        if self.can.erase:
            return "erase"
        return "delete" if self.can.delete else "empty" if can_empty else "by hand"

    @property
    def writes(self) -> bool:
        return self.push != "no" and self.mapping.outward and (self.can.update or self.can.create)

    def wants(self, golden: Fields) -> bool:
        """Whether a golden record without a record there may be created there."""
        return self.push == "yes" and self.can.create and self.mapping.outward and not self.mapping.missing(golden)


class CountedModel:
    """A model with the shares of names in the store; counted anew when there are an eighth more records."""

    def __init__(self) -> None:
        self._held: tuple[Model, Model] | None = None

    def of(self, tx: Tx, base: Model) -> Model:
        records = names.counted(tx)
        held = self._held
        if held is None or held[0] is not base or not held[1].records <= records <= held[1].records * GROWN:
            held = self._held = None  # it is gone before the next is made: two at once are twice the memory
            held = self._held = base, names.name_counts(tx).into(base) if records else base
        return held[1]


@dataclass(frozen=True, slots=True)
class Hub:
    """The world of one engine. `clock` in epoch seconds UTC, `new_id` makes golden and run ids.

    slice  how many records of a page are taken in at a time while deliveries come in
    """

    store: Store
    routes: Mapping[str, Route]
    clock: Callable[[], float]
    new_id: Callable[[str], str]
    rules: Rules = field(default_factory=Rules)
    model: Model = DEFAULT
    counted: CountedModel = field(default_factory=CountedModel)
    meter: Meter = field(default_factory=NoMeter)
    owner: str = "hub"
    slice: int = SLICE
    off: frozenset[str] = frozenset()
    """Safety rules switched off: the simulation proves with it that each is needed. Empty in production."""

    def matching(self, tx: Tx) -> Model:
        """The model that decides now."""
        return self.counted.of(tx, self.model)

    def targets(self, besides: str | None = None) -> list[Route]:
        return [r for r in self.routes.values() if r.writes and r.name != besides]


@dataclass(slots=True)
class Run:
    """One pass over one connection: its connector, lease, limits and counts.

    shown  what was there by then has had its chances to be listed: two complete listings have ended since, or one
           pull of a connection that never lists all. None: this run tells nothing
    homes  golden records that it has saved a record of; None: more than are kept
    phase  reading, matching, saving (of a first load) or pushing; done, total: of it, in records; total None: not known
    judged    gates of which people have decided single records: see `hub.sync.judged`
    in_part   gates with an open hold of which a part is decided; what is left of it waits, however little it is
    pending   of these, those whose decisions wait for this run
    """

    id: str
    route: Route
    connector: Connector
    fence: Fence
    lease_seconds: float = 120.0
    population: int = 0
    allowed: Mapping[str, int] | None = None
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    progress: Callable[[Run], None] | None = None
    shown: float | None = None
    homes: set[str] | None = field(default_factory=set)
    phase: str = "reading"
    done: int = 0
    total: int | None = None
    judged: frozenset[str] = frozenset()
    in_part: frozenset[str] = frozenset()
    pending: frozenset[str] = frozenset()
    excused: dict[str, int] = field(default_factory=dict)  # of `counts`, what a person has approved one by one

    @property
    def name(self) -> str:
        return self.route.name

    def enter(self, phase: str, total: int | None = None) -> None:
        """Another phase begins."""
        self.phase, self.done, self.total = phase, 0, total or None
        self.tell()

    def tell(self, done: int | None = None) -> None:
        """It has come that far: whoever follows the run hears of it."""
        if done is not None:
            self.done = done
        if self.progress is not None:
            self.progress(self)

    def count(self, outcome: str, n: int = 1) -> None:
        if n:
            self.counts[outcome] = self.counts.get(outcome, 0) + n

    def remember(self, golden_ids: Iterable[str]) -> None:
        if self.homes is not None:
            self.homes.update(golden_ids)
            if len(self.homes) > MOST_HOMES:
                self.homes = None


class Held(Exception):
    """This run would touch too much: nothing of this step was done."""

    def __init__(
        self,
        gate: str,
        counts: Mapping[str, int],
        reason: str,
        subjects: Sequence[Any] = (),
        total: int | None = None,
    ) -> None:
        super().__init__(reason)
        self.gate, self.counts, self.reason, self.subjects = gate, dict(counts), reason, list(subjects)
        self.total = len(self.subjects) if total is None else total


def golden_key(golden_id: str) -> str:
    """The hub's key for a golden record, as systems store it."""
    return "hub:" + golden_id


def golden_of(key: str | None) -> str | None:
    return key[4:] if key and key.startswith("hub:") else None


def chunks(items: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
