"""The part of Zoho's query language (COQL, version 8) in which records are asked for by their ids.

Kept from the vendor's rules
Columns   500 at most, none twice; lookups are shown by their id
Ids       100 in one condition; 25 conditions, two of them in each pair of brackets
Rows      200 where no LIMIT is named, 2,000 at most
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

QUERY = re.compile(r"select (?P<columns>.+?) from Contacts where (?P<where>.+?)(?: limit (?P<limit>\d+))?")
CONDITION = re.compile(r"id in \((?P<ids>'\d+'(?:,'\d+')*)\)")
PAIR = re.compile(r"\(\? or \?\)")


class Unfit(ValueError):
    """code: as Zoho names what is wrong"""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Query:
    columns: list[str]
    ids: frozenset[str]
    limit: int


def parse(text: str, known: Collection[str]) -> Query:
    """Unfit when Zoho would not take it."""
    found = QUERY.fullmatch(text)
    if found is None:
        raise Unfit("SYNTAX_ERROR")
    columns = [each.strip() for each in found["columns"].split(",")]
    if len(columns) > 500:
        raise Unfit("LIMIT_EXCEEDED")
    if len(set(columns)) < len(columns):
        raise Unfit("DUPLICATE_DATA")
    if any(each not in known for each in columns):
        raise Unfit("INVALID_QUERY")
    limit = int(found["limit"] or 200)
    if not 1 <= limit <= 2000:
        raise Unfit("LIMIT_EXCEEDED")
    return Query(columns, _ids(found["where"]), limit)


def _ids(where: str) -> frozenset[str]:
    groups = [each["ids"].replace("'", "").split(",") for each in CONDITION.finditer(where)]
    if len(groups) > 25 or any(len(each) > 100 for each in groups):
        raise Unfit("LIMIT_EXCEEDED")
    left, before = CONDITION.sub("?", where), ""
    while left != before:
        left, before = PAIR.sub("?", left), left
    if left != "?":
        raise Unfit("SYNTAX_ERROR")
    return frozenset(name for each in groups for name in each)
