"""One history: people, systems, crashes, a hub that is killed and started again, and what must hold."""

from __future__ import annotations

import atexit
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any

from hub.errors import ConfigError, NotThere, Overtaken
from hub.store import lists, parked
from hub.store.db import Store, loads
from hub.store.lists import RowFilter
from hub.store.rulings import APPROVED, REFUSED
from hub.store.schema import metadata
from hub.sync import desk
from hub.sync.engine import Hub, Route
from hub.sync.erase import confirm, erase
from hub.sync.first_load import first_load
from hub.sync.guard import Limit, Limits
from hub.sync.in_part import Said, ask_again, decide_rows
from hub.sync.link import HOLDING
from hub.sync.people import pin
from hub.sync.plan import preview
from hub.sync.rematch import rematch
from hub.sync.run import Orders, Result, approve_open, sync
from tests.simulation import mishaps, shapes
from tests.simulation.checks import Checks
from tests.simulation.people import People, Person
from tests.simulation.shapes import ORDINARY, Shape
from tests.simulation.systems import KINDS, Kind, SimConnector, System, mapping_by_name
from tests.simulation.world import Crash, Violation, World

LIMITS = Limits(
    creates=Limit(None, 6),
    updates=Limit(None, 6),
    deletes=Limit(0.34, 3),
    merges=Limit(None, 5),
    consents=Limit(None, 4),
)
TIGHT = Limits(
    creates=Limit(None, 1),
    updates=Limit(None, 1),
    deletes=Limit(0.2, 1),
    merges=Limit(None, 5),
    consents=Limit(None, 1),
)
ENOUGH_CRASHES, ENOUGH_FAULTS = 10, 20
MOST_STEPS = 3000
YEAR = 365 * 86_400.0
UNMAPPED = ("department", "job_title", "nickname", "note")
HELD = sorted(HOLDING)


def _late(kind: Kind, seconds: float) -> Kind:
    return replace(kind, can=replace(kind.can, late_seconds=seconds)) if seconds else kind


@lru_cache(1)
def _kept() -> Store:
    """One store a process: a new one would have to learn its hundred statements anew in every history."""
    store = Store("sqlite://")
    store.create()
    atexit.register(store.close)
    return store


