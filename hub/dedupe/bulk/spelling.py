"""Distinct names as rows of word numbers, and the ways to take each apart.

What `hub.dedupe.features.splits_of` does for one name is done here for all that have as many words.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain, count, islice
from marshal import loads
from typing import Final, NamedTuple

import numpy as np

from hub.dedupe.bulk.columns import Coded, Codes, Ints, Splits, taken_apart
from hub.dedupe.bulk.lexicon import Flags, Lexicon

WORDS: Final = 5  # of a whole name
PART: Final = 4  # of a part of one
_AT_ONCE: Final = 20_000  # names unpacked at one time


class Ways(NamedTuple):
    """Ways to take names apart, one after the other: the row of the given and of the family name."""

    given: Codes
    family: Codes


class Names:
    """All distinct names of a column, by their number; 0 is no name.

    whole   words of each name, a row each
    parts   words of each part of a name, a row each; the first has none
    ways    to take names apart
    starts, counts  where those of each name are, and how many
    born    number of the generation
    """

    def __init__(self, column: Coded) -> None:
        self._column = column
        texts, given, family, name, self.born, hints = _read(column)
        self.lexicon = Lexicon(chain.from_iterable(map(str.split, texts)))
        rows = _rows(texts, self.lexicon)
        lengths = (rows > 0).sum(axis=1)
        is_long = np.array([len(text.split()) > WORDS for text in texts], bool)
        is_open = (given == 0) & (family == 0) & (lengths[name] > 1)
        first = np.where((given == 0) & (family == 0), name, given)  # a word by itself is a given name
        self.is_nameless: Flags = (given == 0) & (family == 0) & (name == 0)
        self.whole = np.where(is_open[:, None], rows[name], _joined(rows[first], rows[family]))
        total = np.where(is_open, lengths[name], lengths[first] + lengths[family])
        odd = (total > WORDS) | is_long[given] | is_long[family] | is_long[name]
        odd |= ~is_open & ((first == 0) | (lengths[first] > PART))
        self.is_odd: Flags = (odd | self._is_uneven()) & ~self.is_nameless
        self.is_hinted: Flags = np.zeros(len(name), bool)
        self.is_hinted[list(hints)] = True
        self._take_apart(rows, _Read(first, family, name), np.flatnonzero(is_open & ~self.is_odd), hints)

    def splits(self, name: int) -> Splits:
        """The ways to take a name apart, in words."""
        return taken_apart(self._column.raw(np.array([name]))[0])[0]

    def _is_uneven(self) -> Flags:
        """Names with a word twice, or with several letters: which of them counts depends on their order."""
        ordered = np.sort(self.whole, axis=1)
        twice = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] > 0)).any(axis=1)
        found: Flags = twice | (self.lexicon.is_letter[self.whole].sum(axis=1) > 1)
        return found

    def _take_apart(self, rows: Codes, read: _Read, is_open: Ints, hints: dict[int, list[int]]) -> None:
        self.starts: Ints = np.arange(len(read.name), dtype=np.int64)
        self.counts: Ints = np.ones(len(read.name), np.int64)
        self.parts, self.ways = rows[:, :PART], Ways(read.given, read.family)
        if hints:
            self._hint(hints)
        texts, which = np.unique(read.name[is_open], return_inverse=True)
        for some, columns in _ways(self.lexicon, rows[texts]):
            place = np.full(len(texts), -1)
            place[some] = np.arange(len(some))
            mine = place[which] >= 0
            self._open(rows[texts[some]], columns, is_open[mine], place[which[mine]])

    def _hint(self, hints: dict[int, list[int]]) -> None:
        """Each hint is one more way to read a name: with that family name."""
        names = np.array(list(hints), np.int64)
        self.counts[names] += np.array(list(map(len, hints.values())))
        counts = self.counts[names]
        self.starts[names] = len(self.ways.given) + np.cumsum(counts) - counts
        family = np.array(list(chain.from_iterable([(0, *words) for words in hints.values()])), np.int32)
        self._add(np.repeat(self.ways.given[names], counts), family)

    def _open(self, rows: Codes, columns: list[Columns], names: Ints, place: Ints) -> None:
        """Names of one shape: words of the distinct ones, and which of them each of the names is."""
        self.starts[names] = len(self.ways.given) + place * len(columns)
        self.counts[names] = len(columns)
        first = len(self.parts) + np.arange(2 * len(columns) * len(rows)).reshape(-1, 2, len(rows))
        self.parts = np.concatenate([self.parts, *[_cut(rows, of) for way in columns for of in way]])
        self._add(first[:, 0].T.ravel(), first[:, 1].T.ravel())

    def _add(self, given: Ints | Codes, family: Ints | Codes) -> None:
        added = zip(self.ways, (given, family), strict=True)
        self.ways = Ways(*(np.concatenate([known, more.astype(np.int32)]) for known, more in added))


class _Read(NamedTuple):
    given: Codes
    family: Codes
    name: Codes


def _read(column: Coded) -> tuple[list[str], Codes, Codes, Codes, Codes, dict[int, list[int]]]:
    """The distinct texts, by number from 0 for none; of each name given, family and whole name and generation by
    number; of some what may be the family name."""
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    generations: defaultdict[str, int] = defaultdict(count().__next__)
    nothing = numbers[""], numbers[""], numbers[""], generations[""]
    found = [np.array([nothing], np.int32)]
    hints: dict[int, list[int]] = {}
    for at in range(1, column.count, _AT_ONCE):
        some = [loads(raw) for raw in column.raw(np.arange(at, min(at + _AT_ONCE, column.count)))]  # noqa: S302 - ours
        texts = [list(map(numbers.__getitem__, [name[part] for name in some])) for part in range(3)]
        born = list(map(generations.__getitem__, [name[3] for name in some]))
        found.append(np.array([*texts, born], np.int32).T)
        for place, name in enumerate(some, at):
            if len(name) > 4 and not name[1] and (name[0] or " " not in name[2]):
                hints[place] = [numbers[hint] for hint in name[4:]]
    given, family, name, generation = np.concatenate(found).T.copy()
    return list(numbers), given, family, name, generation, hints


def _rows(texts: Sequence[str], lexicon: Lexicon) -> Codes:
    """The first words of texts by number, a row each."""
    found = np.zeros((len(texts), WORDS), np.int32)
    split = [list(islice(text.split(), WORDS)) for text in texts]
    lengths = np.array(list(map(len, split)))
    found[np.arange(WORDS) < lengths[:, None]] = list(map(lexicon.number.__getitem__, chain.from_iterable(split)))
    return found


def _joined(one: Codes, other: Codes) -> Codes:
    """Rows of words followed by others; what is too much for a row is left out."""
    found = one.copy()
    lengths = (one > 0).sum(axis=1)
    for length in range(WORDS):
        some = lengths == length
        found[some, length:] = other[some, : WORDS - length]
    return found


Columns = tuple[range, range]


def _ways(lexicon: Lexicon, rows: Codes) -> Iterator[tuple[Ints, list[Columns]]]:
    """Names of one shape, by their place, and the ways to take them apart: columns of the given and family name."""
    lengths = (rows > 0).sum(axis=1)
    at = np.arange(len(rows))
    ends_in_letter = lexicon.is_letter[rows[at, lengths - 1]] & (lengths > 2)
    is_given = lexicon.has_forms[rows[at, np.maximum(lengths - 2, 0)]]
    shape = (lengths << 1 | ends_in_letter) << 1 | (ends_in_letter & ~is_given)
    for number in np.unique(shape).tolist():
        length, letters = number >> 2, number >> 1 & 1
        yield np.flatnonzero(shape == number), _columns(length, length - letters, bool(number & 1))


def _columns(length: int, body: int, letter_is_given: bool) -> list[Columns]:
    found = [(range(1), range(1, length)), (range(body - 1, body), range(body - 1))]
    if body > 2:
        found.append((range(body - 2, body), range(body - 2)))
    if body > 3:
        found.append((range(2, body), range(2)))
    if letter_is_given:
        found.append((range(body, length), range(body)))
    return found


def _cut(rows: Codes, columns: range) -> Codes:
    found = np.zeros((len(rows), PART), np.int32)
    found[:, : len(columns)] = rows[:, columns.start : columns.stop]
    return found
