"""Checks that the settings of several connectors share. ValueError says what is allowed."""

from __future__ import annotations

import codecs
import re
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_SPAN = re.compile(r"(\d+(?:\.\d+)?) *(second|minute|hour|day)s?")


def seconds(value: Any) -> Any:
    """`5 minutes` as a number of seconds; numbers as they are."""
    if not isinstance(value, str):
        return value
    found = _SPAN.fullmatch(value.strip())
    if found is None:
        raise ValueError("write a span of time as seconds or like `5 minutes`")
    return float(found[1]) * _UNITS[found[2]]


def web_address(text: str) -> str:
    """An address over http or https as all connectors take it; what must not be in it is told by the first call."""
    try:
        parts = urlsplit(text)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, a bracket too many
        fits = False
    if not fits or any(each.isspace() for each in text):
        raise ValueError("allowed: an address such as https://HOST or https://HOST:8443/PATH")
    return text


Address = Annotated[str, AfterValidator(web_address)]


def known_zone(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {zone!r}; one is `Europe/Lisbon`") from error
    return zone


def known_encoding(name: str | None) -> str | None:
    if name is None:
        return None
    try:
        codecs.lookup(name)
    except LookupError as error:
        raise ValueError(f"there is no encoding {name!r}; some are utf-8, latin1, cp850") from error
    return name
