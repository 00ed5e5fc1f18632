"""Frozen values that the parts of the hub hand to one another. Imports nothing of ours.

Canonical fields are flat: one key a value, so that every value has its own claim and its own shadow.

    given_name, family_name, company, tax_id, …            str
    birth_date                                             "YYYY-MM-DD"
    custom.NAME                                            str
    emails/ann@example.org                                 {"label": "work"}         (label may be missing)
    phones/+351912345678                                   {"raw": "912 345 678", "label": "mobile"}
    addresses/3f9a01c2                                     {"street", "locality", "region", "postcode", "country"}
    social/…, tags/…, memberships/…                        {}
    consents/email|ann@example.org|newsletter              {"status", "at", "basis", "source", "wording"}
    consents/email|*|marketing                             the whole person

A key that is missing means the system says nothing; a value of None means it says "empty".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias

Fields: TypeAlias = Mapping[str, Any]
"""Canonical fields, flat, JSON values."""

Cursor: TypeAlias = str
"""Opaque to all but the connector that made it."""

SINGLE = frozenset(
    """given_name family_name additional_names prefix suffix full_name nickname birth_date language timezone
    company department job_title tax_id website note lifecycle_stage customer_number""".split()
)
MANY = frozenset({"emails", "phones", "addresses", "social", "tags", "memberships", "consents"})
KIND = "kind"  # canonical field: "person" or "organisation"


def base_field(key: str) -> str:
    """The field a flat key belongs to: `emails/ann@example.org` is of `emails`."""
    return key.split("/", 1)[0]


UNREAD = "raw:"  # before an element that could not be read as what it should be


def element(key: str) -> str:
    """What follows the slash: the address of `emails/ann@example.org`."""
    return key.split("/", 1)[1]


def element_text(key: str) -> str:
    """The same as people read it: what could not be read is the text that was there."""
    return element(key).removeprefix(UNREAD)


# --- what connectors read ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, init=False)
class Record:
    """A contact as one source holds it.

    id          the source's key, never empty, at most 512 characters
    fields      as the source names them: str, int, float, bool, None, list, dict
    version     the source's own mark of this state: etag, revision, timestamp
    changed_at  aware UTC, by the source's clock
    archived    still there, but put away
    key         the hub's key (`Write.key`), where the record carries it
    """

    id: str
    fields: Mapping[str, Any]
    version: str | None = None
    changed_at: datetime | None = None
    archived: bool = False
    key: str | None = None

    def __init__(
        self,
        id: str,
        fields: Mapping[str, Any],
        version: str | None = None,
        changed_at: datetime | None = None,
        archived: bool = False,
        key: str | None = None,
    ) -> None:
        """As the one that dataclass writes, in two thirds of its time: one is made for every record that is read."""
        _set_id(self, id)
        _set_fields(self, fields)
        _set_version(self, version)
        _set_changed_at(self, changed_at)
        _set_archived(self, archived)
        _set_key(self, key)


_set_id, _set_fields, _set_version, _set_changed_at, _set_archived, _set_key = (
    getattr(Record, name).__set__ for name in ("id", "fields", "version", "changed_at", "archived", "key")
)


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Word that a record is gone; `merged_into` names the record that took its place."""

    id: str
    at: datetime | None = None
    merged_into: str | None = None


@dataclass(frozen=True, slots=True)
class Raw:
    """A piece of a source as it stands there, before it is taken apart: a line, an entry, a row.

    encoding  what its source is declared to be in
    names     of its columns, where the piece itself does not say them
    """

    data: bytes
    encoding: str = "utf-8"
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that should have been a record and cannot be taken: parked with reason and original.

    where  place in the source ("line 17"), also its name in the parked list when there is no id
    stage  where it went wrong: it could not be "read", or was taken for "spam"
    raw    the piece itself, where the connector reads it again once a person has put its text right (`Can.reread`)
    """

    where: str
    reason: str
    original: str
    id: str | None = None
    stage: str = "read"
    raw: Raw | None = None


CHANNELS = frozenset("call sms email chat web social visit post other".split())
"""How an interaction came about."""

ROOTS = frozenset("call sms mail form chat web social visit letter order note task complaint".split())
"""What the kind of an interaction begins with; what follows a dot is the connector's own."""

DIRECTIONS = frozenset({"in", "out", ""})


@dataclass(frozen=True, slots=True)
class Statement:
    """What an interaction says about consent, for each of its contact points of that channel.

    channel  of the consent: email, sms, phone, whatsapp
    status   granted, pending or denied
    basis    "explicit" for the person's own act, anything else for hearsay
    """

    channel: str
    purpose: str
    status: str
    basis: str = "explicit"
    wording: str = ""


