"""What can be searched of a golden record, as words; and what a person types, as an expression over them. Pure.

A word is what stands between spaces. Of a name every part is one, of a mail address the whole and its parts, of a
number its digits with and without the country, of an id the whole; all folded, so that accents and letter case make no
difference. What is typed is taken as beginnings of words, in any order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from hub.mapping.text import folded
from hub.model import base_field, element

NAMES = frozenset({"given_name", "additional_names", "nickname", "family_name", "full_name", "company"})
NUMBERS = frozenset({"tax_id", "customer_number"})
MOST_WORDS = 8  # of what is typed; more only make a search slower
LONGEST_TYPED = 200  # characters
LONGEST_PREFIX = 7  # characters; the index finds shorter beginnings of words without reading all who have them
LONGEST_WORD = 100  # characters; of a longer one the beginning
MOST_OF_ONE = 300  # words of one golden record
_NUMBER = re.compile(r"[0-9+()/.\-]*[0-9][0-9+()/.\-]*")
_NO_DIGIT = re.compile(r"[^0-9]+")
_CODES = frozenset(map(str, COUNTRY_CODE_TO_REGION_CODE))


def words_of(golden_id: str, fields: Mapping[str, Any], records: Iterable[str]) -> str:
    """All words of a golden record, spaces between them. records: CONNECTION:ID of each of its records"""
    found = dict.fromkeys(_words(golden_id, fields, records))
    return " ".join([word[:LONGEST_WORD] for word in found if word][:MOST_OF_ONE])


def _words(golden_id: str, fields: Mapping[str, Any], records: Iterable[str]) -> Iterator[str]:
    yield golden_id
    for key, value in fields.items():
        base = base_field(key)
        if base in NAMES:
            yield from _name(value)
        elif base == "emails":
            yield from _mail(element(key))
        elif base == "phones":
            yield from _phone(element(key))
        elif base in NUMBERS or key.startswith("custom."):
            yield from _id(value)
    for record in records:
        yield from _id(record)
        yield from _id(record.partition(":")[2])


def _name(value: Any) -> Iterator[str]:
    text = value if isinstance(value, str) else " ".join(map(str, value)) if isinstance(value, list) else ""
    yield from folded(text).split()
    for part in text.split():
        if not part.isalnum():
            for name in (part, *re.split(r"[-‐–/]", part)):  # O'Neil is found as oneil, and so is Ødegård-O'Neil
                yield folded(name).replace(" ", "")


def _mail(address: str) -> Iterator[str]:
    plain = plainly(address)
    local, at, domain = plain.partition("@")
    yield plain
    yield from folded(local).split()
    if at:
        yield domain


def _phone(text: str) -> Iterator[str]:
    digits = _NO_DIGIT.sub("", text)
    yield digits
    if text.startswith("+"):
        yield digits[_code_length(digits) :]


def _code_length(digits: str) -> int:
    """Digits of the country code that a number begins with: no code is the beginning of another."""
    return next((n for n in (1, 2, 3) if digits[:n] in _CODES), 0)


def _id(value: Any) -> Iterator[str]:
    """An id has no spaces; one with them is found by its parts."""
    if isinstance(value, str | int) and not isinstance(value, bool):
        yield from plainly(str(value)).split()[:5]


def plainly(text: str) -> str:
    """Folded, but with its punctuation; of what is neither a letter, a digit nor ASCII nothing is left."""
    return " ".join(filter(None, map(_plain_word, text.split())))


def _plain_word(word: str) -> str:
    if word.isalnum():
        return folded(word).replace(" ", "")
    return "".join(_plain_part(part) for part in re.split(r"(\W+)", word))


def _plain_part(part: str) -> str:
    if part.isalnum() or "_" in part:
        return "_".join(folded(piece).replace(" ", "") for piece in part.split("_"))
    return "".join(letter for letter in part if "!" <= letter <= "~")


# --- what is typed -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Expression:
    """What is looked for, in the words of the index.

    text    finds it
    loose   finds it and more, as quickly whatever there is; "": nothing is quicker than `text`
    begins  what tells it from more: for each of these a word that begins with one of its ways
    """

    text: str
    loose: str = ""
    begins: tuple[tuple[str, ...], ...] = ()

    def fits(self, words: str) -> bool:
        """words: of a golden record that `loose` has found"""
        held = f" {words}"
        return all(any(f" {way}" in held for way in ways) for ways in self.begins)


def expressions(typed: str) -> tuple[Expression, ...]:
    """Expressions of what is typed, those that fit best first: whole words, then beginnings. None: nothing to find."""
    terms = list(_terms(typed[:LONGEST_TYPED]))[:MOST_WORDS]
    if not terms:
        return ()
    whole = " AND ".join(_any(ways, "") for ways in terms)
    begun = " AND ".join(_any(ways, "*") for ways in terms)
    loose, long = "", tuple(ways for ways in terms if any(len(way) > LONGEST_PREFIX for way in ways))
    if long:
        short = [tuple(dict.fromkeys(way[:LONGEST_PREFIX] for way in ways)) for ways in terms]
        loose = f"({' AND '.join(_any(ways, '*') for ways in short)}) NOT ({whole})"
    return Expression(whole), Expression(f"({begun}) NOT ({whole})", loose, long)


def exactly(words: Sequence[str]) -> str:
    """An expression for any of these words, whole."""
    return _any(tuple(words), "")


def number_words(digits: str) -> tuple[str, ...]:
    """The words that a typed number may be the beginning of: with 00 for the country, or 0 for the trunk."""
    ways = [digits]
    if digits.startswith("00"):
        ways.append(digits[2:])
    elif digits.startswith("0"):
        ways.append(digits[1:])
    return tuple(way for way in dict.fromkeys(ways) if way)


def _terms(typed: str) -> Iterator[tuple[str, ...]]:
    """For each word the ways to write it; numbers that stand beside one another are one."""
    number: list[str] = []
    for part in [*typed.split(), ""]:
        if _NUMBER.fullmatch(part):
            number.append(part)
            continue
        if number:
            yield _number(number)
            number = []
        if word := _plain_word(part)[:LONGEST_WORD]:
            parts = folded(part).split()
            if word == "".join(parts) or "@" in word:
                yield (word,)
            elif parts:
                yield tuple(dict.fromkeys((word, "".join(parts)[:LONGEST_WORD])))


def _number(parts: Sequence[str]) -> tuple[str, ...]:
    digits = _NO_DIGIT.sub("", "".join(parts))
    ways = number_words(digits)
    return ways if len(parts) > 1 or parts[0].isdigit() else tuple(dict.fromkeys((*ways, _plain_word(parts[0]))))


def _any(ways: tuple[str, ...], star: str) -> str:
    quoted = [f'"{way.replace(chr(34), chr(34) * 2)}"{star}' for way in ways]
    return quoted[0] if len(quoted) == 1 else f"({' OR '.join(quoted)})"
