"""Twilio's messages: the contract on its stand-in, and what is Twilio's own."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from hub.connectors.contract import Connector, Context
from hub.connectors.registry import connector_types
from hub.model import Interaction, Statement
from hub.testing import ConnectorContract
from hub.testing.words import items, listing
from tests.connectors.services.systems import NUMBERS, ServiceSystem
from tests.connectors.told import NOT_OF_RECORDS, THEY_HAPPENED, telling
from tests.fakes.services.twilio import ACCOUNT, OURS, Twilio


def number() -> str:
    """Another one every time."""
    return f"+3519{next(NUMBERS) % 10**8:08d}"


class TwilioSystem(ServiceSystem):
    service = "twilio_messages"
    description = "twilio"
    settings: ClassVar[dict[str, Any]] = {
        "account": ACCOUNT,
        "user": ACCOUNT,
        "secret": "right-auth-token-1",
        "page_size": 5,
    }
    wrong: ClassVar[dict[str, Any]] = {"secret": "wrong-auth-token-1"}
    secrets = ("right-auth-token-1", "wrong-auth-token-1")
    nobody = "SM00000000000000000000000000000000"
    plenty = 10_000
    as_records = True
    fake: Twilio

    def connect(self, context: Context | None = None, **changed: Any) -> Connector:
        kind = connector_types()[self.service]
        settings = kind.Settings.model_validate({**self.settings, **changed})
        return (telling(kind) if self.as_records else kind)(settings, context or self.context())

    def seed(self, count: int) -> list[str]:
        return [self.fake.receive(number()) for _ in range(count)]

    def remove(self, record_id: str) -> None:
        self.fake.remove(record_id)

    def twin(self, record_id: str) -> str:
        return self.fake.twin(record_id, number())


class Told(TwilioSystem):
    as_records = False


@pytest.fixture
def system() -> TwilioSystem:
    return TwilioSystem(Twilio())


@pytest.fixture
def told() -> Told:
    return Told(Twilio())


class TestTwilioMessages(ConnectorContract):
    cannot: ClassVar[dict[str, str]] = {
        **NOT_OF_RECORDS,
        "test_a_record_that_leaves_while_others_are_listed_hides_none": THEY_HAPPENED,
    }


def one(told: Told) -> Interaction:
    [found] = items(told.connector.pull(None))
    assert isinstance(found, Interaction)
    return found


def test_a_message_that_came_in_is_with_its_sender(told: Told) -> None:
    sid = told.fake.receive("+351912345678", "Hello there")

    found = one(told)

    assert (found.id, found.channel, found.kind, found.direction) == (sid, "sms", "sms.in", "in")
    assert (found.phones, found.says, found.summary) == (("+351912345678",), (), "")
    assert found.at == told.fake.clock().replace(microsecond=0)


@pytest.mark.parametrize("word", ["STOP", " stop. ", "Unsubscribe", "BAJA"])
def test_a_stop_denies_every_purpose_that_is_named(told: Told, word: str) -> None:
    told.fake.receive("+351912345678", word)

    [found] = items(told.connect(purposes=["offers", "news"]).pull(None))

    assert isinstance(found, Interaction)
    assert found.kind == "sms.stop"
    assert found.says == (Statement("sms", "offers", "denied"), Statement("sms", "news", "denied"))


def test_a_message_with_more_in_it_is_no_opt_out(told: Told) -> None:
    told.fake.receive("+351912345678", "Please stop by tomorrow")

    assert one(told).says == ()


def test_a_stop_that_we_sent_is_none(told: Told) -> None:
    sid = told.fake.send_out("+351912345678", "STOP")
    told.fake.edit(sid, "delivered")

    found = one(told)

    assert (found.kind, found.direction, found.says) == ("sms.delivered", "out", ())
    assert found.phones == ("+351912345678",)


def test_a_message_that_waits_is_told_when_it_was_sent(told: Told) -> None:
    sid = told.fake.send_out("+351912345678", "Hello", sent=False)
    _, cursor = listing(told.connector)
    before = items(told.connector.pull(cursor))
    told.fake.clock.pass_by(60)
    told.fake.edit(sid, "delivered")

    after = items(told.connector.pull(cursor))

    assert before == []
    assert [each.id for each in after if isinstance(each, Interaction)] == [sid]


def test_the_text_is_kept_only_when_asked_for(told: Told) -> None:
    told.fake.receive("+351912345678", "My illness\nis")

    [found] = items(told.connect(text=True).pull(None))

    assert isinstance(found, Interaction)
    assert found.summary == "My illness is"


def test_a_sender_without_a_number_is_parked(told: Told) -> None:
    told.fake.receive("ACME", "Hello", OURS)

    [found] = items(told.connector.pull(None))

    assert not isinstance(found, Interaction)
