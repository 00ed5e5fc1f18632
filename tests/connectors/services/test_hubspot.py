"""HubSpot: the contract on its stand-in, and what is HubSpot's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from hub.testing import ConnectorContract
from tests.connectors.services.systems import ServiceSystem, address
from tests.fakes.services.hubspot import HubSpot


class HubSpotSystem(ServiceSystem):
    service = "hubspot"
    settings: ClassVar[dict[str, Any]] = {"secret": "pat-eu1-right", "page_size": 10, "subscription": "101"}
    wrong: ClassVar[dict[str, Any]] = {"secret": "pat-eu1-wrong"}
    secrets = ("pat-eu1-right", "pat-eu1-wrong")
    text = "jobtitle"
    optional = ("jobtitle", "jobtitle")
    choice = ("lifecyclestage", "lifecyclestage")
    plenty = 10_000
    sparse: ClassVar[dict[str, str]] = {"hs_email_optout": "there only for who opted out of all mail"}
    fake: HubSpot

    def seed(self, count: int) -> list[str]:
        ids = [
            self.fake.seed(
                email=address(),
                firstname="Marta",
                lastname="Żak",
                phone="+351 912 345 678",
                city="Porto",
                country="Portugal",
                lifecyclestage="lead",
                jobtitle="Buyer",
            )
            for _ in range(count)
        ]
        for each in ids[:1]:
            self.fake.subscribed[self.fake.things["contacts"][each].properties["email"], "101"] = "SUBSCRIBED"
            self.fake.edit(each)
            self.fake.associate(each, self.fake.seed("companies", name="Company Lda"))
        self.fake.settle()
        return ids

    def edit(self, record_id: str) -> None:
        self.fake.edit(record_id, city="Lisboa")
        self.fake.settle()

    def remove(self, record_id: str) -> None:
        self.fake.archive(record_id)

    def twin(self, record_id: str) -> str:
        found = self.fake.twin(record_id, email=address(), lastname="Twin")
        self.fake.settle()
        return found

    def settle(self) -> None:
        self.fake.settle()

    def new_fields(self) -> dict[str, Any]:
        return {"email": address(), "firstname": "Noël", "lastname": "Têtu", "jobtitle": "Buyer"}

    def edit_fields(self) -> dict[str, Any]:
        return {"lastname": f"Renamed {address()}", "jobtitle": "Head of Buying"}

    def refused_fields(self) -> dict[str, Any]:
        return {"email": "no address at all", "lastname": "Refused"}

    def is_write(self, request: Any) -> bool:
        return super().is_write(request) and not request.url.path.endswith(("/search", "/batch/read"))

    def is_page(self, request: Any) -> bool:
        return super().is_page(request) or request.url.path.endswith("/search")


@pytest.fixture
def system() -> Iterator[HubSpotSystem]:
    system = HubSpotSystem(HubSpot())
    yield system
    for context in system.contexts:
        context.closing.close()


class TestHubSpot(ConnectorContract):
    pass
