"""What matching looks at in a record: canonical fields, normalised once, and packed to be kept.

Every value goes through one bounded cache of distinct values; placeholders come out as nothing at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

import orjson
from anyascii import anyascii
from stdnum.eu.vat import MEMBER_STATES
from stdnum.util import clean

from hub.dedupe import words as known
from hub.model import Fields

PERSON, ORGANISATION, UNKNOWN = "person", "organisation", ""
PHONE_DIGITS: Final = 9  # the last ones are the same with and without country and trunk prefix
CACHED: Final = 4_096  # distinct values kept a cache: with records of a dozen fields those here hold some 10 MB
_NOT_ALNUM: Final = re.compile(r"[^a-z0-9]+")
_OTHERS: Final = bytes(code for code in range(128) if not chr(code).isalnum())
_SPACED: Final = bytes.maketrans(_OTHERS, b" " * len(_OTHERS))
_LEFT_OUT: Final = b"'`"
_STREET_ENDS: Final = ("strase", "strasse", "str")
_NOT_IN_STREET: Final = known.STREET_WORDS | known.PARTICLES | known.PLACEHOLDERS
_SAYS_MORE: Final = known.TITLES | known.PLACEHOLDERS | known.PARTICLES | known.GENERATIONS.keys()
_NOT_IN_COMPANY: Final = known.LEGAL_FORMS | {"and", "und"}
_LAST_KEPT: Final = 0x2FFF  # of scripts with an alphabet; the tens of thousands of signs beyond are not kept
_NOT_LETTER: Final = re.compile(r"[^a-z]+")
_LETTERS: Final = re.compile("[a-z]+")
SHORTEST_HINT: Final = 3  # letters
MOST_HINTS: Final = 2
WORK_LETTERS: Final = 10  # domains cut the company's name short
_NUMBER: Final = re.compile(r"\d+")
_YEAR: Final = re.compile(r"(?<!\d)(?:19[3-9]\d|20[01]\d|[3-9]\d|0\d|1[0-5])(?!\d)")
_TAX_PREFIXES: Final = frozenset(MEMBER_STATES) | {"el", "br", "us", "gb", "ch", "no"}


class Place(NamedTuple):
    """One address: street words without their type, house number, postcode, town."""

    street: str
    number: str
    postcode: str
    town: str


Split: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]


class Features(NamedTuple):
    """A record as matching sees it. Empty means: says nothing.

    given, family  words of a name whose parts are known; both empty when only `name` is
    name           all words of the name, in the order of the source
    generation     "2" for junior, filho, II, …
    emails, roles  addresses of somebody, and of an office (info@…)
    phones         last nine digits
    mobiles        those of them that are known to be of mobile phones
    years          two digits in addresses of somebody that may be the year of birth; none where the birth date is known
    work           where somebody works: the start of the company's name, or of the domain of an address (acorn#2)
    splits         the ways to take `name` apart into given and family names
    hints          what may be the family name by an address, where there is none: martin of jane.martin5@
    """

    kind: str
    given: tuple[str, ...]
    family: tuple[str, ...]
    name: tuple[str, ...]
    generation: str
    emails: frozenset[str]
    roles: frozenset[str]
    phones: frozenset[str]
    birth: str
    tax: frozenset[str]
    places: tuple[Place, ...]
    company: tuple[str, ...]
    work: frozenset[str]
    splits: tuple[Split, ...]
    mobiles: frozenset[str] = frozenset()
    years: frozenset[str] = frozenset()
    hints: tuple[str, ...] = ()


class _Latin(dict[int, str]):
    """Code point → lower-case Latin letters, filled as they are met."""

    def __missing__(self, code: int) -> str:
        latin: str = anyascii(chr(code)).lower()
        if code <= _LAST_KEPT:
            self[code] = latin
        return latin


_LATIN: Final = _Latin()


def words(text: str) -> tuple[str, ...]:
    """Lower-case Latin words without accents; ae, oe, ue as a, o, u, so that Müller is Mueller is Muller."""
    if text.isascii():
        text = text.lower()
    else:
        if "Ã" in text or "Å" in text or "Ä" in text:
            text = _repaired(text)
        text = " ".join([part.lower() if part.isascii() else _latin(part) for part in text.split(" ")])
    text = known.fold(text)
    if not text.replace(" ", "").isalnum():
        text = text.encode().translate(_SPACED, _LEFT_OUT).decode()
    return tuple(text.split())


@lru_cache(maxsize=CACHED)
def _latin(word: str) -> str:
    return word.translate(_LATIN)


def _repaired(text: str) -> str:
    """UTF-8 that somebody read as Latin-1 or Windows-1252, read again."""
    for encoding in ("cp1252", "latin-1"):
        try:
            return text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    return text


@lru_cache(maxsize=CACHED)
def _name_words(text: str) -> tuple[tuple[str, ...], str]:
    """Words of a name without titles and particles, and the generation."""
    plain = words(text)
    if _SAYS_MORE.isdisjoint(plain) and "".join(plain).isalpha():
        return plain, ""
    found = [word for word in plain if word not in known.TITLES]
    if not found or all(word in known.PLACEHOLDERS for word in found):
        return (), ""
    generation = ""
    if len(found) > 1 and found[-1] in known.GENERATIONS:
        if found[-1] not in known.ALSO_SURNAMES:
            generation = known.GENERATIONS[found.pop()]
        elif len(found) > 2:
            generation = known.GENERATIONS[found[-1]]
    elif len(found) > 2 and (between := [word for word in found[1:-1] if word in known.BETWEEN]):
        generation = known.GENERATIONS[between[0]]
        found = [found[0], *[word for word in found[1:-1] if word not in known.BETWEEN], found[-1]]
    kept = [word for word in found if word not in known.PARTICLES and not word.isdigit()]
    return tuple(kept or found), generation


def _text(fields: Fields, key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""


Name: TypeAlias = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], str, tuple[Split, ...]]


def _name(given_name: str, family_name: str, full_name: str, suffix: str) -> Name:
    """Given, family, all words, generation, and the ways to take the name apart."""
    given, family, name, generation = _parts(given_name, family_name, full_name)
    if suffix and not generation and (last := words(suffix)[-1:]):
        generation = known.GENERATIONS.get(last[0], "")
    return given, family, name, generation, splits_of(given, family, name)


def _parts(
    given_name: str, family_name: str, full_name: str
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], str]:
    given, first = _name_words(given_name) if given_name else _NO_WORDS
    family, last = _name_words(family_name) if family_name else _NO_WORDS
    if not (given and family) and full_name:
        left, comma, right = full_name.partition(",")
        whole, generation = _name_words(full_name)
        if comma and not given and not family:
            family, last = _name_words(left)
            given, first = _name_words(right)
        elif len(whole) > len(given or family):
            return (), (), whole, generation
    return given, family, given + family, first or last or _of_two(given) or _of_two(family)


_NO_WORDS: Final[tuple[tuple[str, ...], str]] = (), ""


def _of_two(part: tuple[str, ...]) -> str:
    """Branco Filho: in a family name the second word is a generation, in a whole name it may be the family's."""
    return known.GENERATIONS[part[1]] if len(part) == 2 and part[1] in known.SONS else ""


