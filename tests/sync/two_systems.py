"""A hub between two small systems in memory, in which people type, and the runs that keep them in step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hub.store.contacts import waiting
from hub.store.db import Store, loads
from hub.store.links import members, resolve_golden
from hub.sync.engine import Hub, Route
from hub.sync.guard import Limit, Limits
from hub.sync.run import Orders, Result, sync
from tests.fakes.stores import in_memory
from tests.simulation.systems import KINDS, SimConnector, System, mapping_of
from tests.simulation.world import World

NO_LIMIT = Limit(None, 10_000)
FREE = Limits(*[NO_LIMIT] * 5)


class TwoSystems:
    """`c` finds a record again by its key, `s` is keyed and tells deletions. Nothing goes wrong in them."""

    def __init__(self, store: Store | None = None, limits: Limits = FREE) -> None:
        self.world = World(1)
        self.world.quiet = True
        self.store = store or in_memory()
        kinds = {name: replace(KINDS[letter], name=name, logs=False) for name, letter in (("c", "R"), ("s", "K"))}
        self.systems = {name: System(self.world, kind, 0.0) for name, kind in kinds.items()}
        routes = {n: Route(n, mapping_of(k), k.can, limits=limits, full_every=300.0) for n, k in kinds.items()}
        self.count = 0
        self.hub = Hub(self.store, routes, lambda: self.world.now, self._new_id)

    def _new_id(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count:04d}"

    def type_in(self, name: str, first: str, last: str, mail: str, **more: Any) -> str:
        """Somebody makes a contact in a system; its id there."""
        return self.systems[name].person_creates({"first": first, "last": last, "mail": mail, **more})

    def edit(self, name: str, row_id: str, **fields: Any) -> None:
        self.world.now += 10
        self.systems[name].person_edits(row_id, fields)

    def row(self, name: str, row_id: str) -> dict[str, Any]:
        return self.systems[name].rows[row_id].fields

    def cycle(self, name: str, **orders: Any) -> Result:
        self.world.now += 400
        connector = SimConnector(self.systems[name], self.world, lambda *_: None)
        return sync(self.hub, connector, name, Orders(**{"approve": True, "manual": True, **orders}))

    def settle(self) -> None:
        for _ in range(2):
            for name in self.systems:
                assert self.cycle(name).status == "done"

    def home(self, name: str, row_id: str) -> str:
        """The golden id of a record."""
        with self.store.read() as tx:
            row = tx.one("SELECT golden_id FROM record WHERE connection = :c AND external_id = :e", c=name, e=row_id)
        assert row is not None
        return str(row[0])

    def fields(self, golden_id: str) -> dict[str, Any]:
        with self.store.read() as tx:
            row = tx.one("SELECT fields FROM golden WHERE id = :g", g=golden_id)
        assert row is not None
        return dict(loads(row[0]))

    def answers(self, golden_id: str) -> str | None:
        with self.store.read() as tx:
            return resolve_golden(tx, golden_id)

    def claims(self, golden_id: str) -> dict[Any, Any]:
        """Every source record with what it says itself."""
        with self.store.read() as tx:
            return {m.ref: dict(m.opinion().fields) for m in members(tx, [golden_id])[golden_id]}

    def goldens(self) -> list[str]:
        with self.store.read() as tx:
            return [r[0] for r in tx.all("SELECT id FROM golden WHERE state = 'live' ORDER BY id")]

    def waiting(self, golden_id: str) -> list[str]:
        with self.store.read() as tx:
            return [w.connection for w in waiting(tx, golden_id)]

    def numbers(self, table: str, state: str = "open") -> list[int]:
        with self.store.read() as tx:
            return [r[0] for r in tx.all(f"SELECT id FROM {table} WHERE state = :s ORDER BY id", s=state)]

    def close(self) -> None:
        self.store.close()
