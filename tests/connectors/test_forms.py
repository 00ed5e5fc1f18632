"""The form connector: deliveries become records once, in order, with their consents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hub.connectors.contract import Connector, Context, Inbox
from hub.connectors.form_settings import CONSENTS, SPAM, ConsentBox, FormSettings, is_ticked
from hub.connectors.forms import AT_ONCE, FormConnector, look_up, mapping_of, read_consents, read_delivery
from hub.document import parse_document
from hub.errors import ConfigError, CursorExpired, TransientError
from hub.mapping.spec import load_mapping
from hub.model import Interaction, Mapped, Page, Record, Unreadable
from hub.testing import OVER_HTTP, ConnectorContract, System

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BOX = ConsentBox(field="newsletter", purpose="newsletter", wording="Send me the newsletter.")
PUBLIC = FormSettings(signature="none", allow_unsigned=True, consent=(BOX,), honeypot="homepage")
SIGNED = FormSettings(secret="env:FORM_SECRET")


class MemoryInbox:
    def __init__(self, payloads: Sequence[Mapping[str, Any]]) -> None:
        self.rows = [
            (number, f"msg-{number}", AT + timedelta(seconds=number), payload)
            for number, payload in enumerate(payloads, 1)
        ]
        self.reads = 0

    def read(self, after: int, limit: int) -> Sequence[tuple[int, str, datetime, Mapping[str, Any]]]:
        self.reads += 1
        return [row for row in self.rows if row[0] > after][:limit]


class Away:
    def read(self, after: int, limit: int) -> Sequence[tuple[int, str, datetime, Mapping[str, Any]]]:
        raise TransientError("the store is busy")


class FormSystem(System):
    """A form whose deliveries arrive in memory; the secret is a canary."""

    many = AT_ONCE + 100
    plenty = 10_000
    secrets = ("c4nary-of-a-form",)

    def __init__(self) -> None:
        self.inbox = MemoryInbox([])
        self.connector = self.connect(self.inbox)

    def connect(self, inbox: Inbox) -> Connector:
        return FormConnector(FormSettings(secret=self.secrets), Context("website", inbox=inbox))

    def arrive(self, at: datetime) -> str:
        number = len(self.inbox.rows) + 1
        self.inbox.rows.append((number, f"msg-{number}", at, {"given_name": "Ana", "note": str(number)}))
        return f"msg-{number}"

    def seed(self, count: int) -> list[str]:
        return [self.arrive(AT) for _ in range(count)]

    def twin(self, record_id: str) -> str:
        return self.arrive(next(at for _, known, at, _ in self.inbox.rows if known == record_id))

    def unreachable(self) -> Connector:
        return self.connect(Away())

    def within(self, context: Context) -> Connector:
        return FormConnector(FormSettings(secret=self.secrets), replace(context, inbox=self.inbox))


SENT = "what a person sent stays as it was sent"
UNSENT = "what a person sent is not unsent"


class TestForm(ConnectorContract):
    cannot: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(OVER_HTTP, "the senders come to the hub; it asks nobody"),
        "test_a_change_is_seen": SENT,
        "test_a_record_that_changes_while_it_is_listed_is_not_lost": SENT,
        "test_a_deletion_is_seen": UNSENT,
        "test_a_record_that_leaves_while_others_are_listed_hides_none": UNSENT,
        "test_a_wrong_key_pauses_the_connection": "the senders show the key, not the hub",
        "test_a_key_revoked_in_mid_run_pauses_the_connection": "the senders show the key, not the hub",
        "test_a_value_never_heard_of_is_kept_and_grants_nothing": "a form has no values of its own",
        "test_a_field_gone_from_the_answers_says_nothing": "the browser sends no empty field: every delivery is so",
    }

    @pytest.fixture
    def system(self) -> FormSystem:
        return FormSystem()


def connector(payloads: Sequence[Mapping[str, Any]], settings: FormSettings = PUBLIC) -> FormConnector:
    return FormConnector(settings, Context("website", inbox=MemoryInbox(payloads)))


def test_every_delivery_becomes_a_record_with_its_id_and_its_time():
    (page,) = connector([{"given_name": "Ana"}, {"given_name": "Rui"}]).pull(None)

    assert tuple(item for item in page.items if isinstance(item, Record)) == (
        Record("msg-1", {"given_name": "Ana"}, changed_at=AT + timedelta(seconds=1)),
        Record("msg-2", {"given_name": "Rui"}, changed_at=AT + timedelta(seconds=2)),
    )
    assert page.cursor == "2"


def test_a_submission_is_an_interaction_of_its_record_with_what_was_agreed():
    agreed = {"email|newsletter": {"status": "granted", "wording": "Yes, send me news"}}
    (page,) = connector([{"given_name": "Ana", CONSENTS: agreed}, {"given_name": "x", SPAM: True}]).pull(None)

    (told,) = (item for item in page.items if isinstance(item, Interaction))
    assert (told.id, told.record, told.kind, told.at) == ("msg-1", "msg-1", "form.sent", AT + timedelta(seconds=1))
    assert told.details == {"agreed": {"email|newsletter": "Yes, send me news"}}


def test_the_next_pull_reads_only_what_came_since():
    form = connector([{"n": number} for number in range(5)])

    (page,) = form.pull("3")

    assert [item.id for item in page.items if isinstance(item, Record)] == ["msg-4", "msg-5"]


def test_a_pull_with_nothing_new_stays_where_it_was():
    assert list(connector([{"n": 1}]).pull("1")) == [Page((), "1")]
    assert list(connector([]).pull(None)) == [Page((), "0")]


def test_many_deliveries_come_in_pages_that_each_can_be_resumed_from():
    form = connector([{"n": number} for number in range(2 * AT_ONCE + 1)])

    pages = list(form.pull(None))

    assert [len(page.items) for page in pages] == [2 * AT_ONCE, 2 * AT_ONCE, 2]  # a record and that it was sent
    assert [page.cursor for page in pages] == [str(AT_ONCE), str(2 * AT_ONCE), str(2 * AT_ONCE + 1)]


@given(cut=st.integers(0, 20), total=st.integers(0, 20))
def test_pulling_in_two_goes_reads_the_same_as_in_one(cut, total):
    payloads = [{"n": number} for number in range(total)]

    first = [item for page in connector(payloads[:cut]).pull(None) for item in page.items]
    rest = [item for page in connector(payloads).pull(str(min(cut, total))) for item in page.items]

    assert first + rest == [item for page in connector(payloads).pull(None) for item in page.items]


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "١"])
def test_a_cursor_that_is_none_of_ours_has_expired(cursor):
    with pytest.raises(CursorExpired):
        list(connector([]).pull(cursor))


def test_a_form_without_a_store_says_so():
    form = FormConnector(PUBLIC, Context("website"))

    with pytest.raises(ConfigError, match="website"):
        list(form.pull(None))


def test_check_without_a_store_names_the_address():
    report = FormConnector(PUBLIC, Context("website")).check()

    assert report.lines == ("receives at POST /forms/website (unsigned)",)


def test_absence_means_nothing_in_a_form():
    can = connector([]).can

    assert can.changes
    assert not can.complete
    assert not can.create


def test_check_names_the_address_and_warns_of_a_form_that_anybody_can_post_to():
    report = connector([{"n": 1}]).check()

    assert "POST /forms/website (unsigned)" in report.lines[0]
    assert report.lines[1] == "deliveries have arrived"
    assert report.warnings


def test_check_says_how_many_secrets_are_in_use_and_shows_none():
    report = connector([], FormSettings(secret=("env:NEW_SECRET", "env:OLD_SECRET"))).check()

    assert report.lines == (
        "receives at POST /forms/website (Standard Webhooks, 2 secrets)",
        "nothing has arrived yet",
    )


def test_consents_of_a_delivery_are_part_of_the_record():
    consents = {"email|newsletter": {"status": "granted"}}

    record = read_delivery("m", AT, {"a": 1, "_consents": consents, "_received_at": "x"}, PUBLIC)

    assert record == Record("m", {"a": 1, "consents": consents}, changed_at=AT)


def test_consents_that_a_browser_made_up_are_left_out():
    record = read_delivery("m", AT, {"a": 1, "consents": [{"channel": "email"}], "_consents": {}}, PUBLIC)

    assert record == Record("m", {"a": 1}, changed_at=AT)


def test_consents_of_a_signed_sender_are_left_to_its_mapping():
    record = read_delivery("m", AT, {"a": 1, "consents": ["x"], "_consents": {}}, SIGNED)

    assert record == Record("m", {"a": 1, "consents": ["x"]}, changed_at=AT)


def test_a_delivery_with_a_filled_honeypot_is_parked_with_all_it_held():
    parked = read_delivery("m", AT, {"given_name": "Bot", "homepage": "x", "_spam": True}, PUBLIC)

    assert isinstance(parked, Unreadable)
    assert parked.id == "m"
    assert '"homepage":"x"' in parked.original


def test_an_empty_honeypot_is_no_field_of_the_person():
    record = read_delivery("m", AT, {"given_name": "Ana", "homepage": ""}, PUBLIC)

    assert record == Record("m", {"given_name": "Ana"}, changed_at=AT)


# --- consents ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["on", "YES", " true ", "1", True, 1, ["yes"]])
def test_what_clearly_says_yes_is_ticked(value):
    assert is_ticked(value)


@pytest.mark.parametrize(
    "value", [None, "", "no", "off", 0, 2, 1.0, False, {}, [], ["yes", "no"], ["yes", "yes"], "on?"]
)
def test_anything_else_is_not(value):
    assert not is_ticked(value)


def test_a_box_is_found_where_its_settings_say():
    box = ConsentBox(field="data.ok", channel="sms", purpose="alerts", wording="Text me.")

    consents = read_consents({"data": {"ok": True}}, (box,), "now", "form website")

    assert consents == {
        "sms|alerts": {
            "status": "granted",
            "at": "now",
            "basis": "explicit",
            "source": f"form website, wording {box.version_in('en')} (en)",
            "wording": "Text me.",
        }
    }


def mapped(fields: Mapping[str, Any], settings: FormSettings = PUBLIC) -> Mapped:
    """A delivery with these fields on its whole way to canonical fields, by the mapping of its form."""
    consents = read_consents(fields, settings.consent, AT.isoformat(), "form website")
    record = read_delivery("m", AT, {**fields, "_consents": consents}, settings)
    assert isinstance(record, Record)
    return load_mapping(mapping_of(settings.consent), where="form", default_region="PT").inward(record)


def test_a_ticked_box_becomes_a_canonical_consent_of_the_address_given():
    found = mapped({"given_name": "Ana", "email": "Ana@example.org", "phone": "912 345 678", "newsletter": "yes"})

    assert found.problems == ()
    assert found.fields["consents/email|ana@example.org|newsletter"] == {
        "status": "granted",
        "at": "2026-11-21T12:00:00+00:00",
        "basis": "explicit",
        "source": f"form website, wording {BOX.version_in('en')} (en)",
        "wording": "Send me the newsletter.",
    }
    assert found.fields["given_name"] == "Ana"
    assert "phones/+351912345678" in found.fields


def test_a_box_left_empty_says_nothing():
    found = mapped({"email": "ana@example.org"})

    assert not any(key.startswith("consents/") for key in found.fields)
    assert found.problems == ()


def test_a_consent_without_an_address_is_reported_and_not_widened_to_the_person():
    found = mapped({"given_name": "Ana", "newsletter": "yes"})

    assert not any(key.startswith("consents/") for key in found.fields)
    assert [problem.field for problem in found.problems] == ["consents"]


def test_the_mapping_of_a_form_is_a_mapping_file():
    text = FormConnector.mapping_text({"secret": "env:S", "consent": [BOX.model_dump()]})

    data = parse_document(text, "form").data
    assert data == mapping_of((BOX,))
    assert load_mapping(data, where="form", default_region=None).scope() >= {"given_name", "emails"}


def test_a_name_with_a_dot_is_found_before_a_path():
    assert look_up({"a.b": 1, "a": {"b": 2}}, "a.b") == 1
    assert look_up({"a": {"b": 2}}, "a.b") == 2
    assert look_up({"a": "text"}, "a.b") is None


# --- settings ------------------------------------------------------------------------------------------

HMAC = {"signature": "hmac", "secret": "env:S"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "needs `secret`"),
        ({"signature": "none"}, "allow_unsigned: true"),
        ({"signature": "none", "allow_unsigned": True, "secret": "env:S"}, "remove `secret`"),
        ({"signature": "hmac", "secret": "env:S"}, "`hmac` (header"),
        ({"secret": "env:S", "hmac": {"header": "X-S"}}, "only with it"),
        ({"secret": "env:S", "delivery_id": {"field": "id"}}, "brings its own id"),
        ({**HMAC, "hmac": {"header": "X-S"}, "delivery_id": {"header": "X-Id"}}, "must be signed"),
        ({**HMAC, "hmac": {"header": "X-S", "signed": "{id}{body}"}}, "must be signed"),
        ({**HMAC, "hmac": {"header": "X-S", "signed": "{timestamp}"}}, "must contain {body}"),
        ({**HMAC, "hmac": {"header": "X-S", "signed": "{timestamp}{body}"}}, "go together"),
        ({**HMAC, "hmac": {"header": "X S"}}, "header"),
        ({**HMAC, "hmac": {"header": "X-S"}, "delivery_id": {}}, "either `header` or `field`"),
        ({"secret": "env:S", "honeypot": "emails"}, "used twice"),
        ({"secret": "env:S", "honeypot": "_spam"}, "the hub's own"),
        ({"secret": "env:S", "thanks_url": "javascript:alert(1)"}, "thanks_url"),
        ({"secret": "env:S", "consent": [{"field": "a", "purpose": "b", "wording": "  "}]}, "wording"),
        ({"secret": "env:S", "colour": "red"}, "colour"),
        (
            {"secret": "env:S", "consent": [BOX.model_dump(), {**BOX.model_dump(), "field": "other"}]},
            "the same consent",
        ),
    ],
)
def test_settings_that_contradict_themselves_are_refused_with_the_reason(settings, message):
    with pytest.raises(ValidationError) as caught:
        FormSettings.model_validate(settings)

    assert message in str(caught.value)


def test_a_signed_id_header_is_allowed():
    settings = FormSettings.model_validate(
        {**HMAC, "hmac": {"header": "X-S", "signed": "{id}.{body}"}, "delivery_id": {"header": "X-Id"}}
    )

    assert settings.hmac is not None
    assert settings.hmac.template == "{id}.{body}"


def test_a_secret_is_not_shown_with_its_settings():
    assert "the-value" not in repr(FormSettings(secret="the-value"))
