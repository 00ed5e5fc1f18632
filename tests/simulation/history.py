"""One history: people, systems, crashes, a hub that is killed and started again, and what must hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any

from hub.dedupe import consent
from hub.mapping.apply import ContactMapping
from hub.model import Op, Write
from hub.store import work
from hub.store.db import Store, loads
from hub.sync.engine import Hub, Route
from hub.sync.guard import Limit, Limits
from hub.sync.intake import fingerprint
from hub.sync.link import differs
from hub.sync.people import pin
from hub.sync.push import intent_hash
from hub.sync.run import Orders, Result, approve_open, sync
from tests.simulation.people import People, Person
from tests.simulation.shapes import ORDINARY, Shape
from tests.simulation.systems import KINDS, NAMES, SHARED, SimConnector, System, mapping_of
from tests.simulation.world import Crash, Violation, World

LIMITS = Limits(
    creates=Limit(None, 6),
    updates=Limit(None, 6),
    deletes=Limit(0.34, 3),
    merges=Limit(None, 5),
    consents=Limit(None, 4),
)
ENOUGH_CRASHES, ENOUGH_FAULTS = 10, 20
MOST_STEPS = 3000


@lru_cache(1)
def _template() -> bytes:
    store = Store("sqlite://")
    store.create()
    with store.engine.connect() as connection:
        image: bytes = connection.connection.driver_connection.serialize()  # type: ignore[union-attr]
    store.close()
    return image


@lru_cache(8)
def _mapping(name: str) -> ContactMapping:
    return mapping_of(KINDS[name])


def memory_store(boundary: Any) -> Store:
    store = Store("sqlite://", boundary=boundary)
    with store.engine.connect() as connection:
        driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[union-attr,assignment]
        driver.deserialize(_template())
    return store


class History:
    """A world with two to four systems around one hub."""

    def __init__(
        self,
        seed: int,
        *,
        trace: bool = False,
        off: Iterable[str] = (),
        store: Store | None = None,
        shape: Shape = ORDINARY,
    ) -> None:
        self.world = World(seed, trace)
        self.shape = shape
        self.world.rates = replace(self.world.rates, **shape.rates)
        rng = self.world.rng
        self.names = shape.systems(rng)
        self.propagates = {n for n in self.names if rng.random() < shape.spread}
        self.systems = {n: System(self.world, KINDS[n], rng.choice([0, 0, -3600, 3600])) for n in self.names}
        self.people = People(self.world, self.systems, self.propagates, shape)
        self.store = store or memory_store(self.world.boundary)
        self.store._boundary = self.world.boundary
        self.off = frozenset(off)
        self.count = 0
        self.approved_deletes = 0
        self.world.between = self._meanwhile
        self.pins: dict[str, str] = {}
        self.hub = self._start_hub()

    # the hub as a process --------------------------------------------------------------------------

    def _start_hub(self) -> Hub:
        routes = {
            n: Route(
                n,
                _mapping(n),
                KINDS[n].can,
                deletes="propagate" if n in self.propagates else "keep",
                limits=LIMITS,
                full_every=300.0,
            )
            for n in self.names
        }
        self.count += 1
        return Hub(
            self.store,
            routes,
            lambda: self.world.now,
            self._new_id,
            owner=f"worker {self.count}",
            off=self.off,
        )

    def _new_id(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count:06d}"

    def cycle(self, name: str, hub: Hub | None = None) -> Result | None:
        """One run of a connection; None when the process died in it."""
        world = self.world
        world.depth += 1
        world.say(f"sync {name}")
        connector = SimConnector(self.systems[name], world, self._check_write)
        try:
            result = sync(hub or self.hub, connector, name, Orders(manual=True, lease_seconds=30.0))
            world.say(f"{name}: {result.status} {result.counts} {result.message or ''}")
            return result
        finally:
            world.depth -= 1

    def _meanwhile(self, reading: bool, focus: str | None) -> None:
        """While a call is on its way: people act, another worker runs, or takes an expired lease over."""
        if self.world.quiet or self.world.depth > 1 or not self.world.chance("interleave"):
            return
        rng = self.world.rng
        if focus is not None and rng.random() < 0.5 and (edited := self.people.edit_of(focus)):
            self.cycle(edited)  # the very contact that is being written changes, and the hub hears of it
            return
        self.people.act()
        if rng.random() < 0.25:
            self.cycle(rng.choice(self.names))
        elif reading and self.world.chance("takeover"):
            self.world.now += 31.0
            self.cycle(rng.choice(self.names), replace(self.hub, owner="another worker"))

    # the history -------------------------------------------------------------------------------------

    def run(self) -> None:
        world = self.world
        for _ in range(3):
            self.people.act()
        self._prepare()
        for _ in range(MOST_STEPS):
            self._step()
            if world.crashes >= ENOUGH_CRASHES and world.faults >= ENOUGH_FAULTS:
                break
        self.settle()

    def _prepare(self) -> None:
        """The people a narrow history begins with, known to every system that has begun."""
        for _ in range(self.shape.known):
            self.people.welcome()
        for _ in range(2 if self.shape.known else 0):
            for name in self.names:
                self._run(name)
            self._operator()

    def _step(self) -> None:
        rng = self.world.rng
        self.world.now += rng.uniform(0.0, self.shape.pause)
        roll = rng.random()
        for limit, name in self.shape.steps:
            if roll < limit:
                getattr(self, name)()
                return
        self._run(rng.choice(self.names))

    def _act(self) -> None:
        self.people.act()

    def _run(self, name: str) -> None:
        self._guarded(lambda: self.cycle(name))
        self.check_safety()

    def _chase(self) -> None:
        """Somebody, often a newcomer, is edited again and again, and the hub hears of every edit at once."""
        rng = self.world.rng
        if rng.random() < 0.4:
            self.people.welcome()
        candidates = [p for p in self.people.everybody if not p.erased]
        if not candidates:
            return
        person = candidates[-1] if rng.random() < 0.5 else rng.choice(candidates)
        for _ in range(rng.randrange(1, 4)):
            edited = self._edited(person)
            self._run(edited or rng.choice(self.names))
            self._run(rng.choice([n for n in self.names if n != edited]))

    def _glance(self) -> None:
        """A system that can only be listed is listed, and another hears of it at once."""
        listed = [n for n in self.names if not KINDS[n].can.read]
        self._run(self.world.rng.choice(listed))
        self._run(self.world.rng.choice([n for n in self.names if n not in listed]))

    def _edited(self, person: Person) -> str | None:
        """The system in which somebody has edited this person, if anybody could."""
        tries = (self.people.edit_of(person.mail) for _ in range(self.shape.insists))
        return next((name for name in tries if name), None)

    def _guarded(self, action: Any) -> Any:
        try:
            return action()
        except Crash:
            # memory is gone; the store and the systems stay. A lease is left behind and runs out.
            self.world.depth = 0
            self.world.now += self.world.rng.choice([1.0, 31.0, 90.0])
            self.hub = self._start_hub()
            return None

    def _operator(self) -> None:
        """Approves what is held, tells the hub what became of writes nobody can look up."""
        with self.store.read() as tx:
            gates = tx.all("SELECT gate, connection, counts FROM hold WHERE state = 'open'")
            unknown = tx.all(
                "SELECT id, connection, external_id FROM parked WHERE state = 'open' AND stage = 'unknown'"
            )
        for gate, name, counts in gates:
            self.world.say(f"operator approves {gate} of {name}: {counts}")
            self._guarded(lambda name=name: self._approve(name))
        for number, name, subject in unknown:
            there = self._made_there(name, subject.removeprefix("golden:"))
            with self._tx() as tx:
                work.mark_parked(tx, [number], "dropped" if there else "retry")

    @contextmanager
    def _tx(self) -> Iterator[Any]:
        """A step of the operator's own, at which nothing crashes."""
        boundary, self.store._boundary = self.store._boundary, None
        try:
            with self.store.write() as tx:
                yield tx
        finally:
            self.store._boundary = boundary

    def _approve(self, name: str) -> None:
        with self.store.write() as tx:
            approve_open(tx, name, "operator", self.world.now)

    def _made_there(self, name: str, golden_id: str) -> bool:
        """What the operator sees when looking into the system by e-mail address."""
        with self.store.read() as tx:
            home = golden_id
            while row := tx.one("SELECT merged_into FROM golden WHERE id = :g AND merged_into IS NOT NULL", g=home):
                home = row[0]
            golden = tx.one("SELECT fields FROM golden WHERE id = :g", g=home)
        mails = {k.split("/")[1] for k in loads(golden[0]) if k.startswith("emails/")} if golden else set()
        return any(row.fields["mail"] in mails for row in self.systems[name].rows.values())

    def _pin(self) -> None:
        """Somebody decides a department in the hub."""
        with self.store.read() as tx:
            rows = tx.all("SELECT id FROM golden WHERE state = 'live' ORDER BY id")
        if not rows:
            return
        golden_id = self.world.rng.choice(rows)[0]
        erased = {self._golden_of(p) and self._golden_of(p)[0] for p in self.people.everybody if p.erased}
        if golden_id in erased:
            return  # an edit outlives a deletion: whether it came in time is a race
        value = f"pinned {self.world.boundaries}"
        self.world.say(f"pin {golden_id}: department = {value!r}")
        self._guarded(lambda: pin(self.hub, golden_id, "department", value, "somebody"))

    def _delete_someone(self) -> None:
        """Only people whose last state every system has agreed on: what became of an edit under way is a race."""
        rng = self.world.rng
        candidates = [p for p in self.people.everybody if not p.erased and not p.deleted_in]
        if not candidates:
            return
        person = rng.choice(candidates)
        if self._agreed(person):
            self.people.delete(person, self.systems[rng.choice(self.names)])

    def _edit_and_delete(self) -> None:
        """An edit here, a deletion there, before the hub has heard of either: the edit outlives the deletion."""
        rng = self.world.rng
        candidates = [p for p in self.people.everybody if not p.erased and not p.deleted_in and self._agreed(p)]
        if not candidates:
            return
        person = rng.choice(candidates)
        edited = self._edited(person)
        others = [n for n in self.names if n != edited]
        if edited is None or not others:
            return
        heard = self._guarded(lambda: self.cycle(edited))
        if not self.systems[edited].kind.can.delete and (heard is None or heard.status != "done"):
            return  # what only reads keeps its record anyway; nobody else's comes back for a later edit there
        system = self.systems[rng.choice(others)]
        if not self._seen(person, system):
            return  # an edit that nobody has seen goes with the record
        golden = self._golden_of(person)
        waits = golden is not None and bool(self._lacking(person, system, golden[1]))
        self.people.delete(person, system)
        # a system that is never told of edits cannot be behind one: its deletions are final
        person.erased, person.outlives = False, waits and system.kind.can.update

    def _agreed(self, person: Person) -> bool:
        golden = self._golden_of(person)
        if golden is None:
            return False
        golden_id, fields = golden
        with self.store.read() as tx:
            busy = tx.one(
                "SELECT 1 FROM queue WHERE golden_id = :g UNION SELECT 1 FROM intent WHERE golden_id = :g",
                g=golden_id,
            )
        if busy:
            return False
        return all(
            self.people.row_of(person, s) and not self._lacking(person, s, fields)
            for s in self.systems.values()
            if s.kind.can.create
        ) and self._all_seen(person)

    def _all_seen(self, person: Person) -> bool:
        return all(self._seen(person, system) for system in self.systems.values())

    def _seen(self, person: Person, system: System) -> bool:
        """Whether the hub knows the person's record there as it is now."""
        row_id = self.people.row_of(person, system)
        if row_id is None:
            return True
        with self.store.read() as tx:
            row = tx.one(
                "SELECT fingerprint FROM record WHERE connection = :c AND external_id = :e", c=system.name, e=row_id
            )
        if row is None or row[0] is None:
            return False
        return bytes(row[0]) == fingerprint(system.record(row_id), _mapping(system.name).digest)

    # what must hold ----------------------------------------------------------------------------------

    def _check_write(self, name: str, write: Write) -> None:
        """Before a write goes out."""
        if write.op is Op.DELETE:
            self._check_deletion(self.systems[name], write)
        self._check_intent(name, write)

    def _check_deletion(self, system: System, write: Write) -> None:
        """L5: the hub deletes only whom a person has deleted where that means everywhere, with no edit on its way."""
        row = system.rows.get(write.id or "")
        if row is None:
            return
        person = self.people.named(row.fields["mail"])
        if person is not None and (person.outlives or not person.deleted_in & self.propagates):
            raise Violation(f"L5: person {person.number} is deleted in {system.name}, and nobody wanted that")

    def _check_intent(self, name: str, write: Write) -> None:
        """I3: no remote write without a committed intent naming the record, the payload and the key."""
        if "intent" in self.off:
            return
        with self.store.read() as tx:
            meant = tx.all(
                "SELECT hash FROM intent WHERE connection = :c AND key = :k AND op = :o",
                c=name,
                k=write.key,
                o=str(write.op),
            )
        if (intent_hash(write),) not in meant:
            raise Violation(f"I3: {name} {write.op} without an intent")

    def check_safety(self) -> None:
        with self.store.read() as tx:
            lost = tx.one(
                "SELECT count(*) FROM record r LEFT JOIN golden g ON g.id = r.golden_id"
                " WHERE g.id IS NULL OR g.state = 'merged'"
            )
            widened = tx.all("SELECT id, fields FROM golden WHERE state = 'live'")
        if lost and lost[0]:
            raise Violation("I1: a source record without a golden record of its own")
        for system in self.systems.values():
            keys = [key for key, row_id in system.creates if row_id in system.rows]
            if len(keys) != len(set(keys)):
                raise Violation(f"I2: {system.name} was given the same contact twice")
        outs = {p.mail for p in self.people.everybody if p.opted_out}
        for golden_id, text in widened:
            fields = loads(text)
            said = fields.get("consents/email|*|newsletter")
            if said and said["status"] == consent.GRANTED and any(f"emails/{m}" in fields for m in outs):
                raise Violation(f"I6: {golden_id} grants what its person has denied")

    def settle(self) -> None:
        """Faults stop; the operator works the lists off; then everything has to come to rest."""
        self.world.quiet = True
        self.world.crash_at = None
        for _ in range(40):
            self.world.now += 400.0
            before = sum(s.writes for s in self.systems.values())
            self._operator()
            results = [self.cycle(n) for n in self.names]
            rested = all(r is not None and r.status == "done" for r in results) and not self._waiting()
            if rested and before == sum(s.writes for s in self.systems.values()):
                break
        else:
            raise Violation(f"L6: not at rest: {[r and (r.status, r.message) for r in results]} {self._waiting()}")
        self.check_liveness()

    def _waiting(self) -> list[Any]:
        with self.store.read() as tx:
            return [
                *tx.all("SELECT 'queue', connection, golden_id, op, next_at FROM queue"),
                *tx.all("SELECT 'intent', connection, golden_id, op, at FROM intent"),
                *tx.all("SELECT 'hold', connection, gate, counts FROM hold WHERE state = 'open'"),
                *tx.all("SELECT 'parked', connection, stage, reason FROM parked WHERE state IN ('open', 'retry')"),
                *tx.all(
                    "SELECT 'doubt', connection, external_id, state FROM record WHERE state IN ('absent', 'doomed')"
                ),
            ]

    def check_liveness(self) -> None:
        writes = sum(s.writes for s in self.systems.values())
        for _ in range(2):
            self.world.now += 400.0
            for name in self.names:
                self.cycle(name)
        if sum(s.writes for s in self.systems.values()) != writes:
            raise Violation("L4: it still writes when nothing changes")
        self.check_safety()
        for person in self.people.everybody:
            self._check_person(person)

    def _golden_of(self, person: Person) -> tuple[str, dict[str, Any]] | None:
        with self.store.read() as tx:
            rows = tx.all("SELECT id, fields FROM golden WHERE state = 'live' ORDER BY id")
        for golden_id, text in rows:
            fields = loads(text)
            if f"emails/{person.mail}" in fields:
                return golden_id, fields
        return None

    def _rows(self, person: Person, system: System) -> list[str]:
        return [i for i, row in system.rows.items() if row.fields["mail"] == person.mail]

    def _check_person(self, person: Person) -> None:
        who = f"person {person.number}"
        if person.erased:
            back = [n for n, s in self.systems.items() if s.kind.can.delete and self._rows(person, s)]
            if back:
                raise Violation(f"L3: {who} was deleted and is back in {back}")
            return
        golden = self._golden_of(person)
        if golden is None:
            if person.outlives:
                raise Violation(f"lost: {who} was edited before the deletion and is gone")
            if any(self._rows(person, s) for s in self.systems.values()):
                raise Violation(f"I1: {who} is in a system and not in the hub")
            return
        _, fields = golden
        for name, system in self.systems.items():
            rows = self._rows(person, system)
            made = [i for i in rows if system.rows[i].made_by == "hub"]
            if len(made) > 1:
                raise Violation(f"I2: {who} was made {len(made)} times in {name}")
            if name in person.deleted_in:
                if rows:
                    raise Violation(f"L3: {who} was deleted in {name} and is back")
                continue
            if not system.kind.can.create:
                continue
            if not rows:
                raise Violation(f"lost: {who} is missing in {name}")
            if lacking := self._lacking(person, system, fields):
                raise Violation(f"L1: {who} differs in {name}: {lacking}")
        self._check_edits(person, fields)

    def _lacking(self, person: Person, system: System, fields: dict[str, Any]) -> dict[str, Any]:
        mapping = _mapping(system.name)
        lacking = {}
        for row_id in self._rows(person, system):
            held = mapping.inward(system.record(row_id)).fields
            wanted = mapping.stored(mapping.project(fields, held, creating=False))
            for key in wanted.keys() | held.keys():
                if mapping.covers(key) and differs(key, wanted.get(key), held.get(key)):
                    lacking[key] = (held.get(key), wanted.get(key))
        return lacking

    def _check_edits(self, person: Person, fields: dict[str, Any]) -> None:
        with self.store.read() as tx:
            pinned = {r[0] for r in tx.all("SELECT p.field FROM pin p JOIN golden g ON g.id = p.golden_id")}
        for canonical, value in person.truth.items():
            writer = self.people.writer[canonical]
            if writer in person.deleted_in or (canonical == "department" and "department" in pinned):
                continue
            if fields.get(canonical) != value and not self._typed_elsewhere(person, canonical):
                raise Violation(
                    f"L2: person {person.number}: {canonical} is {fields.get(canonical)!r}, the last edit was {value!r}"
                )
        self._check_shared(person, fields)
        said = fields.get("consents/email|*|newsletter")
        if person.opted_out and (said is None or said["status"] != consent.DENIED):
            raise Violation(f"I6: the opt-out of person {person.number} is lost: {said}")

    def _typed_elsewhere(self, person: Person, canonical: str) -> bool:
        """Names are typed in several systems at once, each cut in its own way: no single last edit."""
        return canonical in ("given_name", "family_name")

    def _check_shared(self, person: Person, fields: dict[str, Any]) -> None:
        """Two writers: one of their values stands."""
        edits = self.people.shared_edits.get(person.number)
        value = fields.get(SHARED)
        if edits and value not in {
            s.keep({NAMES[SHARED]: e})[NAMES[SHARED]] for e in edits for s in self.systems.values()
        }:
            raise Violation(f"L2: person {person.number}: {SHARED} is {value!r}, nobody wrote that")
