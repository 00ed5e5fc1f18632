"""The part of SQL that a query of listmonk is understood with here; anything else is refused, as broken SQL is.

subscribers.updated_at >= '2026-03-02T08:00:00Z' AND subscribers.id > 5
subscribers.attribs->>'hub_id' = 'hub:1'
subscribers.id IN (SELECT subscriber_id FROM subscriber_lists WHERE updated_at > '…')
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from hub.testing.service import Refusal

Test = Callable[[Mapping[str, Any]], bool]

COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
LITERAL = r"(?:(?P<lower>LOWER\()?'(?P<text>(?:[^']|'')*)'(?(lower)\))|(?P<number>\d+))"
COLUMN = re.compile(rf"subscribers\.(?P<name>\w+)\s*(?P<sign>>=|<=|=|>|<)\s*{LITERAL}")
ATTRIBUTE = re.compile(rf"subscribers\.attribs\s*->>\s*'(?P<name>\w+)'\s*(?P<sign>=)\s*{LITERAL}")
MEMBERSHIP = re.compile(
    r"subscribers\.id IN \(SELECT subscriber_id FROM subscriber_lists WHERE (?:subscriber_lists\.)?updated_at\s*"
    rf"(?P<sign>>=|<=|=|>|<)\s*{LITERAL}\)",
    re.IGNORECASE,
)
AMONG = re.compile(r"subscribers\.id IN \((?P<ids>\d+(?:,\d+)*)\)", re.IGNORECASE)
COLUMNS = {"id", "email", "name", "status", "created_at", "updated_at"}


def parse_query(query: str) -> Test:
    if not query:
        return lambda row: True
    test, rest = _either(query.rstrip(";").strip())
    if rest:
        raise _broken()
    return test


def _either(text: str) -> tuple[Test, str]:
    first, rest = _both(text)
    while rest[:3].upper() == "OR ":
        second, rest = _both(rest[3:].lstrip())
        first = _or(first, second)
    return first, rest


def _both(text: str) -> tuple[Test, str]:
    first, rest = _one(text)
    while rest[:4].upper() == "AND ":
        second, rest = _one(rest[4:].lstrip())
        first = _and(first, second)
    return first, rest


def _one(text: str) -> tuple[Test, str]:
    if text.startswith("("):
        test, rest = _either(text[1:].lstrip())
        if not rest.startswith(")"):
            raise _broken()
        return test, rest[1:].lstrip()
    if (among := AMONG.match(text)) is not None:
        ids = frozenset(map(int, among["ids"].split(",")))
        return lambda row: row["id"] in ids, text[among.end() :].lstrip()
    for pattern, make in ((ATTRIBUTE, _attribute), (COLUMN, _column), (MEMBERSHIP, _membership)):
        if (match := pattern.match(text)) is not None:
            return make(match), text[match.end() :].lstrip()
    raise _broken()


def _or(first: Test, second: Test) -> Test:
    return lambda row: first(row) or second(row)


def _and(first: Test, second: Test) -> Test:
    return lambda row: first(row) and second(row)


def _attribute(match: re.Match[str]) -> Test:
    return lambda row: row["attribs"].get(match["name"]) == _value(match)


def _column(match: re.Match[str]) -> Test:
    name = match["name"]
    if name not in COLUMNS:
        raise _broken()
    wanted: Any = _time(match) if name.endswith("_at") else _value(match)
    if name == "id":
        if not str(wanted).isdigit():
            raise _broken()
        wanted = int(wanted)
    return lambda row: COMPARE[match["sign"]](row[name], wanted)


def _membership(match: re.Match[str]) -> Test:
    return lambda row: any(COMPARE[match["sign"]](each, _time(match)) for each in row["memberships"])


def _value(match: re.Match[str]) -> Any:
    if match["number"]:
        return int(match["number"])
    text = match["text"].replace("''", "'")
    return text.lower() if match["lower"] else text


def _time(match: re.Match[str]) -> datetime:
    try:
        at = datetime.fromisoformat(match["text"] or "")
    except ValueError as error:
        raise _broken() from error
    assert at.tzinfo is not None, "a time without a zone is of the zone of the database, which nobody knows"
    return at


def _broken() -> Refusal:
    return Refusal(400, {"message": "Error preparing subscriber query: syntax error"})
