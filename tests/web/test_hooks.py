"""Events of described services at the hub's door: signatures, handshakes, and what is stored."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from hub.connectors.registry import connector_types
from hub.connectors.rest.hooks import Webhooks
from hub.errors import ConfigError, TransientError
from hub.web.bodies import Rejected
from hub.web.hooks import Call, open_hook
from hub.web.rates import RateCap
from tests.canaries import canary
from tests.web.intake_rig import Rig

SECRET = canary("webhooks")
TOKEN = canary("subscription")
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


def of(service: str, **values: Any) -> tuple[Webhooks, dict[str, Any]]:
    spec = connector_types()[service].spec.webhooks  # type: ignore[attr-defined]  # the type of a described service
    return spec, {"hook_secret": SECRET, **values}


@pytest.fixture
def rig() -> Rig:
    return Rig(
        {},
        events={
            "crm": of("hubspot", hook_url="https://hub.example"),
            "leads": of("meta_leads", form="77", verify_token=TOKEN),
            "mailbox": of("microsoft_graph"),
            "news": of("mailchimp", list="a1"),
            "linked": of("linkedin_leads", account="5"),
            "erp": of("erpnext"),
            "sms": of("twilio_messages", account="AC1", hook_url="https://hub.example"),
            "silent": (of("mautic")[0], {"hook_secret": None}),
        },
    )


def sign(text: bytes, secret: str = SECRET) -> bytes:
    return hmac.new(secret.encode(), text, hashlib.sha256).digest()


def hubspot(
    rig: Rig, body: bytes, *, secret: str = SECRET, aged: float = 0, path: str = "/hooks/crm", **changed: str
) -> httpx.Response:
    stamp = str(int((rig.now - timedelta(seconds=aged)).timestamp() * 1000))
    signed = f"POST{changed.get('host', 'https://hub.example')}{changed.get('signed', path)}".encode()
    signature = b64encode(sign(signed + body + stamp.encode(), secret)).decode()
    headers = {**JSON, "x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": stamp}
    return rig.post(path, content=changed.get("sent", body.decode()).encode(), headers=headers)


CHANGED = json.dumps([{"subscriptionType": "contact.propertyChange", "objectId": 51, "propertyValue": "Ann"}]).encode()


def test_a_signed_event_is_stored_as_a_hint_and_nothing_else(rig: Rig) -> None:
    answer = hubspot(rig, CHANGED)

    assert (answer.status_code, answer.content) == (200, b"")
    assert rig.inbox.payloads == [{"hints": [["changed", "51"]]}]


def test_the_same_delivery_again_is_stored_once(rig: Rig) -> None:
    for _ in range(3):
        assert hubspot(rig, CHANGED).status_code == 200

    assert len(rig.inbox.rows) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"secret": "another-secret"},
        {"aged": 301},
        {"aged": -301},
        {"host": "https://elsewhere.example"},
        {"signed": "/hooks/another"},
        {"sent": CHANGED.decode().replace("51", "52")},
    ],
)
def test_what_is_not_signed_so_is_refused_before_anything_is_stored(rig: Rig, changed: dict[str, Any]) -> None:
    answer = hubspot(rig, CHANGED, **changed)

    assert (answer.status_code, rig.inbox.rows) == (401, {})


@pytest.mark.parametrize("path", ["/hooks/none", "/hooks/silent", "/hooks/mailbox"])
def test_an_unknown_connection_and_one_without_a_secret_look_like_a_wrong_secret(rig: Rig, path: str) -> None:
    answer, wrong = hubspot(rig, b"{}", path=path), hubspot(rig, CHANGED, secret="another-secret")

    assert (answer.status_code, answer.json()) == (wrong.status_code, wrong.json())


def test_the_query_of_the_address_is_signed_too(rig: Rig) -> None:
    assert hubspot(rig, CHANGED, path="/hooks/crm?team=1").status_code == 200
    assert hubspot(rig, CHANGED, path="/hooks/crm?team=2", signed="/hooks/crm?team=1").status_code == 401


def test_events_that_say_nothing_are_answered_well_and_not_stored(rig: Rig) -> None:
    answer = hubspot(rig, json.dumps([{"subscriptionType": "company.creation", "objectId": 1}]).encode())

    assert (answer.status_code, rig.inbox.rows) == (200, {})


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"text"', b"\xff", b'{"a":' * 2000])
def test_a_body_that_cannot_be_read_is_refused(rig: Rig, body: bytes) -> None:
    stamp = str(int(rig.now.timestamp() * 1000))
    signature = b64encode(sign(b"POSThttps://hub.example/hooks/crm" + body + stamp.encode())).decode()
    headers = {**JSON, "x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": stamp}

    answer = rig.post("/hooks/crm", content=body, headers=headers)

    assert (answer.status_code, rig.inbox.rows) == (400, {})


def test_an_event_that_cannot_be_stored_is_not_answered_well(rig: Rig) -> None:
    rig.inbox.error = TransientError("busy", retry_after=7)

    answer = hubspot(rig, CHANGED)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")


def test_without_a_time_in_the_signature_each_copy_may_tell_of_another_change(rig: Rig) -> None:
    body = json.dumps({"event": "on_update", "name": "Ann"}).encode()
    headers = {**JSON, "x-frappe-webhook-signature": b64encode(sign(body)).decode()}

    for _ in range(3):
        assert rig.post("/hooks/erp", content=body, headers=headers).status_code == 200

    assert rig.inbox.payloads == [{"hints": [["changed", "Ann"]]}] * 3


def test_a_flood_of_copies_is_slowed_down(rig: Rig) -> None:
    hook = open_hook("erp", *of("erpnext"), lambda: "made")
    assert hook is not None
    body = json.dumps({"event": "on_update", "name": "Ann"}).encode()
    told = {"content-type": ["application/json"], "X-Frappe-Webhook-Signature": [b64encode(sign(body)).decode()]}
    capped = replace(hook, cap=RateCap(2))

    taken = [capped.take(Call("POST", "/hooks/erp", "", lambda name: told[name], body), rig.now) for _ in range(2)]

    assert None not in taken
    with pytest.raises(Rejected) as caught:
        capped.take(Call("POST", "/hooks/erp", "", lambda name: told[name], body), rig.now)
    assert (caught.value.status, caught.value.retry_after) == (429, 30)


# --- handshakes -------------------------------------------------------------------------------------


def test_meta_is_given_its_challenge_for_the_right_token(rig: Rig) -> None:
    asked = {"hub.mode": "subscribe", "hub.verify_token": TOKEN, "hub.challenge": "1158201444"}

    answer = rig.get(f"/hooks/leads?{urlencode(asked)}")

    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "asked",
    [
        {"hub.verify_token": "wrong", "hub.challenge": "1"},
        {"hub.challenge": "1"},
        {"hub.verify_token": TOKEN},
        {"hub.verify_token": TOKEN, "hub.challenge": "x" * 3000},
        {"hub.verify_token": TOKEN, "hub.challenge": "a\r\nb"},
        {},
    ],
)
def test_meta_is_given_nothing_for_another_token(rig: Rig, asked: dict[str, str]) -> None:
    answer = rig.get(f"/hooks/leads?{urlencode(asked)}")

    assert answer.status_code == 401
    assert "x" * 100 not in answer.text


def test_meta_tells_of_leads_of_this_form_only(rig: Rig) -> None:
    value = [{"leadgen_id": "5", "form_id": "77"}, {"leadgen_id": "6", "form_id": "78"}]
    body = json.dumps({"entry": [{"changes": [{"field": "leadgen", "value": each} for each in value]}]}).encode()
    headers = {**JSON, "x-hub-signature-256": "sha256=" + sign(body).hex()}

    assert rig.post("/hooks/leads", content=body, headers=headers).status_code == 200
    assert rig.post("/hooks/leads", content=body + b" ", headers=headers).status_code == 401
    assert rig.inbox.payloads == [{"hints": [["changed", "5"]]}]


def test_graph_is_given_its_validation_token_back_as_text(rig: Rig) -> None:
    answer = rig.post("/hooks/mailbox?validationToken=Validation%3A+Testing+%3Cb%3E", content=b"")

    assert (answer.status_code, answer.text) == (200, "Validation: Testing <b>")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_every_notification_of_graph_shows_the_client_state(rig: Rig) -> None:
    def told(*states: str) -> bytes:
        return json.dumps(
            {"value": [{"changeType": "deleted", "resourceData": {"id": "A1"}, "clientState": each} for each in states]}
        ).encode()

    assert rig.post("/hooks/mailbox", content=told(SECRET, SECRET), headers=JSON).status_code == 200
    for body in (told("wrong"), told(SECRET, "wrong"), told()):
        assert rig.post("/hooks/mailbox", content=body, headers=JSON).status_code == 401
    assert rig.inbox.payloads == [{"hints": [["deleted", "A1"]]}]


def test_mailchimp_finds_the_address_by_a_get_that_shows_the_key(rig: Rig) -> None:
    assert rig.get(f"/hooks/news?key={SECRET}").status_code == 200
    assert rig.get("/hooks/news?key=wrong").status_code == 401
    assert rig.get("/hooks/news").status_code == 401


def test_mailchimp_names_a_member_by_a_hash_and_the_address_is_not_kept(rig: Rig) -> None:
    fields = {"type": "upemail", "data[new_email]": "New@Example.org", "data[list_id]": "a1"}

    answer = rig.post(f"/hooks/news?key={SECRET}", content=urlencode(fields), headers=FORM)

    name = hashlib.md5(b"new@example.org", usedforsecurity=False).hexdigest()
    assert answer.status_code == 200
    assert rig.inbox.payloads == [{"hints": [["named", name]]}]


def test_linkedin_is_shown_that_the_hub_knows_the_secret(rig: Rig) -> None:
    code = "890e4665-4dfe-4ab1-b689-ed553bceeed0"

    answer = rig.get(f"/hooks/linked?challengeCode={code}")

    assert answer.json() == {"challengeCode": code, "challengeResponse": sign(code.encode()).hex()}


def test_twilio_signs_address_and_form(rig: Rig) -> None:
    fields = {"MessageSid": "SM1", "AccountSid": "AC1", "Body": "Hello there"}
    text = "https://hub.example/hooks/sms" + "".join(name + fields[name] for name in sorted(fields))
    signature = b64encode(hmac.new(SECRET.encode(), text.encode(), hashlib.sha1).digest()).decode()
    headers = {**FORM, "x-twilio-signature": signature}

    assert rig.post("/hooks/sms", content=urlencode(fields), headers=headers).status_code == 200
    assert rig.post("/hooks/sms", content=urlencode({**fields, "Body": "Bye"}), headers=headers).status_code == 401
    assert rig.inbox.payloads == [{"hints": [["changed", "SM1"]]}]


@pytest.mark.parametrize(("path", "kind"), [("/hooks/crm", FORM), ("/hooks/news?key=" + SECRET, JSON)])
def test_a_body_of_another_kind_is_refused(rig: Rig, path: str, kind: dict[str, str]) -> None:
    answer = rig.post(path, content=b"{}", headers=kind)

    assert answer.status_code in (401, 415)
    assert rig.inbox.rows == {}


def test_a_secret_that_is_too_short_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="crm"):
        Rig({}, events={"crm": (of("erpnext")[0], {"hook_secret": "short"})})
