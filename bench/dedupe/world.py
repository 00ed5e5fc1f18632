"""Made-up people, households and companies: who there really is, before any system writes it down.

A neighbourhood is drawn at a time, and it holds everybody with whom its people share something: a household,
or a company with the households of those who work there. Persons of one group look alike and are different.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import accumulate
from random import Random

from anyascii import anyascii

from bench.dedupe.names import BRANDS, COUNTRIES, Country

COMPANY = 0.18  # share of neighbourhoods that are a company with its staff
BRANCH = 0.05  # of companies: a second one of the same brand and domain
SAME_SURNAME = 0.8  # of couples

SHARES = tuple(accumulate(country.share for country in COUNTRIES))


@dataclass(frozen=True)
class Place:
    """Where somebody lives. kind and sight are the street's: Rua, Flores."""

    street: str
    town: str
    postcode: str


@dataclass(eq=False)
class Company:
    """A company, with the domain, switchboard and office address that its people use too."""

    id: str
    country: Country
    name: str
    legal: str
    domain: str
    office: str
    phone: str
    place: Place
    tax: str
    groups: list[str] = field(default_factory=list)


@dataclass(eq=False)
class Person:
    """mails and phones: of one's own, best known first. old_*: what it was before."""

    id: str
    country: Country
    woman: bool
    given: list[str]
    family: list[str]
    born: str
    place: Place
    mails: list[str]
    phones: list[str]
    tax: str
    old_mail: str
    old_place: Place
    old_family: list[str]
    company: Company | None = None
    generation: str = ""
    groups: list[str] = field(default_factory=list)


