"""What answers about contacts hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from hub.readable import name_of
from hub.sync import story as told
from hub.sync.receipts import Receipt as Held
from hub.web.api.answers import Moment, Row, moment


class Ref(Row):
    """A source record."""

    connection: str
    external_id: str


class FoundContact(Row):
    """fields  canonical, flat: of one among many such as `emails/ada@example.org` the key is the value"""

    id: str
    state: str
    name: str
    fields: dict[str, Any]
    records: list[Ref]


class Lost(Row):
    """What another source record says instead."""

    connection: str
    external_id: str
    value: Any
    since: Moment


class Value(Row):
    """A value of the golden record: of which source record, or by whose pin. lost: the latest first"""

    key: str
    value: Any
    connection: str | None
    external_id: str | None
    pinned_by: str | None
    lost: list[Lost]


class SourceRecord(Row):
    """displaced: keys whose own value writes of the hub cover"""

    connection: str
    external_id: str
    state: str
    changed: Moment
    displaced: list[str]


class Pin(Row):
    field: str
    value: Any
    person: str
    at: Moment


class Telling(Row):
    """What a system was told, and acknowledged."""

    at: Moment
    connection: str
    op: str
    fields: dict[str, Any]


class Waiting(Row):
    """A system that has yet to hear of the contact."""

    connection: str
    op: str
    since: Moment
    attempts: int
    optout_at: Moment | None


class Unanswered(Row):
    """A write with no outcome yet."""

    connection: str
    op: str
    sent_at: Moment


class Event(Row):
    """An interaction. shared: somebody else holds one of its points too"""

    at: Moment
    connection: str
    id: str
    channel: str
    kind: str
    direction: str
    summary: str
    points: list[str]
    shared: bool
    reference: str | None
    details: dict[str, Any]


class Contact(Row):
    """A golden record. former: ids that it answers for; version: as the ETag"""

    id: str
    state: str
    version: int
    name: str
    created_at: Moment
    updated_at: Moment
    former: list[str]
    values: list[Value]
    records: list[SourceRecord]
    pins: list[Pin]
    told: list[Telling]
    waiting: list[Waiting]
    unanswered: list[Unanswered]
    last_interactions: list[Event]


class Change(Row):
    """A line of the history. detail: key → [old, new], or as the kind of change says"""

    number: int
    at: Moment
    kind: str
    connection: str | None
    detail: dict[str, Any] | None
    run_id: str | None


class Claim(Row):
    """kind  own, displaced (overwritten there by the hub), or echo (holds what the hub told it)"""

    connection: str
    external_id: str
    value: Any
    since: Moment
    kind: str
    wins: bool
    held: bool


class ConflictRef(Row):
    number: int
    at: Moment
    state: str
    rule: str


class Step(Row):
    """A change of one key. connection: that brought it, if one has"""

    at: Moment
    before: Any
    after: Any
    kind: str
    connection: str | None
    run_id: str | None


class KeyStory(Row):
    """Why one key is what it is. history: what it was before, the newest first"""

    key: str
    value: Any
    rule: str
    pin: Pin | None
    claims: list[Claim]
    told: list[Telling]
    conflicts: list[ConflictRef]
    history: list[Step]


class Consent(Row):
    """address, purpose: null means the whole person, and everything"""

    channel: str
    address: str | None
    purpose: str | None
    status: str
    at: datetime | None
    basis: str | None
    wording: str | None
    connection: str | None
    external_id: str | None


class Notice(Row):
    """What a system knows of a consent as it stands.

    state  said (by itself), acknowledged, waits (still to be told), unknown (told, no answer), dropped (answered,
           and did not keep it), absent (the contact is not there), lacking (it holds something else)
    """

    connection: str
    state: str
    at: Moment | None


class Receipt(Consent):
    """A consent with its receipts. source: in the words of who stated it; history: the newest first"""

    source: str | None
    statements: list[Claim]
    told: list[Notice]
    history: list[Step]


def etag(version: int) -> str:
    return f'"{version}"'


def contact(story: told.Story) -> Contact:
    head = story.head
    return Contact(
        id=head.id,
        state=head.state,
        version=head.version,
        name=name_of(head.fields),
        created_at=moment(head.created_at),
        updated_at=moment(head.updated_at),
        former=list(story.former),
        values=_all(Value, story.values),
        records=_all(SourceRecord, story.records),
        pins=_all(Pin, story.pins),
        told=_all(Telling, story.tellings),
        waiting=_all(Waiting, story.waiting),
        unanswered=[Unanswered(connection=c, op=op, sent_at=moment(at)) for c, op, at in story.unanswered],
        last_interactions=_all(Event, story.timeline.rows),
    )


def _all(kind: Any, rows: Sequence[Any]) -> list[Any]:
    return [kind.model_validate(row) for row in rows]


def receipt(found: Held) -> Receipt:
    said = found.value
    return Receipt(
        channel=found.channel,
        address=found.address,
        purpose=found.purpose,
        status=found.status,
        at=said.get("at"),
        basis=said.get("basis"),
        wording=said.get("wording"),
        connection=found.connection,
        external_id=found.external_id,
        source=said.get("source"),
        statements=_all(Claim, found.statements),
        told=_all(Notice, found.told),
        history=_all(Step, found.history),
    )