def _email(text: str) -> tuple[str, bool]:
    """The address in lower case without tag, and whether it is an office's. Empty: a placeholder."""
    address = text.lower().strip()
    local, at, domain = address.partition("@")
    if not at or "." not in domain or domain.startswith(("test.", "invalid.")):
        return "", False
    local = local.partition("+")[0]
    plain = only_alnum(local)
    if plain in known.JUNK_LOCALS or len(plain) < 2:
        return "", False
    return f"{local}@{domain}", plain in known.ROLES


def _years(addresses: Iterable[str]) -> frozenset[str]:
    """The last two digits of the one number before each @ that may be a year of birth."""
    found = [_YEAR.findall(address, 0, address.index("@")) for address in addresses]
    years = [numbers[0][-2:] for numbers in found if len(numbers) == 1]
    return frozenset(years) if years else _NONE


def _hints(addresses: Iterable[str], given: tuple[str, ...]) -> tuple[str, ...]:
    """What may be the family name by an address of somebody of whom only given names are known."""
    found: dict[str, None] = {}
    for address in sorted(addresses):
        local = known.fold(address.partition("@")[0])
        parts = _LETTERS.findall(local)
        found.update(dict.fromkeys(_beside(parts, given) if len(parts) > 1 else _within(parts, given[0])))
    return tuple([word for word in found if len(word) >= SHORTEST_HINT])[:MOST_HINTS]


def _beside(parts: list[str], given: tuple[str, ...]) -> list[str]:
    """martin of jane.martin and j_martin."""
    rest = [part for part in parts if len(part) > 1 and part not in given and part not in known.HOUSEHOLDS]
    surnames = [part for part in rest if part not in known.SAME_NAME]
    return surnames or rest


def _within(parts: list[str], given: str) -> list[str]:
    """martin of janemartin, martinjane and jmartin; or all of it."""
    for part in parts:
        if part.startswith(given):
            return [part.removeprefix(given)]
        if part.endswith(given):
            return [part.removesuffix(given)]
        return [part[1:], part] if part[0] == given[0] else [part]
    return []


def only_alnum(text: str) -> str:
    """Lower-case text without anything but a to z and digits."""
    if text.isascii():
        return text if text.isalnum() else text.encode().translate(None, _OTHERS).decode()
    return _NOT_ALNUM.sub("", text)