class World:
    """Draws neighbourhoods. The same random numbers make the same people."""

    def __init__(self, draw: Random) -> None:
        self._draw = draw
        self._numbers: Counter[str] = Counter()
        self._mails: Counter[str] = Counter()

    def neighbourhoods(self) -> Iterator[list[Person | Company]]:
        """Without an end."""
        while True:
            country = self._draw.choices(COUNTRIES, cum_weights=SHARES)[0]
            if self._draw.random() >= COMPANY:
                yield [*self._household(country)]
            else:
                yield self._company_with_staff(country)

    # --- companies ---

    def _company_with_staff(self, country: Country) -> list[Person | Company]:
        company = self._company(country)
        found: list[Person | Company] = [company]
        staff: list[Person] = []
        for _ in range(self._draw.choices((0, 1, 2, 3, 4, 6, 9, 14), (5, 30, 20, 16, 12, 8, 6, 3))[0]):
            household = self._household(country)
            worker = self._draw.choice(household)
            worker.company = company
            if self._draw.random() < 0.6:
                worker.mails.insert(0, f"{self._local(worker.given, worker.family)}@{company.domain}")
            staff.append(worker)
            found += household
        if staff:
            self._group("org_and_staff", [company, *staff])
        if len(staff) > 1:
            self._group("switchboard", staff)
        if self._draw.random() < BRANCH:
            found.append(self._branch(company))
        return found

    def _company(self, country: Country) -> Company:
        draw = self._draw
        name = self._company_name(country)
        slug = letters(name)[:18]
        self._mails[slug] += 1
        domain = f"{slug}{self._mails[slug] if self._mails[slug] > 1 else ''}.example"
        return Company(
            id=self._id("O"),
            country=country,
            name=name,
            legal=draw.choice(country.some("legal")),
            domain=domain,
            office=f"{draw.choice(country.some('office'))}@{domain}",
            phone=self._number(country.landline),
            place=self._place(country),
            tax=self._number(country.tax),
        )

    def _company_name(self, country: Country) -> str:
        draw = self._draw
        trade, family = draw.choice(country.some("trades")), self._name(country, "family")
        style = draw.random()
        if style < 0.3:
            return f"{draw.choice(BRANDS)} {trade}" if draw.random() < 0.5 else draw.choice(BRANDS)
        if style < 0.45:
            return f"{family} & {self._name(country, 'family')}"
        if style < 0.6:
            return f"{trade} {draw.choice(country.some('towns'))}"
        return f"{trade} {family}"

    def _branch(self, company: Company) -> Company:
        """Another legal entity of the brand: own tax id and place, often the same switchboard."""
        country, draw = company.country, self._draw
        town = draw.choice(country.some("towns"))
        branch = replace(
            company,
            id=self._id("O"),
            name=f"{company.name} {town}" if draw.random() < 0.5 else company.name,
            tax=self._number(country.tax),
            place=self._place(country),
            phone=company.phone if draw.random() < 0.2 else self._number(country.landline),
            office=company.office if draw.random() < 0.4 else f"{letters(town)}@{company.domain}",
            groups=[],
        )
        self._group("branch", [company, branch])
        return branch

    # --- households ---

    def _household(self, country: Country) -> list[Person]:
        draw, kind = self._draw, self._draw.random()
        if kind < 0.795:
            return [self._person(country)]
        first = self._person(country)
        if kind < 0.955:
            members = [first, self._partner(first)]
            if draw.random() < 0.35:
                members += [self._child(first) for _ in range(draw.choice((1, 1, 2)))]
            self._share(members)
        elif kind < 0.96:
            members = [first, self._twin(first)]
        elif kind < 0.975:
            members = [first, self._junior(first)]
        else:
            members = [first, self._sibling(first)]
            self._share(members)
        return members

    def _share(self, members: list[Person]) -> None:
        """What a family has in common besides its address."""
        draw, first = self._draw, members[0]
        if draw.random() < 0.45:
            landline = self._number(first.country.landline)
            for member in members:
                member.phones.append(landline)
            self._group("landline", members)
        if draw.random() < 0.15:
            local = f"{draw.choice(('family', 'casa', first.family[-1]))}.{first.family[-1]}"
            mail = self._mail(letters(local, "."), first.country)
            for member in members:
                member.mails.insert(0, mail)
            self._group("family_email", members)
        elif draw.random() < 0.12:
            for member in members[:2]:
                member.phones.insert(0, first.phones[0])
            self._group("shared_mobile", members[:2])

    def _partner(self, first: Person) -> Person:
        partner = self._person(first.country, woman=not first.woman)
        partner.place = first.place
        if self._draw.random() < SAME_SURNAME:
            partner.old_family = partner.family
            partner.family = [*partner.family[:-1], first.family[-1]]
        return partner

    def _child(self, first: Person) -> Person:
        child = self._person(first.country)
        child.place, child.born = first.place, self._date(int(first.born[:4]) + 24, int(first.born[:4]) + 34)
        child.family = [*child.family[:-1], first.family[-1]]
        return child

    def _sibling(self, first: Person) -> Person:
        sibling = self._person(first.country)
        year = int(first.born[:4])
        sibling.place, sibling.family, sibling.born = first.place, first.family, self._date(year + 1, year + 6)
        return sibling

    def _twin(self, first: Person) -> Person:
        twin = self._person(first.country)
        while twin.given[0] == first.given[0]:
            twin = self._person(first.country)
        twin.place, twin.family, twin.born = first.place, first.family, first.born
        self._group("twin", [first, twin])
        return twin

    def _junior(self, father: Person) -> Person:
        son = self._person(father.country, woman=False)
        year = int(father.born[:4])
        if father.woman:
            father.woman, father.given = False, [self._name(father.country, "men"), *father.given[1:]]
        son.given, son.family, son.place = list(father.given), father.family, father.place
        son.born = self._date(year + 22, year + 35)
        son.generation = {"PT": "Filho", "BR": "Júnior", "US": "Jr."}.get(father.country.code, "")
        self._group("fatherson", [father, son])
        return son

    # --- people ---

    def _person(self, country: Country, woman: bool | None = None) -> Person:
        draw = self._draw
        woman = draw.random() < 0.5 if woman is None else woman
        kind = "women" if woman else "men"
        given = [self._name(country, kind)]
        if draw.random() < country.second:
            given.append(self._name(country, kind))
        family = [self._name(country, "family") for _ in range(country.families)]
        if country.families == 1 and draw.random() < 0.05:
            family.append(self._name(country, "family"))
        born = self._date(1940, 2004)
        local = self._local(given, family, born)
        return Person(
            id=self._id("P"),
            country=country,
            woman=woman,
            given=given,
            family=family,
            born=born,
            place=self._place(country),
            mails=[self._mail(local, country)],
            phones=[self._number(country.mobile)],
            tax=self._number(country.tax) if draw.random() < 0.3 else "",
            old_mail=self._mail(self._local(given, family, born), country),
            old_place=self._place(country),
            old_family=[*family[:-1], self._name(country, "family")],
        )

    def _name(self, country: Country, kind: str) -> str:
        names, weights = country.zipf(kind)
        return self._draw.choices(names, cum_weights=weights)[0]

    def _local(self, given: list[str], family: list[str], born: str = "") -> str:
        """What stands before the @: some form of the name, seldom something else."""
        first, last, style = letters(given[0]), letters(family[-1]), self._draw.random()
        if style < 0.45:
            local = f"{first}.{last}"
        elif style < 0.6:
            local = first + last
        elif style < 0.7:
            local = f"{last}.{first}"
        elif style < 0.8:
            local = first[0] + last
        elif style < 0.93:
            local = f"{first}_{last}" if style < 0.87 else first + last[0]
        else:
            local = self._draw.choice(("blue", "star", "rio", "kitty", "moto", "luna", "sunny", "vento")) + first[:3]
        return local + born[2:4] if born and self._draw.random() < 0.2 else local

    def _mail(self, local: str, country: Country) -> str:
        """An address nobody else has."""
        mail = f"{local}@{self._draw.choice(country.some('mail'))}"
        self._mails[mail] += 1
        if self._mails[mail] == 1:
            return mail
        return mail.replace("@", f"{self._mails[mail]}@")

    def _number(self, pattern: str) -> str:
        return "".join([self._digit(c) if c in "#%" else c for c in pattern])

    def _digit(self, kind: str) -> str:
        at = int(self._draw.random() * 10)
        return "0123456789"[at] if kind == "#" else "1236123612"[at]

    def _place(self, country: Country) -> Place:
        draw = self._draw
        sight = draw.choice(country.some("sights")) if draw.random() < 0.4 else self._name(country, "family")
        towns = country.some("towns")
        at = int(draw.random() ** 1.6 * len(towns))
        street = draw.choice(country.some("streets")).replace("*", sight)
        number = int(draw.random() * 150) + 1
        postcode = f"{10 + at}{self._number(country.postcode[2:])}"
        if country.code in ("US", "FR"):
            street = f"{number} {street}"
        else:
            street = f"{street} {number}"
        if country.code in ("PT", "ES", "BR") and draw.random() < 0.3:
            street += f", {int(draw.random() * 9) + 1}º {draw.choice(('Dto', 'Esq', 'A', 'B'))}"
        return Place(street, towns[at], postcode)

    def _date(self, first: int, last: int) -> str:
        draw = self._draw.random
        year, month, day = first + int(draw() * (last - first + 1)), int(draw() * 12) + 1, int(draw() * 28) + 1
        return f"{year}-{month:02d}-{day:02d}"

    def _id(self, letter: str) -> str:
        self._numbers[letter] += 1
        return f"{letter}{self._numbers[letter]:07d}"

    def _group(self, kind: str, members: Sequence[Person | Company]) -> None:
        self._numbers[kind] += 1
        for member in members:
            member.groups.append(f"{kind}:{self._numbers[kind]:06d}")


@lru_cache(50_000)
def letters(text: str, keep: str = "") -> str:
    """Plain small letters."""
    return "".join(c for c in anyascii(text).lower() if c.isalnum() or c in keep)
