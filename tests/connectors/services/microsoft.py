"""What Dynamics 365 and Microsoft 365 share: tokens of Microsoft's login, and changes read by a link that was given."""

from __future__ import annotations

from typing import Any, ClassVar

import httpx

from hub.connectors.contract import Connector
from hub.model import Tombstone
from hub.testing.words import items, listing
from tests.connectors.services.systems import NUMBERS, ServiceSystem
from tests.fakes.services.tokens import TokenService

TENANT = "11111111-2222-3333-4444-555555555555"
LOGIN = "login.microsoftonline.com"
TOKENS = f"https://{LOGIN}/{TENANT}/oauth2/v2.0/token"
ACCOUNT = {"tenant": TENANT, "client": "hub-app", "secret": "right-secret-1"}


class MicrosoftSystem(ServiceSystem):
    """scope  what a token has to be asked for"""

    scope: ClassVar[str]
    wrong: ClassVar[dict[str, Any]] = {"secret": "wrong-secret-1"}
    secrets = ("right-secret-1", "wrong-secret-1", "token-1")
    plenty = 10_000
    fake: Any

    def __init__(self, fake: Any) -> None:
        super().__init__(fake)
        assert self.network is not None
        form = {"grant_type": "client_credentials", "client_id": "hub-app", "client_secret": "right-secret-1"}
        self.network = TokenService(self.network, fake, TOKENS, {**form, "scope": self.scope})
        self.connector = self.within(self.context())

    def for_plenty(self) -> Connector:
        return self.connect(page_size=500)

    def edit(self, record_id: str) -> None:
        self.fake.clock.pass_by(1)
        self.fake.edit(record_id, department=f"Edited {next(NUMBERS)}")

    def remove(self, record_id: str) -> None:
        self.fake.remove(record_id)

    def is_write(self, request: httpx.Request) -> bool:
        return super().is_write(request) and not request.url.path.endswith("/token")


class DeltaLinks:
    def test_nothing_new_is_one_request(self, system: MicrosoftSystem) -> None:
        system.seed(25)
        _, cursor = listing(system.connector)
        before = len(system.requests())

        assert items(system.connector.pull(cursor)) == []
        assert len(system.requests()) - before == 1

    def test_changes_that_fill_several_pages_are_all_read(self, system: MicrosoftSystem) -> None:
        system.seed(1)
        _, cursor = listing(system.connector)
        new, gone = set(system.seed(2 * system.settings["page_size"] + 10)), system.seed(1)[0]
        system.remove(gone)

        found = items(system.connector.pull(cursor))

        assert new <= {each.id for each in found}
        assert [each.id for each in found if isinstance(each, Tombstone)] == [gone]
