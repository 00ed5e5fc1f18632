"""The real engine on a real SQLite store, with systems in memory and a clock that stands until told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.connectors.contract import Can
from hub.dedupe.survive import Rules
from hub.mapping.apply import ContactMapping
from hub.mapping.spec import load_mapping
from hub.store import links as db
from hub.store import lists
from hub.store.db import Store, loads
from hub.store.lists import ConflictRow, HoldRow, ParkedFilter, ParkedRow
from hub.sync import desk
from hub.sync.engine import DAY, Hub, Meter, NoMeter, Route
from hub.sync.guard import Limit, Limits
from hub.sync.link import Link
from hub.sync.plan import preview
from hub.sync.run import Orders, Result, sync
from tests.fakes.stores import in_memory
from tests.fakes.systems import FakeConnector, FakeSystem, can

START = 1_780_000_000.0  # some day in 2026
NO_LIMIT = Limit(None, 10_000)
FREE = Limits(NO_LIMIT, NO_LIMIT, Limit(None, 10_000), NO_LIMIT, NO_LIMIT)

TABLE: dict[str, Any] = {
    "kind": "person",
    "fields": {
        "given_name": "first",
        "family_name": "last",
        "job_title": "job",
        "department": "dept",
        "note": "note",
        "lifecycle_stage": {"from": "stage", "values": {"L": "lead", "C": "customer"}},
        "emails": "mail",
        "phones": "tel",
    },
    "consents": [
        {
            "from": "news",
            "values": {"Y": "granted", "N": "denied"},
            "channel": "email",
            "purpose": "newsletter",
            "at": "news_at",
            "basis": "explicit",
            "whole_person": True,
        }
    ],
}
NEWS = "consents/email|*|newsletter"

ADA = {"first": "Ada", "last": "Abreu", "mail": "ada@example.org", "tel": "912345678"}
RUI = {"first": "Rui", "last": "Castanheira", "mail": "rui@example.org", "tel": "961234567"}
EVA = {"first": "Eva", "last": "Hohenstein", "mail": "eva@example.org", "tel": "933123456"}
GIVEN = (
    "Ada Bela Caio Dora Enzo Flora Gil Helga Ivo Jana Kasper Livia Mario Nadia Otto Petra Quim Rosa Saul Telma".split()
)
FAMILY = (
    "Abreu Brandao Castanheira Dombrowski Esteves Fagundes Goncalves Hohenstein Iglesias Jankowska Kowalczyk Lindgren"
    " Montenegro Nakamura Oliveira Pellegrini Quintela Rasmussen Szymanski Tavares"
).split()


def person(number: int) -> dict[str, str]:
    """The columns of somebody who is like nobody else, up to 400 of them."""
    given, family = GIVEN[number % 20], FAMILY[(number + number // 20) % 20]
    mail = f"{given}.{family}.{number}@example.org".lower()
    return {"first": given, "last": family, "mail": mail, "tel": f"91{1234567 + 7919 * number:07d}"}


def mapping(table: Mapping[str, Any] = TABLE, **rows: Any) -> ContactMapping:
    """rows: fields of the table that are mapped in another way."""
    return load_mapping({**table, "fields": {**table["fields"], **rows}}, where="a test", default_region="PT")


class Killed(BaseException):
    """The process is gone. A BaseException, so that no `except Exception` of the product may eat it."""


class Rig:
    """A hub and its systems. `now` is the only clock."""

    def __init__(self, *, rules: Rules | None = None, store: Store | None = None, meter: Meter | None = None) -> None:
        self.now = START
        self.store = store or in_memory()
        self.systems: dict[str, FakeSystem] = {}
        self.routes: dict[str, Route] = {}
        self.count = 0
        self.hub = Hub(
            self.store,
            self.routes,
            lambda: self.now,
            self._new_id,
            rules=rules or Rules(),
            meter=meter or NoMeter(),
            owner="this one",
        )

    def _new_id(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count:05d}"

    def add(
        self,
        name: str,
        abilities: Can | None = None,
        *,
        table: ContactMapping | None = None,
        started: bool = True,
        page: int = 100,
        **route: Any,
    ) -> FakeSystem:
        """A connection. started=False: its first sync is still to come."""
        system = FakeSystem(name, abilities or can(), lambda: self.now, page)
        self.systems[name] = system
        options = {"limits": FREE, "full_every": DAY, **route}
        self.routes[name] = Route(name, table or mapping(), system.can, **options)
        if started:
            with self.store.write() as tx:
                tx.run("INSERT INTO connection_state (name, started_at) VALUES (:n, :a)", n=name, a=self.now)
        return system

    def remap(self, name: str, table: ContactMapping) -> None:
        old = self.routes[name]
        self.routes[name] = Route(name, table, old.can, old.push, old.deletes, old.limits, old.full_every)

    # runs -------------------------------------------------------------------------------------------

    def sync(self, name: str, **orders: Any) -> Result:
        return sync(self.hub, FakeConnector(self.systems[name]), name, Orders(preview=preview, **orders))

    def listing(self, name: str, **orders: Any) -> Result:
        """A run that lists everything."""
        return self.sync(name, full=True, **orders)

    def settle(self, rounds: int = 2, apart: float = 100.0) -> None:
        """Runs of every connection, until all have heard all."""
        for _ in range(rounds):
            for name in self.systems:
                self.now += apart
                result = self.sync(name)
                assert result.status == "done", (name, result)

    def sync_until_commit(self, name: str, commit: int) -> bool:
        """The process dies at that commit of the run, counted from 1. False: the run ended before."""
        left = commit

        def boundary(where: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed(where)

        self.store._boundary = boundary
        try:
            self.sync(name)
        except Killed:
            return True
        finally:
            self.store._boundary = None
        return False

    def postpone(self, name: str, seconds: float) -> None:
        """Whatever waits for a connection is not due for so long."""
        with self.store.write() as tx:
            tx.run("UPDATE queue SET next_at = :at WHERE connection = :n", at=self.now + seconds, n=name)

    def later(self, seconds: float) -> None:
        self.now += seconds

    # what people do at the hub ------------------------------------------------------------------------

    def approve(self, name: str | None = None) -> None:
        for hold in self.holds(name):
            desk.approve(self.store, hold.number, "eve", self.now)

    # what the hub knows -------------------------------------------------------------------------------

    def rows(self, text: str, **params: Any) -> list[Any]:
        with self.store.read() as tx:
            return tx.all(text, **params)

    def link(self, name: str, row_id: str) -> Link:
        with self.store.read() as tx:
            return db.links_of(tx, name, [row_id])[row_id]

    def home(self, name: str, row_id: str) -> str:
        return self.link(name, row_id).golden_id

    def golden(self, name: str, row_id: str) -> dict[str, Any]:
        """The golden record of a source record."""
        return dict(loads(self.rows("SELECT fields FROM golden WHERE id = :g", g=self.home(name, row_id))[0][0]))

    def goldens(self) -> list[str]:
        return [r[0] for r in self.rows("SELECT id FROM golden WHERE state = 'live' ORDER BY id")]

    def queue(self, name: str) -> list[tuple[str, str]]:
        """(golden id, op) of what waits for a connection."""
        return [(r[0], r[1]) for r in self.rows("SELECT golden_id, op FROM queue WHERE connection = :n", n=name)]

    def intents(self, name: str) -> list[str]:
        return [r[0] for r in self.rows("SELECT op FROM intent WHERE connection = :n ORDER BY id", n=name)]

    def parked(self, stage: str | None = None) -> list[ParkedRow]:
        with self.store.read() as tx:
            return list(lists.parked(tx, ParkedFilter(stage=stage)).rows)

    def conflicts(self) -> list[ConflictRow]:
        with self.store.read() as tx:
            return list(lists.conflicts(tx).rows)

    def holds(self, name: str | None = None) -> list[HoldRow]:
        with self.store.read() as tx:
            return list(lists.holds(tx, connection=name).rows)

    def asks(self) -> int:
        with self.store.read() as tx:
            return len(lists.asks(tx).rows)

    def close(self) -> None:
        self.store.close()
