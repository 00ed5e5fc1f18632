"""How alike pairs of records are: each two distinct values are compared once, by `hub.dedupe.compare`.

What a pair comes out at is one number of 64 bits, its outcome: the level of each field, whether one of the two is an
organisation, and how rare the words are that agree. There are few outcomes, so the weights of the model
are looked up once for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from marshal import loads
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hub.dedupe.bulk.columns import (
    COLUMNS,
    NAMES,
    Coded,
    Codes,
    Floats,
    Ints,
    assembled_each,
)
from hub.dedupe.bulk.each import Spread
from hub.dedupe.bulk.join import households
from hub.dedupe.bulk.names import Compared, compare_born, compare_each
from hub.dedupe.bulk.single import SINGLE
from hub.dedupe.bulk.spelling import Names
from hub.dedupe.compare import COMPARED, LEVELS, SAME_DIGITS, Comparison
from hub.dedupe.sharing import DOUBLINGS, EQUAL, MOST, PLACES
from hub.dedupe.weigh import FIELDS, Bits, Model, bits, family_rarity, given_rarity

Outcomes: TypeAlias = NDArray[np.uint64]

_WIDTHS: Final = [max(1, (len(levels) - 1).bit_length()) for levels in LEVELS.values()]
SHIFTS: Final = dict(zip(FIELDS, np.cumsum([0, *_WIDTHS]).tolist(), strict=False))
_ORGANISATION: Final = sum(_WIDTHS)
_GIVEN_WORD: Final = _ORGANISATION + 1
_WORD_BITS: Final = 8  # rarities go by quarters of a bit: some thirty
_FAMILY_WORD: Final = _GIVEN_WORD + _WORD_BITS
_HOLDERS: Final = _FAMILY_WORD + _WORD_BITS
_HOLDER_BITS: Final = MOST.bit_length()
_WORD_MASK: Final = (1 << _WORD_BITS) - 1
_WITHOUT_WORDS: Final = (1 << _GIVEN_WORD) - 1
_GIVEN, _FAMILY = FIELDS.index("given"), FIELDS.index("family")
_DOUBLINGS: Final = np.array(DOUBLINGS)
_EQUAL: Final = 1  # the level of each field at which two values are equal
TASK: Final = 20_000  # pairs of values compared in one go
PAIRS_AT_ONCE: Final = 500_000  # pairs of records whose outcomes are put together at one time: 12 MB
NAMES_AT_ONCE: Final = 50_000  # pairs of names compared side by side: some 50 MB


class Task(NamedTuple):
    """Pairs of distinct values of one column, to be compared anywhere.

    ends   where each value ends in `packed`
    one, other  places of the values
    """

    column: int
    packed: bytes
    ends: Ints
    one: Codes
    other: Codes


def compare_values(task: Task) -> Outcomes:
    """Levels of each pair of values, compared as records that say nothing else, at their place in the outcome."""
    raw = list(_slices(task.packed, task.ends))
    column = COLUMNS[task.column]
    if column.name not in SINGLE:
        return _by_records(task.column, raw, task.one, task.other)
    is_single, compare = SINGLE[column.name]
    values = [loads(value) for value in raw]  # noqa: S302 - made by this very process or its parent
    single = np.array([is_single(value) for value in values], bool)
    both = single[task.one] & single[task.other]
    found = np.zeros(len(both), np.uint64)
    if both.any():
        place = np.cumsum(single) - 1
        some = [value for value in values if is_single(value)]
        levels = compare(some, place[task.one[both]], place[task.other[both]])
        found[both] = levels.astype(np.uint64) << np.uint64(SHIFTS[column.levels[0]])
    codes, places = np.unique(np.concatenate([task.one[~both], task.other[~both]]), return_inverse=True)
    one, other = np.split(places, 2)
    found[~both] = _by_records(task.column, [raw[code] for code in codes.tolist()], one, other)
    return found


def _by_records(column: int, raw: Sequence[bytes], one: Ints | Codes, other: Ints | Codes) -> Outcomes:
    records = assembled_each(column, raw)
    met = [(records[a], records[b]) for a, b in zip(one.tolist(), other.tolist(), strict=True)]
    found = np.zeros(len(met), np.uint64)
    for name in COLUMNS[column].levels:
        level = COMPARED[name]
        found |= np.array([level(*pair) for pair in met], np.uint64) << np.uint64(SHIFTS[name])
    return found


def _slices(packed: bytes, ends: Ints) -> Iterator[bytes]:
    start = 0
    for end in ends.tolist():
        yield packed[start:end]
        start = end


class Scores:
    """Outcomes of pairs of records, and what they are worth to a model."""

    def __init__(
        self, columns: Sequence[Coded], organisations: NDArray[np.bool_], model: Model, spread: Spread
    ) -> None:
        self._columns = columns
        self._organisations = organisations
        self._spread = spread
        self._read: Names | None = None
        self.weights = Weights(model)

    def read_names(self) -> Names:
        """The names, read once."""
        self._read = self._read or Names(self._columns[NAMES])
        return self._read

    def outcomes(self, first: Codes, second: Codes) -> Outcomes:
        """What each pair of records comes out at."""
        found = (self._organisations[first] | self._organisations[second]).astype(np.uint64) << np.uint64(_ORGANISATION)
        others = [number for number in range(len(COLUMNS)) if number != NAMES]
        started = [_Column(number, self._columns[number], first, second, self._spread) for number in others]
        codes = self._columns[NAMES].codes
        plan = _plan(codes[first], codes[second], self._columns[NAMES].count)
        plan.enter(found, self._names(plan))  # others compare what was started while this one goes on
        del plan
        while started:
            started.pop(0).enter(found)  # its pairs are let go before those of the next are looked for
        return _without_known_years(found)

    def _names(self, plan: _Plan) -> Iterator[Outcomes]:
        """Names with the generation; nothing where one of the two has no name."""
        if not len(plan.one):
            return
        names = self.read_names()
        for at in range(0, len(plan.one), NAMES_AT_ONCE):
            one, other = plan.one[at : at + NAMES_AT_ONCE], plan.other[at : at + NAMES_AT_ONCE]
            found = compare_each(names, one, other)
            levels = found.given.astype(np.uint64) << np.uint64(SHIFTS["given"])
            levels |= found.family.astype(np.uint64) << np.uint64(SHIFTS["family"])
            born = compare_born(names, one, other)
            yield levels | born.astype(np.uint64) << np.uint64(SHIFTS["generation"]) | self.weights.words(names, found)


class _Column:
    """One column of pairs of records compared; where one task is done after the other, when they are entered."""

    def __init__(self, number: int, column: Coded, first: Codes, second: Codes, spread: Spread) -> None:
        self._number = number
        self._column = column
        self._where: _Plan = _NO_PLAN
        self._equal = np.zeros(0, np.int64)
        self._parts = spread(compare_values, self._tasks(first, second))

    def _tasks(self, first: Codes, second: Codes) -> Iterator[Task]:
        one, other = self._column.codes[first], self._column.codes[second]
        if COLUMNS[self._number].is_like_itself:
            self._equal = np.flatnonzero((one > 0) & (one == other))
            other[self._equal] = 0
        plan = _plan(one, other, self._column.count)
        self._where = plan._replace(one=_NO_PLAN.one, other=_NO_PLAN.other)
        del one, other
        for at in range(0, len(plan.one), TASK):
            yield self._task(plan.one[at : at + TASK], plan.other[at : at + TASK])

    def _task(self, one: Codes, other: Codes) -> Task:
        codes, places = np.unique(np.concatenate([one, other]), return_inverse=True)
        values = self._column.raw(codes)
        ends = np.cumsum([len(value) for value in values])
        left, right = places[: len(one)].astype(np.int32), places[len(one) :].astype(np.int32)
        return Task(self._number, b"".join(values), ends, left, right)

    def enter(self, found: Outcomes) -> None:
        """Into the outcomes of the pairs of records."""
        parts = list(self._parts)  # from here on it is known where they belong
        self._where.enter(found, parts)
        found[self._equal] |= np.uint64(_EQUAL << SHIFTS[COLUMNS[self._number].levels[0]])


class _Plan(NamedTuple):
    """The distinct pairs of values to compare, and where in the pairs of records they belong."""

    where: Codes
    which: Codes
    one: Codes
    other: Codes

    def enter(self, found: Outcomes, parts: Iterable[Outcomes]) -> None:
        """What the pairs of values came out at, one part after the other."""
        levels = np.concatenate([np.zeros(0, np.uint64), *parts])
        for at in range(0, len(self.where), PAIRS_AT_ONCE):
            some = slice(at, at + PAIRS_AT_ONCE)
            found[self.where[some]] |= levels[self.which[some]]


_NO_PLAN: Final = _Plan(*[np.zeros(0, np.int32)] * 4)


def _plan(one: Codes, other: Codes, count: int) -> _Plan:
    """one, other: values of each pair of records, by number, 0 for none; count: numbers there are"""
    where = np.flatnonzero((one > 0) & (other > 0)).astype(np.int32)
    one, other = one[where], other[where]
    pairs = np.minimum(one, other).astype(np.int64)
    pairs *= count
    pairs += np.maximum(one, other)
    del one, other
    distinct, which = _told_apart(pairs)
    del pairs
    return _Plan(where, which, (distinct // count).astype(np.int32), (distinct % count).astype(np.int32))


def _told_apart(values: Ints) -> tuple[Ints, Codes]:
    """Each value once, in order, and which of them each is; np.unique takes half as much memory again."""
    order = np.argsort(values)
    ordered = values[order]
    is_new = np.concatenate([np.ones(min(len(values), 1), bool), ordered[1:] != ordered[:-1]])
    which = np.empty(len(values), np.int32)
    which[order] = np.cumsum(is_new, dtype=np.int32) - 1
    return ordered[is_new], which


def _without_known_years(outcomes: Outcomes) -> Outcomes:
    """As `compare` does: years say nothing where the e-mail addresses have the same digits."""
    email = (outcomes >> np.uint64(SHIFTS["email"])).astype(np.uint8) & (1 << _WIDTHS[FIELDS.index("email")]) - 1
    year = np.uint64((1 << _WIDTHS[FIELDS.index("year")]) - 1 << SHIFTS["year"])
    outcomes[np.isin(email, SAME_DIGITS)] &= ~year
    return outcomes


def with_holders(outcomes: Outcomes, holders: NDArray[np.uint8]) -> Outcomes:
    """Outcomes with how many people hold what is agreed on, by `SHARED`."""
    found = outcomes.copy()
    for number, people in enumerate(holders.T):
        found |= people.astype(np.uint64) << np.uint64(_HOLDERS + number * _HOLDER_BITS)
    return found


class Weights:
    """What outcomes are worth to a model. Words count by how rare they are alone, so few of them are kept."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._given = _Kinds(lambda word: given_rarity(word, model))
        self._family = _Kinds(lambda words: family_rarity(words, model))
        self._known: dict[int, Bits] = {}

    def words(self, names: Names, compared: Compared) -> Outcomes:
        """How rare the words are that agreed."""
        text = names.lexicon.words
        given = self._given.of(text, compared.word[:, None]) << np.uint64(_GIVEN_WORD)
        found: Outcomes = given | self._family.of(text, compared.words) << np.uint64(_FAMILY_WORD)
        return found

    def table(self, outcomes: Outcomes) -> Table:
        """The weights of all outcomes among these."""
        distinct, row = np.unique(outcomes, return_inverse=True)
        found = self._bits(distinct)
        weights = np.zeros(len(distinct))
        for bits_of_field in found:
            weights += bits_of_field
        return Table(
            row.astype(np.int32), np.ascontiguousarray(found.T), weights + households(found) + self.model.prior
        )

    def _bits(self, outcomes: Outcomes) -> Floats:
        """Bits of each field, a row a field: by levels alone first, of which there are few, then for rare words."""
        plain, which = np.unique(outcomes & np.uint64(_WITHOUT_WORDS), return_inverse=True)
        found = np.array([self._by_levels(levels) for levels in plain.tolist()], np.float64).reshape(-1, len(FIELDS))
        found = found[which].T.copy()
        equal = outcomes >> np.uint64(SHIFTS["given"]) & np.uint64((1 << _WIDTHS[_GIVEN]) - 1) == _EQUAL
        given = (outcomes >> np.uint64(_GIVEN_WORD)).astype(np.int64) & _WORD_MASK
        family = (outcomes >> np.uint64(_FAMILY_WORD)).astype(np.int64) & _WORD_MASK
        found[_GIVEN] += np.where(equal, self._given.rarities()[given], 0.0)
        found[_FAMILY] += self._family.rarities()[family]
        self._take_off_shared(found, outcomes)
        return found

    def _take_off_shared(self, found: Floats, outcomes: Outcomes) -> None:
        """`hub.dedupe.sharing.discount` of many rows at once."""
        organisations = (outcomes >> np.uint64(_ORGANISATION)).astype(np.int64) & 1
        for number, place in enumerate(PLACES):
            shift = np.uint64(_HOLDERS + number * _HOLDER_BITS)
            people = (outcomes >> shift).astype(np.int64) & (1 << _HOLDER_BITS) - 1
            most = np.array([rows[place][EQUAL] for rows in self.model.rows])[organisations]
            worth = found[place]
            reckoned = np.maximum(most - worth, 0.0)
            found[place] -= np.maximum(np.minimum(_DOUBLINGS[people] - reckoned, worth), 0.0)

    def _by_levels(self, outcome: int) -> Bits:
        found = self._known.get(outcome)
        if found is None:
            levels = [outcome >> SHIFTS[name] & (1 << width) - 1 for name, width in zip(FIELDS, _WIDTHS, strict=True)]
            comparison = Comparison._make([*levels, "", ""])
            found = self._known[outcome] = bits(
                comparison, self.model, organisations=bool(outcome >> _ORGANISATION & 1)
            )
        return found


