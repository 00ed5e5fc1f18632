"""What must hold, looked at from outside: the hub's store, the systems, and what people did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

from hub.dedupe import consent
from hub.model import Op, Write
from hub.store.db import Store, loads
from hub.store.lists import Part
from hub.sync import history
from hub.sync.link import differs
from hub.sync.push import intent_hash
from hub.sync.reading import fingerprint
from tests.simulation.people import People, Person
from tests.simulation.systems import NAMES, SHARED, System, mapping_by_name
from tests.simulation.world import Violation

NEWSLETTER = "consents/email|*|newsletter"


class Checks:
    """The invariants of one history. They draw no chance and change nothing."""

    def __init__(self, store: Store, people: People, off: Collection[str]) -> None:
        self.store, self.people, self.off = store, people, off
        self.systems, self.propagates = people.systems, people.propagates

    # what the hub knows --------------------------------------------------------------------------------

    def golden_of(self, person: Person) -> tuple[str, dict[str, Any]] | None:
        with self.store.read() as tx:
            rows = tx.all(
                "SELECT id, fields FROM golden WHERE state = 'live' AND fields LIKE :mail ORDER BY id",
                mail=f'%"emails/{person.mail}"%',
            )
        for golden_id, text in rows:
            fields = loads(text)
            if f"emails/{person.mail}" in fields:
                return golden_id, fields
        return None

    def agrees(self, person: Person) -> bool:
        """Whether every system has the person's last state, and nothing is under way."""
        golden = self.golden_of(person)
        if golden is None:
            return False
        golden_id, fields = golden
        with self.store.read() as tx:
            busy = tx.one(
                "SELECT 1 FROM queue WHERE golden_id = :g UNION ALL SELECT 1 FROM intent WHERE golden_id = :g LIMIT 1",
                g=golden_id,
            )
        if busy:
            return False
        told = [s for s in self.systems.values() if s.kind.can.create]
        return (
            all(self.people.row_of(person, s) for s in told)
            and all(self.saw(person, s) for s in self.systems.values())
            and not any(self.lacking(person, s, fields) for s in told)
        )

    def saw(self, person: Person, system: System) -> bool:
        """Whether the hub knows the person's record there as it is now, and has taken it so."""
        row_id = self.people.row_of(person, system)
        if row_id is None:
            return True
        with self.store.read() as tx:
            row = tx.one(
                "SELECT fingerprint FROM record WHERE connection = :c AND external_id = :e", c=system.name, e=row_id
            )
            text = "SELECT 1 FROM ruling WHERE connection = :c AND external_id = :e AND verdict <> 'approved'"
            kept_out = tx.one(text, c=system.name, e=row_id)
        if row is None or row[0] is None or kept_out:  # what was refused is an edit on its way, if it is asked again
            return False
        return bytes(row[0]) == fingerprint(system.record(row_id), mapping_by_name(system.name).digest)

    def lacking(self, person: Person, system: System, fields: dict[str, Any]) -> dict[str, Any]:
        """Key → (held there, wanted) of what the person's records there have otherwise than the golden record."""
        mapping = mapping_by_name(system.name)
        lacking = {}
        for row_id in _rows(person, system):
            held = mapping.inward(system.record(row_id)).fields
            wanted = mapping.stored(mapping.project(fields, held, creating=False))
            for key in wanted.keys() | held.keys():
                if mapping.covers(key) and differs(key, wanted.get(key), held.get(key)):
                    lacking[key] = (held.get(key), wanted.get(key))
        return lacking

    def edit_waits(self, person: Person, system: System, fields: dict[str, Any]) -> bool:
        """Whether an edit is on its way there that outlives a deletion: an opt-out keeps nobody."""
        lacking = {key: wanted for key, (_, wanted) in self.lacking(person, system, fields).items()}
        return bool(lacking.keys() - set(consent.stricter({}, lacking)))

    def waiting(self) -> list[Any]:
        """What is not at rest."""
        with self.store.read() as tx:
            return [
                *tx.all("SELECT 'erasure', connection, state FROM erasure_step WHERE state NOT IN ('done', 'lifted')"),
                *tx.all("SELECT 'queue', connection, golden_id, op, next_at FROM queue"),
                *tx.all("SELECT 'intent', connection, golden_id, op, at FROM intent"),
                *tx.all("SELECT 'hold', connection, gate, counts FROM hold WHERE state = 'open'"),
                *tx.all("SELECT 'parked', connection, stage, reason FROM parked WHERE state IN ('open', 'retry')"),
                *tx.all(
                    "SELECT 'doubt', connection, external_id, state FROM record WHERE state IN ('absent', 'doomed')"
                ),
            ]

    # at every step -------------------------------------------------------------------------------------

    def before_write(self, name: str, write: Write) -> None:
        if write.op is Op.DELETE:
            self._deletion(self.systems[name], write)
        self._intent(name, write)

    def _deletion(self, system: System, write: Write) -> None:
        """L5: the hub deletes only whom a person has deleted where that means everywhere, with no edit on its way."""
        row = system.rows.get(write.id or "")
        if row is None:
            return
        person = self.people.named(row.fields["mail"])
        if (
            person is not None
            and not (person.asked or person.back)
            and (person.outlives or not person.deleted_in & self.propagates)
        ):
            raise Violation(f"L5: person {person.number} is deleted in {system.name}, and nobody wanted that")

    def _intent(self, name: str, write: Write) -> None:
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
            told = tx.one(
                "SELECT 1 FROM erasure_step WHERE connection = :c AND external_id = :e AND state = 'sent'",
                c=name,
                e=write.id,
            )
        if (intent_hash(write),) not in meant and told is None:
            raise Violation(f"I3: {name} {write.op} without an intent")

    def safety(self) -> None:
        outs = {p.mail for p in self.people.everybody if p.opted_out}
        with self.store.read() as tx:
            lost = tx.one(
                "SELECT 1 FROM record r LEFT JOIN golden g ON g.id = r.golden_id"
                " WHERE g.id IS NULL OR g.state = 'merged' LIMIT 1"
            )
            text = "SELECT id, fields FROM golden WHERE state = 'live' AND fields LIKE :said"
            granting = tx.all(text, said=f"%{consent.GRANTED}%") if outs else []
        self._suppressed()
        if lost:
            raise Violation("I1: a source record without a golden record of its own")
        for system in self.systems.values():
            keys = [key for key, row_id in system.creates if row_id in system.rows]
            if len(keys) != len(set(keys)):
                raise Violation(f"I2: {system.name} was given the same contact twice")
        for golden_id, text in granting:
            fields = loads(text)
            said = fields.get(NEWSLETTER)
            if said and said["status"] == consent.GRANTED and any(f"emails/{m}" in fields for m in outs):
                raise Violation(f"I6: {golden_id} grants what its person has denied")

    def is_known(self, person: Person) -> bool:
        """Whether the hub has every record of the person, or has made it."""
        with self.store.read() as tx:
            known = set(tx.all("SELECT connection, external_id FROM record"))
        return all(
            (system.name, row_id) in known or system.rows[row_id].made_by == "hub"
            for system in self.systems.values()
            for row_id in _rows(person, system)
        )

    def _suppressed(self) -> None:
        """I7: nobody who was erased is in a golden record, a source record, or in what is to be written."""
        for person in self.people.everybody:
            if not person.asked:
                continue
            with self.store.read() as tx:
                for table, column in (("golden", "fields"), ("record", "fields"), ("intent", "payload")):
                    if tx.one(f"SELECT 1 FROM {table} WHERE {column} LIKE :mail", mail=f'%"emails/{person.mail}"%'):
                        raise Violation(f"I7: person {person.number} was erased and is in {table}")

    # at the end ----------------------------------------------------------------------------------------

    def person(self, person: Person) -> None:
        who = f"person {person.number}"
        if person.asked:
            back = [n for n, s in self.systems.items() if _rows(person, s)]
            if back:
                raise Violation(f"L3: {who} was erased and is in {back}")
            return
        if person.back:
            return  # whether somebody is deleted whom a backup has brought back is a race
        if person.erased:
            back = [n for n, s in self.systems.items() if s.kind.can.delete and _rows(person, s)]
            if back:
                raise Violation(f"L3: {who} was deleted and is back in {back}")
            return
        golden = self.golden_of(person)
        if golden is None:
            if person.outlives:
                raise Violation(f"lost: {who} was edited before the deletion and is gone")
            if any(_rows(person, s) for s in self.systems.values()):
                raise Violation(f"I1: {who} is in a system and not in the hub")
            return
        _, fields = golden
        for system in self.systems.values():
            self._record(person, system, fields)
        self._edits(person, fields)

    def apart(self) -> None:
        """L7: a merge in a system makes no two people one, and what gave way there leads to its person still."""
        homes = {p.number: found[0] for p in self.people.everybody if (found := self.golden_of(p))}
        if len(set(homes.values())) < len(homes):
            raise Violation(f"L7: two people are one: {homes}")
        for person in self.people.everybody:
            for name, row_id in person.merged.items():
                with self.store.read() as tx:
                    home = tx.one(
                        "SELECT golden_id FROM record WHERE connection = :c AND external_id = :e", c=name, e=row_id
                    )
                if person.number in homes and home != (homes.get(person.number),):
                    raise Violation(f"L7: {name} {row_id} gave way, and leads to {home}, not to {homes}")

    def timeline(self, person: Person) -> None:
        """H1: what happened with somebody is in the timeline, each once, and nothing of anybody else."""
        golden = self.golden_of(person)
        if golden is None:
            return
        with self.store.read() as tx:
            listed = history.timeline(tx, golden[0], Part(10_000))
            known = set(tx.all("SELECT connection, external_id FROM record"))
        assert listed is not None, "a golden record that is there"
        found = Counter((event.connection, event.id) for event in listed.rows)
        wanted = Counter(
            (system.name, one.id)
            for system in self.systems.values()
            for mail, one in system.happened
            if mail == person.mail and (one.record is None or (system.name, one.record) in known)
        )
        if found != wanted:
            raise Violation(f"H1: person {person.number}: lost {wanted - found}, too much {found - wanted}")

    def stopped(self, person: Person) -> None:
        """H3: who has asked by mail to be left alone is refused in the hub, and in every system that can hold it."""
        mails = [one for s in self.systems.values() for mail, one in s.happened if mail == person.mail and one.says]
        golden = self.golden_of(person)
        if not mails or golden is None:
            return
        said = golden[1].get(f"consents/email|{person.mail}|newsletter")
        if said is None or said["status"] != consent.DENIED:
            raise Violation(f"H3: the stop of person {person.number} is lost: {said}")
        for system in self.systems.values():
            if system.kind.can.update:
                for row_id in _rows(person, system):
                    if system.rows[row_id].fields["news"] != "N":
                        raise Violation(f"H3: {system.name} has not heard that person {person.number} wants no more")

    def happened(self) -> None:
        """H2: every interaction that a system has told is in the store, once."""
        with self.store.read() as tx:
            found = Counter(tx.all("SELECT connection, external_id FROM interaction"))
        asked = {person.mail for person in self.people.everybody if person.asked}
        everything = [(s.name, mail, one) for s in self.systems.values() for mail, one in s.happened]
        wanted = Counter((name, one.id) for name, mail, one in everything if mail not in asked)
        # of a record that went before it was ever shown, nobody can tell whose it was
        nameless = {(name, one.id) for name, mail, one in everything if mail in asked and one.record is not None}
        found = Counter({each: n for each, n in found.items() if each not in nameless})
        if found != wanted:
            raise Violation(f"H2: lost {wanted - found}, too much {found - wanted}")

    def _record(self, person: Person, system: System, fields: dict[str, Any]) -> None:
        who, rows = f"person {person.number}", _rows(person, system)
        made = [i for i in rows if system.rows[i].made_by == "hub"]
        if len(made) > 1:
            raise Violation(f"I2: {who} was made {len(made)} times in {system.name}")
        if system.name in person.deleted_in | person.merged_in:
            if rows:
                raise Violation(f"L3: {who} was deleted in {system.name} and is back")
            return
        if not system.kind.can.create:
            return
        if not rows:
            raise Violation(f"lost: {who} is missing in {system.name}")
        if lacking := self.lacking(person, system, fields):
            raise Violation(f"L1: {who} differs in {system.name}: {lacking}")

    def _edits(self, person: Person, fields: dict[str, Any]) -> None:
        with self.store.read() as tx:
            pinned = {r[0] for r in tx.all("SELECT p.field FROM pin p JOIN golden g ON g.id = p.golden_id")}
        for canonical, value in person.truth.items():
            writer = self.people.writer[canonical]
            if writer in person.deleted_in or (canonical == "department" and "department" in pinned):
                continue
            if canonical in ("given_name", "family_name"):
                continue  # typed in several systems at once, each cut in its own way: no single last edit
            if fields.get(canonical) != value and not person.unsure:
                raise Violation(
                    f"L2: person {person.number}: {canonical} is {fields.get(canonical)!r}, the last edit was {value!r}"
                )
        self._shared(person, fields)
        if person.unsure:
            return
        # where the hub had written a stop of the address before, an opt-out there is an edit that nobody can see
        said = fields.get(NEWSLETTER) or fields.get(f"consents/email|{person.mail}|newsletter")
        if person.opted_out and (said is None or said["status"] != consent.DENIED):
            raise Violation(f"I6: the opt-out of person {person.number} is lost: {said}")

    def _shared(self, person: Person, fields: dict[str, Any]) -> None:
        """Two writers: one of their values stands."""
        edits = self.people.shared_edits.get(person.number)
        value = fields.get(SHARED)
        if edits and value not in {
            s.keep({NAMES[SHARED]: e})[NAMES[SHARED]] for e in edits for s in self.systems.values()
        }:
            raise Violation(f"L2: person {person.number}: {SHARED} is {value!r}, nobody wrote that")


def _rows(person: Person, system: System) -> list[str]:
    return [i for i, row in system.rows.items() if row.fields["mail"] == person.mail]
