"""Messages and calls of a provider: what a delivery means, and when it is an opt-out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from hub.connectors.contract import PAGE_SIZE, Connector, Context
from hub.connectors.messages import MessagesConnector, MessageSettings
from hub.errors import ConfigError, CursorExpired, TransientError
from hub.model import Interaction, Statement, Unreadable
from hub.testing import OVER_HTTP, ConnectorContract, System
from tests.connectors.told import NOT_OF_RECORDS, THEY_HAPPENED, telling

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
STOPPED = (Statement("sms", "marketing", "denied"),)
TWILIO: dict[str, Any] = {"provider": "twilio", "secret": "a-secret", "public_url": "https://hub.example.org"}
KANNEL: dict[str, Any] = {"provider": "kannel", "secret": "a-secret"}


class Deliveries:
    def __init__(self, *payloads: Mapping[str, Any]) -> None:
        self.rows = [(n, f"d{n}", AT, payload) for n, payload in enumerate(payloads, 1)]

    def read(self, after: int, limit: int) -> Sequence[tuple[int, str, datetime, Mapping[str, Any]]]:
        return [row for row in self.rows if row[0] > after][:limit]


def connector(*payloads: Mapping[str, Any], **settings: Any) -> MessagesConnector:
    given = TWILIO | settings if settings.get("provider") != "kannel" else KANNEL | settings
    context = Context("sms", default_region="PT", inbox=Deliveries(*payloads))
    return MessagesConnector(MessageSettings.model_validate(given), context)


def read(payload: Mapping[str, Any], **settings: Any) -> list[Any]:
    return [item for page in connector(payload, **settings).pull(None) for item in page.items]


def one(payload: Mapping[str, Any], **settings: Any) -> Interaction:
    (found,) = read(payload, **settings)
    assert isinstance(found, Interaction), found
    return found


def message(body: str, **more: str) -> dict[str, str]:
    return {
        "MessageSid": "SM1",
        "From": "+351912345678",
        "To": "+351210000000",
        "Body": body,
        "SmsStatus": "received",
        **more,
    }


class Away:
    def read(self, after: int, limit: int) -> Sequence[tuple[int, str, datetime, Mapping[str, Any]]]:
        raise TransientError("the store is busy")


class MessageSystem(System):
    """A provider whose deliveries arrive in memory."""

    many = PAGE_SIZE + 100
    plenty = 10_000
    secrets = ("c4nary-of-a-provider",)
    kind = telling(MessagesConnector)

    def __init__(self) -> None:
        self.inbox = Deliveries()
        self.connector = self.connect(self.inbox)

    def connect(self, inbox: Any, context: Context | None = None) -> Connector:
        settings = MessageSettings(provider="kannel", secret=SecretStr(self.secrets[0]))
        return self.kind(settings, replace(context or Context("sms"), inbox=inbox))

    def seed(self, count: int) -> list[str]:
        first = len(self.inbox.rows) + 1
        rows = [(n, f"d{n}", AT, {"from": "+34600111222", "text": str(n)}) for n in range(first, first + count)]
        self.inbox.rows += rows
        return [row[1] for row in rows]

    def twin(self, record_id: str) -> str:
        return self.seed(1)[0]

    def unreachable(self) -> Connector:
        return self.connect(Away())

    def within(self, context: Context) -> Connector:
        return self.connect(self.inbox, context)


NOT_ASKED = "the providers show the key, not the hub"


class TestMessages(ConnectorContract):
    cannot: ClassVar[Mapping[str, str]] = {
        **NOT_OF_RECORDS,
        **dict.fromkeys(OVER_HTTP, "the providers come to the hub; it asks nobody"),
        "test_a_record_that_leaves_while_others_are_listed_hides_none": THEY_HAPPENED,
        "test_a_wrong_key_pauses_the_connection": NOT_ASKED,
        "test_a_key_revoked_in_mid_run_pauses_the_connection": NOT_ASKED,
    }

    @pytest.fixture
    def system(self) -> MessageSystem:
        return MessageSystem()


# --- opt-out ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["STOP", " stop. ", "Stop!", "BAJA", "Sair", "PARAR", "STOPP", "ARRÊT", "Cancelar"])
def test_a_message_that_is_one_of_the_words_is_an_opt_out(body):
    found = one(message(body))

    assert (found.kind, found.phones, found.says) == ("sms.stop", ("+351912345678",), STOPPED)


@pytest.mark.parametrize("body", ["Please stop by tomorrow", "STOP it!!1", "non-stop", "", "START", "Baja California"])
def test_a_message_with_more_in_it_is_not(body):
    found = one(message(body))

    assert (found.kind, found.says) == ("sms.in", ())


def test_words_of_your_own_are_added():
    assert one(message("Chega"), stop=("chega",)).says == STOPPED
    assert one(message("STOP"), stop=("chega",)).says == STOPPED


def test_a_start_counts_only_where_it_is_configured():
    granted = (Statement("sms", "marketing", "granted"),)

    assert one(message("START", OptOutType="START")).says == ()
    assert one(message("START"), start=("start",)).says == granted
    assert one(message("UNSTOP", OptOutType="START"), start=("start",)).says == granted


def test_a_word_cannot_mean_both():
    with pytest.raises(ValidationError, match="stop"):
        connector(start=("Stop",))


def test_the_word_of_the_provider_counts():
    assert one(message("ENOUGH NOW", OptOutType="STOP")).says == STOPPED


def test_every_purpose_that_is_configured_is_denied():
    said = one(message("STOP"), purposes=("offers", "news")).says

    assert [(s.purpose, s.status) for s in said] == [("offers", "denied"), ("news", "denied")]


def test_whatsapp_is_a_channel_of_its_own():
    found = one(message("STOP", From="whatsapp:+351912345678"))

    assert (found.channel, found.phones, found.says[0].channel) == ("chat", ("+351912345678",), "whatsapp")


# --- everything else --------------------------------------------------------------------------------


def test_the_text_of_a_message_is_kept_only_when_asked_for():
    assert one(message("My illness\nis")).summary == ""
    assert one(message("My illness\nis"), text=True).summary == "My illness is"


@pytest.mark.parametrize(
    ("status", "kind"),
    [("delivered", "sms.delivered"), ("undelivered", "sms.failed"), ("failed", "sms.failed"), ("read", "sms.read")],
)
def test_what_became_of_a_message_of_ours_is_an_interaction(status, kind):
    found = one(
        {"MessageSid": "SM1", "MessageStatus": status, "To": "+351912345678", "From": "+1", "ErrorCode": "30003"}
    )

    assert (found.kind, found.direction, found.phones, found.details) == (
        kind,
        "out",
        ("+351912345678",),
        {"error": "30003"},
    )


@pytest.mark.parametrize("status", ["queued", "sent", "sending", "accepted"])
def test_steps_on_the_way_are_left_out(status):
    assert read({"MessageSid": "SM1", "MessageStatus": status, "To": "+351912345678"}) == []
    assert read({"CallSid": "CA1", "CallStatus": "ringing", "From": "+351912345678", "Direction": "inbound"}) == []


@pytest.mark.parametrize(
    ("status", "direction", "kind"),
    [
        ("completed", "inbound", "call.answered"),
        ("no-answer", "inbound", "call.missed"),
        ("no-answer", "outbound-api", "call.unanswered"),
        ("busy", "outbound-dial", "call.busy"),
    ],
)
def test_a_call_is_told_by_its_last_status(status, direction, kind):
    sides = {"From": "+351912345678", "To": "+351933123456"}
    found = one({"CallSid": "CA1", "CallStatus": status, "Direction": direction, "CallDuration": "61", **sides})

    other = sides["From"] if direction == "inbound" else sides["To"]
    assert (found.kind, found.phones, found.details) == (kind, (other,), {"seconds": 61})


def test_kannel_tells_time_and_text():
    """As a real Kannel 1.4.5 sends it."""
    found = one({"from": "+34600111222", "to": "13013", "text": "BAJA", "ts": "1795293969"}, provider="kannel")

    assert (found.phones, found.at, found.says) == (("+34600111222",), datetime.fromtimestamp(1795293969, UTC), STOPPED)


@pytest.mark.parametrize(
    ("s", "kinds"), [("8", []), ("4", []), ("1", ["sms.delivered"]), ("2", ["sms.failed"]), ("16", ["sms.failed"])]
)
def test_kannels_reports_are_read_by_their_bits(s, kinds):
    found = read({"_report": True, "to": "+34600111222", "s": s, "id": "m7"}, provider="kannel")

    assert [(f.kind, f.reference) for f in found] == [(kind, "m7") for kind in kinds]


def test_a_sender_that_is_no_number_is_set_aside():
    (found,) = read(message("Your code", From="BANCO"))

    assert isinstance(found, Unreadable)
    assert "BANCO" not in found.reason


@given(
    st.dictionaries(
        st.sampled_from(["From", "To", "Body", "MessageStatus", "CallSid", "CallStatus", "OptOutType"]),
        st.text(max_size=20),
    )
)
def test_any_delivery_is_read_or_set_aside(payload):
    assert all(isinstance(found, Interaction | Unreadable) for found in read(payload))


def test_deliveries_are_read_once_and_in_order():
    box = connector(*(message(str(n)) for n in range(3)))
    (page,) = box.pull("1")

    assert ([item.id for item in page.items], page.cursor) == (["d2", "d3"], "3")
    with pytest.raises(CursorExpired):
        list(box.pull("x"))


def test_without_a_store_nothing_can_be_read():
    alone = MessagesConnector(MessageSettings.model_validate(TWILIO), Context("sms"))

    with pytest.raises(ConfigError, match="store"):
        list(alone.pull(None))
    assert alone.check().lines == ("receives at POST /messages/sms",)


@pytest.mark.parametrize("wrong", [{"provider": "twilio", "secret": "x"}, KANNEL | {"public_url": "https://a.example"}])
def test_the_address_of_the_hub_belongs_to_twilio(wrong):
    with pytest.raises(ValidationError, match="public_url"):
        MessageSettings.model_validate(wrong)
