"""What an answer says of each of several writes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from hub.connectors.rest.calls import Request
from hub.connectors.rest.exchange import Said
from hub.connectors.rest.spec import Consent
from hub.connectors.rest.words import Where
from hub.connectors.rest.write_calls import Result
from hub.errors import AccountError, TransientError
from hub.model import Missing, NotSent, Op, Outcome, Record, Unknown, Write

SENT_TWICE = "The service says nothing of this write: it is not known whether it was carried out."


@dataclass(frozen=True, slots=True)
class Told:
    """Carried out, and this is what the answer shows; `partial` as in `Done`."""

    record: Record
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """Carried out, and to be read. `told`: what the answer shows, where a sample is taken."""

    id: str
    told: Record | None = None


Found: TypeAlias = Outcome | Told | Named
"""What became of a write, before records are read back."""


def in_turn(parts: Sequence[Sequence[Write]], carry_out: Callable[[Sequence[Write]], list[Found]]) -> list[Found]:
    """What became of all parts. An error of the account is raised only by the first: then nothing was sent."""
    found: list[Found] = []
    for some in parts:
        try:
            found += carry_out(some)
        except AccountError as error:
            if not found:
                raise
            found += [NotSent(str(error))] * len(some)
    return found


def in_doubt(error: TransientError) -> Outcome:
    return Unknown(str(error)) if error.maybe_done else NotSent(str(error), error.retry_after, error.untried)


def not_there(write: Write) -> Outcome:
    """What is to be concluded when a write was answered as done, and the record is not there."""
    return Unknown(SENT_TWICE) if write.op is Op.CREATE else Missing()


def sent_to(writes: Sequence[Write], found: Sequence[Found], left_out: Collection[str]) -> dict[str, dict[str, Any]]:
    """What was sent to each of the records that are to be read: id → fields. A later write lies over an earlier one."""
    sent: dict[str, dict[str, Any]] = {}
    for write, each in zip(writes, found, strict=True):
        if isinstance(each, Named):
            fields = {name: value for name, value in write.fields.items() if name not in left_out}
            sent[each.id] = {**sent.get(each.id, {}), **fields}
    return sent


def holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, Mapping):
        return any(holds_nul(each) for each in value.values())
    return isinstance(value, list) and any(holds_nul(each) for each in value)


def consent_call(field: str, consent: Consent, value: Any) -> Request | None:
    name = str(value).lower() if isinstance(value, bool) else str(value)
    if value is not None and name not in consent.calls:
        raise Said("refused", f"there is no call that sets {field} to this value")
    return consent.calls.get(name)


def matched(result: Result, items: Sequence[Any], answer: Any) -> list[tuple[bool, Any]]:
    """For each item: was it carried out, and what the service says of it."""
    bad = result.errors.of(answer) if result.errors is not None else None
    good = result.items.of(answer) if result.items is not None else None
    if result.by is None or result.sent is None:
        return _in_order(result, items, good)
    failed = _by(result.error_by or result.by, bad if isinstance(bad, list) else [])
    carried = _by(result.by, good if isinstance(good, list) else [])
    found = []
    for item in items:
        name = str(result.sent.of(item)).lower()
        entry = failed.get(name, carried.get(name))
        well = name not in failed and (result.ok is None or (entry is not None and result.ok.holds(entry)))
        found.append((well, entry))
    return found


def _in_order(result: Result, items: Sequence[Any], good: Any) -> list[tuple[bool, Any]]:
    entries = good if isinstance(good, list) else [None] * len(items)
    if len(entries) != len(items):
        raise TransientError(SENT_TWICE, maybe_done=True)
    return [(result.ok is None or (entry is not None and result.ok.holds(entry)), entry) for entry in entries]


def _by(place: Where, entries: Sequence[Any]) -> dict[str, Any]:
    return {str(place.of(entry)).lower(): entry for entry in entries}
