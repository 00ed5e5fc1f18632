"""What five systems write down of a person or a company, and what goes wrong on the way.

Every record says in its tags what was distorted. Differences that any two systems have (letter case of an
address, notation of a phone or a postcode) carry no tag.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from anyascii import anyascii

from bench.dedupe.names import FOREIGN, PLACEHOLDER_MAILS, PLACEHOLDER_PHONES, PLACEHOLDER_TEXTS, SHORT, Country
from bench.dedupe.world import Company, Person, Place

FIELDS = tuple(
    "given_name family_name full_name company emails phones street city postcode country birth_date vat_number".split()
)
KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
LEGACY_WIDTHS = {"full_name": 25, "company": 25, "street": 30, "city": 20}


@dataclass(frozen=True)
class System:
    """How often a system knows what. Rates are shares of its records; split: name in two fields."""

    name: str
    letter: str  # of its keys
    share: float
    split: float
    email: float
    phone: float
    place: float
    town: float  # town without a street
    country: float
    birth: float
    tax: float
    company: float
    old: float = 0.04  # a former address
    accents: float = 0.0  # lost
    slip: float = 0.05  # in a name
    no_family: float = 0.0
    swap: float = 0.0
    initial: float = 0.0
    upper: float = 0.0


# fmt: off
SYSTEMS = (
    System("erp", "C", 0.30, 0.6, 0.76, 0.83, 0.88, 0, 0.85, 0.25, 0.3, 0.45, initial=0.04, slip=0.04),
    System("web", "W", 0.24, 1, 0.94, 0.78, 0.2, 0.3, 0.84, 0.1, 0, 0.3, accents=0.4, slip=0.09, swap=0.03, upper=0.05),
    System("mail", "M", 0.17, 1, 0.95, 0.08, 0, 0, 0, 0.35, 0, 0.06, accents=0.3, slip=0.06, no_family=0.2, swap=0.03),
    System("carddav", "V", 0.17, 0.65, 0.7, 0.85, 0.31, 0, 0.85, 0.23, 0, 0.3, initial=0.045),
    System("legacy", "L", 0.12, 0, 0.36, 0.71, 0.89, 0, 0.86, 0.6, 0.33, 0.1, initial=0.045),
)
# fmt: on
OF_COMPANIES = (0.5, 0.14, 0.05, 0.11, 0.2)  # shares of the systems among a company's records


@dataclass
class Written:
    """One record as one system holds it, being written."""

    system: System
    country: Country
    draw: Random
    values: dict[str, str] = field(default_factory=lambda: dict.fromkeys(FIELDS, ""))
    tags: set[str] = field(default_factory=set)

    def happens(self, rate: float, tag: str = "") -> bool:
        """Whether something that happens this often does; then it is tagged."""
        found = self.draw.random() < rate
        if found and tag:
            self.tags.add(tag)
        return found


def write_person(person: Person, system: System, draw: Random) -> Written:
    """A record of a person. With an empty e-mail address and no phone it still has a name and a place."""
    record = Written(system, person.country, draw)
    values = record.values
    _write_name(record, person)
    if person.company and record.happens(system.company):
        values["company"] = _company_name(record, person.company)
    values["emails"] = ";".join(_mails(record, person))
    values["phones"] = ";".join(_phones(record, person))
    place = person.old_place if record.happens(system.old, "moved") else person.place
    known = values["emails"] or values["phones"]
    _write_place(record, place, sure=not known and system.name != "mail")
    if not known and system.name == "mail":
        values["emails"] = person.mails[0]
    if record.happens(system.birth):
        values["birth_date"] = _birth(record, person.born)
    if person.tax and record.happens(system.tax):
        values["vat_number"] = person.tax
    return _finish(record)


def write_company(company: Company, system: System, draw: Random) -> Written:
    """A record of a company: no person's name."""
    record = Written(system, company.country, draw)
    values = record.values
    values["company"] = _company_name(record, company)
    if system.name == "carddav" and record.happens(0.5):
        values["full_name"] = values["company"]
    if record.happens(0.4 if system.name == "legacy" else 0.87):
        values["emails"] = _slipped_mail(record, company.office)
    if record.happens(0.87):
        values["phones"] = _phone(record, company.phone)
    _write_place(record, company.place, sure=system.name in ("erp", "legacy"))
    if record.happens(0.85 if system.name in ("erp", "legacy") else 0.16):
        values["vat_number"] = company.tax
    return _finish(record)


