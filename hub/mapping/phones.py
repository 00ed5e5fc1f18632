"""Phone numbers → E.164 by the numbering plans of `phonenumbers`, and back.

Numbers written in the usual way take a short cut over the same plans; everything else, and whatever the short
cut is not sure of, is parsed by the library. Both give the same result: a test compares them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from traceback import clear_frames
from typing import Any

import phonenumbers
from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    SUPPORTED_REGIONS,
    NumberParseException,
    PhoneNumberFormat,
    ValidationResult,
)
from phonenumbers.phonemetadata import PhoneMetadata

from hub.mapping.text import SCIENTIFIC, Unmappable

OUT_OF_BOUNDS = "too short or too long for a phone number"
MAX_PHONE = 250  # characters that phonenumbers accepts
FORMATS = {
    "e164": PhoneNumberFormat.E164,
    "international": PhoneNumberFormat.INTERNATIONAL,
    "national": PhoneNumberFormat.NATIONAL,
}
_USUAL = re.compile(r"(?:\+?|\(\+[0-9]{1,3}\) ?)[0-9][0-9 .()-]{2,30}")
_PUNCTUATION = str.maketrans("", "", " .()-")


@dataclass(frozen=True, slots=True)
class Plan:
    """What of a country's numbering plan the short cut needs."""

    code: str
    number: re.Pattern[str]
    lengths: frozenset[int]
    abroad: re.Pattern[str] | None
    trunk: re.Pattern[str] | None
    trunk_zero: bool
    longest: int


@lru_cache(maxsize=4_096)
def phone_key(text: str, region: str | None) -> str:
    """E.164. Unmappable when it is no possible number, or national and no region is known.

    00 before a country code is read as a plus wherever that makes a possible number: people write it so also where
    the network wants another prefix.
    """
    if text.startswith("00") and (abroad := _from_abroad(text)) is not None:
        return abroad
    if _USUAL.fullmatch(text):
        usual = _short_cut(text.translate(_PUNCTUATION), region)
        if usual is not None:
            return usual
    return parse(text, region)


def _from_abroad(text: str) -> str | None:
    dialled = "+" + text[2:].lstrip(" .()-")
    if _USUAL.fullmatch(dialled) and (usual := _short_cut(dialled.translate(_PUNCTUATION), None)) is not None:
        return usual
    try:
        return parse(dialled, None)
    except Unmappable:
        return None


def parse(text: str, region: str | None) -> str:
    """The long way, for any text. What comes out is read as itself: a zero for the trunk may stand there twice."""
    key = _parse_once(text, region)
    while _may_begin_with_trunk(key) and (again := _parse_once(key, None)) != key:
        key = again
    return key


def _may_begin_with_trunk(key: str) -> bool:
    plan, national = _plan_of_code(key[1:])
    return plan is None or (plan.trunk is not None and plan.trunk.match(national) is not None)


def _parse_once(text: str, region: str | None) -> str:
    if SCIENTIFIC.fullmatch(text):
        raise Unmappable("a number in scientific notation has lost digits")
    if len(text) > MAX_PHONE:
        raise Unmappable("not a phone number")
    try:
        number = _number(text, region)
    except NumberParseException as err:
        if region is None and not text.lstrip().startswith("+"):
            raise Unmappable("a number without country code, and there is no default_region") from err
        raise Unmappable("not a phone number") from err
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        raise Unmappable(OUT_OF_BOUNDS)
    return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))


def _short_cut(dialled: str, region: str | None) -> str | None:
    """E.164 of digits with or without a plus, None when it takes the long way."""
    if dialled[0] == "+":
        plan, national = _plan_of_code(dialled[1:])
    else:
        plan, national = None if region is None else _plan(region), dialled
        if plan is None or (plan.abroad is not None and plan.abroad.match(national)):
            return None
    if plan is None:
        return None
    if plan.trunk is not None and plan.trunk.match(national):
        if not plan.trunk_zero or plan.number.fullmatch(national):
            return None
        national = national[1:]
        if plan.trunk.match(national):
            return None
    if len(national) in plan.lengths and plan.number.fullmatch(national):
        return f"+{plan.code}{national}"
    if (
        dialled[0] != "+"
        and plan.trunk is None
        and len(national) > plan.longest
        and national[: len(plan.code)] != plan.code
    ):
        raise Unmappable(OUT_OF_BOUNDS)
    return None


def _plan_of_code(digits: str) -> tuple[Plan | None, str]:
    for length in (1, 2, 3):
        regions = COUNTRY_CODE_TO_REGION_CODE.get(int(digits[:length] or 0))
        if regions is not None and digits[0] != "0":
            return _plan(regions[0]), digits[length:]
    return None, digits


@lru_cache(maxsize=512)
def _plan(region: str) -> Plan | None:
    """None for regions that share a country code with a larger one, or that have none."""
    meta: Any = PhoneMetadata.metadata_for_region(region)
    if meta is None or COUNTRY_CODE_TO_REGION_CODE[meta.country_code][0] != region:
        return None
    trunk = meta.national_prefix_for_parsing
    return Plan(
        str(meta.country_code),
        re.compile(meta.general_desc.national_number_pattern),
        frozenset(meta.general_desc.possible_length),
        re.compile(meta.international_prefix) if meta.international_prefix else None,
        re.compile(trunk) if trunk else None,
        trunk == "0" and meta.national_prefix_transform_rule is None,
        max(meta.general_desc.possible_length),
    )


def is_region(code: str) -> bool:
    """Is it the alpha-2 code of a country with a numbering plan? (United Kingdom is GB.)"""
    return code in SUPPORTED_REGIONS


def load_plans() -> None:
    """Reads the numbering plans of all countries now, so that mapping itself reads no file later."""
    PhoneMetadata.load_all()


@lru_cache(maxsize=4_096)
def format_phone(key: str, form: str) -> str:
    """An E.164 key in one of FORMATS, or as bare national `digits`. Unmappable when it is no such key."""
    try:
        number = _number(key, None)
    except NumberParseException as err:
        raise Unmappable("not a phone number in E.164") from err
    if form == "digits":
        return str(phonenumbers.national_significant_number(number))
    return str(phonenumbers.format_number(number, FORMATS[form]))


def phone_country(text: str) -> str | None:
    """A country with the code of this number, its own where that is known; None for none, as of a satellite."""
    number = _parsed(text)
    if number is None:
        return None
    found = phonenumbers.region_code_for_number(number)
    found = found or phonenumbers.region_code_for_country_code(number.country_code)
    return found if found in SUPPORTED_REGIONS else None


def phone_national(text: str) -> str | None:
    """The digits after the country's code, with the zero where the country keeps it; None when it is no number."""
    number = _parsed(text)
    return None if number is None else phonenumbers.national_significant_number(number)


def _number(text: str, region: str | None) -> Any:
    """NumberParseException when it is none.

    The library keeps the way of such an exception in a frame on that way: a ring, on which all callers with their
    pages hang until the collector comes by. So what its frames hold is let go.
    """
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException as err:
        clear_frames(err.__traceback__)
        raise


def _parsed(text: str) -> Any:
    try:
        return _number(text, None)
    except NumberParseException:
        return None
