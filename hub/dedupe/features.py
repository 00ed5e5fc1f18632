"""What matching looks at in a record: canonical fields, normalised once.

Every value goes through one bounded cache of distinct values; placeholders come out as nothing at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

from anyascii import anyascii
from stdnum.eu.vat import MEMBER_STATES
from stdnum.util import clean

from hub.dedupe import words as known
from hub.model import Fields

PERSON, ORGANISATION, UNKNOWN = "person", "organisation", ""
PHONE_DIGITS: Final = 9  # the last ones are the same with and without country and trunk prefix
CACHED: Final = 65_536  # distinct values kept a cache: about 10 MB
_NOT_ALNUM: Final = re.compile(r"[^a-z0-9]+")
_NOT_LETTER: Final = re.compile(r"[^a-z]+")
WORK_LETTERS: Final = 10  # domains cut the company's name short
_UMLAUT: Final = re.compile("([aou])e")
_NUMBER: Final = re.compile(r"\d+")
_TAX_PREFIXES: Final = frozenset(MEMBER_STATES) | {"el", "br", "us", "gb", "ch", "no"}


@dataclass(frozen=True, slots=True)
class Place:
    """One address: street words without their type, house number, postcode, town."""

    street: str
    number: str
    postcode: str
    town: str


Split: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Features:
    """A record as matching sees it. Empty means: says nothing.

    given, family  words of a name whose parts are known; both empty when only `name` is
    name           all words of the name, in the order of the source
    generation     "2" for junior, filho, II, …
    emails, roles  addresses of somebody, and of an office (info@…)
    phones         last nine digits
    work           where somebody works: the start of the company's name, or of the domain of an address
    splits         the ways to take `name` apart into given and family names
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


@lru_cache(maxsize=CACHED)
def words(text: str) -> tuple[str, ...]:
    """Lower-case Latin words without accents; ae, oe, ue as a, o, u, so that Müller is Mueller is Muller."""
    if "Ã" in text or "Å" in text or "Ä" in text:
        text = _repaired(text)
    plain = anyascii(text).lower().replace("'", "").replace("`", "")
    return tuple(_UMLAUT.sub(r"\1", word) for word in _NOT_ALNUM.split(plain) if word)


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
    found = [word for word in words(text) if word not in known.TITLES]
    if not found or all(word in known.PLACEHOLDERS for word in found):
        return (), ""
    generation = ""
    if len(found) > 1 and found[-1] in known.GENERATIONS:
        if found[-1] not in known.ALSO_SURNAMES:
            generation = known.GENERATIONS[found.pop()]
        elif len(found) > 2:
            generation = known.GENERATIONS[found[-1]]
    kept = [word for word in found if word not in known.PARTICLES and not word.isdigit()]
    return tuple(kept or found), generation


def _text(fields: Fields, key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""


def _name(fields: Fields) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], str]:
    given, first = _name_words(_text(fields, "given_name"))
    family, last = _name_words(_text(fields, "family_name"))
    suffix = words(_text(fields, "suffix"))
    generation = first or last or (known.GENERATIONS.get(suffix[-1], "") if suffix else "")
    full = _text(fields, "full_name")
    if given or family:
        if full and not (given and family):
            whole, generation = _name_words(full)
            if len(whole) > len(given or family):
                return (), (), whole, generation
        return given, family, given + family, generation
    if not full:
        return (), (), (), generation
    left, comma, right = full.partition(",")
    if comma:
        family, last = _name_words(left)
        given, first = _name_words(right)
        return given, family, given + family, generation or first or last
    whole, last = _name_words(full)
    return (), (), whole, generation or last


@lru_cache(maxsize=CACHED)
def _email(text: str) -> tuple[str, bool]:
    """The address in lower case without tag, and whether it is an office's. Empty: a placeholder."""
    address = text.lower().strip()
    local, at, domain = address.partition("@")
    if not at or "." not in domain or domain.startswith(("test.", "invalid.")):
        return "", False
    local = local.partition("+")[0]
    plain = _NOT_ALNUM.sub("", local)
    if plain in known.JUNK_LOCALS or len(plain) < 2:
        return "", False
    return f"{local}@{domain}", plain in known.ROLES


@lru_cache(maxsize=CACHED)
def _label(address: str) -> str:
    """The start of the domain's own name, without digits and hyphens; empty for a free mail service."""
    names = address.partition("@")[2].split(".")
    label = names[-3] if len(names) > 2 and names[-2] in ("com", "co", "org", "net") else names[-2]
    plain = _NOT_LETTER.sub("", label)
    return "" if plain in known.FREE_DOMAINS or len(plain) < 4 else plain[:WORK_LETTERS]


