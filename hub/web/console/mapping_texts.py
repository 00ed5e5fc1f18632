"""Lists and tables as people type them: one a line, `value there = value here`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,14})")
_BOOLEANS = {"true": True, "false": False}
MOST_LINES = 500


def lines_of(values: Sequence[Any]) -> str:
    return "\n".join(str(value) for value in values)


def read_lines(text: str) -> list[str]:
    return [line.strip() for line in _lines(text)]


def scalars_of(values: Sequence[Any]) -> str:
    """As `lines_of`, where numbers and booleans are told from texts."""
    return "\n".join(_written(value, ends="") for value in values)


def read_scalars(text: str) -> list[str | int | bool]:
    return [_scalar(line.strip()) for line in _lines(text)]


def table_text(table: Mapping[Any, Any]) -> str:
    return "\n".join(f"{_written(key, ends='=')} = {_written(str(value), ends='')}" for key, value in table.items())


def read_table(text: str) -> dict[str | int | bool, str]:
    """ValueError names the line that is none of a table, or comes twice."""
    found: dict[str | int | bool, str] = {}
    signs: set[tuple[type, str | int | bool]] = set()
    for n, line in enumerate(_lines(text), 1):
        key, rest = _key(line.strip(), n)
        if (type(key), key) in signs or key in found:
            raise ValueError(f"line {n}: this value stands there twice")
        signs.add((type(key), key))
        value = _scalar(rest)
        found[key] = value if isinstance(value, str) else rest
    return found


def read_whole(text: str) -> int:
    if not _WHOLE.fullmatch(text.strip()):
        raise ValueError("a whole number was expected")
    return int(text)


def _lines(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_LINES:
        raise ValueError(f"at most {MOST_LINES} lines")
    return lines


def _key(line: str, n: int) -> tuple[str | int | bool, str]:
    if line.startswith('"'):
        try:
            value, end = json.JSONDecoder().raw_decode(line)
        except ValueError as err:
            raise ValueError(f"line {n}: the quotation mark is not closed") from err
        rest = line[end:].lstrip()
        if rest.startswith("="):
            return str(value), rest[1:].strip()
    key, sign, rest = line.partition("=")
    if not sign:
        raise ValueError(f"line {n}: write it as `value there = value here`")
    return _scalar(key.strip()), rest.strip()


def _scalar(text: str) -> str | int | bool:
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if len(text) > 1 and text.startswith('"') and text.endswith('"'):
        try:
            return str(json.loads(text))
        except ValueError:
            return text
    return text


def _written(value: Any, ends: str) -> str:
    """A value so that it is read back as it is. ends: what would end it"""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return str(value)
    is_plain = bool(value) and value == value.strip() == _scalar(value) and not value.startswith('"')
    return value if is_plain and not (ends and ends in value) and value.isprintable() else json.dumps(value)