# --- names ------------------------------------------------------------------------------------------


def _write_name(record: Written, person: Person) -> None:
    system, draw, values = record.system, record.draw, record.values
    given, family = list(person.given), list(person.family)
    known = person.country.code, given[0]
    if record.happens(0.025) and given[0] in SHORT:
        given = [draw.choice(SHORT[given[0]])]
        record.tags.add("nick")
    elif record.happens(0.012) and known in FOREIGN:
        given[0] = draw.choice(FOREIGN[known])
        record.tags.add("xlang")
    elif record.happens(system.initial, "initial"):
        given = [f"{given[0][0]}."]
    if len(given) > 1 and record.happens(0.5):
        given = given[:1] if record.happens(0.7) else [given[0], f"{given[1][0]}."]
    if person.woman and record.happens(0.045, "married"):
        family = person.old_family
    elif len(family) > 1 and record.happens(0.06, "surname_part"):
        family = [draw.choice(family)]
    if record.happens(system.slip, "typo"):
        part = draw.choice((given, family))
        part[-1] = _slip(part[-1], draw)
    if person.generation and record.happens(0.5):
        family = [*family, person.generation]
    first, last = " ".join(given), " ".join(family)
    if system.no_family and record.happens(system.no_family, "nofam"):
        last = ""
    elif system.swap and record.happens(system.swap, "swap"):
        first, last = last, first
    if system.split and record.happens(system.split):
        values["given_name"], values["family_name"] = first, last
        if system.name == "carddav":
            values["full_name"] = f"{last}, {first}" if record.happens(0.15) else f"{first} {last}"
    else:
        values["full_name"] = f"{last} {first}" if system.name == "legacy" else f"{first} {last}"


def _slip(word: str, draw: Random) -> str:
    """Two letters swapped, one lost, doubled, or its neighbour on the keyboard."""
    if len(word) < 3:
        return word
    at, kind = draw.randrange(1, len(word) - 1), draw.random()
    if kind < 0.3:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind < 0.55:
        return word[:at] + word[at + 1 :]
    if kind < 0.75:
        return word[:at] + word[at] + word[at:]
    row = next((row for row in KEYBOARD if word[at] in row), None)
    if row is None:
        return word[:at] + word[at + 1 :]
    near = row[min(row.index(word[at]) + 1, len(row) - 1)]
    return word[:at] + (near if near != word[at] else row[-2]) + word[at + 1 :]


def _company_name(record: Written, company: Company) -> str:
    if record.happens(0.5 if record.system.name == "web" else 0.18, "nosuffix"):
        return company.name
    return f"{company.name} {company.legal}"


# --- contact values ---------------------------------------------------------------------------------


def _mails(record: Written, person: Person) -> list[str]:
    system = record.system
    if not record.happens(system.email):
        return []
    if record.happens(0.02, "junk"):
        return [record.draw.choice(PLACEHOLDER_MAILS)]
    if person.company and record.happens(0.07, "role_email"):
        return [person.company.office]
    if record.happens(0.07, "email_change"):
        return [_slipped_mail(record, person.old_mail)]
    count = 2 if system.name == "carddav" and record.happens(0.12) else 1
    mails = person.mails[:count] if count > 1 or record.happens(0.8) else [record.draw.choice(person.mails)]
    return [_slipped_mail(record, mail) for mail in mails]