@lru_cache(maxsize=CACHED)
def _phone(text: str) -> str:
    digits = "".join(_NUMBER.findall(text))[-PHONE_DIGITS:]
    if len(digits) < 7 or len(set(digits)) < 3 or digits in ("123456789", "987654321", "234567890"):
        return ""
    return digits


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
    kept = tuple(
        word
        for word in found
        if word not in known.LEGAL_FORMS and len(word) > 1 and word not in ("and", "und")
    )
    return kept or found


def _is_company(full_name: str, company: tuple[str, ...]) -> bool:
    """Whether a name in one field is that of a company: the one beside it, or one with its legal form."""
    if company:
        return _company(full_name) == company
    return words(full_name)[-1:] != () and words(full_name)[-1] in known.SURE_LEGAL_FORMS


@lru_cache(maxsize=CACHED)
def _street(text: str) -> tuple[str, str]:
    found = words(text)
    numbers = [word for word in found if word[0].isdigit()]
    name = [
        word.removesuffix("strase").removesuffix("strasse").removesuffix("str")
        for word in found
        if not word[0].isdigit()
    ]
    kept = [word for word in name if word not in known.STREET_WORDS and word not in known.PARTICLES]
    kept = [word for word in kept if word and word not in known.PLACEHOLDERS]
    return " ".join(kept), numbers[0] if numbers else ""


@lru_cache(maxsize=CACHED)
def _town(text: str) -> str:
    found = [word for word in words(text) if word not in known.PLACEHOLDERS]
    return " ".join(found)


@lru_cache(maxsize=CACHED)
def _postcode(text: str) -> str:
    code = "".join(words(text))
    return "" if len(code) < 4 or len(set(code)) == 1 else code


def _place(value: Any) -> Place | None:
    if not isinstance(value, dict):
        return None
    street, number = _street(value.get("street") or "")
    place = Place(street, number, _postcode(value.get("postcode") or ""), _town(value.get("locality") or ""))
    return place if place.street or place.postcode or place.town else None


_seen: dict[int, tuple[Fields, Features]] = {}


def features(fields: Fields) -> Features:
    """Features of these fields, remembered for the object while it is among the last few thousand seen.

    Canonical fields are values: whoever changes them makes new ones.
    """
    held = _seen.get(id(fields))
    if held is not None and held[0] is fields:
        return held[1]
    found = _extract(fields)
    if len(_seen) >= 8192:
        _seen.clear()
    _seen[id(fields)] = (fields, found)
    return found


def _extract(fields: Fields) -> Features:
    emails: set[str] = set()
    roles: set[str] = set()
    phones: set[str] = set()
    places: list[Place] = []
    for key, value in fields.items():
        if value is None or "/" not in key:
            continue
        base, _, text = key.partition("/")
        if base == "emails":
            address, is_role = _email(text)
            if address:
                (roles if is_role else emails).add(address)
        elif base == "phones":
            number = _phone(text)
            if number:
                phones.add(number)
        elif base == "addresses" and (place := _place(value)) is not None:
            places.append(place)
    given, family, name, generation = _name(fields)
    company = _company(_text(fields, "company")) if fields.get("company") else ()
    if name and not given and not family and _is_company(_text(fields, "full_name"), company):
        company, name = company or _company(_text(fields, "full_name")), ()
    birth = _text(fields, "birth_date")
    tax = _tax(_text(fields, "tax_id")) if fields.get("tax_id") else ""
    kind = fields.get("kind") or (PERSON if name else ORGANISATION if company else UNKNOWN)
    return Features(
        kind if name or kind != PERSON else UNKNOWN,
        given,
        family,
        name,
        generation,
        frozenset(emails),
        frozenset(roles),
        frozenset(phones),
        "" if birth in known.JUNK_BIRTHS or len(birth) != 10 else birth,
        frozenset((tax,)) if tax else frozenset(),
        tuple(places),
        company,
        _work(company, emails, roles),
        _splits(given, family, name),
    )


def _work(company: tuple[str, ...], emails: set[str], roles: set[str]) -> frozenset[str]:
    found = {_label(address) for address in (*emails, *roles)}
    if company:
        found.add(_NOT_LETTER.sub("", "".join(company))[:WORK_LETTERS])
    found.discard("")
    return frozenset(found)


@lru_cache(maxsize=CACHED)
def _splits(given: tuple[str, ...], family: tuple[str, ...], name: tuple[str, ...]) -> tuple[Split, ...]:
    """Given and family part as the source has them, or both ways round when it does not say."""
    if given or family or len(name) < 2:
        return ((given or (() if family else name), family),)
    body = name
    while len(body) > 2 and len(body[-1]) == 1:
        body = body[:-1]
    splits = [(name[:1], name[1:]), (body[-1:], body[:-1])]
    if len(body) > 2:
        splits.append((body[-2:], body[:-2]))
    if len(body) > 3:
        splits.append((body[2:], body[:2]))
    return tuple(splits)
