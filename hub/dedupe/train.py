"""What comparisons are worth in the user's own contacts, learnt without labels.

All pairs of records are a mixture of those that are one person and those that are two. Expectation-maximisation
finds the mixture: the present weights say how likely each sampled pair is one person; how often each level comes out
on either side gives new weights; and again, until nothing moves. Two strata make the sample: pairs that share a
blocking key, where nearly all of one person are found, and pairs drawn at random, which say how often a level comes
out for two people by chance.

What makes another person (`hub.dedupe.weigh.is_other`) hides what else such a pair has in common. Begun with that,
training finds what it took for granted: no pair that differs so is ever one person. So it begins with the question
open: no level is bad enough to tell two people apart by itself, until the weights settle. Where the pairs that are then
one person by the rest of their fields differ by a slip, the slip comes alone; where they are two people who share much,
such as a family or namesakes, other fields contradict as well, more often than in other pairs. Then the question is
closed, and training begins anew without it.

Weights stay near those the training starts from, the nearer the less the sample says: each new weight is the mean of
the two, weighted by how surely each is known. Answers of people then sharpen the result (`hub.dedupe.sharpen`).

Source: Winkler 1988, Using the EM Algorithm for Weight Computation in the Fellegi-Sunter Model of Record Linkage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import log2
from typing import Final, NamedTuple, TypeAlias

from hub.dedupe.compare import LEVELS, Comparison, compare
from hub.dedupe.features import ORGANISATION, Features
from hub.dedupe.weigh import FIELDS, OTHER_GIVEN, OTHER_PERSON, Bits, Model, Table, bits, household

ROUNDS: Final = 25  # of expectation and maximisation, at most, each time it begins
STILL: Final = 0.02  # bits: weights that move less have settled
LEEWAY: Final = 9.0  # bits squared: how far the weights of other contacts lie from those shipped
TOGETHER: Final = 2.0
"""Bits squared. What two records agree on comes in bundles (a household shares its address, phone and e-mail at
once), and a sum counts a bundle several times. The weights shipped allow for that, those learnt cannot: however many
pairs say so, a learnt weight of an agreement is not known better than this. Contradictions do not come in bundles."""
CLUMPED: Final = 10.0  # records of one firm or import come out alike: so many pairs say as much as one
NATS: Final = 0.4805  # ln(2) squared: variances of logarithms into bits squared
FIXED: Final = frozenset(("kind",))  # whether it is a person is no matter of chance
OPEN: Final = {"given": OTHER_GIVEN + 0.5, **dict.fromkeys(("birth", "tax", "generation"), OTHER_PERSON + 0.5)}
"""Bits that a level is worth at least while it is open whether it makes another person: half a bit short of that."""
NOT_ALONE: Final = 1.25
"""Times as often as in other pairs of one person that other fields contradict as well, from which a level makes another
person. Where slips come by chance it is once at most, since pairs that differ twice seldom pass for one person: 0.5 to
1.0 was seen. Of families and namesakes it was 1.8 and more."""

Field: TypeAlias = tuple[int, int]  # table, field


class Compared(NamedTuple):
    """Two records that were compared. organisations: which of the two tables weighs them"""

    levels: Comparison
    organisations: bool


@dataclass
class Sample:
    """Pairs of the user's records, a bounded number of each kind.

    met        pairs that share a blocking key → how many, each counted by the inverse of its chance to be drawn
    strangers  pairs drawn at random that share no key → how many
    met_total  pairs among all records that share a key
    all_total  pairs among all records
    answers    (pair, whether a person said "same")
    """

    met: dict[Compared, float] = field(default_factory=dict)
    strangers: dict[Compared, float] = field(default_factory=dict)
    met_total: float = 0.0
    all_total: float = 0.0
    answers: list[tuple[Compared, bool]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Trained:
    """share  of the pairs that share a key, how many are one person by the model"""

    model: Model
    rounds: int
    share: float


def train(sample: Sample, start: Model) -> Trained:
    """The model that explains the sample best, near the one it starts from. Answers are not looked at."""
    pairs = _weighted(sample)
    if not pairs:
        return Trained(start, 0, 0.0)
    opened, rounds = _OPENED, 0
    while True:
        undecided = _settled(pairs, start, _opened(start, opened), opened)
        rounds += undecided.rounds
        alone = frozenset(one for one in opened if _comes_alone(pairs, undecided.model, start, one))
        if alone == opened:
            break
        opened = alone
    decided = _settled(pairs, start, undecided.model, frozenset())
    return replace(decided, rounds=rounds + decided.rounds)


def compared(a: Features, b: Features) -> Compared:
    return Compared(compare(a, b), ORGANISATION in (a.kind, b.kind))


def weigh_pair(pair: Compared, model: Model) -> float:
    """Bits that two records are one, prior included."""
    found = bits(pair.levels, model, organisations=pair.organisations)
    return sum(found) + household(found) + model.prior


def chance(weight_bits: float) -> float:
    """The probability that goes with a weight."""
    return 0.0 if weight_bits < -60 else 1.0 / (1.0 + 2.0 ** -min(weight_bits, 60.0))


def _settled(pairs: Sequence[_Weighted], start: Model, model: Model, opened: frozenset[Field]) -> Trained:
    """Expectation and maximisation from `model` on until the weights settle, near `start`; with fields left open."""
    rounds, share, moved = 0, 0.0, STILL
    while rounds < ROUNDS and moved >= STILL:
        rounds += 1
        tallies = _Tallies(pairs, model)
        share = tallies.share
        before, model = model, _opened(_maximised(tallies, start), opened)
        moved = _moved(before, model)
    return Trained(model, rounds, share)


# --- what makes another person ----------------------------------------------------------------------

_OPENED: Final = frozenset((table, FIELDS.index(name)) for table in (0, 1) for name in OPEN)


def _opened(model: Model, fields: frozenset[Field]) -> Model:
    """The model without a level of these fields that makes another person by itself."""

    def table(number: int, weights: Table) -> Table:
        names = [FIELDS[at] for one, at in fields if one == number]
        return {**weights, **{name: tuple(max(level, OPEN[name]) for level in weights[name]) for name in names}}

    return replace(model, persons=table(0, model.persons), organisations=table(1, model.organisations))


def _comes_alone(pairs: Sequence[_Weighted], model: Model, start: Model, place: Field) -> bool:
    """Whether pairs of one person that differ in a field are contradicted in others no more than the rest of them.

    start  its weights say which levels of the field are another person's
    """
    number, differs = place
    row, least = start.rows[number][differs], OPEN[FIELDS[differs]]
    known = [[0.0] * len(FIELDS) for _ in range(2)]  # pairs that do not differ, and that do
    against = [[0.0] * len(FIELDS) for _ in range(2)]
    for weighted in pairs:
        levels = weighted.pair.levels.levels()
        if not weighted.met or weighted.pair.organisations != number or not levels[differs]:
            continue
        matches = weighted.weight * chance(weigh_pair(weighted.pair, model))
        side = int(row[levels[differs]] < least)
        for at, level in enumerate(levels):
            if level and at != differs and FIELDS[at] not in FIXED:
                known[side][at] += matches
                against[side][at] += matches * (model.rows[number][at][level] < 0)
    usual = sum(all_ * some / of for all_, some, of in zip(known[1], against[0], known[0], strict=True) if of)
    return usual > 0 and sum(against[1]) <= NOT_ALONE * usual


# --- expectation ------------------------------------------------------------------------------------


class _Weighted(NamedTuple):
    """weight  how many of all pairs it stands for; drawn: of how many that were drawn"""

    pair: Compared
    weight: float
    drawn: float
    met: bool


def _weighted(sample: Sample) -> list[_Weighted]:
    unmet = max(sample.all_total - sample.met_total, 0.0)
    found = []
    for stratum, of, met in ((sample.met, sample.met_total, True), (sample.strangers, unmet, False)):
        drawn = sum(stratum.values())
        found += [_Weighted(pair, n * of / drawn, n, met) for pair, n in sorted(stratum.items())]
    return found


class _Cell:
    """How often a level came out: the number of pairs it stands for, and the variance of that number."""

    __slots__ = ("number", "variance")

    def __init__(self) -> None:
        self.number = 0.0
        self.variance = 0.0

    def add(self, number: float, unit: float) -> None:
        self.number += number
        self.variance += number * unit

    def doubt(self) -> float:
        """Variance of the number's logarithm, in bits squared."""
        return CLUMPED * self.variance / self.number**2 / NATS


