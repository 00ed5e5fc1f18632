"""The words of the contract suite: what its checks say again and again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import orjson
import pytest

from hub.connectors.contract import Can, Connector, Promise
from hub.errors import AccountError, HubError, TransientError
from hub.model import (
    CHANNELS,
    Cursor,
    Done,
    Interaction,
    NotSent,
    Op,
    Outcome,
    Page,
    Raw,
    Record,
    Refused,
    Tombstone,
    Unknown,
    Unreadable,
    Write,
)
from hub.testing.system import NOBODY, System

Item = Record | Tombstone | Unreadable | Interaction
T = TypeVar("T")

# --- reading ----------------------------------------------------------------------------------------


def items(pages: Iterable[Page]) -> list[Item]:
    return [item for page in pages for item in page.items]


def records(pages: Iterable[Page]) -> dict[str, Record]:
    """The records by id as they are after all pages: a later tombstone takes one away."""
    found: dict[str, Record] = {}
    for item in items(pages):
        if isinstance(item, Record):
            found[item.id] = item
        elif isinstance(item, Tombstone):
            found.pop(item.id, None)
    return found


def listing(connector: Connector) -> tuple[dict[str, Record], Cursor | None]:
    """Everything, and the cursor that a next pull takes."""
    pages = list(connector.pull(None))
    return records(pages), pages[-1].cursor if pages else None


def one(system: System) -> Record:
    """A fresh record as the hub reads it."""
    record_id = system.seed(1)[0]
    return now(system, record_id)


def now(system: System, record_id: str) -> Record:
    """The record as it is, asked for the cheapest way."""
    if system.connector.can.read:
        return system.connector.read([record_id])[record_id]
    return records(system.connector.pull(None))[record_id]


def whole_or_told(pages: Iterable[Page]) -> dict[str, Record] | None:
    """The records of a listing; None when it says by an error that nothing may be concluded from it."""
    try:
        return records(pages)
    except (TransientError, AccountError):
        return None


def well_formed(item: Item) -> bool:
    if isinstance(item, Unreadable):
        return bool(item.where and item.reason)
    if isinstance(item, Tombstone):
        return 0 < len(item.id) <= 512
    if isinstance(item, Interaction):
        return 0 < len(item.id) <= 512 and item.channel in CHANNELS and item.at.utcoffset() == timedelta(0)
    orjson.dumps(dict(item.fields))  # TypeError: not JSON
    utc = item.changed_at is None or item.changed_at.utcoffset() == timedelta(0)
    return utc and 0 < len(item.id) <= 512


GARBLED = re.compile("\ufffd|[\ud800-\udfff]|\u00c3[\x80-\xbf]")
"""What decoding leaves behind that puts up with everything, and UTF-8 that is read as Latin-1."""


def garbled(record: Record) -> bool:
    return GARBLED.search(json.dumps(dict(record.fields), ensure_ascii=False, default=str)) is not None


# --- writing ----------------------------------------------------------------------------------------


def done(outcomes: Sequence[Outcome]) -> Record:
    [outcome] = outcomes
    assert isinstance(outcome, Done), outcome
    assert outcome.record is not None
    return outcome.record


def write_all(connector: Connector, writes: Sequence[Write]) -> list[Outcome]:
    """In calls as large as the connector takes."""
    size = connector.can.batch
    calls = [connector.write(writes[start : start + size]) for start in range(0, len(writes), size)]
    return [outcome for outcomes in calls for outcome in outcomes]


def attempt(connector: Connector, write: Write) -> Outcome:
    """One write as the hub takes it: an error that speaks for the whole call, as an outcome of its own."""
    try:
        [outcome] = connector.write([write])
    except TransientError as error:
        return Unknown(str(error)) if error.maybe_done else NotSent(str(error), error.retry_after)
    except AccountError as error:
        return Refused(str(error))
    return outcome


def recovered(system: System, connector: Connector, write: Write, outcome: Outcome) -> Record | None:
    """What becomes of a create whose outcome was this, by the rules of the promise; None: a person is asked."""
    if isinstance(outcome, Done):
        return outcome.record
    assert isinstance(outcome, NotSent | Unknown), outcome
    promise = connector.can.promise
    if isinstance(outcome, Unknown):
        if promise is Promise.WRITE_ONLY:
            return None
        system.settle()
        if promise is not Promise.KEYED and (found := connector.find(write.key)):
            return found
    return done(connector.write([write]))


def changing_ops(can: Can) -> list[Op]:
    declared = {Op.UPDATE: can.update, Op.ARCHIVE: can.archive, Op.DELETE: can.delete, Op.ERASE: can.erase}
    return [op for op, able in declared.items() if able]


def undeclared_calls(connector: Connector) -> list[Any]:
    can = connector.can
    declared = {Op.CREATE: can.create, Op.UPDATE: can.update, Op.ARCHIVE: can.archive, Op.DELETE: can.delete}
    declared[Op.ERASE] = can.erase

    def writing(op: Op) -> Any:
        return lambda: connector.write([Write(op, "hub:x", None if op is Op.CREATE else NOBODY, {})])

    found = [writing(op) for op, able in declared.items() if not able]
    if not can.read:
        found.append(lambda: connector.read([NOBODY]))
    if not can.events:
        found.append(lambda: list(connector.hear(None)))
    if not can.reread:
        found.append(lambda: connector.reread(Raw(b""), "", NOBODY))
    if can.promise is Promise.WRITE_ONLY:
        found.append(lambda: connector.find("hub:x"))
    return found


# --- what is not there ------------------------------------------------------------------------------

NOT_APPLICABLE = "not applicable: "
CALLS: dict[str, Callable[[Connector], object]] = {
    "read": lambda connector: connector.read([NOBODY]),
    "create": lambda connector: connector.write([Write(Op.CREATE, "hub:x", None, {})]),
    "update": lambda connector: connector.write([Write(Op.UPDATE, "hub:x", NOBODY, {})]),
    "archive": lambda connector: connector.write([Write(Op.ARCHIVE, "hub:x", NOBODY, {})]),
    "delete": lambda connector: connector.write([Write(Op.DELETE, "hub:x", NOBODY, {})]),
    "erase": lambda connector: connector.write([Write(Op.ERASE, "hub:x", NOBODY, {})]),
}


def beside_the_point(reason: str) -> None:
    """Ends a check that says nothing of this connector; the table of results shows the reason."""
    pytest.skip(NOT_APPLICABLE + reason)


def needs(connector: Connector, *abilities: str) -> None:
    """Ends the check where the connector declares none of these, once it has refused them."""
    if any(getattr(connector.can, each) for each in abilities):
        return
    for each in abilities:
        refuses(lambda name=each: CALLS[name](connector))  # type: ignore[misc]
    beside_the_point(f"`can` declares no {' and no '.join(abilities)}")


def refuses(call: Callable[[], object]) -> None:
    with pytest.raises(AssertionError):
        call()


# --- errors -----------------------------------------------------------------------------------------


def calls(connector: Connector, nobody: str) -> list[Callable[[], object]]:
    """Every way of asking the system something."""
    found: list[Callable[[], object]] = [connector.check, lambda: list(connector.pull(None))]
    if connector.can.read:
        found.append(lambda: connector.read([nobody]))
    if ops := changing_ops(connector.can):
        found.append(lambda: connector.write([Write(ops[0], "hub:x", nobody, {})]))
    return found


def raised(call: Callable[[], object], kind: type[HubError]) -> HubError:
    """The error of this kind; a write may answer NotSent where the outage is told as an outcome."""
    try:
        answer = call()
    except kind as error:
        return error
    assert kind is TransientError, f"no {kind.__name__}, but {answer!r:.200}"
    assert answer
    assert isinstance(answer, list)
    assert all(isinstance(outcome, NotSent) for outcome in answer), answer
    return TransientError(answer[0].reason)


def failure(call: Callable[[], object], *kinds: type[HubError]) -> HubError:
    """The error of one of these kinds, which says something."""
    with pytest.raises(kinds) as caught:
        call()
    assert len(str(caught.value)) > 10
    return caught.value


def tells(secrets: Iterable[str], *said: object) -> list[str]:
    """The secrets that can be read in what was said."""
    texts = [text for each in said for text in (str(each), repr(each))]
    return [secret for secret in secrets if any(secret in text for text in texts)]
