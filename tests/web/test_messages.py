"""Webhooks of providers of messages: signed or secret, stored once, answered as the provider expects."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from urllib.parse import urlencode

import pytest

from hub.connectors.messages import MessageSettings
from hub.errors import ConfigError, TransientError
from hub.web.messages import Kannel, Twilio, open_hook, signed_text
from tests.canaries import canary
from tests.web.intake_rig import Inbox, Rig

TOKEN = canary("auth-token")
SECRET = canary("in-the-address")
TWILIO = MessageSettings(provider="twilio", secret=TOKEN, public_url="https://hub.example")
KANNEL = MessageSettings(provider="kannel", secret=SECRET)
MESSAGE = {"MessageSid": "SM" + "1" * 32, "From": "+351912345678", "To": "+351210000000", "Body": "STOP"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def rig() -> Rig:
    return Rig({}, hooks={"sms": TWILIO, "modem": KANNEL})


def sign(fields: dict[str, str], path: str = "/messages/sms", token: str = TOKEN) -> str:
    text = signed_text(f"https://hub.example{path}", fields)
    return b64encode(hmac.new(token.encode(), text, hashlib.sha1).digest()).decode()


def post(rig: Rig, fields: dict[str, str], path: str = "/messages/sms", signature: str | None = None):
    given = sign(fields, path) if signature is None else signature
    headers = [*FORM.items(), ("x-twilio-signature", given.encode())]
    return rig.post(path, content=urlencode(fields), headers=headers)


def test_the_published_example_of_a_signature_is_ours():
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "From": "+12349013030",
        "To": "+18005551212",
        "Caller": "+12349013030",
        "Digits": "1234",
    }
    text = signed_text("https://mycompany.com/myapp.php?foo=1&bar=2", fields)

    assert b64encode(hmac.new(b"12345", text, hashlib.sha1).digest()) == b"0/KCTR6DLpKmkAf8muzZqo1nDgQ="


def test_a_signed_message_is_stored_and_answered_with_nothing_to_say(rig):
    answer = post(rig, MESSAGE)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    assert answer.text.endswith("<Response/>")
    assert [(key, payload["Body"]) for key, payload in rig.inbox.rows.items()] == [
        (("sms", MESSAGE["MessageSid"]), "STOP")
    ]


def test_the_query_of_the_address_is_signed_too(rig):
    assert post(rig, MESSAGE, "/messages/sms?team=1").status_code == 200
    assert post(rig, MESSAGE, "/messages/sms?team=2", sign(MESSAGE, "/messages/sms?team=1")).status_code == 401


def test_a_message_that_comes_again_is_stored_once_and_each_status_of_a_call_once(rig):
    call = {"CallSid": "CA1", "CallStatus": "ringing", "From": "+351912345678"}
    for fields in (MESSAGE, MESSAGE, call, call | {"CallStatus": "completed"}):
        assert post(rig, fields).status_code == 200

    assert [key for _, key in rig.inbox.rows] == [MESSAGE["MessageSid"], "CA1:ringing", "CA1:completed"]


@pytest.mark.parametrize("signature", ["", "x", "é", sign(MESSAGE, token="another"), sign(MESSAGE | {"Body": "START"})])
def test_what_is_not_signed_by_the_account_is_refused(rig, signature):
    answer = post(rig, MESSAGE, signature=signature)

    assert (answer.status_code, rig.inbox.rows) == (401, {})


def test_a_message_without_an_id_is_refused(rig):
    assert post(rig, {"From": "+351912345678"}).status_code == 400


def test_kannel_brings_its_secret_in_the_address_and_it_is_not_stored(rig):
    query = urlencode({"secret": SECRET, "from": "+34600111222", "to": "13013", "text": "BAJA", "ts": "1795293969"})
    for _ in range(2):
        answer = rig.get(f"/messages/modem?{query}")
        assert (answer.status_code, answer.text) == (200, "")

    (payload,) = rig.inbox.payloads
    assert payload["text"] == "BAJA"
    assert SECRET not in repr(payload)


def test_reports_of_kannel_have_an_address_of_their_own(rig):
    for status in ("8", "1"):
        query = urlencode({"secret": SECRET, "to": "+34600111222", "s": status, "id": "m7"})
        assert rig.get(f"/messages/modem/report?{query}").status_code == 200

    assert [payload["_report"] for payload in rig.inbox.payloads] == [True, True]


@pytest.mark.parametrize("path", ["/messages/modem", "/messages/modem/report", "/messages/sms", "/messages/none"])
def test_a_wrong_secret_an_unknown_connection_and_another_way_in_look_the_same(rig, path):
    answer = rig.get(f"{path}?secret=wrong&from=1&text=STOP")

    assert (answer.status_code, answer.json()["detail"]) == (
        401,
        "Nothing was stored. Check the address and the secret.",
    )
    assert rig.inbox.rows == {}


def test_a_signed_message_to_a_connection_of_kannel_is_refused(rig):
    assert post(rig, MESSAGE | {"secret": SECRET}, "/messages/modem").status_code == 401


def test_a_store_that_is_busy_asks_for_another_try(rig):
    rig.inbox.error = TransientError("busy", retry_after=7.0)
    answer = post(rig, MESSAGE)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")


def test_names_of_ours_in_a_delivery_are_not_believed(rig):
    post(rig, MESSAGE | {"_report": "x", "_received_at": "never"})

    (payload,) = rig.inbox.payloads
    assert "_report" not in payload
    assert payload["_received_at"] != "never"


def test_a_secret_that_is_too_short_is_refused():
    with pytest.raises(ConfigError, match="shorter"):
        Rig({}, hooks={"sms": MessageSettings(provider="kannel", secret="short")})


def test_a_secret_may_be_a_reference(tmp_path):
    (tmp_path / "token").write_text(f"{SECRET}\n")
    hook = open_hook("modem", MessageSettings(provider="kannel", secret="file:token"), tmp_path)

    assert hook == Kannel(SECRET.encode())


def test_keys_are_shown_nowhere():
    assert "key" not in repr(Twilio(b"key", "https://hub.example"))
    assert TOKEN not in repr(TWILIO)
    assert Inbox().rows == {}
