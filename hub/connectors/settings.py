"""Checks that the settings of several connectors share. ValueError says what is allowed."""

from __future__ import annotations

import codecs
import re
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

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
