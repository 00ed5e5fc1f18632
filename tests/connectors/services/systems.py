"""What the tests of described services share: a connector over a stand-in that is held to its description."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any, ClassVar

import httpx

from hub.connectors.contract import Connector, Context
from hub.connectors.registry import connector_types
from hub.testing import System
from hub.testing.service import Service
from tests.fakes.services.descriptions import described

NUMBERS = count(1)


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
        self.network = self._described = described(fake, self.description or self.service)
        self.connector = self.within(self.context())

    def connect(self, context: Context | None = None, **changed: Any) -> Connector:
        kind = connector_types()[self.service]
        settings = kind.Settings.model_validate({**self.settings, **changed})
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

    def requests(self) -> list[httpx.Request]:
        return self.fake.requests
