"""The closed set of named transforms. Each reads a source text and, where it has a way back, writes one.

There is no expression language: what is not in TRANSFORMS can not be done by a mapping. Patterns of users
run in RE2, whose time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, TypeAlias

import re2

from hub.mapping.countries import FORMS as COUNTRY_FORMS
from hub.mapping.countries import country_code, country_name
from hub.mapping.phones import FORMATS, format_phone, load_plans, phone_key
from hub.mapping.text import SCIENTIFIC, Unmappable, as_text

MAX_PATTERN = 500  # characters of a user's pattern
PATTERN_MEMORY = 1 << 20  # bytes RE2 may use for one pattern: a counted repetition can not eat the machine

Step: TypeAlias = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Transform:
    """read   source text → canonical text; Unmappable when it can not
    write  canonical text → source value; None: there is no way back, so the field is read only
    exact  a value cut short would be another value
    """

    read: Step
    write: Callable[[str], Any] | None
    exact: bool = False


def same(text: str) -> str:
    return text


# --- text and names ---------------------------------------------------------------------------------

# fmt: off
_PARTICLES = frozenset({
    "a", "al", "af", "av", "d", "da", "das", "de", "degli", "dei", "del", "della", "den", "der",
    "des", "di", "do", "dos", "du", "e", "el", "em", "la", "las", "le", "los", "ten", "ter", "van",
    "vom", "von", "y", "z", "zu", "zum", "zur", "und",
})
# fmt: on
_WORD = re.compile(r"[^\W\d_]+")


def collapse(text: str) -> str:
    return " ".join(text.split())


@lru_cache(maxsize=8_192)
def name_case(text: str) -> str:
    """A name typed all in capitals or all in small letters gets capitals; any other is left as it is."""
    text = collapse(text)
    if len(text) < 3 or not (text.isupper() or text.islower()):
        return text
    words = text.lower().split(" ")
    cased = " ".join(word if n and word in _PARTICLES else _WORD.sub(_capital, word) for n, word in enumerate(words))
    return text if cased.isupper() else cased  # letters of which capitals are made of two: left alone


def _capital(found: re.Match[str]) -> str:
    word, at = found[0], found.start()
    before = found.string[at - 1] if at else ""
    if before.isdigit() or (before in ("'", "’") and len(word) == 1):
        return word  # 2nd, and the English possessive
    return word[0].title() + word[1:]


def split_given_first(text: str) -> tuple[str, str]:
    """("Ann", "Lee") of "Ann Lee" and of "Lee, Ann"; a single word is the given name."""
    text = collapse(text)
    if "," in text:
        family, _, given = text.partition(",")
        return given.strip(), family.strip()
    given, _, family = text.partition(" ")
    return given, family


# --- identifiers ------------------------------------------------------------------------------------


def identifier(text: str) -> str:
    if "+" in text and SCIENTIFIC.fullmatch(text):
        raise Unmappable("an identifier in scientific notation has lost digits")
    return text


def tax_identifier(text: str) -> str:
    kept = "".join(c for c in identifier(text) if c.isalnum()).upper()
    if not kept:
        raise Unmappable("no letters or digits in it")
    return kept


def digits_only(text: str) -> str:
    kept = "".join(c for c in identifier(text) if c.isdecimal())
    if not kept:
        raise Unmappable("no digits in it")
    return kept


# --- dates ------------------------------------------------------------------------------------------

_DIRECTIVES = {
    "d": r"(?P<d>\d{1,2})",
    "m": r"(?P<m>\d{1,2})",
    "Y": r"(?P<Y>\d{4})",
    "H": r"(?P<H>\d{1,2})",
    "M": r"(?P<M>\d{2})",
    "S": r"(?P<S>\d{2})",
}
_ISO_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ]00:00(?::00(?:\.0+)?)?)?")


def _date_pattern(form: str) -> re.Pattern[str]:
    if "%y" in form:
        raise ValueError("%y is no century: use %Y, or have the source send four digits")
    parts = re.split(r"%(.)", form)
    if unknown := [p for p in parts[1::2] if p not in _DIRECTIVES]:
        raise ValueError(f"%{unknown[0]} is not allowed; allowed: %{' %'.join(_DIRECTIVES)}")
    if len(set(parts[1::2])) != len(parts[1::2]) or not {"d", "m", "Y"} <= set(parts[1::2]):
        raise ValueError("a date format holds each of %d, %m and %Y once")
    return re.compile("".join(_DIRECTIVES[p] if n % 2 else re.escape(p) for n, p in enumerate(parts)))


def _read_moment(form: str) -> Callable[[str], datetime | None]:
    pattern = _date_pattern(form)

    def read(text: str) -> datetime | None:
        if not text.isascii() or (found := pattern.fullmatch(text)) is None:
            return None
        part = {name: int(value) for name, value in found.groupdict().items()}
        try:
            return datetime(
                part["Y"],
                part["m"],
                part["d"],
                part.get("H", 0),
                part.get("M", 0),
                part.get("S", 0),
                tzinfo=UTC,
            )
        except ValueError:
            return None

    return read


def _written(moment: date, form: str) -> str:
    """strftime without its platform: %Y has four digits everywhere."""
    text = form.replace("%d", f"{moment.day:02}").replace("%m", f"{moment.month:02}")
    text = text.replace("%Y", f"{moment.year:04}")
    if isinstance(moment, datetime):
        text = text.replace("%H", f"{moment.hour:02}").replace("%M", f"{moment.minute:02}")
        return text.replace("%S", f"{moment.second:02}")
    return text.replace("%H", "00").replace("%M", "00").replace("%S", "00")


def _formats(forms: str | Sequence[str]) -> list[str]:
    every = [forms] if isinstance(forms, str) else list(forms)
    if not every:
        raise ValueError("name at least one date format, such as %d/%m/%Y")
    return every


def day(forms: str | Sequence[str] = "%Y-%m-%d") -> Transform:
    """A day in the first of the declared formats that fits; written in the first one."""
    every = _formats(forms)
    readers = [_read_moment(form) for form in every]

    @lru_cache(maxsize=8_192)
    def read(text: str) -> str:
        for reader in readers:
            if (moment := reader(text)) is not None:
                return moment.date().isoformat()
        raise Unmappable(f"not a date written as {' or '.join(every)}")

    return Transform(read, lambda text: _written(_day_of(text), every[0]), exact=True)


def _day_of(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as err:
        raise Unmappable("not a day written as YYYY-MM-DD") from err


@lru_cache(maxsize=8_192)
def iso_day(text: str) -> str:
    """YYYY-MM-DD, also with a midnight behind it, as databases without a type for days store it."""
    found = _ISO_DAY.fullmatch(text)
    if found is None:
        raise Unmappable("not a date written as YYYY-MM-DD; declare its format with `date`")
    return _day_of(found[1]).isoformat()


def moment_text(text: str) -> str:
    """ISO 8601 → aware UTC. A time without a zone is UTC, a day alone is its first second."""
    try:
        moment = datetime.fromisoformat(text)
        aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as err:
        raise Unmappable("not a time in ISO 8601; declare its format with `date`") from err
    return aware.isoformat()


def moment(forms: str | Sequence[str] | None = None) -> Transform:
    """A time in one of the declared formats (UTC), or in ISO 8601 when none is declared."""
    if forms is None:
        return Transform(moment_text, moment_text, exact=True)
    every = _formats(forms)
    readers = [_read_moment(form) for form in every]

    def read(text: str) -> str:
        for reader in readers:
            if (found := reader(text)) is not None:
                return found.isoformat()
        raise Unmappable(f"not a time written as {' or '.join(every)}")

    def write(text: str) -> str:
        return _written(datetime.fromisoformat(moment_text(text)), every[0])

    return Transform(read, write, exact=True)


# --- lookup tables ----------------------------------------------------------------------------------

_YAML_BOOLEANS = {True: ("true", "yes", "on"), False: ("false", "no", "off")}  # how YAML spells its booleans


def lookup(table: Mapping[Any, str]) -> Transform:
    """Source value → canonical value, both ways; a value that is not in the table is unmappable.

    Written back is the first source value of the table with that canonical value, in its own type.
    """
    if not table:
        raise ValueError("a table of values may not be empty")
    forward: dict[str, str] = {}
    back: dict[str, Any] = {}
    for key, value in table.items():
        canonical = as_text(value)
        if canonical is None:
            raise ValueError("a table of values maps to text, not to nothing")
        back.setdefault(canonical, key)
        for text in _YAML_BOOLEANS[key] if isinstance(key, bool) else (as_text(key) or "",):
            forward.setdefault(text, canonical)
    loose = {text.casefold(): value for text, value in reversed(forward.items())}

    def read(text: str) -> str:
        found = forward.get(text) or loose.get(text.casefold())
        if found is None:
            raise Unmappable("a value that the mapping does not know: add it to `values`")
        return found

    def write(text: str) -> Any:
        if text not in back:
            raise Unmappable("this system has no value for it in the mapping")
        return back[text]

    return Transform(read, write, exact=True)


# --- patterns and splitting -------------------------------------------------------------------------


def _compiled(pattern: str) -> Any:
    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"a pattern has at most {MAX_PATTERN} characters")
    options = re2.Options()
    options.max_mem = PATTERN_MEMORY
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as err:
        raise ValueError("not a pattern RE2 can run: no look-around, no back references") from err


def take(match: str, group: int = 1) -> Transform:
    """The group of the first match; a text without a match is unmappable."""
    compiled = _compiled(match)
    if not 0 <= group <= compiled.groups:
        raise ValueError(f"the pattern has {compiled.groups} groups, not {group}")

    def read(text: str) -> str:
        found = compiled.search(text)
        if found is None or not found.group(group):
            raise Unmappable("the pattern does not match")
        return str(found.group(group))

    return Transform(read, None)


def replace(match: str, by: str) -> Transform:
    """Every match becomes `by`, taken literally."""
    compiled, literal = _compiled(match), by.replace("\\", "\\\\")
    return Transform(lambda text: str(compiled.sub(literal, text)), None)


def split(by: str, part: int) -> Transform:
    """One part of a text with separators, counted from 0, or from the end with -1."""
    if not by:
        raise ValueError("name a separator")

    def read(text: str) -> str:
        parts = text.split(by)
        if not -len(parts) <= part < len(parts):
            raise Unmappable("it has fewer parts")
        return parts[part].strip()

    return Transform(read, None)


def split_name(part: str) -> Transform:
    """`given` or `family` of a full name; rows that take both parts of one path write it joined."""
    if part not in ("given", "family"):
        raise ValueError("split_name takes given or family")
    index = 0 if part == "given" else 1
    return Transform(lambda text: split_given_first(text)[index], None)


# --- the set ----------------------------------------------------------------------------------------


def country(form: str = "alpha2") -> Transform:
    if form not in COUNTRY_FORMS:
        raise ValueError(f"a country can be written as {', '.join(COUNTRY_FORMS)}")
    return Transform(country_code, lambda code: country_name(code, form), exact=True)


def phone(region: str | None, form: str = "e164") -> Transform:
    if form not in FORMATS and form != "digits":
        raise ValueError(f"a phone number can be written as {', '.join(FORMATS)}, digits")
    load_plans()
    return Transform(lambda text: phone_key(text, region), lambda key: format_phone(key, form), exact=True)


PLAIN: Mapping[str, Transform] = {
    "text": Transform(collapse, same),
    "name": Transform(name_case, same),
    "upper": Transform(str.upper, same),
    "lower": Transform(str.lower, same),
    "id": Transform(identifier, same, exact=True),
    "tax_id": Transform(tax_identifier, same, exact=True),
    "digits": Transform(digits_only, same, exact=True),
    "date": Transform(iso_day, same, exact=True),
    "datetime": moment(),
    "country": country(),
}
"""Transforms that take no argument."""

MAKERS: Mapping[str, Callable[..., Transform]] = {
    "date": day,
    "datetime": moment,
    "country": country,
    "lookup": lookup,
    "pattern": take,
    "replace": replace,
    "split": split,
    "split_name": split_name,
}
"""Transforms that take an argument: a value, a list, or named arguments."""

TRANSFORMS = tuple(sorted({*PLAIN, *MAKERS, "email", "phone"}))
