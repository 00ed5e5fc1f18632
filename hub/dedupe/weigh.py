"""What comparisons are worth: evidence in bits, added to a prior.

The weight of a level is log2(m / u): m how often records of one person come out at this level, u how often
records of two people do that met by a blocking key. One bit doubles the odds. The prior is that of two
records that met, so it does not depend on how many records there are; what does, how many people bear a
name, comes in by the frequency of the name.

Source: Fellegi and Sunter 1969, A Theory for Record Linkage, JASA 64 (328).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, log2
from typing import Final, TypeAlias

from hub.dedupe.compare import LEVELS, Comparison
from hub.dedupe.words import COMMON_NAMES

FIELDS: Final = tuple(LEVELS)
Table: TypeAlias = Mapping[str, tuple[float, ...]]
Bits: TypeAlias = tuple[float, ...]

PERSONS: Final[Table] = {
    "given": (0, 5.0, 2.5, 4.0, 2.5, 1.5, -2.5, -13.0),
    "family": (0, 6.0, 3.0, 4.0, -2.0, 8.0),
    "email": (0, 11.0, 2.5, 8.0, 1.5, -1.1, 3.0),
    "phone": (0, 10.0, 7.5, -3.0, -6.0, 8.5),
    "address": (0, 4.0, 4.0, 3.5, 2.2, -3.0),
    "birth": (0, 10.0, 4.0, -14.0),
    "tax": (0, 13.0, 8.0, -10.0),
    "company": (0, 6.0, 5.0, 3.5, 4.0, -2.0),
    "generation": (0, 2.0, -5.0, -25.0),
    "kind": (0, 0, -30.0),
    "year": (0, 4.0, -5.5),
}

ORGANISATIONS: Final[Table] = {
    "given": (0,) * 8,
    "family": (0,) * 6,
    "email": (0, 8.0, 6.0, 5.0, 1.0, -0.5, 8.0),
    "phone": (0, 8.0, 5.0, -4.5, -4.5, 8.0),
    "address": (0, 6.0, 5.0, 3.0, 1.5, -3.5),
    "birth": (0, 0, 0, 0),
    "tax": (0, 14.0, 8.0, -22.0),
    "company": (0, 8.0, 7.0, 4.0, 3.0, -5.0),
    "generation": (0,) * 4,
    "kind": (0, -0.75, -30.0),
    "year": (0, 0, 0),
}


@dataclass(frozen=True)
class Model:
    """The weights, and where the decision lies.

    prior      bits for two records that met by a key, before any comparison
    ask        from here up to 0 bits a person is asked; from 0 they are one
    frequency  word of a name → share of records that bear it, from the user's own data; may be empty
    records    how many records the shares are of; 0: not counted, what is usual is taken
    apart      connections that never hold one contact twice: two records of it that are there are two contacts
    """

    persons: Table = field(default_factory=lambda: PERSONS)
    organisations: Table = field(default_factory=lambda: ORGANISATIONS)
    prior: float = -11.75
    join: float = 0.0
    ask: float = -0.75
    frequency: Mapping[str, float] = field(default_factory=dict)
    records: int = 0
    apart: frozenset[str] = frozenset()
    rows: tuple[tuple[Bits, ...], tuple[Bits, ...]] = field(init=False, repr=False, compare=False)
    stranger: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for table in (self.persons, self.organisations):
            for name, levels in LEVELS.items():
                if len(table[name]) != len(levels):
                    raise ValueError(f"model: {name} needs {len(levels)} weights, one a level")
        persons, organisations = (tuple(table[name] for name in FIELDS) for table in (self.persons, self.organisations))
        object.__setattr__(self, "rows", (persons, organisations))
        object.__setattr__(self, "stranger", _most_for_strangers(self.persons) + self.prior)


def _most_for_strangers(table: Table) -> float:
    """The most that speaks for two persons of whom `compare.are_strangers` holds, by `bits` and `household`."""
    other_date = table["birth"][3]
    if other_date > OTHER_PERSON:
        return inf
    alike = max(*table["email"][3:], *table["phone"][2:5], *table["address"], *table["company"], 0.0)
    given = max(table["given"]) + MOST_RARE + ALONE
    return other_date + alike + given + max(table["generation"]) + max(table["kind"])


CONTACT: Final = tuple(FIELDS.index(name) for name in ("email", "phone", "address", "company"))
_GIVEN, _FAMILY, _COMPANY = FIELDS.index("given"), FIELDS.index("family"), FIELDS.index("company")
_PHONE, _ADDRESS = FIELDS.index("phone"), FIELDS.index("address")
_BIRTH, _TAX, _GENERATION = FIELDS.index("birth"), FIELDS.index("tax"), FIELDS.index("generation")
OTHER_PERSON: Final = -6.0  # bits of birth date, tax id or generation from which two people bear the name
REACHED: Final = (FIELDS.index("email"), FIELDS.index("phone"))
SPREAD: Final = (0.0, 1.5)
"""Bits for each doubling of the pairs of records that differ in e-mail address, in phone, where none agrees."""
SPREAD_ELSEWHERE: Final = 1.75  # for either, where none agrees in the other one
MIXED: Final = 4.0  # bits where one pair of very many agrees
MIXED_ELSEWHERE: Final = 2.0  # where none agrees in the other one
WITHOUT: Final = 1.0  # bits for each doubling of the pairs of which one has a generation
NEAR: Final = 0.4
"""Share of what the postal address is worth, where only one of e-mail address and phone is known of both, and is
another's: a namesake may live there."""
KIN: Final = 15.0
"""The most bits that names count where e-mail address or phone is another's and neither is the same: how rare a name is
says how few strangers bear it, not how few of the family do."""
EMAIL: Final = FIELDS.index("email")
NAMELESS: Final = 1.6
"""Bits more for an equal personal e-mail address where one of the two has no name: a list member without one is
the person the address belongs to, and must not become a second contact."""
MOST_RARE: Final = 2.5  # bits more for the rarest given name
ALONE: Final = 1.5
"""Bits more for a given name alike where one of the two has no family name: nobody holds back what would differ."""
OTHER_GIVEN: Final = -4.0  # bits of the given name from which it is somebody else's
OTHER_FAMILY: Final = -2.0

