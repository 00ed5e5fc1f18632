"""Small values of the configuration that are written as text: limits, schedules, time zones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

from hub.document import did_you_mean
from hub.durations import parse_duration, say_duration
from hub.sync.guard import Limit

# --- limits -----------------------------------------------------------------------------------------

LIMITS_ALLOWED = 'a number, a share ("10%"), both ("10% or 100"), or "none"'
_LIMIT = re.compile(r"(\d{1,3}(?:\.\d+)?)\s*%\s*(?:or\s+(\d{1,12}))?")


def parse_limit(value: Any) -> Limit:
    """ValueError, with what is allowed, for anything else. Of two parts the guard says which one counts."""
    if isinstance(value, Limit):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return Limit(None, value)
    text = value.strip().lower() if isinstance(value, str) else ""
    if text == "none":
        return Limit(None, None)
    if text.isdecimal() and len(text) <= 12:
        return Limit(None, int(text))
    match = _LIMIT.fullmatch(text)
    if match is None or float(match[1]) > 100:
        raise ValueError(f"allowed: {LIMITS_ALLOWED}")
    return Limit(float(match[1]) / 100, int(match[2]) if match[2] else None)


def say_limit(limit: Limit) -> str:
    share = "" if limit.share is None else f"{limit.share * 100:g}%"
    number = "" if limit.number is None else str(limit.number)
    return " or ".join(part for part in (share, number) if part) or "none"


LimitSetting = Annotated[
    Limit,
    BeforeValidator(parse_limit),
    PlainSerializer(say_limit, return_type=str),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["10% or 100", 500, "none"]}),
]

# --- schedules --------------------------------------------------------------------------------------

SCHEDULE_ALLOWED = 'allowed: "every 5 minutes", five cron fields such as "*/15 7-19 * * mon-fri", or "manual"'
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]  # cron counts from Sunday


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a connection is synchronised: every so often, by the clock, or only by hand.

    cron  field name → expression, weekdays and months by name (schedulers count weekdays differently)
    """

    text: str
    every: timedelta | None = None
    cron: tuple[tuple[str, str], ...] = ()

    @property
    def is_manual(self) -> bool:
        return self.every is None and not self.cron

    def __str__(self) -> str:
        return self.text


def parse_schedule(value: Any) -> Schedule:
    """ValueError, with what is allowed, for anything else."""
    if isinstance(value, Schedule):
        return value
    if not isinstance(value, str):
        raise ValueError(SCHEDULE_ALLOWED)
    text = " ".join(value.lower().split())
    if text == "manual":
        return Schedule(text)
    if text.startswith("every "):
        length = text.removeprefix("every ")
        every = parse_duration(length if length[0].isdigit() else f"1 {length}")
        return Schedule(f"every {say_duration(every)}", every=every)
    return Schedule(text, cron=_parse_cron(text))


def _parse_cron(text: str) -> tuple[tuple[str, str], ...]:
    parts = text.split(" ")
    if len(parts) != 5:
        raise ValueError(SCHEDULE_ALLOWED)
    if parts[2] != "*" and parts[4] != "*":
        raise ValueError("give a day of the month or a weekday, not both")
    return (
        ("minute", _cron_field("minute", parts[0], 0, 59)),
        ("hour", _cron_field("hour", parts[1], 0, 23)),
        ("day", _cron_field("day of the month", parts[2], 1, 31)),
        ("month", _cron_field("month", parts[3], 1, 12, MONTHS)),
        ("day_of_week", _weekdays(parts[4])),
    )


def _cron_field(name: str, text: str, low: int, high: int, names: list[str] | None = None) -> str:
    """The field with names turned into numbers."""
    return ",".join(_cron_part(name, part, low, high, names or []) for part in text.split(","))


def _cron_part(name: str, text: str, low: int, high: int, names: list[str]) -> str:
    span, slash, step = text.partition("/")
    if slash and not (step.isdecimal() and 0 < int(step) <= high):
        raise ValueError(f"cron field {name}: a step is a number from 1 to {high}")
    if span == "*":
        return text
    ends = [_cron_number(name, end, low, high, names) for end in span.split("-", 1)]
    if len(ends) == 2 and ends[0] > ends[1]:
        raise ValueError(f"cron field {name}: a range goes from the smaller to the larger")
    if slash and len(ends) == 1:
        ends.append(high)
    return "-".join(map(str, ends)) + slash + step


def _cron_number(name: str, text: str, low: int, high: int, names: list[str]) -> int:
    if text in names:
        return names.index(text) + low
    if text.isdecimal() and low <= int(text) <= high:
        return int(text)
    more = f" or {names[0]} to {names[-1]}" if names else ""
    raise ValueError(f"cron field {name}: allowed are * and numbers from {low} to {high}{more}")


def _weekdays(text: str) -> str:
    """Every weekday named one by one, since no two schedulers number them alike."""
    if text == "*":
        return text
    chosen: set[int] = set()
    for part in text.split(","):
        span, _, step = _cron_part("weekday", _last_sunday(part), 0, 7, WEEKDAYS).partition("/")
        first, _, last = ("0-6" if span == "*" else span).partition("-")
        days = range(int(first), int(last or first) + 1, int(step or 1))
        chosen.update(day % 7 for day in days)
    return ",".join(WEEKDAYS[day] for day in sorted(chosen))


def _last_sunday(part: str) -> str:
    """Sunday at the end of a range is the seventh day: `fri-sun`."""
    return part[:-4] + "-7" if part.endswith("-sun") else part


ScheduleSetting = Annotated[
    Schedule,
    BeforeValidator(parse_schedule),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {"type": "string", "examples": ["every 5 minutes", "*/15 7-19 * * mon-fri", "30 2 * * *", "manual"]}
    ),
]

# --- time zones and countries -----------------------------------------------------------------------


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _check_zone(name: str) -> str:
    if name not in _zones():
        near = did_you_mean(name, _zones())
        raise ValueError(f'this time zone is not known; allowed: names such as "Europe/Lisbon" or "UTC".{near}')
    return name


Zone = Annotated[str, AfterValidator(_check_zone)]


def _check_region(code: str) -> str:
    from hub.mapping.countries import country_code
    from hub.mapping.text import Unmappable

    try:
        meant = country_code(code)
    except Unmappable:
        meant = ""
    if not meant or meant != code:
        near = f' Did you mean "{meant}"?' if meant else ""
        raise ValueError(f'allowed: two capital letters of ISO 3166, such as "PT".{near}')
    return code


Region = Annotated[str, AfterValidator(_check_region)]
