"""Comparing two records: one level a field, symmetric, from features alone.

A level of 0 means that one side says nothing. The names of the levels are in `LEVELS`; what each is worth
is the model's affair (`hub.dedupe.weigh`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, cast

from rapidfuzz.distance import OSA, JaroWinkler

from hub.dedupe.features import ORGANISATION, Features, Place, Split
from hub.dedupe.words import HOUSEHOLDS, SAME_NAME

ALIKE: Final = 0.88  # Jaro-Winkler from which two words may be one with a slip
PAIRS: Final = 1_024  # pairs of values kept a cache: the same two meet again soon or never

LEVELS: Final[dict[str, tuple[str, ...]]] = {
    "given": (
        "missing",
        "equal",
        "short or foreign form",
        "a slip apart",
        "initial",
        "middle name",
        "other second name",
        "different",
    ),
    "family": ("missing", "equal", "part of it equal", "a slip apart", "different", "two words equal"),
    "email": (
        "missing",
        "equal",
        "office address equal",
        "a slip apart",
        "same before the @",
        "different",
        "household address equal",
    ),
    "phone": ("missing", "equal", "a slip apart", "different", "another mobile", "equal, not known as a mobile"),
    "address": ("missing", "equal", "street and town alike", "same postcode", "same town", "different"),
    "birth": ("missing", "equal", "a slip apart", "different"),
    "tax": ("missing", "equal", "a slip apart", "different"),
    "company": ("missing", "equal", "alike", "one within the other", "same domain", "different"),
    "generation": ("missing", "equal", "one without", "different"),
    "kind": ("missing", "equal", "different"),
    "year": ("missing", "equal", "different"),
}


class Comparison(NamedTuple):
    """Levels in the order of `LEVELS`, and the words of the name that agreed ("" when none did)."""

    given: int
    family: int
    email: int
    phone: int
    address: int
    birth: int
    tax: int
    company: int
    generation: int
    kind: int
    year: int
    given_word: str = ""
    family_word: str = ""

    def levels(self) -> tuple[int, ...]:
        """The levels alone, one for each of `LEVELS`."""
        return cast("tuple[int, ...]", self[:-2])


def compare(a: Features, b: Features) -> Comparison:
    """Levels of every field. compare(a, b) == compare(b, a)."""
    kind = 0 if not a.kind or not b.kind else 1 if a.kind == b.kind else 2
    given, family, given_word, family_word = _names(a.splits, b.splits) if a.name and b.name else _NO_NAMES
    email = _emails(a, b)
    return Comparison(
        given,
        family,
        email,
        _phones(a, b) if a.phones and b.phones else 0,
        _places(a.places, b.places) if a.places and b.places else 0,
        _dates(a.birth, b.birth) if a.birth and b.birth else 0,
        _numbers(a.tax, b.tax) if a.tax and b.tax else 0,
        _companies(a, b) if (a.company and b.company) or (a.work and b.work) else 0,
        compare_generations(a.generation, b.generation) if a.name and b.name else 0,
        kind,
        0 if email in SAME_DIGITS else compare_years(a, b),
        given_word,
        family_word,
    )


# --- names ------------------------------------------------------------------------------------------

_NO_NAMES: Final = (0, 0, "", "")
EQUAL, _FORM, _SLIP, _INITIAL, _MIDDLE, _SECOND, _OTHER = 1, 2, 3, 4, 5, 6, 7
_WHOLE, _PART, _FAMILY_SLIP, _FAMILY_OTHER, _SEVERAL = 1, 2, 3, 4, 5
# which reading of a name is the better, by level of the given and of the family name
GIVEN_RANK: Final = (3, 10, 8, 7, 5, 6, 4, 0)
FAMILY_RANK: Final = (4, 10, 8, 6, 1, 11)

Reading = tuple[int, int, str, str]


def compare_names(a: tuple[Split, ...], b: tuple[Split, ...]) -> Reading:
    """Levels of given and family name, and the words that agreed, by the most favourable reading of the two names:
    their parts may be unknown or swapped. The same whichever comes first: they are put in order."""
    if b < a:
        a, b = b, a
    if len(a) == 1 and len(b) == 1:
        return _known_parts(a[0], b[0])
    if _is_hinted(a) or _is_hinted(b):
        return max((_known_parts(one, other) for one in a for other in b), key=_favour)
    name, other_name = a[0][0] + a[0][1], b[0][0] + b[0][1]
    if name == other_name:
        family, agreed = _agreed(name[1:])
        return EQUAL, family, name[0], agreed
    if len(a) > 1 and len(b) > 1 and _ends_differ(name, other_name):
        common = [word for word in name if word in other_name]
        family, agreed = _agreed(common) if common else (_FAMILY_OTHER, "")
        return _OTHER, family, "", agreed
    best, best_rank = _NO_NAMES, (-1, -1, 0, "", "")
    for given_a, family_a in a:
        for given_b, family_b in b:
            given, given_word = _given(given_a, given_b) if given_a and given_b else (0, "")
            if GIVEN_RANK[given] < best_rank[0]:
                continue  # whatever the family names say: the weaker of the two counts first
            family, family_word = compare_families(family_a, family_b) if family_a and family_b else (0, "")
            reading = given, family, given_word, family_word
            rank = _favour(reading)
            if rank > best_rank:
                best, best_rank = reading, rank
    return best


def _is_hinted(splits: tuple[Split, ...]) -> bool:
    """Whether there is no family name but what an e-mail address says."""
    return len(splits) > 1 and not splits[0][1]


_names: Final = lru_cache(maxsize=PAIRS)(compare_names)


def _ends_differ(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Both names end or begin with a word that the other lacks: Ana Reis, Rui Reis; REIS ANA, REIS RUI.

    The given name is at one end, whichever: with two such words there are two of them. Unless they share, at the
    other end, what is known for a given name: COUTO ANA, REIS ANA.
    """
    full, other_full = _full(one), _full(other)
    lone, other_lone = _lone_ends(full, other), _lone_ends(other_full, one)
    if not lone or not other_lone:
        return False
    if lone == other_lone and len(lone) == 1:
        kept = -1 - lone[0]
        return not (full[kept] in SAME_NAME and full[lone[0]] not in SAME_NAME and other_full[lone[0]] not in SAME_NAME)
    return True


