"""What the contract suite asks of a system under test: a connector, a back door, and ways to break it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

import httpx

from hub.connectors.contract import Connector, Context, Promise
from hub.testing.clock import Clock
from hub.testing.delivering import MemoryInbox, Sent
from hub.testing.faults import (
    Faults,
    forbidden,
    kept_without,
    other_encoding,
    refused_connection,
    unauthorised,
    with_value,
)

NOBODY = "999999999"  # an id that no system hands out; override `System.nobody` where it is not valid


class System(ABC):
    """A system with its back door: what a person working in it does, not through the hub.

    A method that says "needs" fails a check until it is written, or until the check is named in `cannot`.

    secrets    strings that no report, message, address or log may hold
    many       records to seed where paging matters: more than a page if that is cheap
    plenty     records to seed where memory is measured; 0: seeding so many takes too long
    memory     bytes that listing them may take
    nobody     an id of the right form that is not there
    text       a field of free text that is written as given; "": there is none
    network    where HTTP requests go, the real network or a fake; None: it does not speak HTTP
    clock      of a fake that keeps time; None: the suite takes one of its own
    hosts      that requests may go to; none named: the host of the first request
    optional   (key in the JSON of an answer, field of a record) that the service may stop telling
    choice     (key in the JSON of an answer, field of a record) with one of a closed list of values
    sparse     path of the default mapping that no record of the test has → why
    """

    connector: Connector
    secrets: tuple[str, ...] = ()
    many: int = 12
    plenty: int = 0
    memory: int = 32 * 2**20
    nobody: str = NOBODY
    text: str = ""
    network: httpx.BaseTransport | None = None
    clock: Clock | None = None
    hosts: tuple[str, ...] = ()
    optional: tuple[str, str] = ("", "")
    choice: tuple[str, str] = ("", "")
    sparse: Mapping[str, str] = {}

    # --- connectors ---------------------------------------------------------------------------------

    def within(self, context: Context) -> Connector:
        """Another connector to this system with the same settings, in a context that the suite made.

        A connector that takes more of the world adds it: `replace(context, base=self.folder)`.
        """
        raise AssertionError("this system needs `within`")

    def for_plenty(self) -> Connector:
        """The connector that reads very many records: another one where each answer is held to a description."""
        return self.connector

    def unreachable(self) -> Connector:
        """A connector whose system does not answer."""
        return self.over(refused_connection, "unreachable")

    def wrong_key(self) -> Connector:
        """A connector with a wrong password or key."""
        raise AssertionError("this system needs `wrong_key`")

    def no_right_to_write(self) -> Connector:
        """A connector whose key may read and not write."""
        return self.over(forbidden, "no_right_to_write", writes_only=True)

    def revocable(self) -> tuple[Connector, Callable[[], object]]:
        """A connector, and what makes its key worth nothing while it is at work."""
        if self.network is None:
            raise AssertionError("a system that does not speak HTTP needs `revocable`")
        faults = Faults(self.network)
        return self.within(self.context(faults)), lambda: faults.inject(unauthorised, times=None)

    def over(self, fault: Any, name: str, *, writes_only: bool = False) -> Connector:
        """A connector whose every request (or every write) fails so, where the system speaks HTTP."""
        if self.network is None:
            raise AssertionError(f"a system that does not speak HTTP needs `{name}`")
        faults = Faults(self.network)
        faults.inject(fault, times=None, when=self.is_write if writes_only else None)
        return self.within(self.context(faults))

    def context(
        self, transport: httpx.BaseTransport | None = None, clock: Clock | None = None, *, by_name: bool = False
    ) -> Context:
        """The world as the suite hands it to `within`: waiting takes no time."""
        clock = clock or self.clock or Clock()
        network = transport or self.network
        inbox = self.delivered
        context = Context("kit", clock=clock, sleep=clock.sleep, transport=network, by_name=by_name, inbox=inbox)
        self.contexts.append(context)
        return context

    @property
    def contexts(self) -> list[Context]:
        """Those made so far; the suite closes them at the end of a check."""
        found: list[Context] = self.__dict__.setdefault("_contexts", [])
        return found

    # --- the back door ------------------------------------------------------------------------------

    @abstractmethod
    def seed(self, count: int) -> list[str]:
        """Make so many new records; their ids."""

    def edit(self, record_id: str) -> None:
        """Change something of the record that its fields show."""
        raise AssertionError("this system needs `edit`")

    def remove(self, record_id: str) -> None:
        """Delete the record, as this system does it."""
        raise AssertionError("this system needs `remove`")

    def put_away(self, record_id: str) -> None:
        """Archive the record, as this system does it."""
        raise AssertionError("it declares `archive`, so this system needs `put_away`")

    def is_kept(self, record_id: str) -> bool:
        """Whether the system still has anything of the record, in whatever bin."""
        raise AssertionError("it declares `erase`, so this system needs `is_kept`")

    def twin(self, record_id: str) -> str:
        """A new record with the very change time of this one; its id."""
        raise AssertionError("it declares `changes`, so this system needs `twin`")

    def settle(self) -> None:
        """Let what was written become visible to searches; at once, unless the promise is E."""
        assert self.connector.can.promise is not Promise.EVENTUAL, "promise E: this system needs `settle`"

    def ignore_writes(self) -> None:
        """From now on writes are answered as if carried out, and change nothing."""
        raise AssertionError("this system needs `ignore_writes`")

    def event(self, kind: str, record_id: str, secret: str | None) -> Sent | None:
        """What the service sends to the hub when this record was "changed" or "deleted"; None: it tells of none.

        secret  that it signs with or shows; None: the one of the settings
        """
        raise AssertionError("it declares `events`, so this system needs `event`")

    def name_of(self, record_id: str) -> str:
        """What events name the record by, where that is not its id."""
        return record_id

    @property
    def delivered(self) -> MemoryInbox:
        """The inbox that connectors made by `context` read."""
        found: MemoryInbox = self.__dict__.setdefault("_delivered", MemoryInbox())
        return found

    @property
    def delivery_numbers(self) -> Iterator[int]:
        """For deliveries without an id of their own."""
        found: Iterator[int] = self.__dict__.setdefault("_delivery_numbers", count(1))
        return found

    # --- what is written ----------------------------------------------------------------------------

    def new_fields(self) -> dict[str, Any]:
        """Fields for a create; another person every time."""
        raise AssertionError("it declares `create`, so this system needs `new_fields`")

    def edit_fields(self) -> dict[str, Any]:
        """Fields for an update, stored as given, and not those that `edit` changes."""
        raise AssertionError("it declares `update`, so this system needs `edit_fields`")

    def refused_fields(self) -> dict[str, Any]:
        """Fields the system never takes: for a create or, without that ability, for an update."""
        raise AssertionError("it declares writes, so this system needs `refused_fields`")

    # --- the wire -----------------------------------------------------------------------------------

    def is_write(self, request: httpx.Request) -> bool:
        """Does the request change something? Override where reading is a POST."""
        return request.method not in {"GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT"}

    def is_page(self, request: httpx.Request) -> bool:
        """Is it one of the requests that read a listing page by page?"""
        return request.method in {"GET", "REPORT"}

    # --- a service that changed ---------------------------------------------------------------------

    def without_field(self) -> tuple[Connector, str]:
        """A connector to a system that no longer tells an optional field; the name of that field in records."""
        key, field = self.optional
        if self.network is None or not key:
            raise AssertionError("this system needs `optional` or `without_field`")
        faults = Faults(self.network)
        faults.inject(kept_without(key), times=None)
        return self.within(self.context(faults)), field

    def other_encoding(self) -> Connector | None:
        """A connector to a system whose texts are in another encoding than is declared; None: none is declared."""
        if self.network is None:
            return None
        faults = Faults(self.network)
        faults.inject(other_encoding, times=None, when=self.is_page)
        return self.within(self.context(faults))

    def with_new_choice(self) -> tuple[Connector, str, Any]:
        """A connector to a system with a value never heard of in a field of choices; the field, the value."""
        key, field = self.choice
        if self.network is None or not key:
            raise AssertionError("this system needs `choice` or `with_new_choice`")
        faults = Faults(self.network)
        value = "never-heard-of"
        faults.inject(with_value(key, value), times=None)
        return self.within(self.context(faults)), field, value
