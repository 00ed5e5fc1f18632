"""The contract between the hub and every system it speaks to: five methods and declared abilities.

A connector says what it can do in `can`; nothing else in the hub asks for its name. It translates its
own errors once into those of `hub.errors`, keeps no state between calls that the hub would miss after a
crash, and every write it makes bears repeating by the rules of its promise.

Register one in a package of your own by an entry point of the group `contact_hub.connectors`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from time import sleep
from typing import Any, ClassVar, Protocol

import httpx
from pydantic import BaseModel, ConfigDict

from hub.model import Cursor, Item, Outcome, Page, Raw, Record, Unreadable, Write

LATE = 300.0  # seconds: gateways and servers give a request up long before
PAGE_SIZE = 1000  # records a page, unless the service allows fewer; never over 2,000


class Promise(StrEnum):
    """What a create can promise when its reply is lost."""

    KEYED = "K"  # the service takes our key: the same create again is harmless
    READBACK = "R"  # our key is stored in the record and found again at once
    EVENTUAL = "E"  # found again after `settle_seconds`
    WRITE_ONLY = "W"  # never found: an unknown outcome goes to a person


@dataclass(frozen=True, slots=True)
class Can:
    """What a connection can do. Declared, checked by the contract suite, shown by `hub check`.

    changes         pull(since) yields only what changed since
    complete        pull(None) lists every record, so absence in it means something
    tombstones      deletions are yielded by pull(since)
    stale           a write made on an outdated version answers Stale
    erase           it lets go of a record for good, for the privacy of the person
    empties_bin     `erase` takes out of the bin what was deleted before, too
    restorable      what `delete` takes away can be had back there, from a recycle bin: it is no erasure
    batch           the most writes it takes in one call
    late_seconds    for so long after it was sent, a write without an answer may still be carried out
    opt_out_leaves  a person who opts out disappears from the listing (mailing lists): confirmed absence
                    is then a consent change, not a deletion
    events          deliveries in the inbox say which records to look at: hear(since) reads those
    links           source fields whose value names a record of another kind that the contact is linked to, such as
                    its company: linkable(fields) says which of them are there
    stores          the system keeps its records; False: they are deliveries that the hub alone has
    reread          what cannot be read is handed out with its raw piece, and read again from a text that a person has
                    put right: reread(raw, text, where)
    """

    changes: bool = False
    complete: bool = True
    tombstones: bool = False
    read: bool = False
    create: bool = False
    update: bool = False
    archive: bool = False
    delete: bool = False
    erase: bool = False
    empties_bin: bool = False
    restorable: bool = False
    stale: bool = False
    batch: int = 1
    promise: Promise = Promise.WRITE_ONLY
    settle_seconds: float = 0
    late_seconds: float = LATE
    opt_out_leaves: bool = False
    events: bool = False
    links: frozenset[str] = frozenset()
    stores: bool = True
    reread: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What `check` found. Lines are for people; no personal data, no secrets."""

    system: str
    lines: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    records: int | None = None


class Inbox(Protocol):
    """Deliveries stored durably by the web intake, waiting to be pulled."""

    def read(self, after: int, limit: int) -> Sequence[tuple[int, str, datetime, Mapping[str, Any] | Unreadable]]:
        """(number, delivery id, received at, payload) of deliveries with a number above `after`.

        Fewer than `limit` does not mean that there are no more; none does. Unreadable: one that is to be set aside.
        """


@dataclass(frozen=True, slots=True)
class Context:
    """What a connector may use of the world. Tests hand in a clock, a sleep and a transport.

    name       of the connection, for messages
    base       folder that relative paths of the settings start from
    transport  None: the network
    through    what every HTTP request passes on its way: the transport → the one that is used
    by_name    no mapping, or a flat one: fields go by their names, those without a place there are left out
    named      of those, the ones that a row of the mapping names: never left out
    closing    call-backs run when the connection is closed
    """

    name: str
    base: Path = field(default_factory=Path)
    default_region: str | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = sleep
    transport: httpx.BaseTransport | None = None
    through: Callable[[httpx.BaseTransport], httpx.BaseTransport] = lambda transport: transport
    inbox: Inbox | None = None
    by_name: bool = False
    named: frozenset[str] = frozenset()
    closing: ExitStack = field(default_factory=ExitStack)


@dataclass(frozen=True, slots=True)
class Quota:
    """Requests that an account may make in a day, with all who use it: how many are left of how many."""

    left: int
    most: int


class Settings(BaseModel):
    """Base of every connector's own settings: unknown keys are errors, docstrings become help."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Connector(ABC):
    """One account on one system."""

    Settings: ClassVar[type[Settings]]
    default_mapping: ClassVar[str]  # text of a mapping file (YAML) that fits this type
    example: ClassVar[str] = ""  # keys of one connection (YAML, with `type`), as the documentation shows it
    by_hand: ClassVar[frozenset[str]] = frozenset()  # keys that are written in files only: programs that are started

    def __init__(self, settings: Any, context: Context) -> None:
        self.settings = settings
        self.context = context

    @classmethod
    def mapping_text(cls, settings: Mapping[str, Any]) -> str:  # noqa: ARG003 - for types whose settings shape it
        """Text of the mapping of a connection that names no file.

        settings  as written, secrets by reference
        """
        return cls.default_mapping

    @property
    @abstractmethod
    def can(self) -> Can:
        """What this connection can do with these settings. No I/O."""

    @abstractmethod
    def check(self) -> Report:
        """Reach the system, prove the key and the rights, count if cheap. Writes nothing."""

    @abstractmethod
    def pull(self, since: Cursor | None) -> Iterator[Page]:
        """Pages of records, each with the cursor to resume after it.

        since=None lists everything. Ending without an error means the listing was complete; an answer
        that is not surely complete must raise instead. CursorExpired when `since` is no longer known.
        """

    @property
    def quota(self) -> Quota | None:
        """As the service told it last; None where it tells of none. No I/O."""
        return None

    def hear(self, since: Cursor | None) -> Iterator[Page]:
        """Pages of what the inbox hints at since then, read now; each with the cursor that goes on after it.

        A hint alone yields nothing: a record that is there is yielded, and a tombstone where an event told of a
        deletion and the record is not found. Nothing else is pulled. `pull` begins with the same.
        """
        raise AssertionError("not declared in `can`")

    def read(self, ids: Sequence[str]) -> dict[str, Record]:
        """The records with these ids as they are now; an id that is missing is not there.

        Where the service answers with the record that took the place of this one, that is what stands under the id.
        """
        raise AssertionError("not declared in `can`")

    def find(self, key: str) -> Record | None:
        """The record that carries the hub's key (promise K, R and E)."""
        raise AssertionError("not declared in `can`")

    def linkable(self, fields: Sequence[Mapping[str, Any]]) -> list[bool]:
        """Whether what these source fields of `can.links` name is there now, just once; one answer each, in order."""
        raise AssertionError("not declared in `can`")

    def reread(self, raw: Raw, text: str, where: str) -> Item:
        """What the connector would make of this text in the place of a piece that it could not read. No I/O.

        An Unreadable says why it is none yet; so it does for a text that is no piece, or several.
        """
        raise AssertionError("not declared in `can`")

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        """Carry out at most `can.batch` writes; one outcome each, in order.

        An error raised instead (TransientError, AccountError) speaks for every write of the call.
        """
        raise AssertionError("not declared in `can`")
