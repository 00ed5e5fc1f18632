"""Form services: a payload in the vendor's shape, through the web application and the store, out as a contact."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hub.connectors import form_labels
from hub.connectors.contract import Context
from hub.connectors.form_labels import usual_names
from hub.connectors.form_presets import PRESETS, Malformed, unpack
from hub.connectors.form_settings import FormSettings
from hub.connectors.forms import FormConnector
from hub.document import parse_document
from hub.mapping.spec import load_mapping
from hub.model import Interaction, Mapped, Record, Unreadable
from hub.store.db import Store
from hub.store.inbox import StoreInbox
from hub.web.server import serve
from tests.canaries import canary
from tests.fakes.stores import in_file
from tests.web.intake_rig import NOW, Rig

PAYLOADS = Path(__file__).parent / "payloads"
SECRET = canary("presets") + "+form/service"
WORDING = "Yes, send me the newsletter by email."
BOX = {"purpose": "newsletter", "wording": WORDING}
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
GRAVITY = {"1.3": "First name", "1.6": "Last name", "2": "Email", "3": "Phone", "4": "Company", "5": "Message"}

SIGNED = ("typeform", "tally", "google_forms")
IN_HEADER = ("gravity_forms", "contact_form_7", "wpforms")
IN_ADDRESS = ("jotform", "elementor")
BOXES = {
    "typeform": "news",
    "tally": "Newsletter",
    "jotform": "newsletter",
    "gravity_forms": "6.1",
    "contact_form_7": "newsletter",
    "wpforms": "consent",
    "elementor": "newsletter",
    "google_forms": "newsletter",
}
MORE: Mapping[str, Mapping[str, Any]] = {"gravity_forms": {"names": GRAVITY}}


def given_settings(preset: str) -> dict[str, Any]:
    box = {"field": BOXES[preset], **BOX}
    return {"preset": preset, "secret": SECRET, "consent": [box], **MORE.get(preset, {})}


def settings_of(preset: str) -> FormSettings:
    return FormSettings.model_validate(given_settings(preset))


def body_of(preset: str) -> tuple[bytes, dict[str, str]]:
    """What the vendor posts, and its content type."""
    if preset == "jotform":
        request = httpx.Request("POST", "http://x", files=[(n, (None, v)) for n, v in stored(preset).items()])
        return request.read(), {"content-type": request.headers["content-type"]}
    file = next(PAYLOADS.glob(f"{preset}.*"))
    return file.read_bytes(), FORM if file.suffix == ".txt" else JSON


def stored(preset: str) -> dict[str, Any]:
    """The payload as it is read back from the inbox."""
    file = next(PAYLOADS.glob(f"{preset}.*"))
    return dict(parse_qsl(file.read_text())) if file.suffix == ".txt" else json.loads(file.read_text())


def digest(secret: str, signed: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


def as_the_vendor(preset: str, body: bytes, secret: str = SECRET) -> tuple[str, dict[str, str]]:
    """Query and headers by which it shows who it is."""
    if preset == "typeform":
        return "", {"Typeform-Signature": "sha256=" + digest(secret, body)}
    if preset == "tally":
        return "", {"Tally-Signature": digest(secret, body)}
    if preset == "google_forms":
        at = str(int(NOW.timestamp()))
        signature = digest(secret, f"{at}.".encode() + body)
        return "", {"X-Hub-Timestamp": at, "X-Hub-Signature": signature}
    if preset in IN_HEADER:
        return "", {"X-Hub-Key": secret}
    return f"?key={quote(secret, safe='')}", {}


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    store = in_file(tmp_path / "hub.db")
    yield store
    store.close()


def rig_of(inbox: Any, *presets: str) -> Rig:
    return Rig({preset: settings_of(preset) for preset in presets}, inbox=inbox)


def send(rig: Rig, preset: str, body: bytes, kind: Mapping[str, str], secret: str = SECRET) -> httpx.Response:
    query, headers = as_the_vendor(preset, body, secret)
    return rig.post(f"/forms/{preset}{query}", content=body, headers={**kind, **headers})


def pulled(store: Store, preset: str, settings: FormSettings | None = None) -> list[Any]:
    inbox = StoreInbox(store).of(preset)
    form = FormConnector(settings or settings_of(preset), Context(preset, inbox=inbox))
    return [item for page in form.pull(None) for item in page.items]


def mapped(record: Record, preset: str) -> Mapped:
    data = parse_document(FormConnector.mapping_text(given_settings(preset)), "form").data
    return load_mapping(data, where="form", default_region="PT").inward(record)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_submission_that_comes_twice_is_one_contact_with_its_consent(preset, store):
    rig = rig_of(StoreInbox(store), preset)
    body, kind = body_of(preset)

    answers = [send(rig, preset, body, kind) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.json()["status"] for answer in answers] == ["stored", "stored before"]
    record, told = pulled(store, preset)
    assert isinstance(told, Interaction)
    found = mapped(record, preset)
    fields = {name: value for name, value in found.fields.items() if not name.startswith(("addresses", "birth"))}
    whole = {"full_name": "Ana Łopes"} if preset in ("contact_form_7", "elementor") else {}
    apart = {} if whole else {"given_name": "Ana", "family_name": "Łopes"}
    assert found.problems == ()
    assert fields.pop("consents/email|ana@example.org|newsletter") == {
        "status": "granted",
        "at": NOW.isoformat(),
        "basis": "explicit",
        "source": f"form {preset}, wording {settings_of(preset).consent[0].version_in('en')} (en)",
        "wording": WORDING,
    }
    assert {name for name in fields if "/" in name} == {"emails/ana@example.org", "phones/+351912345678"}
    plain = {name: value for name, value in fields.items() if "/" not in name and name != "kind" and value is not None}
    assert plain == {**apart, **whole, "company": "Flores Exemplo", "note": "Please call."}


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_forged_submission_is_refused_and_nothing_is_stored(preset, store):
    rig = rig_of(StoreInbox(store), preset)
    body, kind = body_of(preset)

    assert send(rig, preset, body, kind, secret="another secret").status_code == 401
    assert rig.post(f"/forms/{preset}", content=body, headers=kind).status_code == 401
    if preset in SIGNED:
        _, headers = as_the_vendor(preset, body)
        assert rig.post(f"/forms/{preset}", content=body + b" ", headers={**kind, **headers}).status_code == 401
    assert pulled(store, preset) == []


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_what_is_stored_is_what_the_vendor_sent(preset):
    rig = Rig({preset: settings_of(preset)})
    body, kind = body_of(preset)

    send(rig, preset, body, kind)

    (payload,) = rig.inbox.payloads
    assert {
        name: value for name, value in payload.items() if not name.startswith(("_received", "_consents", "_shown"))
    } == stored(preset)


@pytest.mark.parametrize("preset", IN_ADDRESS)
def test_a_secret_in_the_address_reaches_no_log_and_no_answer(preset, caplog):
    rig = Rig({preset: settings_of(preset)})
    body, kind = body_of(preset)
    caplog.set_level(logging.DEBUG, "hub")
    caplog.set_level(logging.DEBUG, "uvicorn")

    good = send(rig, preset, body, kind)
    broken = send(rig, preset, b"\xff", kind)
    rig.inbox.error = RuntimeError("the store broke")
    bug = send(rig, preset, body + b" " * (preset != "jotform"), kind)

    assert (good.status_code, broken.status_code, bug.status_code) == (200, 400, 500)
    said = caplog.text + "".join(answer.text for answer in (good, broken, bug))
    assert "while answering" in said
    assert SECRET not in said
    assert quote(SECRET, safe="") not in said


def test_a_server_logs_no_address_with_a_secret(caplog):
    caplog.set_level(logging.DEBUG)
    serving = serve(Rig({"jotform": settings_of("jotform")}).app, port=0)
    try:
        asked = f"/forms/jotform?key={quote(SECRET, safe='')}"
        for head, status in ((f"POST {asked} HTTP/1.1\r\nhost: x", b"415"), (f"GET {asked} nonsense", b"400")):
            with socket.create_connection((serving.host, serving.port)) as line, line.makefile("rb") as answer:
                line.sendall(f"{head}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
                assert answer.readline().split()[1] == status
                answer.read()
    finally:
        assert serving.stop()
    assert quote(SECRET, safe="") not in caplog.text


def test_a_secret_shown_twice_or_in_the_wrong_place_is_refused_and_a_new_one_is_taken_beside_the_old():
    both = given_settings("wpforms") | {"secret": ["the new secret", SECRET], "secret_header": "Authorization"}
    rig = Rig({"wpforms": FormSettings.model_validate(both), "jotform": settings_of("jotform")})
    body, kind = body_of("wpforms")

    def sent(headers: Mapping[str, str], query: str = "") -> int:
        return rig.post(f"/forms/wpforms{query}", content=body, headers={**kind, **headers}).status_code

    assert sent({"Authorization": "the new secret"}) == sent({"Authorization": SECRET}) == 200
    assert sent({"X-Hub-Key": SECRET}) == sent({}, f"?key={SECRET}") == 401
    assert rig.post("/forms/jotform", content=body, headers={**kind, "?key": SECRET}).status_code == 401


@pytest.mark.parametrize("preset", ["contact_form_7", "elementor"])
def test_without_an_id_the_same_words_are_one_delivery_a_day(preset):
    rig = Rig({preset: settings_of(preset)})
    body, kind = body_of(preset)

    statuses = [send(rig, preset, body, kind).json()["status"] for _ in range(2)]
    rig.now = rig.now.replace(day=rig.now.day + 1)
    statuses.append(send(rig, preset, body, kind).json()["status"])

    assert statuses == ["stored", "stored before", "stored"]


def test_an_entry_without_its_id_is_stored_all_the_same():
    rig = Rig({"wpforms": settings_of("wpforms")})

    answer = send(rig, "wpforms", b'{"Email": "ana@example.org"}', JSON)

    assert answer.json()["status"] == "stored"


def test_a_response_that_is_not_finished_is_no_contact_and_does_not_hide_the_finished_one(store):
    rig = rig_of(StoreInbox(store), "typeform")
    body, _ = body_of("typeform")
    partial = body.replace(b'"form_response",', b'"form_response_partial",')

    assert send(rig, "typeform", partial, JSON).status_code == 200
    assert pulled(store, "typeform") == []
    assert send(rig, "typeform", body, JSON).json()["status"] == "stored"
    assert len(pulled(store, "typeform")) == 2


@pytest.mark.parametrize(
    ("preset", "body", "kind"),
    [
        ("typeform", b'{"event_type": "form_response", "form_response": {"token": "t"}}', JSON),
        ("typeform", b'{"event_type": "form_response", "form_response": {"token": "t", "answers": [1]}}', JSON),
        ("tally", b'{"eventType": "FORM_RESPONSE", "data": {"submissionId": "s", "fields": {}}}', JSON),
        ("jotform", b"submissionID=1&rawRequest=%7B%22q3_name", FORM),
        ("jotform", b"submissionID=1", FORM),
        ("google_forms", b'{"responseId": "r", "namedValues": ["x"]}', JSON),
    ],
)
def test_a_payload_in_another_shape_is_stored_and_parked_and_nothing_of_it_is_repeated(preset, body, kind, store):
    rig = rig_of(StoreInbox(store), preset)

    assert send(rig, preset, body, kind).status_code == 200

    (parked,) = pulled(store, preset)
    assert isinstance(parked, Unreadable)
    assert parked.reason.startswith(f"it is not what {preset} sends: it")


def test_answers_are_fields_in_values_of_their_own_type():
    assert unpack("typeform", stored("typeform"), {}) == {
        "given": "Ana",
        "01HFAMILY": "Łopes",
        "01HMAIL": "ana@example.org",
        "01HTEL": "+351912345678",
        "interests": ["Roses", "Tulips", "Moss"],
        "size": "Small",
        "news": True,
        "01HCOMPANY": "Flores Exemplo",
        "01HMSG": "Please call.",
        "campaign": "autumn",
        "given_name": "Ana",
        "family_name": "Łopes",
        "emails": "ana@example.org",
        "phones": "+351912345678",
        "company": "Flores Exemplo",
        "note": "Please call.",
    }


def test_two_questions_with_one_label_are_two_fields_and_the_first_counts():
    fields = unpack("tally", stored("tally"), {})

    assert fields is not None
    assert (fields["Mensaje"], fields["question_9"], fields["note"]) == ("Please call.", None, "Please call.")
    assert (fields["Tamaño"], fields["Newsletter"]) == ("Small", [WORDING])


def test_an_address_and_a_day_come_in_parts():
    fields = unpack("jotform", stored("jotform"), {})

    assert fields is not None
    assert (fields["name_first"], fields["phoneNumber"], fields["birthday"]) == ("Ana", "+351912345678", "1980-05-01")
    assert (fields["street"], fields["city"], fields["postcode"]) == ("Rua Um 1", "Lisboa", "1000-001")


def test_the_parts_of_an_entry_keep_their_numbers_unless_they_are_named():
    fields = unpack("gravity_forms", stored("gravity_forms"), {"2": "Email"})

    assert fields is not None
    assert (fields["1.3"], fields["Email"], fields["emails"]) == ("Ana", "ana@example.org", "ana@example.org")
    assert "ip" not in fields and "given_name" not in fields


def test_plain_and_advanced_data_of_one_form_are_the_same_contact():
    plain = dict(parse_qsl((PAYLOADS / "elementor_plain.txt").read_text()))

    fields = unpack("elementor", plain, {})

    assert fields is not None
    advanced = unpack("elementor", stored("elementor"), {})
    assert advanced is not None
    for name in ("full_name", "emails", "phones", "company", "note", "newsletter"):
        assert fields[name] == advanced[name]
    assert "form_id" not in fields


def test_a_name_alone_is_the_whole_name_and_beside_a_last_name_the_first():
    assert usual_names([("a", "Nombre", "")]) == {"full_name": "a"}
    assert usual_names([("a", "Nombre", ""), ("b", "Apellidos", "")]) == {"given_name": "a", "family_name": "b"}
    assert usual_names([("a", "Name", ""), ("b", "First name *", "")]) == {"given_name": "b"}


@pytest.mark.parametrize(
    "language", ["First Name", "firstName", "Primeiro nome", "Nombre de pila", "IMIĘ", "first-name-2"]
)
def test_a_usual_label_is_found_however_it_is_spelled(language):
    assert usual_names([("x", language, "")]) == {"given_name": "x"}


def test_what_a_vendor_calls_an_address_of_mail_is_one_whatever_its_label():
    assert usual_names([("x", "Where can we write?", "email")]) == {"emails": "x"}
    assert usual_names([("x", "Friend's", "email"), ("y", "Email", "")]) == {"emails": "y"}


def test_no_label_stands_for_two_fields():
    labels = [label for each in form_labels._USUAL.values() for label in each.split()]

    assert len(labels) == len(set(labels))


json_value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def changed(value: Any, at: int, new: Any) -> tuple[Any, int]:
    """The value with its part number `at` replaced, and the number that is next."""
    if at == 0:
        return new, -1
    at -= 1
    if not isinstance(value, dict | list):
        return value, at
    parts = list(value.items() if isinstance(value, dict) else enumerate(value))
    for number, (key, part) in enumerate(parts):
        if at < 0:
            break
        part, at = changed(part, at, new)
        parts[number] = (key, part)
    return (dict(parts) if isinstance(value, dict) else [part for _, part in parts]), at


@given(preset=st.sampled_from(sorted(PRESETS)), at=st.integers(1, 150), new=json_value)
def test_a_payload_with_any_part_of_it_changed_is_fields_or_malformed_and_nothing_else(preset, at, new):
    payload = stored(preset)
    if preset == "jotform":
        payload["rawRequest"] = json.loads(payload["rawRequest"])
    payload, _ = changed(payload, at, new)
    try:
        fields = unpack(preset, payload, {})
    except Malformed:
        return
    assert fields is None or all(isinstance(name, str) for name in fields)


def test_what_a_preset_sets_is_overridden_by_the_keys_beside_it():
    settings = FormSettings.model_validate(
        {"preset": "typeform", "secret": "env:S", "delivery_id": {"field": "event_id"}}
    )
    shown = FormSettings.model_validate({"preset": "typeform", "secret": "env:S", "signature": "header"})
    plain = FormSettings.model_validate({"preset": "elementor", "signature": "none", "allow_unsigned": True})

    assert settings.hmac is not None and settings.delivery_id is not None
    assert (settings.hmac.header, settings.delivery_id.field) == ("Typeform-Signature", "event_id")
    assert (shown.signature, shown.hmac, plain.signature) == ("header", None, "none")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"preset": "typform", "secret": "env:S"}, "typeform"),
        ({"preset": "tally"}, "needs `secret`"),
        ({"secret": "env:S", "names": {"a": "b"}}, "`preset`"),
        ({"preset": "tally", "secret": "env:S", "delivery_id": {"field": []}}, "either `header` or `field`"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_the_reason(given, message):
    with pytest.raises(ValidationError) as caught:
        FormSettings.model_validate(given)

    assert message in str(caught.value)


def test_check_warns_of_a_secret_in_the_address():
    report = FormConnector(settings_of("jotform"), Context("jotform")).check()

    assert report.lines[0] == "receives at POST /forms/jotform (a secret in the address, 1 secret)"
    assert "stands in the address" in report.warnings[0]
    assert SECRET not in str(report)