@lru_cache(maxsize=CACHED)
def _label(domain: str) -> str:
    """The start of the domain's own name and its digits, `acorn#2`; empty for a free mail service."""
    names = domain.split(".")
    label = names[-3] if len(names) > 2 and names[-2] in ("com", "co", "org", "net") else names[-2]
    plain = known.fold(_NOT_LETTER.sub("", label))
    if plain in known.FREE_DOMAINS or len(plain) < 4:
        return ""
    digits = "".join(_NUMBER.findall(label))
    return f"{plain[:WORK_LETTERS]}#{digits}" if digits else plain[:WORK_LETTERS]


@lru_cache(maxsize=CACHED)
def _company_label(company: tuple[str, ...]) -> str:
    return _NOT_LETTER.sub("", "".join(company))[:WORK_LETTERS]


def _phone(text: str) -> str:
    digits = text.removeprefix("+")
    if not digits.isdecimal():
        digits = "".join(_NUMBER.findall(digits))
    digits = digits[-PHONE_DIGITS:]
    if len(digits) < 7 or len(set(digits)) < 3 or digits in ("123456789", "987654321", "234567890"):
        return ""
    return digits


_MOBILE: Final = re.compile(
    r"(?:\+|00)?(?:3(?:519\d{8}|[34][67]\d{8}|93\d{8,9}|16\d{8}|24[5-9]\d{7})"
    r"|4(?:91[567]\d{8,9}|8(?:45|5[0137]|6[069]|7[2389]|88)\d{7}|47[1-9]\d{8}|17[5-9]\d{7}|36[5-9]\d{5,9})"
    r"|55\d\d9\d{8})|0(?:[67]\d{8,9}|1[567]\d{8,9})|[67]\d{8}|[1-9]\d9\d{8}"
)


@lru_cache(maxsize=CACHED)
def _tax(text: str) -> str:
    number = clean(text, " -./,").lower()
    if number[:2] in _TAX_PREFIXES and len(number) > 8:
        number = number[2:]
    return number if len(number) > 5 and len(set(number)) > 2 and number != "123456789" else ""


@lru_cache(maxsize=CACHED)
def _company(text: str) -> tuple[str, ...]:
    """Words of a company's name without its legal form."""
    found = words(text)
    if all(word in known.PLACEHOLDERS for word in found):
        return ()
    kept = tuple([word for word in found if len(word) > 1 and word not in _NOT_IN_COMPANY])
    return kept or found


def _is_company(full_name: str, company: tuple[str, ...]) -> bool:
    """Whether a name in one field is that of a company: the one beside it, or one with its legal form."""
    if company:
        return _company(full_name) == company
    last = words(full_name)[-1:]
    return last != () and last[0] in known.SURE_LEGAL_FORMS


def _street(text: str) -> tuple[str, str]:
    kept: list[str] = []
    number = ""
    for word in words(text):
        if word[0].isdigit():
            number = number or word
            continue
        if word.endswith(_STREET_ENDS):
            word = word.removesuffix("strase").removesuffix("strasse").removesuffix("str")
        if word and word not in _NOT_IN_STREET:
            kept.append(word)
    return " ".join(kept), number


@lru_cache(maxsize=CACHED)
def _town(text: str) -> str:
    found = [word for word in words(text) if word not in known.PLACEHOLDERS]
    return " ".join(found)


def _postcode(text: str) -> str:
    code = "".join(words(text))
    return "" if len(code) < 4 or len(set(code)) == 1 else code


def _place(street: str, postcode: str, town: str) -> Place | None:
    name, number = _street(street)
    place = Place(name, number, _postcode(postcode), _town(town))
    return place if place.street or place.postcode or place.town else None


_NONE: Final[frozenset[str]] = frozenset()
_NAMELESS: Final[Name] = (), (), (), "", (((), ()),)


def _has_parts(fields: Fields) -> bool:
    return bool(fields.get("given_name") or fields.get("family_name"))


