"""What people do, and what is therefore true: nothing in here knows what the hub did."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.simulation.shapes import Shape
from tests.simulation.systems import NAMES, SHARED, System
from tests.simulation.world import World

GIVEN = "Ada Bela Caio Dora Enzo Flora Gil Helga Ivo Jana Kasper Livia Maximiliana".split()
FAMILY = (
    "Abreu Brandao Castanheira Dombrowski Esteves Fagundes Goncalves Hohenstein Iglesias Jankowska Kowalczyk".split()
)


@dataclass
class Person:
    """number, the systems people typed this person into, and the last edit of every field."""

    number: int
    typed: dict[str, str]  # system → row id of the record a person made
    truth: dict[str, Any]  # canonical single field → value of the last edit
    opted_out: float | None = None
    deleted_in: set[str] = field(default_factory=set)
    erased: bool = False  # deleted where deletion means everywhere
    asked: bool = False  # has asked to be erased, and the hub has begun
    unsure: bool = False  # a system went back to its backup before the hub had heard of what was done there
    back: bool = False  # was deleted, and a backup has brought the record back: it stays or goes again
    merged: dict[str, str] = field(default_factory=dict)  # system → a record of theirs that gave way to another one
    merged_in: set[str] = field(default_factory=set)  # systems in which somebody else's record took the place of theirs
    outlives: bool = False  # deleted with an edit on its way there: the edit outlives the deletion

    @property
    def mail(self) -> str:
        return f"p{self.number}@example.org"


class People:
    """Everybody who touches the systems, and the oracle."""

    def __init__(self, world: World, systems: dict[str, System], propagates: set[str], shape: Shape) -> None:
        self.shape = shape
        self.world, self.systems, self.propagates = world, systems, propagates
        self.everybody: list[Person] = []
        names = sorted(systems)
        fields = [f for f in NAMES if f != SHARED]
        # one writer a field, so that the last edit is what must be seen in the end
        self.writer = {f: names[i % len(names)] for i, f in enumerate(fields)}
        self.shared_edits: dict[int, set[str]] = {}
        self.word = 0

    def act(self) -> None:
        roll = self.world.rng.random()
        if not self.everybody or (roll < 0.25 and len(self.everybody) < self.shape.most):
            self._type_in()
        elif roll < 0.80:
            self._edit()
        elif roll < 0.92:
            self._edit_shared()
        else:
            self._opt_out()

    def welcome(self) -> None:
        """Somebody new, if there is room."""
        if len(self.everybody) < self.shape.most:
            self._type_in()

    def named(self, mail: str) -> Person | None:
        return next((p for p in self.everybody if p.mail == mail), None)

    def row_of(self, person: Person, system: System) -> str | None:
        """The person's record there, the oldest if there are several."""
        mail = person.mail
        return next((i for i, row in system.rows.items() if row.fields["mail"] == mail), None)

    def _new_word(self, what: str) -> str:
        self.word += 1
        return f"{what} {self.word} lengthy"

    def _type_in(self) -> None:
        rng = self.world.rng
        number = len(self.everybody) + 1
        names = {
            "given_name": GIVEN[number % len(GIVEN)],
            "family_name": FAMILY[number % len(FAMILY)],
        }
        person = Person(number, {}, {})
        for name in rng.sample(sorted(self.systems), rng.choice(self.shape.typed)):
            system = self.systems[name]
            fields: dict[str, Any] = {"mail": person.mail, "tel": f"91{number:07d}"}
            for canonical, column in NAMES.items():
                value = names.get(canonical)
                if self.writer.get(canonical) == name:
                    value = value or self._new_word(canonical)
                    person.truth[canonical] = system.keep({column: value})[column]
                    fields[column] = value
                elif value is not None:
                    fields[column] = value
            person.typed[name] = system.person_creates(fields)
            if self.shape.twice and rng.random() < self.shape.twice:
                typed_again = [*map(NAMES.get, names), "mail", "tel"]
                system.person_creates({column: fields[column] for column in typed_again if column in fields})
        for canonical, value in names.items():
            person.truth.setdefault(canonical, value)
        self.everybody.append(person)
        self.world.say(f"person {number} typed into {sorted(person.typed)}")

    def _someone(self) -> Person | None:
        alive = [p for p in self.everybody if not p.erased]
        return self.world.rng.choice(alive) if alive else None

    def edit_of(self, mail: str) -> str | None:
        """Somebody edits this very contact, in a field that nobody pins; the system it shows in, if any."""
        person = next((p for p in self.everybody if p.mail == mail and not p.erased), None)
        return self._edit(person, but="department") if person else None

    def _edit(self, person: Person | None = None, but: str | None = None) -> str | None:
        person = person or self._someone()
        if person is None:
            return None
        canonical = self.world.rng.choice(sorted(self.writer))
        system = self.systems[self.writer[canonical]]
        row = self.row_of(person, system)
        column = NAMES[canonical]
        if row is None or canonical in ("given_name", "family_name", but) or (row, column) in system.read_back:
            return None
        value = self._new_word(canonical)
        before = system.rows[row].fields.get(column)
        system.person_edits(row, {column: value})
        person.truth[canonical] = kept = system.keep({column: value})[column]
        self.world.say(f"person {person.number}: {canonical} = {value!r} in {system.name}")
        return system.name if kept != before else None  # cut to what it was: an edit that nobody can see

    def _edit_shared(self) -> None:
        person = self._someone()
        if person is None:
            return
        system = self.systems[self.world.rng.choice(sorted(self.systems))]
        row = self.row_of(person, system)
        if row is not None and (row, NAMES[SHARED]) not in system.read_back:
            value = self._new_word("n")
            system.person_edits(row, {NAMES[SHARED]: value})
            self.shared_edits.setdefault(person.number, set()).add(value)
            self.world.say(f"person {person.number}: {SHARED} = {value!r} in {system.name}")

    def _opt_out(self) -> None:
        person = self._someone()
        if person is None:
            return
        system = self.systems[self.world.rng.choice(sorted(self.systems))]
        row = self.row_of(person, system)
        if row is not None:
            at = datetime.fromtimestamp(self.world.now, UTC).isoformat()
            system.person_edits(row, {"news": "N", "news_at": at})
            person.opted_out = self.world.now
            self.world.say(f"person {person.number}: opts out in {system.name}")

    def delete(self, person: Person, system: System) -> None:
        rows = [i for i, row in system.rows.items() if row.fields["mail"] == person.mail]
        if not rows:
            return
        for row in rows:
            system.person_deletes(row)
        person.deleted_in.add(system.name)
        person.erased = person.erased or system.name in self.propagates
        self.world.say(f"person {person.number}: deleted in {system.name}")
