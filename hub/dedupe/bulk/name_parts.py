"""Given names, and family names, of many pairs at once: `hub.dedupe.compare` on rows of word numbers, 0 for none."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from hub.dedupe.bulk.columns import Codes, Ints
from hub.dedupe.bulk.lexicon import OTHER, Flags, Levels, Lexicon
from hub.dedupe.compare import compare_families

EQUAL: Final = 1
INITIAL, MIDDLE, SECOND = 4, 5, 6
WHOLE, PART_EQUAL, FAMILY_SLIP, FAMILY_OTHER, SEVERAL = 1, 2, 3, 4, 5


class Givens(NamedTuple):
    """levels, and the word that agreed, 0 for none"""

    level: Levels
    word: Codes


class Families(NamedTuple):
    """levels, and the words that agreed, a row each: in order, then 0"""

    level: Levels
    words: Codes


def givens(lexicon: Lexicon, one: Codes, other: Codes) -> Givens:
    """Given names, a row each, of a word and more."""
    first, second = one[:, 0], other[:, 0]
    level = np.full(len(one), OTHER, np.uint8)
    word = np.zeros(len(one), np.int32)
    same = first == second
    letter = lexicon.is_letter[first]
    level[same & letter] = INITIAL
    equal = same & ~letter
    level[equal], word[equal] = EQUAL, first[equal]
    several = np.flatnonzero(equal & (one[:, 1] > 0) & (other[:, 1] > 0))
    level[several[_other_second(lexicon, one[several], other[several])]] = SECOND
    apart = np.flatnonzero(~same)
    level[apart] = lexicon.levels(first[apart], second[apart])
    alike = apart[level[apart] != OTHER]
    word[alike] = np.minimum(first[alike], second[alike])
    strange = apart[level[apart] == OTHER]
    between = _is_middle(lexicon, first[strange], other[strange]) | _is_middle(lexicon, second[strange], one[strange])
    level[strange[between]] = MIDDLE
    return Givens(level, word)


def _other_second(lexicon: Lexicon, one: Codes, other: Codes) -> Flags:
    """No word after the first is alike."""
    row, at, to = _each_two(one[:, 1:], other[:, 1:])
    alike = lexicon.levels(at, to) != OTHER
    found: Flags = np.bincount(row[alike], minlength=len(one)) == 0
    return found


def _is_middle(lexicon: Lexicon, first: Codes, other: Codes) -> Flags:
    found: Flags = (other[:, 1:] == first[:, None]).any(axis=1) & ~lexicon.is_letter[first]
    return found


def families(lexicon: Lexicon, one: Codes, other: Codes) -> Families:
    """Family names, a row each; nothing where one of the two has no word."""
    count, other_count = (one > 0).sum(axis=1), (other > 0).sum(axis=1)
    level = np.zeros(len(one), np.uint8)
    equal = (one == other).all(axis=1)
    common = np.where((one[:, :, None] == other[:, None, :]).any(axis=2) & ~lexicon.is_letter[one], one, 0)
    shared = (common > 0).sum(axis=1)
    common[equal], shared[equal] = one[equal], count[equal]
    found = np.flatnonzero((count > 0) & (other_count > 0) & (shared > 0))
    words = np.zeros(one.shape, np.int32)
    level[found], words[found] = agreed(lexicon, common[found])
    part = found[(shared[found] != count[found]) & (shared[found] != other_count[found])]
    level[part] = PART_EQUAL
    rest = np.flatnonzero((count > 0) & (other_count > 0) & (level == 0))
    _alike_or_other(lexicon, Families(level, words), one, other, rest)
    return Families(level, words)


def _alike_or_other(lexicon: Lexicon, found: Families, one: Codes, other: Codes, rest: Ints) -> None:
    """Names with no word in common: one word written as two, words a slip apart, or others."""
    row, at, to = _each_two(one[rest], other[rest])
    slips = np.bincount(row[lexicon.slips(at, to)], minlength=len(rest)) > 0
    found.level[rest] = np.where(slips, FAMILY_SLIP, FAMILY_OTHER)
    left, right = one[rest], other[rest]
    joined = lexicon.length[left].sum(axis=1) == lexicon.length[right].sum(axis=1)
    joined &= (left > 0).sum(axis=1) != (right > 0).sum(axis=1)
    for place in np.flatnonzero(joined).tolist():
        level, agreed_words = compare_families(lexicon.spelt(left[place]), lexicon.spelt(right[place]))
        found.level[rest[place]] = level
        found.words[rest[place], 0] = lexicon.number[agreed_words]


def agreed(lexicon: Lexicon, common: Codes) -> Families:
    """The level for words in common, and the words in order. No word twice, at most one of them a letter."""
    several = (common > 0).sum(axis=1) > 1
    kept = np.where(lexicon.is_letter[common] & several[:, None], 0, common)
    words = np.sort(np.where(kept > 0, kept, len(lexicon.words)), axis=1)
    words[words == len(lexicon.words)] = 0
    return Families(np.where(words[:, 1] > 0, SEVERAL, WHOLE).astype(np.uint8), words.astype(np.int32))


def _each_two(one: Codes, other: Codes) -> tuple[Ints, Codes, Codes]:
    """Each word of a row with each word of the other's: the row, and the two."""
    row, at, to = map(np.asarray, np.nonzero((one[:, :, None] > 0) & (other[:, None, :] > 0)))
    return row, one[row, at], other[row, to]