SLOPE: Final = 0.75  # bits for each halving: names and families are not spread evenly
USUAL_GIVEN: Final = 0.005  # of records
COMMON_SHARE: Final = 0.01
FEW: Final = 500.0  # records that say as much of how common a name is as the list that is shipped
USUAL_COUNT: Final = 25.0  # records that bear one family name, where its full name says: as likely one person as two
COMMON_COUNT: Final = 400.0
COUNTED: Final = 3.25  # bits more for a name of that count than for one not counted
SELDOM: Final = 2.0  # records with a word that was not counted
USUAL_SHARE: Final = 0.002  # of people who bear a name: the weights of the tables are for this


def bits(levels: Comparison, model: Model, *, organisations: bool) -> Bits:
    """Evidence of each field, in the order of `FIELDS`, without the prior."""
    rows = model.rows[organisations]
    found = [row[level] for row, level in zip(rows, levels.levels(), strict=True)]
    if levels.email == 1 and not (organisations or levels.given or levels.family):
        found[EMAIL] += NAMELESS
    if levels.given and not levels.family and found[_GIVEN] > 0:
        found[_GIVEN] += ALONE
    if levels.given_word and levels.given == 1:
        found[0] += given_rarity(levels.given_word, model)
    if levels.family_word:
        found[1] += family_rarity(levels.family_word, model)
    return tuple(found)