def memory_store() -> Store:
    """Empty. It is the same one every time, so one history at a time."""
    store = _kept()
    store._boundary = None
    with store.write() as tx:
        for table in metadata.tables:
            tx.run(f"DELETE FROM {table}")
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
        self.kinds = {n: _late(KINDS[n], shape.late) for n in self.names}
        self.systems = {n: System(self.world, self.kinds[n], rng.choice([0, 0, -3600, 3600])) for n in self.names}
        self.people = People(self.world, self.systems, self.propagates, shape)
        self.store = store or memory_store()
        self.store._boundary = self.world.boundary
        self.slice = shapes.slice_of(seed)
        if self.slice == 1:
            self._deliver()
        self.off = frozenset(off)
        self.checks = Checks(self.store, self.people, self.off)
        self.connectors = {n: SimConnector(s, self.world, self.checks.before_write) for n, s in self.systems.items()}
        self.count = 0
        self.told: set[str] = set()  # systems of which a person tells the hub that they were put back
        self.unmapped: dict[str, str] = {}  # system → field of which its mapping says nothing at present
        self.world.between = self._meanwhile
        self.hub = self._start_hub()

    def _deliver(self) -> None:
        """A delivery of a form that takes no part in this history, new at all times of it."""
        text = "INSERT INTO inbox (connection, delivery_id, received_at, payload) VALUES ('form', 'd', :at, '{}')"
        with self._tx() as tx:
            tx.run(text, at=self.world.now + YEAR)

    # the hub as a process --------------------------------------------------------------------------

    def _start_hub(self) -> Hub:
        routes = {
            n: Route(
                n,
                mapping_by_name(n, self.unmapped.get(n)),
                self.kinds[n].can,
                deletes="propagate" if n in self.propagates else "keep",
                limits=TIGHT if self.shape.in_part else LIMITS,
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
            slice=self.slice,
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
        try:
            orders = Orders(manual=True, lease_seconds=30.0, preview=preview if self.shape.in_part else None)
            result = sync(hub or self.hub, self.connectors[name], name, orders)
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
        if self.shape.erases and rng.random() < self.shape.erases:
            self._erase()
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
        if self.shape.at_once:
            self._guarded(self._load_all)
            self.checks.safety()
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

    def _load_all(self) -> None:
        world = self.world
        world.depth += 1
        world.say("first load")
        orders = dict.fromkeys(self.names, Orders(approve=True, manual=True, lease_seconds=30.0))
        try:
            results = first_load(self.hub, self.connectors, orders, page=2)
            world.say(f"{[(r.status, r.counts, r.message) for r in results.values()]}")
        except ConfigError as err:
            world.say(str(err))  # somebody else has brought contacts in the meantime
        finally:
            world.depth -= 1

    def _rematch(self) -> None:
        self.world.say("rematch")
        self._guarded(lambda: rematch(self.hub, page=2))
        self.checks.safety()

    def _act(self) -> None:
        self.people.act()

    def _back_up(self) -> None:
        mishaps.back_up(self)

    def _put_back(self) -> None:
        mishaps.put_back(self)

    def _make_one(self) -> None:
        mishaps.make_one(self)

    def _run(self, name: str) -> None:
        self._guarded(lambda: self.cycle(name))
        self.checks.safety()

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
        """Decides what is held, tells the hub what became of writes nobody can look up, erases by hand."""
        self._erase_by_hand()
        with self.store.read() as tx:
            gates = tx.all("SELECT id, gate, connection, counts FROM hold WHERE state = 'open' ORDER BY gate")
            unknown = tx.all(
                "SELECT id, connection, external_id FROM parked WHERE state = 'open' AND stage = 'unknown'"
            )
        for number, gate, name, counts in gates:
            if (
                self.shape.in_part
                and self.world.rng.random() < self.shape.in_part
                and self._in_part(number, gate, name)
            ):
                continue
            if gate == "absence" and self._gone_from(name) < loads(counts)["deletes"]:
                self.world.say(f"operator refuses {gate} of {name}: {counts}")
                self._guarded(lambda number=number: desk.refuse(self.store, number, "operator", self.world.now))
                continue
            self.world.say(f"operator approves {gate} of {name}: {counts}")
            self._guarded(lambda name=name: self._approve(name))
        for number, name, subject in unknown:
            there = self._made_there(name, subject.removeprefix("golden:"))
            with self._tx() as tx:
                parked.mark(tx, [number], "dropped" if there else "retry")

    def _in_part(self, number: int, gate: str, name: str) -> bool:
        """Decides some rows of a hold. Whether any was."""
        rng = self.world.rng
        with self.store.read() as tx:
            rows = [row for row in lists.plan_rows(tx, number, lists.Part(1000)).rows if row.waits]
        some = [row for row in rows if rng.random() < 0.6]
        verdicts = {row.number: self._verdict(gate, name, row) for row in some}
        for verdict in (APPROVED, REFUSED):
            chosen = tuple(n for n, said in verdicts.items() if said == verdict)
            if chosen:
                self.world.say(f"operator: {verdict} of {gate} of {name}: rows {chosen}")
                self._guarded(lambda chosen=chosen, verdict=verdict: self._decide(number, chosen, verdict))
        return bool(verdicts)

    def _decide(self, number: int, chosen: tuple[int, ...], verdict: str) -> None:
        try:
            decide_rows(self.hub, number, RowFilter(chosen), Said(verdict, "operator"), self.world.now)
        except (NotThere, Overtaken) as err:
            self.world.say(str(err))

    def _verdict(self, gate: str, name: str, row: lists.PlanRow) -> str | None:
        """What is missing the operator looks up; what was read is refused now and then, and asked again at the end."""
        if gate == "absence":
            return REFUSED if row.subject in self.systems[name].rows else APPROVED
        refuses = gate in ("intake", "first") and row.op != "create" and not self.world.quiet
        if refuses and self.world.rng.random() < 0.3:
            return REFUSED
        return APPROVED

    def _ask_again(self) -> None:
        """What was refused of what was read is wanted after all."""
        with self.store.read() as tx:
            rows = tx.all("SELECT DISTINCT hold_id FROM ruling WHERE verdict = 'refused' ORDER BY hold_id")
            numbers = [row[0] for row in rows]
        for number in numbers:
            self.world.say(f"operator: what was refused of hold {number} is asked again")
            self._guarded(lambda number=number: ask_again(self.store, number, "operator", self.world.now))

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

    def _gone_from(self, name: str) -> int:
        """How many of the records that the hub knows of are really gone, as the operator sees by looking."""
        with self.store.read() as tx:
            known = tx.all("SELECT external_id FROM record WHERE connection = :n AND state IN :*s", n=name, s=HELD)
        return sum(row_id not in self.systems[name].rows for (row_id,) in known)

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
        erased = [golden for p in self.people.everybody if p.erased and (golden := self.checks.golden_of(p))]
        if any(golden_id == erased_id for erased_id, _ in erased):
            return  # an edit outlives a deletion: whether it came in time is a race
        value = f"pinned {self.world.boundaries}"
        self.world.say(f"pin {golden_id}: department = {value!r}")
        self._guarded(lambda: pin(self.hub, golden_id, "department", value, "somebody"))

    def _erase_someone(self) -> None:
        self._guarded(self._erase)

    def _erase(self) -> None:
        """Somebody asks to be erased whose records the hub has all seen, whatever of theirs is on its way."""
        candidates = [p for p in self.people.everybody if not p.erased and not p.deleted_in]
        if not candidates:
            return
        person = self.world.rng.choice(candidates)
        golden = self.checks.golden_of(person)
        if golden is None or not self.checks.is_known(person):
            return
        self.world.say(f"person {person.number} asks to be erased: {golden[0]}")
        try:
            erase(self.hub, golden[0], "operator")
        finally:
            with self.store.read() as tx:
                person.asked = tx.one("SELECT 1 FROM erasure WHERE golden_id = :g", g=golden[0]) is not None
            person.erased = person.erased or person.asked

    def _erase_by_hand(self) -> None:
        """What a system cannot do, or would not, the operator does there."""
        with self.store.read() as tx:
            rows = tx.all(
                "SELECT DISTINCT erasure_id, connection FROM erasure_step WHERE state IN ('by hand', 'refused')"
            )
        for erasure_id, name in rows:
            for person in self.people.everybody:
                system = self.systems[name]
                found = [i for i, row in system.rows.items() if person.asked and row.fields["mail"] == person.mail]
                for row_id in found:
                    system.person_deletes(row_id)
            self.world.say(f"operator confirms erasure {erasure_id} in {name}")
            self._guarded(lambda erasure_id=erasure_id, name=name: confirm(self.hub, erasure_id, name, "operator"))

    def _delete_someone(self) -> None:
        """Only people whose last state every system has agreed on: what became of an edit under way is a race."""
        rng = self.world.rng
        candidates = [p for p in self.people.everybody if not p.erased and not p.deleted_in]
        if not candidates:
            return
        person = rng.choice(candidates)
        if self.checks.agrees(person):
            self.people.delete(person, self.systems[rng.choice(self.names)])

    def _edit_and_delete(self) -> None:
        """An edit here, a deletion there, before the hub has heard of either: the edit outlives the deletion."""
        rng = self.world.rng
        candidates = [p for p in self.people.everybody if not p.erased and not p.deleted_in and self.checks.agrees(p)]
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
        if not self.checks.saw(person, system):
            return  # an edit that nobody has seen goes with the record
        golden = self.checks.golden_of(person)
        waits = golden is not None and self.checks.edit_waits(person, system, golden[1])
        self.people.delete(person, system)
        # a system that is never told of edits cannot be behind one: its deletions are final
        person.erased, person.outlives = False, waits and system.kind.can.update

    def _remap(self) -> None:
        """Somebody takes a field out of a mapping, or puts it back, and the hub is started with that."""
        name = self.world.rng.choice(self.names)
        if self.unmapped.pop(name, None) is None:
            self.unmapped[name] = self.world.rng.choice(UNMAPPED)
        self.world.say(f"the mapping of {name} is without {self.unmapped.get(name)}")
        self.hub = self._start_hub()

    def settle(self) -> None:
        """Faults stop, mappings are whole; the operator works the lists off; then everything has to come to rest."""
        self.world.quiet = True
        if self.unmapped:
            self.unmapped.clear()
            self.hub = self._start_hub()
        self.world.crash_at = None
        for _ in range(40):
            self.world.now += 400.0
            self._ask_again()
            before = sum(s.writes for s in self.systems.values())
            self._operator()
            results = [self.cycle(n) for n in self.names]
            rested = all(r is not None and r.status == "done" for r in results) and not self.checks.waiting()
            if rested and before == sum(s.writes for s in self.systems.values()):
                break
        else:
            raise Violation(
                f"L6: not at rest: {[r and (r.status, r.message) for r in results]} {self.checks.waiting()}"
            )
        self.check_liveness()

    def check_liveness(self) -> None:
        writes = sum(s.writes for s in self.systems.values())
        for _ in range(2):
            self.world.now += 400.0
            for name in self.names:
                self.cycle(name)
        if sum(s.writes for s in self.systems.values()) != writes:
            raise Violation("L4: it still writes when nothing changes")
        self.checks.safety()
        self.checks.happened()
        self.checks.apart()
        for person in self.people.everybody:
            self.checks.person(person)
            self.checks.timeline(person)
            self.checks.stopped(person)