def _slipped_mail(record: Written, mail: str) -> str:
    local, _, domain = mail.partition("@")
    if record.happens(0.022, "mail_typo"):
        if record.happens(0.5):
            local = _slip(local, record.draw)
        else:
            domain = _slip(domain, record.draw)
    mail = f"{local}@{domain}"
    return mail.capitalize() if record.happens(0.03) else mail


def _phones(record: Written, person: Person) -> list[str]:
    system = record.system
    if not record.happens(system.phone):
        return []
    if record.happens(0.01, "junk"):
        return [record.draw.choice(PLACEHOLDER_PHONES)]
    if person.company and record.happens(0.15):
        return [_phone(record, person.company.phone)]
    count = 2 if system.name == "carddav" and record.happens(0.25) else 1
    phones = person.phones[:count] if count > 1 or record.happens(0.8) else [record.draw.choice(person.phones)]
    return [_phone(record, phone) for phone in phones]


def _phone(record: Written, number: str) -> str:
    if record.happens(0.011, "tel_typo"):
        at = record.draw.randrange(3, len(number))
        number = f"{number[:at]}{(int(number[at]) + record.draw.randrange(1, 10)) % 10}{number[at + 1 :]}"
    dial = record.country.dial
    style = record.draw.random()
    if style < 0.3:
        return number
    if style < 0.45:
        return f"+{dial}{number}"
    if style < 0.6:
        return f"+{dial} {number[:3]} {number[3:6]} {number[6:]}"
    if style < 0.7:
        return f"00{dial}{number}"
    if style < 0.8:
        return f"(+{dial}) {number}"
    trunk = "0" if dial in ("49", "33", "55") else ""
    separator = " " if style < 0.9 else "."
    return trunk + separator.join((number[:3], number[3:6], number[6:]))


# --- the rest ---------------------------------------------------------------------------------------


def _write_place(record: Written, place: Place, *, sure: bool) -> None:
    system, values = record.system, record.values
    if sure or record.happens(system.place):
        values["street"] = _street(record, place.street)
        values["city"] = place.town
        values["postcode"] = place.postcode.replace("-", "") if record.happens(0.15) else place.postcode
    elif system.town and record.happens(system.town):
        values["city"] = place.town
    if system.country and record.happens(system.country):
        values["country"] = record.draw.choice(record.country.written)


def _street(record: Written, street: str) -> str:
    if not record.happens(0.24):
        return _slip(street, record.draw) if record.happens(0.03) else street
    for long, short in record.country.short.items():
        if long in street:
            record.tags.add("abbr")
            return street.replace(long, short)
    return street


def _birth(record: Written, born: str) -> str:
    if record.happens(0.015, "junk"):
        return "1900-01-01"
    if record.happens(0.04, "dob_typo"):
        year, month, day = born.split("-")
        if int(day) <= 12 and day != month and record.happens(0.5):
            return f"{year}-{day}-{month}"
        return f"{year}-{month}-{int(day) % 28 + 1:02d}"
    return born


def _finish(record: Written) -> Written:
    """What happens to a record as a whole: case, accents, width, encoding, junk."""
    system, values = record.system, record.values
    if not values["company"] and record.happens(0.02, "junk"):
        values["company"] = record.draw.choice(PLACEHOLDER_TEXTS)
    if system.name == "legacy":
        record.tags.add("upper")
        for name, value in values.items():
            if name != "birth_date":
                values[name] = anyascii(value).upper()[: LEGACY_WIDTHS.get(name, 80)].strip()
        return record
    if system.accents and record.happens(system.accents):
        for name in ("given_name", "family_name", "full_name", "company", "street", "city"):
            if not values[name].isascii():
                values[name] = anyascii(values[name])
                record.tags.add("translit")
    if system.upper and record.happens(system.upper, "upper"):
        for name in ("given_name", "family_name", "company"):
            values[name] = values[name].upper()
    if system.name == "erp" and record.happens(0.02):
        for name in ("given_name", "family_name", "full_name", "company", "street", "city"):
            if not values[name].isascii():
                values[name] = values[name].encode().decode("cp1252", "replace")
                record.tags.add("mojibake")
    return record