def household(found: Sequence[float]) -> float:
    """What to take off, in bits, when what is shared may be a household's or an office's.

    With other given names one household, or one office, explains all that is shared: contact values count once,
    the family name not at all. So it is with another birth date, tax id or generation: father and son. Where both
    e-mail address and phone are others', the postal address does not count: they may bear one name; where one of the
    two is and the other is not known, it counts for less, and names count for no more than `KIN`. With other family
    names the company does not count.
    """
    if is_other(found):
        contact = [found[at] for at in CONTACT if found[at] > 0]
        return max(contact, default=0.0) - sum(contact) - max(found[_FAMILY], 0.0)
    discount = 0.0
    if is_elsewhere(found):
        both = found[EMAIL] < 0 and found[_PHONE] < 0
        discount -= max(found[_ADDRESS], 0.0) * (1.0 if both else NEAR)
        discount -= max(found[_GIVEN] + found[_FAMILY] - KIN, 0.0)
    if found[_FAMILY] <= OTHER_FAMILY:
        discount -= max(found[_COMPANY], 0.0)
    return discount


def strain(found: Sequence[float], differ: Sequence[int], known: Sequence[int], without: int) -> float:
    """What to take off, in bits, because groups of records of one name differ as groups: father and son.

    One person changes a phone once. Where each record of one group has another than each record of the other there
    are likelier two people, and so there are where one shared address stands against many that differ.

    differ, known  pairs of records across the groups, by `REACHED`: how many differ, how many say something
    without        pairs of which one record has a generation and the other none, or where both have one
    """
    if found[_GIVEN] <= 0:
        return 0.0
    taken = 0.0
    for at, number in enumerate(REACHED):
        if not differ[at]:
            continue
        other_too = found[REACHED[1 - at]] < 0
        if found[number] < 0:
            taken -= (SPREAD_ELSEWHERE if other_too else SPREAD[at]) * log2(differ[at])
        else:
            taken -= (MIXED_ELSEWHERE if other_too else MIXED) * differ[at] / known[at]
    if without and found[_GENERATION] < 0:
        taken -= WITHOUT * log2(without)
    return taken


def is_elsewhere(found: Sequence[float]) -> bool:
    """Whether e-mail address or phone is another's, and neither is the same."""
    email, phone = (found[number] for number in REACHED)
    return (email < 0 and phone <= 0) or (phone < 0 and email <= 0)


def is_other(found: Sequence[float]) -> bool:
    """Whether the given name, birth date, tax id or generation is somebody else's."""
    return found[_GIVEN] <= OTHER_GIVEN or min(found[_BIRTH], found[_TAX], found[_GENERATION]) <= OTHER_PERSON


def given_rarity(word: str, model: Model) -> float:
    """Bits that agreeing on this given name is worth beyond agreeing on a usual one."""
    if not model.records:
        return _usual_rarity(word, model)
    usual = COMMON_SHARE if word in COMMON_NAMES else USUAL_SHARE
    count = model.frequency.get(word, 0.0) * model.records + FEW * usual
    return _within(-SLOPE * log2(count / (model.records + FEW) / USUAL_GIVEN), -2.0, MOST_RARE)


def family_rarity(words: str, model: Model) -> float:
    """Bits that agreeing on these words of a family name is worth: what counts is how many bear the rarest.

    Where the user's data were counted it is not the share but the number that counts: of two records that bear
    a name in full and nothing else, the chance that they are two people grows with how many people there are.
    """
    if not model.records:
        return max(_usual_rarity(word, model) for word in words.split(" "))
    count = min(_count(word, model) for word in words.split(" "))
    return _within(COUNTED - SLOPE * log2(count / USUAL_COUNT), -2.0, 4.0)


def _count(word: str, model: Model) -> float:
    """Records that bear a family name; what is known to be common is so even where few have been seen yet."""
    count = model.frequency.get(word, 0.0) * model.records or SELDOM
    return max(count, COMMON_COUNT) if word in COMMON_NAMES else count


def _usual_rarity(word: str, model: Model) -> float:
    share = model.frequency.get(word)
    if share is None:
        return -2.0 if word in COMMON_NAMES else 0.0
    return _within(log2(USUAL_SHARE / share), -2.0, 2.0) if share > 0 else 2.0


def _within(value: float, least: float, most: float) -> float:
    """To a quarter of a bit, so that there are few weights."""
    return round(4 * max(least, min(most, value))) / 4


DEFAULT: Final = Model()
NO_MATCHING: Final = Model(prior=-1e6)
"""No evidence outweighs it: every record stays a contact of its own."""
