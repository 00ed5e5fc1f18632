"""What a line of the history means for those who are told: pure. No personal data but on request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hub.model import base_field
from hub.store.events_out import ChangeLine

CREATED = "contact.created"
CHANGED = "contact.changed"
MERGED = "contact.merged"
SPLIT = "contact.split"
CONSENT = "contact.consent_changed"
ERASED = "contact.erased"


@dataclass(frozen=True, slots=True)
class Event:
    """id: the same however often it is sent; fields: base names; more: ids; values: key → new value"""

    id: str
    kind: str
    at: float
    contact: str
    fields: tuple[str, ...] = ()
    more: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)

    def body(self, *, values: bool) -> dict[str, Any]:
        """As it is sent."""
        data: dict[str, Any] = {"id": self.contact, "fields": list(self.fields), **self.more}
        if values:
            data["values"] = dict(self.values)
        at = datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds")
        return {"type": self.kind, "timestamp": at, "data": data}


def events_of(line: ChangeLine, created: Mapping[str, Any]) -> Iterator[Event]:
    """None for what changes no contact: what systems were told, what people have said of conflicts.

    created  fields of the contact, where the line tells of its beginning, of which the history keeps no values
    """
    number, kind = f"change-{line.number}", line.kind
    if kind.startswith(("told: ", "conflict ", "answer ")):
        return
    if kind == "created":
        yield Event(number, CREATED, line.at, line.golden_id, _names(created), values=created)
    elif kind == "merged away":
        yield Event(number, MERGED, line.at, line.golden_id, more={"into": str(line.detail.get("into", ""))})
    elif kind == "split away":
        yield Event(number, SPLIT, line.at, line.golden_id, more={"from": str(line.detail.get("from", ""))})
    elif kind == "erased":
        yield Event(number, ERASED, line.at, line.golden_id)
    elif kind == "split off by matching":
        yield Event(number, SPLIT, line.at, line.golden_id)
    else:
        yield from _changes(number, line)


def _changes(number: str, line: ChangeLine) -> Iterator[Event]:
    new = {key: pair[1] for key, pair in line.detail.items() if isinstance(pair, list) and len(pair) == 2}
    consents = {key: value for key, value in new.items() if base_field(key) == "consents"}
    others = {key: value for key, value in new.items() if key not in consents}
    if others:
        yield Event(number, CHANGED, line.at, line.golden_id, _names(others), values=others)
    if consents:
        yield Event(f"{number}-consent", CONSENT, line.at, line.golden_id, ("consents",), values=consents)


def _names(fields: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(set(map(base_field, fields))))