@dataclass(frozen=True, slots=True)
class Interaction:
    """Something that happened with somebody: a call, a message, a form, an order.

    id         the source's own: the same id again is the same interaction
    at         when it happened, aware UTC
    channel    one of `CHANNELS`
    kind       a root of `ROOTS`, and more behind a dot: call.missed, mail.bounced.hard
    direction  "in" from the contact, "out" to the contact, "" neither
    phones     E.164; emails: addresses. Of the other side, never of ours
    record     id of the record in the same connection it belongs to: then contact points are not looked at
    summary    a short text for people, may be empty
    details    small JSON object
    reference  what another system knows it by: an order number, a ticket
    says       consents that follow from it
    """

    id: str
    at: datetime
    channel: str
    kind: str
    direction: str = ""
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    record: str | None = None
    summary: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    reference: str | None = None
    says: tuple[Statement, ...] = ()


Item: TypeAlias = Record | Tombstone | Unreadable | Interaction
"""What a page may hold."""


@dataclass(frozen=True, slots=True)
class Page:
    """One unit of reading: at most 2,000 items, saved with its cursor in one transaction.

    cursor  where to go on after this page; None: the next pull begins anew
    """

    items: tuple[Item, ...]
    cursor: Cursor | None


# --- what connectors write --------------------------------------------------------------------------


class Op(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    ARCHIVE = "archive"
    DELETE = "delete"
    ERASE = "erase"  # for good, where a deletion may leave something: asked for by the person alone


@dataclass(frozen=True, slots=True)
class Write:
    """One change to carry out in a source.

    key      the hub's own key for the record ("hub:" and the golden id); stored by, or sent to, sources
             that take it
    id       the source's key; None for a create
    fields   source fields to set, only those that differ; a list is the whole list; None empties
    version  the source's mark of the state this write was decided on
    """

    op: Op
    key: str
    id: str | None
    fields: Mapping[str, Any]
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """Carried out. `record` is the record as the source now stores it; None only for a deletion or an erasure.

    existed  a create found the record there already and left its values as they were
    partial  the record shows some of its fields only: nothing is known of the others
    owed     of `Can.links`, the fields whose record could not be linked yet: it is not there, or not once
    in_bin   of an erasure: deleted, and it can still be had back there
    """

    record: Record | None
    existed: bool = False
    partial: bool = False
    owed: frozenset[str] = frozenset()
    in_bin: bool = False


@dataclass(frozen=True, slots=True)
class Stale:
    """Not carried out: the record moved on since it was read."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Not carried out: there is no such record."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Not carried out, and would not be next time: park it with this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """Surely not carried out: the same write may be made again.

    untried  nobody was asked, so it counts as no attempt
    """

    reason: str
    retry_after: float | None = None
    untried: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been carried out or not: read before anything else."""

    reason: str


Outcome: TypeAlias = Done | Stale | Missing | Refused | NotSent | Unknown


# --- what mapping makes -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Problem:
    """A value that could not be mapped: kept and reported, never guessed."""

    field: str
    value: str
    reason: str


class Mapped(NamedTuple):
    """A source record in canonical fields, with what could not be mapped.

    silent  base fields none of whose source paths is present in the record: it says nothing about them
    """

    fields: dict[str, Any]
    problems: tuple[Problem, ...] = ()
    silent: frozenset[str] = frozenset()


# --- claims and golden records ----------------------------------------------------------------------


class LinkState(StrEnum):
    """What we know of a source record's being there."""

    LIVE = "live"
    ARCHIVED = "archived"
    ABSENT = "absent"  # missing in one complete listing: in doubt
    DOOMED = "doomed"  # proven gone, not yet acted on: the limit on deletions comes first
    GONE = "gone"  # deleted there; its claims stay
    LEFT = "left"  # unsubscribed or out of scope there: never made anew by the hub
    MERGED = "merged"  # took another record's place there
    REMOVED = "removed"  # deleted there by the hub
    TAKEN_BACK = "taken back"  # deleted there by the hub, and then the contact turned out to be wanted


@dataclass(frozen=True, slots=True)
class Source:
    """All that one source record says: the input of survivorship.

    ref         (connection, external id): order and identity
    fields      canonical fields as the system holds them
    since       per key, epoch seconds since when it says so; keys not in it: `changed`
    echo        keys that are there because the hub wrote them: no opinion of that system
    """

    ref: tuple[str, str]
    fields: Fields
    changed: float
    since: Mapping[str, float] = field(default_factory=dict)
    echo: frozenset[str] = frozenset()
    live: bool = True


@dataclass(frozen=True, slots=True)
class Golden:
    """The golden record: canonical fields, and for each key the source record it came from.

    origin  key → (connection, external id), or ("pin", who) for a person's decision
    """

    fields: dict[str, Any]
    origin: dict[str, tuple[str, str]]
