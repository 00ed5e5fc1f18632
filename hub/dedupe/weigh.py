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
from math import log2
from typing import Final, TypeAlias

from hub.dedupe.compare import LEVELS, Comparison
from hub.dedupe.words import COMMON_NAMES

FIELDS: Final = tuple(LEVELS)
Table: TypeAlias = Mapping[str, tuple[float, ...]]
Bits: TypeAlias = tuple[float, ...]

PERSONS: Final[Table] = {
    "given": (0, 5.0, 2.5, 4.0, 2.0, 0.0, -3.0, -13.0),
    "family": (0, 6.0, 3.5, 3.5, -2.5),
    "email": (0, 11.0, 4.5, 7.0, 2.5, -1.0),
    "phone": (0, 9.0, 7.0, -1.0),
    "address": (0, 6.0, 5.5, 4.0, 2.5, -1.5),
    "birth": (0, 10.0, 4.0, -13.0),
    "tax": (0, 13.0, 8.0, -8.0),
    "company": (0, 4.5, 3.5, 3.0, 4.0, -1.0),
    "generation": (0, 2.0, -1.5, -25.0),
    "kind": (0, 0, -30.0),
}

ORGANISATIONS: Final[Table] = {
    "given": (0,) * 8,
    "family": (0,) * 5,
    "email": (0, 8.0, 6.0, 5.0, 1.0, -0.5),
    "phone": (0, 8.0, 5.0, -2.0),
    "address": (0, 6.0, 5.0, 3.0, 1.5, -2.5),
    "birth": (0, 0, 0, 0),
    "tax": (0, 14.0, 8.0, -22.0),
    "company": (0, 8.0, 7.0, 4.0, 3.0, -5.0),
    "generation": (0,) * 4,
    "kind": (0, 0, -30.0),
}


@dataclass(frozen=True)
class Model:
    """The weights, and where the decision lies.

    prior      bits for two records that met by a key, before any comparison
    ask        from here up to 0 bits a person is asked; from 0 they are one
    frequency  word of a name → share of people who bear it, from the user's own data; may be empty
    apart      connections that never hold one person twice: two live records of one are two people
    """

    persons: Table = field(default_factory=lambda: PERSONS)
    organisations: Table = field(default_factory=lambda: ORGANISATIONS)
    prior: float = -12.5
    join: float = 0.0
    ask: float = -2.0
    frequency: Mapping[str, float] = field(default_factory=dict)
    apart: frozenset[str] = frozenset()
    rows: tuple[tuple[Bits, ...], tuple[Bits, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for table in (self.persons, self.organisations):
            for name, levels in LEVELS.items():
                if len(table[name]) != len(levels):
                    raise ValueError(f"model: {name} needs {len(levels)} weights, one a level")
        persons, organisations = (tuple(table[name] for name in FIELDS) for table in (self.persons, self.organisations))
        object.__setattr__(self, "rows", (persons, organisations))


DEFAULT: Final = Model()

CONTACT: Final = tuple(FIELDS.index(name) for name in ("email", "phone", "address", "company"))
_GIVEN, _FAMILY, _COMPANY = FIELDS.index("given"), FIELDS.index("family"), FIELDS.index("company")
EMAIL: Final = FIELDS.index("email")
NAMELESS: Final = 1.6
"""Bits more for an equal personal e-mail address where one of the two has no name: a list member without one is
the person the address belongs to, and must not become a second contact."""
OTHER_GIVEN: Final = -4.0  # bits of the given name from which it is somebody else's
OTHER_FAMILY: Final = -2.0

USUAL_SHARE: Final = 0.002  # of people who bear a name: the weights of the tables are for this


def bits(levels: Comparison, model: Model, *, organisations: bool) -> Bits:
    """Evidence of each field, in the order of `FIELDS`, without the prior."""
    rows = model.rows[organisations]
    found = [row[level] for row, level in zip(rows, levels.levels(), strict=True)]
    if levels.email == 1 and not (organisations or levels.given or levels.family):
        found[EMAIL] += NAMELESS
    if levels.given_word and levels.given == 1:
        found[0] += _rarity(levels.given_word, model)
    if levels.family_word and levels.family < 3:
        found[1] += _rarity(levels.family_word, model)
    return tuple(found)


def household(found: Sequence[float]) -> float:
    """What to take off, in bits, when the names are not one person's.

    With other given names one household, or one office, explains all that is shared: contact values
    count once, the family name not at all. With other family names the company does not count.
    """
    if found[_GIVEN] > OTHER_GIVEN:
        return -max(found[_COMPANY], 0.0) if found[_FAMILY] <= OTHER_FAMILY else 0.0
    contact = [found[at] for at in CONTACT if found[at] > 0]
    return max(contact, default=0.0) - sum(contact) - max(found[_FAMILY], 0.0)


def _rarity(word: str, model: Model) -> float:
    """Bits that agreeing on this name is worth beyond agreeing on a usual one, from -2 to 2."""
    share = model.frequency.get(word)
    if share is None:
        return -2.0 if word in COMMON_NAMES else 0.0
    return max(-2.0, min(2.0, log2(USUAL_SHARE / share))) if share > 0 else 2.0