def features(fields: Fields) -> Features:
    """What matching sees of canonical fields."""
    emails: list[str] = []
    roles: list[str] = []
    phones: list[str] = []
    mobiles: list[str] = []
    places: list[Place] = []
    for key, value in fields.items():
        if "/" not in key or value is None:
            continue
        base, _, text = key.partition("/")
        if base == "emails":
            address, is_role = _email(text)
            if address:
                (roles if is_role else emails).append(address)
        elif base == "phones":
            number = _phone(text)
            if number:
                phones.append(number)
                if _MOBILE.fullmatch(text):
                    mobiles.append(number)
        elif base == "addresses" and isinstance(value, dict):
            place = _place(value.get("street") or "", value.get("postcode") or "", value.get("locality") or "")
            if place is not None:
                places.append(place)
    full_name, company_name = _text(fields, "full_name"), _text(fields, "company")
    given, family, name, generation, splits = _name(
        _text(fields, "given_name"), _text(fields, "family_name"), full_name, _text(fields, "suffix")
    )
    hints: tuple[str, ...] = ()
    if emails and name and not family and (given or len(name) == 1):
        hints = _hints(emails, name)
        splits = splits_of(given, family, name, hints)
    company = _company(company_name) if company_name else ()
    if name and full_name and not _has_parts(fields) and _is_company(full_name, company):
        company, given, family, name, generation, splits = company or _company(full_name), *_NAMELESS
        hints = ()
    birth = _text(fields, "birth_date")
    birth = "" if birth in known.JUNK_BIRTHS or len(birth) != 10 else birth
    tax = _tax(_text(fields, "tax_id")) if fields.get("tax_id") else ""
    kind = fields.get("kind") or (PERSON if name else ORGANISATION if company else UNKNOWN)
    return Features(
        kind if name or kind != PERSON else UNKNOWN,
        given,
        family,
        name,
        generation,
        frozenset(emails) if emails else _NONE,
        frozenset(roles) if roles else _NONE,
        frozenset(phones) if phones else _NONE,
        birth,
        frozenset((tax,)) if tax else _NONE,
        tuple(places),
        company,
        _work(company, emails, roles, name) if company or emails or roles else _NONE,
        splits,
        frozenset(mobiles) if mobiles else _NONE,
        _years(emails) if emails and not birth else _NONE,
        hints,
    )


# --- packed -----------------------------------------------------------------------------------------

EDITION: Final = 4
"""Grows with whatever changes what `features` makes of a record: features packed by another edition are made anew."""


def pack(record: Features) -> str:
    """Features as JSON text, a third of the time of taking them from the fields again."""
    state = (
        EDITION,
        record.kind,
        " ".join(record.given),
        " ".join(record.family),
        " ".join(record.name),
        record.generation,
        sorted(record.emails),
        sorted(record.roles),
        sorted(record.phones),
        record.birth,
        sorted(record.tax),
        [tuple(place) for place in record.places],
        " ".join(record.company),
        sorted(record.work),
        sorted(record.mobiles),
        sorted(record.years),
        record.hints,
    )
    return orjson.dumps(state).decode()


def unpack(text: str) -> Features | None:
    """What `pack` packed; None if another edition did."""
    state = orjson.loads(text)
    if state[0] != EDITION:
        return None
    _, kind, given, family, name, generation, emails, roles, phones, birth, tax, places, company, work, *rest = state
    mobiles, years, hints = rest
    parts = tuple(given.split()), tuple(family.split()), tuple(name.split())
    return Features(
        kind,
        *parts,
        generation,
        frozenset(emails),
        frozenset(roles),
        frozenset(phones),
        birth,
        frozenset(tax),
        tuple([Place(*place) for place in places]),
        tuple(company.split()),
        frozenset(work),
        splits_of(*parts, tuple(hints)),
        frozenset(mobiles) if mobiles else _NONE,
        frozenset(years) if years else _NONE,
        tuple(hints),
    )


def _work(
    company: tuple[str, ...], emails: Sequence[str], roles: Sequence[str], name: tuple[str, ...]
) -> frozenset[str]:
    """A domain that is the person's own name says nothing of where somebody works."""
    found = []
    for address in (*emails, *roles):
        label = _label(address.partition("@")[2])
        if label and not (name and _is_own(label.partition("#")[0], name)):
            found.append(label)
    if company and (label := _company_label(company)):
        found.append(label)
    return frozenset(found) if found else _NONE


def _is_own(label: str, name: tuple[str, ...]) -> bool:
    for word in name:
        if word[:WORK_LETTERS] == label:
            return True
    return "".join(name).startswith(label)


def splits_of(
    given: tuple[str, ...], family: tuple[str, ...], name: tuple[str, ...], hints: tuple[str, ...] = ()
) -> tuple[Split, ...]:
    """Given and family part as the source has them, or both ways round when it does not say.

    hints  what the family name may be where there is none: each is one more way to read the name
    """
    if given or family or len(name) < 2:
        known_given = given or (() if family else name)
        return ((known_given, family), *[(known_given, (hint,)) for hint in hints])
    body = name
    while len(body) > 2 and len(body[-1]) == 1:
        body = body[:-1]
    splits = [(name[:1], name[1:]), (body[-1:], body[:-1])]
    if len(body) > 2:
        splits.append((body[-2:], body[:-2]))
    if len(body) > 3:
        splits.append((body[2:], body[:2]))
    if len(body) < len(name) and body[-1] not in known.SAME_NAME:
        splits.append((name[len(body) :], body))
    return tuple(splits)
