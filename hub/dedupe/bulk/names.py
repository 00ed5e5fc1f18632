"""Names compared in columns, as `hub.dedupe.compare.compare_names` compares two.

A name is a row of word numbers for each way to take it apart. All readings of all pairs lie side by side; the best
reading of each pair counts. What is seldom met (a word twice, six words, no given name) is left to `compare_names`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hub.dedupe.bulk.columns import Codes, Ints
from hub.dedupe.bulk.lexicon import OTHER, Flags, Levels, Lexicon
from hub.dedupe.bulk.name_parts import EQUAL, FAMILY_OTHER, Families, agreed, families, givens
from hub.dedupe.bulk.spelling import WORDS, Names
from hub.dedupe.compare import FAMILY_RANK, GIVEN_RANK, compare_names

SAME_GENERATION, ONE_WITHOUT, OTHER_GENERATION = 1, 2, 3
_WORD_BITS: Final = 25  # of the number of a word: 33 million; two of them and a rank are a number of 64 bits
_GIVEN_RANKS: Final = np.array(GIVEN_RANK, np.int64)
_FAMILY_RANKS: Final = np.array(FAMILY_RANK, np.int64)


class Compared(NamedTuple):
    """Levels of each pair, the given word that agreed and the words of the family name: 0 for none."""

    given: Levels
    family: Levels
    word: Codes
    words: Codes

    def put(self, places: Ints, given: Levels | int, found: Families, word: Codes | int) -> None:
        self.given[places], self.word[places] = given, word
        self.family[places], self.words[places, : found.words.shape[1]] = found


def compare_each(names: Names, one: Codes, other: Codes) -> Compared:
    """Each pair of names, by their places; zeros where one of the two is none."""
    said = ~(names.is_nameless[one] | names.is_nameless[other])
    odd = said & (names.is_odd[one] | names.is_odd[other])
    found = _one_by_one(names, one, other, np.flatnonzero(odd))
    plain = said & ~odd
    hinted = names.is_hinted[one] | names.is_hinted[other]
    known = (names.counts[one] == 1) & (names.counts[other] == 1)
    whole = plain & ~hinted & ~known  # parts are not known, so what the whole names say comes first
    equal = whole & (names.whole[one] == names.whole[other]).all(axis=1)
    same = np.flatnonzero(equal)
    words = names.whole[one[same]]
    found.put(same, EQUAL, agreed(names.lexicon, words[:, 1:]), words[:, 0])
    whole &= ~equal & (names.counts[one] > 1) & (names.counts[other] > 1)
    differ = _others(names, one, other, np.flatnonzero(whole), found)
    left = plain.copy()
    left[same] = left[differ] = False
    places = np.flatnonzero(left)
    _best(names, _Pairs(places, one[places], other[places], (hinted | known)[places]), found)
    return found


def _one_by_one(names: Names, one: Codes, other: Codes, places: Ints) -> Compared:
    """Some of the pairs; nothing for the others."""
    number, at = names.lexicon.number, places.tolist()
    readings = [compare_names(names.splits(one[place]), names.splits(other[place])) for place in at]
    width = max([WORDS, *[len(words.split()) for *_, words in readings]])
    levels = np.zeros((2, len(one)), np.uint8)
    found = Compared(levels[0], levels[1], np.zeros(len(one), np.int32), np.zeros((len(one), width), np.int32))
    for place, (given, family, word, words) in zip(at, readings, strict=True):
        found.given[place], found.family[place], found.word[place] = given, family, number[word]
        numbers = [number[x] for x in words.split()]
        found.words[place, : len(numbers)] = numbers
    return found


def compare_born(names: Names, one: Codes, other: Codes) -> Levels:
    """Generations of each pair of names, as `compare_generations`; nothing where one of the two is no name."""
    said = ~(names.is_nameless[one] | names.is_nameless[other])
    born, other_born = names.born[one], names.born[other]
    differ = np.where((born > 0) & (other_born > 0), OTHER_GENERATION, ONE_WITHOUT)
    level = np.where(born == other_born, np.where(born > 0, SAME_GENERATION, 0), differ)
    return np.where(said, level, 0).astype(np.uint8)


# --- whole names ------------------------------------------------------------------------------------


def _others(names: Names, one: Codes, other: Codes, places: Ints, found: Compared) -> Ints:
    """Those of some pairs that are two given names, as `compare_names` finds by both ends; entered as such."""
    left, right = names.whole[one[places]], names.whole[other[places]]
    at = (left != right).argmax(axis=1)[:, None]  # the one that comes first in the alphabet is asked
    is_first = np.take_along_axis(left, at, 1) < np.take_along_axis(right, at, 1)
    left, right = np.where(is_first, left, right), np.where(is_first, right, left)
    apart = _ends_differ(names.lexicon, left, right)
    left, right, places = left[apart], right[apart], places[apart]
    common = np.where((left[:, :, None] == right[:, None, :]).any(axis=2), left, 0)
    families_found = agreed(names.lexicon, common)
    families_found.level[~common.any(axis=1)] = FAMILY_OTHER
    found.put(places, OTHER, families_found, 0)
    return places


def _ends_differ(lexicon: Lexicon, one: Codes, other: Codes) -> Flags:
    ends, other_ends = _ends(lexicon, one), _ends(lexicon, other)
    lone = _is_lone(lexicon, ends, other)
    found: Flags = np.asarray(lone.any(axis=1))
    some = np.flatnonzero(found)
    other_lone = _is_lone(lexicon, other_ends[some], one[some])
    found[some] = other_lone.any(axis=1)
    lone, ends, other_ends = lone[some], ends[some], other_ends[some]
    forms = lexicon.has_forms
    for end in (0, 1):  # the other end is a given name that both share, and these are family names
        only = lone[:, end] & ~lone[:, 1 - end] & other_lone[:, end] & ~other_lone[:, 1 - end]
        kept = forms[ends[:, 1 - end]] & ~forms[ends[:, end]] & ~forms[other_ends[:, end]]
        found[some[np.flatnonzero(only & kept)]] = False
    return found


def _ends(lexicon: Lexicon, names: Codes) -> Codes:
    """First and last word, letters left out."""
    is_word = (names > 0) & ~lexicon.is_letter[names]
    row = np.arange(len(names))
    last = names.shape[1] - 1 - is_word[:, ::-1].argmax(axis=1)
    return np.stack([names[row, is_word.argmax(axis=1)], names[row, last]], axis=1)


def _is_lone(lexicon: Lexicon, ends: Codes, other: Codes) -> Flags:
    """Which ends are words that the other name has nothing like."""
    found: Flags = ~(ends[:, :, None] == other[:, None, :]).any(axis=2)
    row, end, word = np.nonzero(found[:, :, None] & (other > 0)[:, None, :])
    one, another = ends[row, end], other[row, word]
    alike = (lexicon.levels(one, another) != OTHER) | lexicon.slips(one, another)
    found[row[alike], end[alike]] = False
    return found


# --- readings ---------------------------------------------------------------------------------------


class _Pairs(NamedTuple):
    """Pairs of names whose parts are to be read against each other, in any order where that is allowed."""

    places: Ints
    one: Codes
    other: Codes
    may_be_swapped: Flags


class _Readings(NamedTuple):
    """Ways to read two names: the pair, and the rows of the parts."""

    pair: Ints
    given: Codes
    family: Codes
    other_given: Codes
    other_family: Codes

    def some(self, which: NDArray[np.bool_] | Ints) -> _Readings:
        return _Readings._make(of[which] for of in self)

    def followed_by(self, *others: _Readings) -> _Readings:
        return _Readings._make(np.concatenate(of) for of in zip(self, *others, strict=True))


def _best(names: Names, pairs: _Pairs, found: Compared) -> None:
    """The most favourable reading of each pair."""
    readings = _straight(names, pairs)
    level, word = _givens(names, readings)
    strange = readings.some(pairs.may_be_swapped[readings.pair] & (level == OTHER))
    swapped = [
        strange._replace(other_given=strange.other_family, other_family=strange.other_given).some(
            strange.other_family > 0
        ),
        strange._replace(given=strange.family, family=strange.given).some(strange.family > 0),
    ]
    more = swapped[0].followed_by(swapped[1])
    readings = readings.followed_by(more)
    more_level, more_word = _givens(names, more)
    level, word = np.concatenate([level, more_level]), np.concatenate([word, more_word])
    has_better = np.zeros(len(pairs.places), bool)
    has_better[readings.pair[level != OTHER]] = True
    kept = (level != OTHER) | ~has_better[readings.pair]  # the weaker of the two names counts first
    readings, level, word = readings.some(kept), level[kept], word[kept]
    parts = names.parts
    family, words = families(names.lexicon, parts[readings.family], parts[readings.other_family])
    best = _favoured(readings.pair, level, word, Families(family, words), len(pairs.places))
    found.put(pairs.places[readings.pair[best]], level[best], Families(family[best], words[best]), word[best])


def _straight(names: Names, pairs: _Pairs) -> _Readings:
    """Each way to take the one apart with each of the other."""
    ways = names.counts[pairs.one], names.counts[pairs.other]
    counts = ways[0] * ways[1]
    pair = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(pair)) - np.repeat(np.cumsum(counts) - counts, counts)
    at, to = np.divmod(within, ways[1][pair])
    at += names.starts[pairs.one][pair]
    to += names.starts[pairs.other][pair]
    return _Readings(pair, *(of[at] for of in names.ways), *(of[to] for of in names.ways))


def _givens(names: Names, readings: _Readings) -> tuple[Levels, Codes]:
    parts = names.parts
    return givens(names.lexicon, parts[readings.given], parts[readings.other_given])


def _favoured(pair: Ints, given: Levels, word: Codes, family: Families, count: int) -> Ints:
    """The readings that count, one and more a pair that say the same."""
    one, other = _GIVEN_RANKS[given], _FAMILY_RANKS[family.level]
    rank = np.minimum(one, other) << 5 | one + other
    rank = ((rank << 3 | given) << _WORD_BITS | word) << _WORD_BITS | family.words[:, 0]
    words = family.words.astype(np.int64)
    some = np.arange(len(pair))
    for way in (rank, words[:, 1] << _WORD_BITS | words[:, 2], words[:, 3]):
        best = np.full(count, -1)
        np.maximum.at(best, pair[some], way[some])
        some = some[way[some] == best[pair[some]]]
    return some
