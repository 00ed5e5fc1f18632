"""What the tests of described services share: a connector over a stand-in that is held to its description."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any, ClassVar

import httpx

from hub.connectors.contract import Connector, Context
from hub.connectors.registry import connector_types
from hub.testing import System
from hub.testing.delivering import Sent
from hub.testing.service import Service
from tests.fakes.services.descriptions import described
from tests.fakes.services.senders import SENDERS, Event

NUMBERS = count(1)
HOOK_SECRET = "secret-of-the-webhooks"
HOOKS = {"hook_secret": HOOK_SECRET, "hook_url": "https://hub.example.org", "verify_token": "token-of-the-subscription"}


def address() -> str:
    """Another one every time."""
    return f"person{next(NUMBERS)}@example.org"


class ServiceSystem(System):
    """A described service over its stand-in.

    service   name of the service file; `description` of the vendor's description, where it is another
    settings  of a connection that may do everything
    wrong     the same with credentials that are not valid
    """

    service: ClassVar[str]
    description: ClassVar[str] = ""
    settings: ClassVar[Mapping[str, Any]]
    wrong: ClassVar[Mapping[str, Any]]
    fake: Service

    def __init__(self, fake: Any) -> None:
        self.fake, self.clock = fake, fake.clock
        self.secrets = (*self.secrets, HOOK_SECRET)
        self.network = self._described = described(fake, self.description or self.service)
        self.connector = self.within(self.context())

    def connect(self, context: Context | None = None, **changed: Any) -> Connector:
        kind = connector_types()[self.service]
        hooks = {name: value for name, value in HOOKS.items() if name in kind.Settings.model_fields}
        settings = kind.Settings.model_validate({**hooks, **self.settings, **changed})
        return kind(settings, context or self.context())

    def within(self, context: Context) -> Connector:
        return self.connect(context)

    def for_plenty(self) -> Connector:
        kind: Any = connector_types()[self.service]
        bare = self.fake if self.network is self._described else self.network
        return self.connect(self.context(bare), page_size=kind.spec.list.size)

    def wrong_key(self) -> Connector:
        return self.connect(**self.wrong)

    def revoke(self) -> None:
        self.fake.revoke()

    def ignore_writes(self) -> None:
        self.fake.ignoring = True

    def event(self, kind: str, record_id: str, secret: str | None) -> Sent | None:
        settings = {**HOOKS, **self.settings}
        told = Event(kind, record_id, self.address_of(record_id), secret or HOOK_SECRET, self.fake.clock(), settings)
        return SENDERS[self.service](told)

    def address_of(self, record_id: str) -> str:
        """Of the record, where events name it by that."""
        return record_id

    def requests(self) -> list[httpx.Request]:
        return self.fake.requests