def _full(name: tuple[str, ...]) -> tuple[str, ...]:
    return tuple([word for word in name if len(word) > 1]) or name


def _lone_ends(full: tuple[str, ...], other: tuple[str, ...]) -> list[int]:
    """Which ends, 0 or -1, are words that the other name has nothing like."""
    return [end for end in (0, -1) if full[end] not in other and not any(_alike(full[end], word) for word in other)]


def _alike(one: str, other: str) -> bool:
    if one == other:
        return True
    one, other = (one, other) if one < other else (other, one)
    return word_level(one, other) != _OTHER or family_slip(one, other)


def _known_parts(one: Split, other: Split) -> Reading:
    (given_a, family_a), (given_b, family_b) = one, other
    straight = _read(given_a, family_a, given_b, family_b)
    if straight[0] not in (0, _OTHER) or not (given_a or family_b) or not (family_a or family_b):
        return straight
    readings = [straight]
    if family_b:
        readings.append(_read(given_a, family_a, family_b, given_b))
    if family_a:
        readings.append(_read(family_a, given_a, given_b, family_b))
    return max(readings, key=_favour)


def _favour(reading: Reading) -> tuple[int, int, int, str, str]:
    given, family, given_word, family_word = reading
    one, other = GIVEN_RANK[given], FAMILY_RANK[family]
    return (one if one < other else other), one + other, given, given_word, family_word


def _read(
    given_a: tuple[str, ...], family_a: tuple[str, ...], given_b: tuple[str, ...], family_b: tuple[str, ...]
) -> Reading:
    given, given_word = _given(given_a, given_b) if given_a and given_b else (0, "")
    if family_a and family_b:
        family, family_word = compare_families(family_a, family_b)
        return given, family, given_word, family_word
    return given, 0, given_word, ""


