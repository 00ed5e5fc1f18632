"""Emails and addresses: the key of an element, and its value.

A value that is no email or phone number is kept under the key `raw:` and its text, with "invalid": true,
so that it is never lost and never sent to another system.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from email_validator import EmailNotValidError, validate_email

from hub.mapping.text import Unmappable, folded, folded_once
from hub.model import UNREAD

ADDRESS_PARTS = ("street", "locality", "region", "postcode", "country")
MAX_KEY = 320  # characters: an email address has at most 254; longer text is kept under its hash
MAX_LOCAL = 64  # octets before the @, RFC 5321 4.5.3.1.1

_PLAIN_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:-?[A-Za-z0-9])*\.)+[A-Za-z]{2,63}"
)
LONG_PART = 64  # characters of a part of a domain that are too many
_LONG_PART = re.compile(rf"[^@.]{{{LONG_PART}}}")


@lru_cache(maxsize=4_096)
def email_key(text: str) -> str:
    """The address in lower case; Unmappable by the rules of RFC 5321 and 5322 (no deliverability)."""
    usual = len(text) <= 254 and text.find("@") <= MAX_LOCAL and _PLAIN_EMAIL.fullmatch(text)
    if usual and (len(text) < LONG_PART or not _LONG_PART.search(text)):
        return text.lower()
    try:
        checked = validate_email(text, check_deliverability=False, allow_quoted_local=True, test_environment=True)
    except (EmailNotValidError, UnicodeError) as err:
        raise Unmappable("not an email address") from err
    if len(checked.local_part) > MAX_LOCAL:
        raise Unmappable("more than 64 characters before the @")
    return checked.normalized.lower()


def email_spellings(key: str) -> tuple[str, ...]:
    """A key, and the same with its domain in ASCII where that is another text: systems write either."""
    local, _, domain = key.rpartition("@")
    if domain.isascii():
        return (key,)
    try:
        checked = validate_email(f"x@{domain}", check_deliverability=False, test_environment=True)
    except (EmailNotValidError, UnicodeError):
        return (key,)
    return key, f"{local}@{checked.ascii_domain.lower()}"


def raw_key(text: str) -> str:
    """Key of a value that could not be understood."""
    shown = " ".join(text.casefold().split())
    if len(shown) > MAX_KEY:
        shown = blake2b(shown.encode(), digest_size=16).hexdigest()
    return f"{UNREAD}{shown}"


def _address_key(street: str, postcode: str, locality: str, country: str) -> str:
    joined = "|".join((folded_once(street), folded(postcode).replace(" ", ""), folded(locality), country))
    return blake2b(joined.encode(), digest_size=4).hexdigest()


def address_key(parts: Mapping[str, Any]) -> str:
    """Eight hex digits; spelling, case, accents and punctuation make no difference."""
    country = parts.get("country") or folded(parts.get("country_raw") or "")
    return _address_key(parts.get("street") or "", parts.get("postcode") or "", parts.get("locality") or "", country)