class _Tallies:
    """Levels of one person's pairs and of two people's, by table, field and level.

    fixed  bits of what is not learnt, over all matches: part of the odds that the prior need not say again
    """

    def __init__(self, pairs: Sequence[_Weighted], model: Model) -> None:
        tables = range(len(model.rows))
        self.same = [[[_Cell() for _ in LEVELS[name]] for name in FIELDS] for _ in tables]
        self.other = [[[_Cell() for _ in LEVELS[name]] for name in FIELDS] for _ in tables]
        self.others = [[0.0] * len(FIELDS) for _ in tables]
        self.unit = min((p.weight / p.drawn for p in pairs if p.met), default=1.0)
        self.matches = self.all = self.fixed = met = matches_met = 0.0
        for weighted in pairs:
            matches = self._add(weighted, model)
            self.matches += matches
            self.all += weighted.weight
            if weighted.met:
                met += weighted.weight
                matches_met += matches
        self.share = matches_met / met if met else 0.0

    def _add(self, weighted: _Weighted, model: Model) -> float:
        """Takes a pair in; how many matches it stands for."""
        pair, table = weighted.pair, weighted.pair.organisations
        found = bits(pair.levels, model, organisations=table)
        matches = weighted.weight * chance(sum(found) + household(found) + model.prior)
        unit = weighted.weight / weighted.drawn
        rest = weighted.weight - matches
        for at, level in enumerate(pair.levels.levels()):
            if level:
                # of those that share no key a few by chance, each for thousands, would drown what is known
                if weighted.met:
                    self.same[table][at][level].add(matches, unit)
                # what a rare name adds by itself must not go into the weight of its level again
                beyond = 2.0 ** (found[at] - model.rows[table][at][level])
                self.other[table][at][level].add(rest * beyond, unit * beyond)
                self.others[table][at] += rest
                if FIELDS[at] in FIXED:
                    self.fixed += matches * found[at]
        return matches