def _given(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[int, str]:
    one, other = a[0], b[0]
    if one == other:
        if len(one) == 1:
            return _INITIAL, ""
        return (_SECOND, one) if len(a) > 1 and len(b) > 1 and _other_second(a, b) else (EQUAL, one)
    level = word_level(one, other) if one < other else word_level(other, one)
    if level != _OTHER:
        return level, min(one, other)
    rest_a, rest_b = a[1:], b[1:]
    if (one in rest_b and len(one) > 1) or (other in rest_a and len(other) > 1):
        return _MIDDLE, ""
    return _OTHER, ""


def _other_second(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Ana Luisa and Ana Beatriz: no word after the first is alike."""
    return all(word_level(*sorted((one, other))) == _OTHER for one in a[1:] for other in b[1:])


@lru_cache(maxsize=PAIRS)
def word_level(one: str, other: str) -> int:
    """How alike two given names are; the arguments in alphabetical order."""
    if len(one) == 1 or len(other) == 1:
        return _INITIAL if one[0] == other[0] else _OTHER
    forms, other_forms = SAME_NAME.get(one, _NONE), SAME_NAME.get(other, _NONE)
    if not forms.isdisjoint(other_forms):
        return _FORM
    if (forms and other_forms) or _is_other_gender(one, other):
        return _OTHER
    if one[:3] == other[:3] and _is_short_form(one, other):
        return _FORM
    return _SLIP if is_slip(one, other) else _OTHER


def _is_short_form(one: str, other: str) -> bool:
    if min(len(one), len(other)) >= 4 and (one.startswith(other) or other.startswith(one)):
        return True
    return _is_diminutive(one, other) or _is_diminutive(other, one)


def _is_other_gender(one: str, other: str) -> bool:
    """Mariano and Mariana; the arguments in alphabetical order."""
    return one[-1] == "a" and other == f"{one[:-1]}o"


def _is_diminutive(short: str, name: str) -> bool:
    """Gabi or Gabinho for any name that begins with Gab."""
    stem = _DIMINUTIVE.sub("", short)
    return len(stem) >= 3 and stem != short and name.startswith(stem)


_DIMINUTIVE: Final = re.compile("(inh[oa]|it[oa]|ie|y|i)$")
_NONE: Final[frozenset[int]] = frozenset()


def is_slip(one: str, other: str) -> bool:
    """One letter wrong, missing, doubled or swapped, or more in a long word."""
    shorter = min(len(one), len(other))
    if shorter < 3:
        return False
    distance: int = OSA.distance(one, other, score_cutoff=2)
    if distance == 1:
        return shorter > 3 or one[0] == other[0]
    return distance == 2 and shorter > 6 and JaroWinkler.similarity(one, other) >= ALIKE


def compare_families(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[int, str]:
    if a == b:
        return _agreed(a)
    if len(a) == len(b) == 1:
        return (_FAMILY_SLIP if family_slip(*sorted((a[0], b[0]))) else _FAMILY_OTHER), ""
    common = [word for word in a if word in b and len(word) > 1]
    if common:
        level, agreed = _agreed(common)
        return (level if len(common) == len(a) or len(common) == len(b) else _PART), agreed
    if len(a) != len(b) and "".join(a) == "".join(b):
        return _WHOLE, max(*a, *b, key=lambda word: (len(word), word))
    for one in a:
        for other in b:
            if family_slip(one, other) if one < other else family_slip(other, one):
                return _FAMILY_SLIP, ""
    return _FAMILY_OTHER, ""


def _agreed(common: Sequence[str]) -> tuple[int, str]:
    """The level for words of a family name in common, and the words, in an order of their own."""
    if len(common) == 1:
        return _WHOLE, common[0]
    distinct = sorted({word for word in common if len(word) > 1}) or [common[0]]
    return (_SEVERAL if len(distinct) > 1 else _WHOLE), " ".join(distinct)


@lru_cache(maxsize=PAIRS)
def family_slip(one: str, other: str) -> bool:
    """A slip, a field too narrow, or a Polish ending: Kowalsk-i, Kowalsk-a."""
    if is_slip(one, other):
        return True
    shorter, longer = (one, other) if len(one) <= len(other) else (other, one)
    return len(shorter) >= 4 and (longer.startswith(shorter) or longer[:-1] == shorter[:-1])


def are_strangers(a: Features, b: Features) -> bool:
    """Whether two records have other birth dates, and no e-mail address, phone or tax id that could bring them
    together all the same: most of those that meet by a name alone."""
    return (
        a.birth != b.birth
        and a.birth != ""
        and b.birth != ""
        and ORGANISATION not in (a.kind, b.kind)
        and not (a.tax and b.tax)
        and a.emails.isdisjoint(b.emails)
        and a.phones.isdisjoint(b.phones)
        and a.roles.isdisjoint(b.roles)
        and _dates(a.birth, b.birth) == _OTHER_DATE
    )


# --- the other fields -------------------------------------------------------------------------------


def _emails(a: Features, b: Features) -> int:
    if a.emails and b.emails:
        if not a.emails.isdisjoint(b.emails):
            return 1 if not all(map(is_household, a.emails & b.emails)) else HOUSEHOLD
        return min(
            [
                email_level(one, other) if one < other else email_level(other, one)
                for one in a.emails
                for other in b.emails
            ]
        )
    if a.roles and not a.roles.isdisjoint(b.roles):
        return 1 if a.kind == b.kind == ORGANISATION else 2
    return 0


HOUSEHOLD: Final = 6
SAME_DIGITS: Final = (1, 3, 4, HOUSEHOLD)
"""Levels of e-mail addresses that have the same digits: that years agree then says nothing more."""


@lru_cache(maxsize=PAIRS)
def is_household(address: str) -> bool:
    """Whether an address says that it is a family's: family.smith@, familia_reis@."""
    return not HOUSEHOLDS.isdisjoint(_WORD.findall(address.partition("@")[0]))


_WORD: Final = re.compile("[a-z]+")


@lru_cache(maxsize=PAIRS)
def email_level(one: str, other: str) -> int:
    """3 a letter wrong, 4 the same local part elsewhere, 5 different; other digits are another address."""
    local, _, domain = one.partition("@")
    local_2, _, domain_2 = other.partition("@")
    if len(local) < 5 or _digits(local) != _digits(local_2):
        return 5
    if _plain(local) == _plain(local_2):
        return 3 if domain == domain_2 or OSA.distance(domain, domain_2, score_cutoff=1) == 1 else 4
    if domain == domain_2 and OSA.distance(local, local_2, score_cutoff=1) == 1:
        return 3
    return 5


def _digits(local: str) -> str:
    return "".join(filter(str.isdigit, local))


def _plain(local: str) -> str:
    return local.replace(".", "").replace("_", "").replace("-", "")


ANY_PHONE: Final = 5


def _phones(a: Features, b: Features) -> int:
    if shared := a.phones & b.phones:
        return ANY_PHONE if shared.isdisjoint(a.mobiles) and shared.isdisjoint(b.mobiles) else 1
    for one in a.phones:
        for other in b.phones:
            if len(one) == len(other) and OSA.distance(one, other, score_cutoff=1) == 1:
                return 2
    return 4 if a.mobiles and b.mobiles else 3


def _places(a: tuple[Place, ...], b: tuple[Place, ...]) -> int:
    return min((level for one in a for other in b if (level := _place(one, other))), default=0)


@lru_cache(maxsize=PAIRS)
def streets_alike(one: str, other: str) -> bool:
    if one == other:
        return True
    return JaroWinkler.similarity(one, other) >= ALIKE or one.replace(" ", "") == other.replace(" ", "")


def _place(a: Place, b: Place) -> int:
    code = bool(a.postcode) and a.postcode == b.postcode
    town = bool(a.town) and bool(b.town) and (a.town == b.town or streets_alike(*sorted((a.town, b.town))))
    both_say_where = bool(a.postcode and b.postcode) or bool(a.town and b.town)
    if a.street and b.street and (code or town or not both_say_where) and _same_number(a, b):
        if a.street == b.street and a.number and b.number:
            return 1
        if streets_alike(*sorted((a.street, b.street))):
            return 2 if a.number and b.number else 3
    if code:
        return 3
    if town:
        return 4
    return 5 if both_say_where or (a.street and b.street) else 0


def _same_number(a: Place, b: Place) -> bool:
    return a.number == b.number or not a.number or not b.number


_OTHER_DATE: Final = 3


def _dates(one: str, other: str) -> int:
    if one == other:
        return 1
    if one[:4] == other[:4] and (one[5:7], one[8:]) == (other[8:], other[5:7]):
        return 2
    return 2 if OSA.distance(one, other, score_cutoff=1) == 1 or one[:7] == other[:7] else _OTHER_DATE


def compare_years(a: Features, b: Features) -> int:
    """Whether the year in an e-mail address of one is that of the other's birth, or of an address of the other."""
    if not (a.years or b.years) or (a.birth and b.birth):
        return 0
    one = a.years or (a.birth and {a.birth[2:4]})
    other = b.years or (b.birth and {b.birth[2:4]})
    if not one or not other:
        return 0
    return 2 if one.isdisjoint(other) else 1


def _numbers(a: frozenset[str], b: frozenset[str]) -> int:
    if not a.isdisjoint(b):
        return 1
    one, other = min(a), min(b)
    return 2 if len(one) > 7 and OSA.distance(one, other, score_cutoff=1) == 1 else 3


def _companies(a: Features, b: Features) -> int:
    one, other = a.company, b.company
    if one and other:
        if one == other:
            return 1
        level = _company_level(*sorted((" ".join(one), " ".join(other))))
        if level < 4:
            return level
    if _meet_at_work(a.work, b.work):
        return 4
    return 5 if one and other else 0


def _meet_at_work(one: frozenset[str], other: frozenset[str]) -> bool:
    """The same company or domain: `acorn` is acorn2.example, but acorn1.example is another."""
    if not one.isdisjoint(other):
        return True
    stems, other_stems = _stems(one), _stems(other)
    return any(stem in other_stems and not (numbered and other_stems[stem]) for stem, numbered in stems.items())


def _stems(work: frozenset[str]) -> dict[str, bool]:
    """Start of the name → whether a domain with digits is among those that start so."""
    stems: dict[str, bool] = {}
    for label in work:
        stem, numbered, _ = label.partition("#")
        stems[stem] = stems.get(stem, False) or bool(numbered)
    return stems


@lru_cache(maxsize=PAIRS)
def _company_level(one: str, other: str) -> int:
    if one.replace(" ", "") == other.replace(" ", ""):
        return 1
    if len(one) > 5 and len(other) > 5 and OSA.normalized_similarity(one, other) >= ALIKE:
        return 2
    left, right = set(one.split()), set(other.split())
    if left <= right or right <= left:
        return 3
    return 4


def compare_generations(one: str, other: str) -> int:
    if not one and not other:
        return 0
    if one == other:
        return 1
    return 3 if one and other else 2


# --- one field alone --------------------------------------------------------------------------------

COMPARED: Final[dict[str, Callable[[Features, Features], int]]] = {
    "email": _emails,
    "phone": _phones,
    "address": lambda a, b: _places(a.places, b.places),
    "birth": lambda a, b: _dates(a.birth, b.birth) if a.birth and b.birth else 0,
    "year": compare_years,
    "tax": lambda a, b: _numbers(a.tax, b.tax),
    "company": lambda a, b: _companies(a, b) if (a.company and b.company) or (a.work and b.work) else 0,
    "kind": lambda a, b: 1 if a.kind == b.kind else 2,
}
"""What `compare` finds of one field of two records that both say something there."""
