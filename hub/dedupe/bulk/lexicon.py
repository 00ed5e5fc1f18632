"""Words of names by number: how alike any two are, looked at once for each two."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA
from rapidfuzz.process import cpdist

from hub.dedupe.bulk.columns import Codes, Ints
from hub.dedupe.compare import family_slip, word_level
from hub.dedupe.words import SAME_NAME

Flags: TypeAlias = NDArray[np.bool_]
Levels: TypeAlias = NDArray[np.uint8]
OTHER: Final = 7  # the level of two given names that are not alike
_HEAD: Final = 3  # letters that a short form has in common with its name
_SLIPS: Final = 2  # letters that may be wrong at the most


class Lexicon:
    """Words in the order of the alphabet, by number from 1; 0 is no word."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = ["", *sorted(set(words))]
        self.number = {word: number for number, word in enumerate(self.words)}
        self.length: Ints = np.array(list(map(len, self.words)), np.int64)
        self.is_letter: Flags = np.array([len(word) == 1 for word in self.words])
        self.has_forms: Flags = np.array([word in SAME_NAME for word in self.words])
        heads: dict[str, int] = {}
        self._head = np.array([heads.setdefault(word[:_HEAD], len(heads)) for word in self.words], np.int32)

    def levels(self, one: Codes, other: Codes) -> Levels:
        """How alike two given names are, by the levels of a comparison."""
        return self._each(one, other, self._levels)

    def slips(self, one: Codes, other: Codes) -> Flags:
        """Whether two family names are a slip apart."""
        return self._each(one, other, self._slips)

    def spelt(self, words: Codes) -> tuple[str, ...]:
        """The words of a row."""
        return tuple([self.words[word] for word in words.tolist() if word])

    def _each(self, one: Codes, other: Codes, found: Callable[[Codes, Codes], NDArray[Any]]) -> NDArray[Any]:
        count = len(self.words)
        pairs = np.minimum(one, other).astype(np.int64) * count + np.maximum(one, other)
        distinct, which = np.unique(pairs, return_inverse=True)
        first, second = np.divmod(distinct, count)
        return found(first.astype(np.int32), second.astype(np.int32))[which]

    def _levels(self, one: Codes, other: Codes) -> Levels:
        found = np.full(len(one), OTHER, np.uint8)
        letter = self.is_letter[one] | self.is_letter[other]
        some = np.flatnonzero(self._may_be_alike(one, other) | letter | (self.has_forms[one] & self.has_forms[other]))
        found[some] = self._by_words(word_level, one[some], other[some])
        return found

    def _slips(self, one: Codes, other: Codes) -> Flags:
        found = np.zeros(len(one), bool)
        some = np.flatnonzero(self._may_be_alike(one, other))
        found[some] = self._by_words(family_slip, one[some], other[some])
        return found

    def _may_be_alike(self, one: Codes, other: Codes) -> Flags:
        """Those that begin alike or are few slips apart: all others are neither forms of a name nor slips."""
        found: Flags = self._head[one] == self._head[other]
        rest = np.flatnonzero(~found)
        words = self.words
        pairs = [words[at] for at in one[rest].tolist()], [words[at] for at in other[rest].tolist()]
        found[rest] = cpdist(*pairs, scorer=OSA.distance, score_cutoff=_SLIPS, dtype=np.uint8) <= _SLIPS
        return found

    def _by_words(self, alike: Callable[[str, str], int], one: Codes, other: Codes) -> Ints:
        words = self.words
        pairs = zip(one.tolist(), other.tolist(), strict=True)
        return np.array([alike(words[a], words[b]) for a, b in pairs], np.int64)
