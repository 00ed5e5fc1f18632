"""Emails, phone numbers and addresses: the key of an element, and its value.

A value that is no email or phone number is kept under the key `raw:` and its text, with "invalid": true,
so that it is never lost and never sent to another system.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from phonenumbers import NumberParseException, PhoneNumberFormat, ValidationResult
from phonenumbers.phonemetadata import PhoneMetadata

from hub.mapping.text import SCIENTIFIC, Unmappable, folded

ADDRESS_PARTS = ("street", "locality", "region", "postcode", "country")
MAX_KEY = 320  # characters: an email address has at most 254; longer text is kept under its hash
MAX_PHONE = 250  # characters that phonenumbers accepts

_PLAIN_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:-?[A-Za-z0-9])*\.)+[A-Za-z]{2,63}"
)
_LONG_PART = re.compile(r"[^@.]{64}")

PHONE_FORMATS = {
    "e164": PhoneNumberFormat.E164,
    "international": PhoneNumberFormat.INTERNATIONAL,
    "national": PhoneNumberFormat.NATIONAL,
}


@lru_cache(maxsize=65_536)
def email_key(text: str) -> str:
    """The address in lower case; Unmappable by the rules of RFC 5321 and 5322 (no deliverability)."""
    usual = len(text) <= 254 and text.find("@") <= 64 and _PLAIN_EMAIL.fullmatch(text)
    if usual and not _LONG_PART.search(text):
        return text.lower()
    try:
        checked = validate_email(
            text, check_deliverability=False, allow_quoted_local=True, test_environment=True
        )
    except (EmailNotValidError, UnicodeError) as err:
        raise Unmappable("not an email address") from err
    return checked.normalized.lower()


@lru_cache(maxsize=65_536)
def phone_key(text: str, region: str | None) -> str:
    """E.164. Unmappable when it is no possible number, or national and no region is known."""
    if SCIENTIFIC.fullmatch(text):
        raise Unmappable("a number in scientific notation has lost digits")
    if len(text) > MAX_PHONE:
        raise Unmappable("not a phone number")
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException as err:
        known = region or text.lstrip().startswith("+")
        reason = (
            "not a phone number" if known else "not a phone number with a country code, and no default_region"
        )
        raise Unmappable(reason) from err
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        raise Unmappable("too short or too long for a phone number")
    return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))


def load_phone_plans() -> None:
    """Reads the numbering plans of all countries now, so that mapping itself reads no file later."""
    PhoneMetadata.load_all()


@lru_cache(maxsize=16_384)
def format_phone(key: str, form: str) -> str:
    """An E.164 key in one of PHONE_FORMATS, or as bare national `digits`."""
    number = phonenumbers.parse(key)
    if form == "digits":
        return str(phonenumbers.national_significant_number(number))
    return str(phonenumbers.format_number(number, PHONE_FORMATS[form]))


def raw_key(text: str) -> str:
    """Key of a value that could not be understood."""
    shown = " ".join(text.casefold().split())
    if len(shown) > MAX_KEY:
        shown = blake2b(shown.encode(), digest_size=16).hexdigest()
    return f"raw:{shown}"


@lru_cache(maxsize=65_536)
def _address_key(street: str, postcode: str, locality: str, country: str) -> str:
    joined = "|".join((folded(street), folded(postcode).replace(" ", ""), folded(locality), country))
    return blake2b(joined.encode(), digest_size=4).hexdigest()


def address_key(parts: Mapping[str, Any]) -> str:
    """Eight hex digits; spelling, case, accents and punctuation make no difference."""
    country = parts.get("country") or folded(parts.get("country_raw") or "")
    return _address_key(
        parts.get("street") or "", parts.get("postcode") or "", parts.get("locality") or "", country
    )