class _Kinds:
    """Words by how rare they are: a number for all that are as rare, 0 for none."""

    def __init__(self, rarity: Callable[[str], float]) -> None:
        self._rarity = rarity
        self._numbers: dict[float, int] = {}
        self._known = np.zeros(0)

    def of(self, text: Sequence[str], words: Codes) -> Outcomes:
        """The kind of the rarest word of each row; 0 is no word."""
        if not len(self._known):
            self._known = np.full(len(text), np.nan)
            self._known[0] = -np.inf
        used = np.flatnonzero(np.bincount(words.ravel(), minlength=1))
        for place in used[np.isnan(self._known[used])].tolist():
            self._known[place] = self._rarity(text[place])
        found, which = np.unique(self._known[words].max(axis=1), return_inverse=True)
        return np.array([self._kind(rarity) for rarity in found.tolist()], np.uint64)[which]

    def _kind(self, rarity: float) -> int:
        return self._numbers.setdefault(rarity, len(self._numbers) + 1) if rarity > -np.inf else 0

    def rarities(self) -> Floats:
        """What each kind is worth, in bits."""
        return np.array([0.0, *self._numbers])


class Table(NamedTuple):
    """row: of each pair, in `bits` and `weights`; weights have prior and household in them."""

    row: Codes
    bits: Floats
    weights: Floats

    def followed_by(self, other: Table, places: Ints | None = None) -> Table:
        """With more pairs after its own; places: in the place of some of its own."""
        row = other.row + np.int32(len(self.bits))
        if places is None:
            row = np.concatenate([self.row, row])
        else:
            own = self.row.copy()
            own[places] = row
            row = own
        return Table(
            row,
            np.concatenate([self.bits, other.bits]),
            np.concatenate([self.weights, other.weights]),
        )
