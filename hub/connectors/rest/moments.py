"""Times as services write them, in a closed set of forms, both ways."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

_ODATA = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")


@dataclass(frozen=True, slots=True)
class Form:
    """read raises ValueError, TypeError or OverflowError when a value is none of this form."""

    write: Callable[[datetime], Any]
    read: Callable[[Any], datetime]


def _epoch(value: Any) -> datetime:
    return datetime.fromtimestamp(float(value), UTC)


def _odata(value: Any) -> datetime:
    found = _ODATA.fullmatch(str(value))
    if found is None:
        raise ValueError("not a date of OData 2")
    return datetime.fromtimestamp(int(found[1]) / 1000, UTC)


def _pattern(pattern: str) -> Form:
    return Form(lambda at: at.strftime(pattern), lambda value: datetime.strptime(str(value), pattern))  # noqa: DTZ007


MOMENTS: Mapping[str, Form] = {
    "iso": Form(lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ"), datetime.fromisoformat),
    "iso_ms": Form(
        lambda at: at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z", datetime.fromisoformat
    ),
    "iso_us": Form(lambda at: at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), datetime.fromisoformat),
    "iso_offset": Form(lambda at: at.strftime("%Y-%m-%dT%H:%M:%S+00:00"), datetime.fromisoformat),
    "plain": _pattern("%Y-%m-%d %H:%M:%S"),
    "plain_us": _pattern("%Y-%m-%d %H:%M:%S.%f"),
    "plain_t": _pattern("%Y-%m-%dT%H:%M:%S"),
    "day": _pattern("%Y-%m-%d"),
    "http": Form(lambda at: format_datetime(at.astimezone(UTC), usegmt=True), lambda v: parsedate_to_datetime(str(v))),
    "rfc2822": Form(format_datetime, lambda value: parsedate_to_datetime(str(value))),
    "epoch": Form(lambda at: int(at.timestamp()), _epoch),
    "epoch_ms": Form(lambda at: int(at.timestamp() * 1000), lambda value: _epoch(float(value) / 1000)),
    "odata": Form(lambda at: at.strftime("datetime'%Y-%m-%dT%H:%M:%S'"), _odata),  # /Date(0)/ when read
}
"""`plain…` and `day` name no zone: they are of the zone that stands beside them."""


def write_moment(at: datetime, form: str, zone: str = "UTC") -> Any:
    local = form.startswith("plain") or form == "day" or form == "odata"
    return MOMENTS[form].write(at.astimezone(ZoneInfo(zone) if local else UTC))


def read_moment(value: Any, form: str, zone: str = "UTC") -> datetime | None:
    """Aware UTC; None when the value is none of this form."""
    return moment_reader(form, zone)(value)


@cache
def moment_reader(form: str, zone: str) -> Callable[[Any], datetime | None]:
    parse, place = MOMENTS[form].read, ZoneInfo(zone)

    def read(value: Any) -> datetime | None:
        if value is None or value == "":
            return None
        try:
            at = parse(value)
            if at.tzinfo is UTC:
                return at
            return (at if at.tzinfo else at.replace(tzinfo=place)).astimezone(UTC)
        except (ValueError, TypeError, OverflowError, OSError):
            return None

    return read
