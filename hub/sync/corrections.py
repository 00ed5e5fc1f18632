"""What a person corrected in a record that was set aside: kept beside its original, applied whenever that comes again.

A correction says: where this field holds this value, another one is meant. It is asked for only where a record would be
set aside, so that it costs nothing elsewhere. A newer original in which the value is another one takes no notice of it.
The system itself keeps what it has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import orjson

from hub.errors import ConfigError
from hub.mapping.apply import ContactMapping
from hub.model import Record
from hub.store.db import dumps, loads
from hub.store.lists import ParkedRow

STAGES = ("map", "value")  # whose originals have fields
_SEVERAL = re.compile(r"([;,|\n])")  # between values that share one field
LONGEST = 2_000  # characters of a corrected value


@dataclass(frozen=True, slots=True)
class Correction:
    """values: field → (value as it came, value that is meant), texts; of stage `value` the fields are canonical"""

    person: str
    at: float
    values: Mapping[str, tuple[str, str]]

    def as_text(self) -> str:
        return dumps({"by": self.person, "at": self.at, "values": {k: list(v) for k, v in self.values.items()}})


def read_correction(text: str | None) -> Correction | None:
    if text is None:
        return None
    said = loads(text)
    return Correction(said["by"], said["at"], {key: (old, new) for key, (old, new) in said["values"].items()})


def fields_of(row: ParkedRow) -> dict[str, str]:
    """What of a parked record can be corrected: field → value as it came, as text. Empty: nothing can."""
    return {key: as_text(value) for key, value in values_of(row).items()}


def values_of(row: ParkedRow) -> dict[str, Any]:
    """What of a parked record can be corrected: field → value as it came."""
    if row.stage not in STAGES:
        return {}
    try:
        said = orjson.loads(row.original)
    except orjson.JSONDecodeError:
        return {}
    found = said.get("fields") if row.stage == "map" and isinstance(said, dict) else said
    return found if isinstance(found, dict) else {}


def mark_of(original: str) -> str:
    """What tells that it is still the same original."""
    return blake2b(original.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def amended(row: ParkedRow, values: Mapping[str, str], person: str, now: float) -> Correction | None:
    """A correction of those of these fields that the record has, beside what was corrected in it before.

    None: it has none of them, or they hold these values already. ConfigError: a value that is too long.
    """
    there = fields_of(row)
    if any(len(value) > LONGEST or "\x00" in value for value in values.values()):
        raise ConfigError(f"A value is longer than {LONGEST:,} characters or holds a NUL, so nothing was changed.")
    mine = {key: (there[key], value) for key, value in values.items() if key in there and there[key] != value}
    if not mine:
        return None
    return Correction(person, now, {**kept_of(row, there), **mine})


def kept_of(row: ParkedRow, there: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """What was corrected in it before and still is in it. there: its fields as text"""
    before = read_correction(row.edit)
    return {k: v for k, v in before.values.items() if there.get(k) == v[0]} if before is not None else {}


def corrected(mapping: ContactMapping, record: Record, stage: str, correction: Correction) -> Record | None:
    """The record as it is meant; None: nothing of what was corrected is in it any more."""
    fields = dict(record.fields)
    found = False
    for key, (old, new) in correction.values.items():
        heads = (key,) if stage == "map" else mapping.columns_of(key)
        for head in heads:
            if head in fields and (value := _meant(fields[head], old, new)) != fields[head]:
                fields[head], found = value, True
    return replace(record, fields=fields) if found else None


def _meant(value: Any, old: str, new: str) -> Any:
    """The value with `new` wherever it holds `old`."""
    if isinstance(value, dict):
        if as_text(value) == old:
            return new
        return {key: _meant(part, old, new) for key, part in value.items()}
    if isinstance(value, list):
        return [_meant(part, old, new) for part in value]
    if as_text(value).strip() == old.strip():
        return new
    if not isinstance(value, str) or not old.strip():
        return value
    return "".join(new if part.strip() == old.strip() else part for part in _SEVERAL.split(value))