# --- maximisation -----------------------------------------------------------------------------------


def _maximised(tallies: _Tallies, start: Model) -> Model:
    persons, organisations = (
        {name: _row(tallies, table, at, start.rows[table][at]) for at, name in enumerate(FIELDS)} for table in (0, 1)
    )
    matches = max(tallies.matches, 0.5 * tallies.unit)
    prior = log2(matches) - log2(max(tallies.all - matches, 0.5 * tallies.unit)) - tallies.fixed / matches
    doubt = CLUMPED * tallies.unit / matches / NATS + TOGETHER
    return replace(start, persons=persons, organisations=organisations, prior=_mean(start.prior, prior, doubt))


def _row(tallies: _Tallies, table: int, at: int, shipped: Bits) -> Bits:
    """New weights of a field. One that is not weighed in this table stays so."""
    if not is_learnt(FIELDS[at], shipped):
        return shipped
    same, other = tallies.same[table][at], tallies.other[table][at]
    all_same = sum(cell.number for cell in same)
    all_other = tallies.others[table][at]
    if not all_same or not all_other:
        return shipped
    found = [0.0]
    for level in range(1, len(shipped)):
        for cell in (same[level], other[level]):
            cell.add(0.5 * tallies.unit, tallies.unit)  # never seen is not the same as never
        learnt = log2(same[level].number / all_same) - log2(other[level].number / all_other)
        doubt = same[level].doubt() + other[level].doubt()
        found.append(_mean(shipped[level], learnt, doubt + TOGETHER * (shipped[level] > 0)))
    return tuple(found)


def is_learnt(name: str, weights: Bits) -> bool:
    return name not in FIXED and any(weights)


def _mean(shipped: float, learnt: float, doubt: float) -> float:
    """Of two weights, each counted by how surely it is known. doubt: variance of the learnt one, bits squared"""
    return round(shipped + LEEWAY / (LEEWAY + doubt) * (learnt - shipped), 3)


def _moved(one: Model, other: Model) -> float:
    return max(abs(a - b) for a, b in zip(_flat(one), _flat(other), strict=True))


def _flat(model: Model) -> list[float]:
    return [model.prior, *(weight for table in model.rows for row in table for weight in row)]
