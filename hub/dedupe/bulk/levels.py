"""How alike pairs of records are: each two distinct values are compared once, by `hub.dedupe.compare`.

What a pair comes out at is one number of 64 bits, its outcome: the level of each field, whether one of the two is an
organisation, and how rare the words are that agree. There are few outcomes, so the weights of the model
are looked up once for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hub.dedupe.bulk.columns import (
    COLUMNS,
    NAMELESS,
    NAMES,
    Coded,
    Codes,
    Floats,
    Ints,
    Splits,
    assembled_each,
    taken_apart,
)
from hub.dedupe.bulk.each import Spread
from hub.dedupe.bulk.join import households
from hub.dedupe.compare import COMPARED, LEVELS, SAME_DIGITS, Comparison, compare_generations, compare_names
from hub.dedupe.sharing import DOUBLINGS, EQUAL, MOST, PLACES
from hub.dedupe.weigh import FIELDS, Bits, Model, bits, family_rarity, given_rarity

Outcomes: TypeAlias = NDArray[np.uint64]

_WIDTHS: Final = [max(1, (len(levels) - 1).bit_length()) for levels in LEVELS.values()]
_SHIFTS: Final = dict(zip(FIELDS, np.cumsum([0, *_WIDTHS]).tolist(), strict=False))
_ORGANISATION: Final = sum(_WIDTHS)
_GIVEN_WORD: Final = _ORGANISATION + 1
_WORD_BITS: Final = 8  # rarities go by quarters of a bit: some thirty
_FAMILY_WORD: Final = _GIVEN_WORD + _WORD_BITS
_HOLDERS: Final = _FAMILY_WORD + _WORD_BITS
_HOLDER_BITS: Final = MOST.bit_length()
_WORD_MASK: Final = (1 << _WORD_BITS) - 1
_WITHOUT_WORDS: Final = (1 << _GIVEN_WORD) - 1
_GIVEN, _FAMILY = FIELDS.index("given"), FIELDS.index("family")
_NOT_COMPARED: Final = (0, 0, 0)
_NO_WORDS: Final = np.zeros(0, np.int32)
_DOUBLINGS: Final = np.array(DOUBLINGS)
_EQUAL: Final = 1  # the level of each field at which two values are equal
TASK: Final = 20_000  # pairs of values compared in one go


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


class Compared(NamedTuple):
    """Levels of each pair of values, shifted to their place in the outcome, and the words that agreed.

    words  places in `text` of the given and of the family word; no words for columns other than names
    """

    levels: Outcomes
    given: Codes
    family: Codes
    text: list[str]


def compare_values(task: Task) -> Compared:
    """Each pair of values compared as records that say nothing else."""
    values = _slices(task.packed, task.ends)
    pairs = zip(task.one.tolist(), task.other.tolist(), strict=True)
    if task.column == NAMES:
        return _compare_names(list(map(taken_apart, values)), pairs)
    records = assembled_each(task.column, values)
    met = [(records[one], records[other]) for one, other in pairs]
    found = np.zeros(len(met), np.uint64)
    for name in COLUMNS[task.column].levels:
        level = COMPARED[name]
        found |= np.array([level(*pair) for pair in met], np.uint64) << np.uint64(_SHIFTS[name])
    return Compared(found, _NO_WORDS, _NO_WORDS, [""])


def _compare_names(names: Sequence[tuple[Splits, str]], pairs: Iterable[tuple[int, int]]) -> Compared:
    """Names with the generation; nothing where one of the two has no name."""
    shifts = _SHIFTS["given"], _SHIFTS["family"], _SHIFTS["generation"]
    words: dict[str, int] = {"": 0}
    rows: list[int] = []
    for one, other in pairs:
        (a, born), (b, other_born) = names[one], names[other]
        if a == NAMELESS or b == NAMELESS:
            rows += _NOT_COMPARED
            continue
        given, family, given_word, family_word = compare_names(a, b)
        levels = given << shifts[0] | family << shifts[1] | compare_generations(born, other_born) << shifts[2]
        rows += levels, words.setdefault(given_word, len(words)), words.setdefault(family_word, len(words))
    found = np.array(rows, np.int64).reshape(-1, 3)
    levels, agreed_words = found[:, 0].astype(np.uint64), found[:, 1:].astype(np.int32)
    return Compared(levels, agreed_words[:, 0], agreed_words[:, 1], list(words))


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
        self.weights = Weights(model)

    def outcomes(self, first: Codes, second: Codes) -> Outcomes:
        """What each pair of records comes out at."""
        found = (self._organisations[first] | self._organisations[second]).astype(np.uint64) << np.uint64(_ORGANISATION)
        before: tuple[_Plan, Iterable[Compared]] | None = None
        for number, column in enumerate(self._columns):
            plan, equal = self._plan(number, column.codes[first], column.codes[second])
            found[equal] |= np.uint64(_EQUAL << _SHIFTS[COLUMNS[number].levels[0]])
            started = plan, self._spread(compare_values, self._tasks(number, plan))
            if before:  # others compare what was started while this one goes on
                self._enter(found, *before)
            before = started
        if before:
            self._enter(found, *before)
        return _without_known_years(found)

    def _enter(self, found: Outcomes, plan: _Plan, compared: Iterable[Compared]) -> None:
        parts = [self.weights.outcomes(result) for result in compared]
        if parts:
            found[plan.where] |= np.concatenate(parts)[plan.which]

    def _plan(self, number: int, one: Codes, other: Codes) -> tuple[_Plan, Ints]:
        """The distinct pairs of values to compare, and the pairs of records whose values are known to be equal."""
        known = (one > 0) & (other > 0)
        equal = np.zeros(0, np.int64)
        if COLUMNS[number].is_like_itself:
            equal = np.flatnonzero(known & (one == other))
            known &= one != other
        where = np.flatnonzero(known).astype(np.int32)
        a, b = one[where], other[where]
        count = self._columns[number].count
        pairs = np.minimum(a, b).astype(np.int64) * count + np.maximum(a, b)
        distinct, which = np.unique(pairs, return_inverse=True)
        first, second = np.divmod(distinct, count)
        return _Plan(where, which.astype(np.int32), first.astype(np.int32), second.astype(np.int32)), equal

    def _tasks(self, number: int, plan: _Plan) -> Iterator[Task]:
        raw = self._columns[number].raw
        for at in range(0, len(plan.one), TASK):
            one, other = plan.one[at : at + TASK], plan.other[at : at + TASK]
            codes, places = np.unique(np.concatenate([one, other]), return_inverse=True)
            values = raw(codes)
            ends = np.cumsum([len(value) for value in values])
            left, right = places[: len(one)].astype(np.int32), places[len(one) :].astype(np.int32)
            yield Task(number, b"".join(values), ends, left, right)


def _without_known_years(outcomes: Outcomes) -> Outcomes:
    """As `compare` does: years say nothing where the e-mail addresses have the same digits."""
    email = (outcomes >> np.uint64(_SHIFTS["email"])).astype(np.uint8) & (1 << _WIDTHS[FIELDS.index("email")]) - 1
    year = np.uint64((1 << _WIDTHS[FIELDS.index("year")]) - 1 << _SHIFTS["year"])
    outcomes[np.isin(email, SAME_DIGITS)] &= ~year
    return outcomes


class _Plan(NamedTuple):
    """Where in the pairs of records the distinct pairs of values belong."""

    where: Codes
    which: Codes
    one: Codes
    other: Codes


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

    def outcomes(self, compared: Compared) -> Outcomes:
        """Levels and words in one."""
        if not len(compared.given):
            return compared.levels
        given = self._given.of(compared.text, compared.given) << np.uint64(_GIVEN_WORD)
        family = self._family.of(compared.text, compared.family) << np.uint64(_FAMILY_WORD)
        found: Outcomes = np.bitwise_or.reduce([compared.levels, given, family])
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
        equal = outcomes >> np.uint64(_SHIFTS["given"]) & np.uint64((1 << _WIDTHS[_GIVEN]) - 1) == _EQUAL
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
            levels = [outcome >> _SHIFTS[name] & (1 << width) - 1 for name, width in zip(FIELDS, _WIDTHS, strict=True)]
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

    def of(self, text: Sequence[str], words: Codes) -> Outcomes:
        """The kind of each word, by its place in `text`."""
        kinds = np.zeros(len(text), np.uint64)
        for place in np.flatnonzero(np.bincount(words, minlength=1)).tolist():
            kinds[place] = self._kind(text[place]) if text[place] else 0
        return kinds[words]

    def _kind(self, word: str) -> int:
        return self._numbers.setdefault(self._rarity(word), len(self._numbers) + 1)

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
