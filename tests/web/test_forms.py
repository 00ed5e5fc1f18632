"""The intake of forms: what is answered, what is stored, and in which order."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.connectors.form_settings import DeliveryId, FormSettings, HmacScheme
from hub.errors import ConfigError, TransientError
from hub.web.bodies import DEEPEST, LARGEST_BODY, MOST_FIELDS, Rejected, read_body
from tests.web.intake_rig import NOW, OLD_KEY, PLAIN_SECRET, PUBLIC, STANDARD, Rig, reading, signed

EVENT_ID = FormSettings(
    signature="hmac",
    secret=PLAIN_SECRET,
    hmac=HmacScheme(header="X-Signature", prefix="sha256="),
    delivery_id=DeliveryId(field="data.event_id"),
)
NO_ID = EVENT_ID.model_copy(update={"delivery_id": None})


@pytest.fixture
def rig() -> Rig:
    return Rig({"website": PUBLIC, "crm": STANDARD, "forms": EVENT_ID, "bare": NO_ID})


def hmac_headers(body: bytes, secret: str = PLAIN_SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"content-type": "application/json", "x-signature": f"sha256={digest}"}


# --- the three kinds of body ----------------------------------------------------------------------


def test_an_urlencoded_form_is_stored_as_written(rig):
    answer = rig.post("/forms/website", data={"given_name": "Zoë", "emails": "zoe@example.org"})

    assert answer.status_code == 200
    assert rig.inbox.payloads == [
        {"given_name": "Zoë", "emails": "zoe@example.org", "_received_at": NOW.isoformat(), "_consents": {}}
    ]


def test_a_multipart_form_is_stored_like_an_urlencoded_one(rig):
    fields = {"given_name": (None, "Zoë"), "note": (None, "two\r\nlines")}

    answer = rig.post("/forms/website", files=fields)

    assert answer.status_code == 200
    assert rig.inbox.payloads[0]["given_name"] == "Zoë"
    assert rig.inbox.payloads[0]["note"] == "two\r\nlines"


def test_json_is_stored_with_its_structure(rig):
    rig.post("/forms/website", json={"answers": [{"q": 1, "a": "yes"}], "score": 1.5, "none": None})

    assert rig.inbox.payloads[0]["answers"] == [{"q": 1, "a": "yes"}]
    assert rig.inbox.payloads[0]["score"] == 1.5


def test_a_name_that_comes_several_times_holds_a_list(rig):
    rig.post(
        "/forms/website",
        content="tags=a&tags=b&tags=c",
        headers={"content-type": "application/x-www-form-urlencoded"},
    )

    assert rig.inbox.payloads[0]["tags"] == ["a", "b", "c"]


def test_a_file_is_refused_and_nothing_of_the_form_is_stored(rig):
    answer = rig.post(
        "/forms/website", data={"given_name": "Zoë"}, files={"cv": ("cv.pdf", b"%PDF", "application/pdf")}
    )

    assert answer.status_code == 415
    assert "text fields only" in answer.json()["detail"]
    assert rig.inbox.payloads == []


def test_a_file_input_left_empty_is_no_file(rig):
    body = (
        b'--b\r\ncontent-disposition: form-data; name="given_name"\r\n\r\nZoe\r\n'
        b'--b\r\ncontent-disposition: form-data; name="cv"; filename=""\r\n'
        b"content-type: application/octet-stream\r\n\r\n\r\n"
        b"--b--\r\n"
    )

    answer = rig.post("/forms/website", content=body, headers={"content-type": "multipart/form-data; boundary=b"})

    assert answer.status_code == 200
    assert rig.inbox.payloads[0]["given_name"] == "Zoe"


# --- bad input -------------------------------------------------------------------------------------


BAD_BODIES = {
    "JSON that breaks off": ("application/json", b'{"given_name": "Zo'),
    "JSON that is a list": ("application/json", b"[1, 2]"),
    "JSON with NaN": ("application/json", b'{"a": NaN}'),
    "JSON with a lone surrogate": ("application/json", b'{"a": "\\ud800"}'),
    "JSON in another encoding": ("application/json", '{"a": "Zoë"}'.encode("latin-1")),
    "JSON nested too deep": ("application/json", b'{"a":' + b"[" * DEEPEST + b"]" * DEEPEST + b"}"),
    "JSON nested beyond all reason": ("application/json", b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "a NUL in a JSON text": ("application/json", b'{"a": "x\\u0000y"}'),
    "a NUL in a JSON key": ("application/json", b'{"a": {"x\\u0000": 1}}'),
    "nothing at all": ("application/json", b""),
    "an empty object": ("application/json", b"{}"),
    "only empty fields": ("application/x-www-form-urlencoded", b"given_name=&emails="),
    "an empty name": ("application/x-www-form-urlencoded", b"=x"),
    "a name too long": ("application/x-www-form-urlencoded", b"a" * 201 + b"=x"),
    "a raw NUL": ("application/x-www-form-urlencoded", b"given_name=a\x00b"),
    "an encoded NUL": ("application/x-www-form-urlencoded", b"given_name=a%00b"),
    "invalid UTF-8": ("application/x-www-form-urlencoded", b"given_name=\xff\xfe"),
    "encoded invalid UTF-8": ("application/x-www-form-urlencoded", b"given_name=%FF"),
    "too many fields": (
        "application/x-www-form-urlencoded",
        b"&".join(b"f%d=x" % i for i in range(MOST_FIELDS + 1)),
    ),
    "multipart without boundary": ("multipart/form-data", b"--b--"),
    "multipart with another boundary": ("multipart/form-data; boundary=c", b"--b\r\n\r\n--b--"),
    "multipart that breaks off": (
        "multipart/form-data; boundary=b",
        b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\nhalf a na',
    ),
    "multipart with invalid UTF-8": (
        "multipart/form-data; boundary=b",
        b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n\xff\r\n--b--\r\n',
    ),
    "multipart without a name": (
        "multipart/form-data; boundary=b",
        b"--b\r\ncontent-disposition: form-data\r\n\r\nx\r\n--b--\r\n",
    ),
}


@pytest.mark.parametrize("what", sorted(BAD_BODIES))
def test_a_body_that_cannot_be_read_is_refused_and_not_stored(rig, what):
    content_type, body = BAD_BODIES[what]

    answer = rig.post("/forms/website", content=body, headers={"content-type": content_type})

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("Nothing was stored")
    assert rig.inbox.payloads == []


@pytest.mark.parametrize(
    "content_type", ["text/plain", "", "application/json; charset=utf-16", "nonsense", "text/html"]
)
def test_another_content_type_is_refused_with_what_is_taken(rig, content_type):
    answer = rig.post("/forms/website", content=b"{}", headers={"content-type": content_type})

    assert answer.status_code == 415
    assert "application/json" in answer.json()["detail"]


def test_a_body_over_the_cap_is_refused_while_it_arrives(rig):
    taken: list[int] = []
    with reading([b"x" * 64_000] * 160, taken) as ten_megabytes:
        answer = rig.post("/forms/website", content=ten_megabytes, headers={"content-type": "application/json"})

    assert answer.status_code == 413
    assert sum(taken) < LARGEST_BODY + 2 * 64_000
    assert rig.inbox.payloads == []


@pytest.mark.parametrize("length", [str(LARGEST_BODY + 1), "9" * 5000])
def test_a_body_that_says_it_is_over_the_cap_is_not_read_at_all(rig, length):
    taken: list[int] = []
    with reading([b"{}"], taken) as body:
        headers = {"content-type": "application/json", "content-length": length}
        answer = rig.post("/forms/website", content=body, headers=headers)

    assert answer.status_code == 413


def test_a_body_that_dawdles_is_given_up():
    async def drops():
        yield b"{"
        await asyncio.sleep(5)

    with pytest.raises(Rejected) as caught:
        asyncio.run(read_body(drops(), None, within_seconds=0.01))

    assert caught.value.status == 408


def test_a_body_at_the_cap_is_taken(rig):
    body = b'{"note":"' + b"x" * (LARGEST_BODY - 11) + b'"}'

    assert len(body) == LARGEST_BODY
    assert rig.post("/forms/website", content=body, headers={"content-type": "application/json"}).status_code == 200


name = st.text(max_size=12)
header_text = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60)


@settings(max_examples=150)
@given(
    content_type=st.one_of(header_text, st.sampled_from([kind for kind, _ in BAD_BODIES.values()])),
    webhook_id=header_text,
    timestamp=st.one_of(header_text, st.just(str(int(NOW.timestamp())))),
    signature=header_text,
    body=st.one_of(st.binary(max_size=300), st.sampled_from([body for _, body in BAD_BODIES.values()])),
    form=st.sampled_from(["crm", "forms", "bare", "unknown", "%00", "a%20b"]),
)
def test_a_forged_delivery_gets_a_4xx_whatever_it_holds(content_type, webhook_id, timestamp, signature, body, form):
    rig = Rig({"crm": STANDARD, "forms": EVENT_ID, "bare": NO_ID})
    sent = {
        "content-type": content_type,
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature,
        "x-signature": signature,
    }

    answer = rig.post(f"/forms/{form}", content=body, headers=sent)

    assert 400 <= answer.status_code < 500
    assert rig.inbox.payloads == []


@settings(max_examples=150)
@given(
    body=st.binary(max_size=300),
    kind=st.sampled_from(["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"]),
)
def test_an_unsigned_body_is_taken_or_refused_but_never_breaks_the_hub(body, kind):
    rig = Rig({"website": PUBLIC})

    answer = rig.post("/forms/website", content=body, headers={"content-type": kind})

    assert answer.status_code in (200, 400, 415)
    assert len(rig.inbox.payloads) == (answer.status_code == 200)


# --- who may deliver ---------------------------------------------------------------------------------


def test_a_signed_delivery_is_stored_under_its_own_id(rig):
    body = b'{"given_name": "Ana"}'

    answer = rig.post("/forms/crm", content=body, headers=signed(body, "msg_7"))

    assert answer.json() == {"status": "stored", "delivery_id": "msg_7"}
    assert list(rig.inbox.rows) == [("crm", "msg_7")]


def test_the_older_secret_is_taken_while_secrets_rotate(rig):
    assert rig.post("/forms/crm", content=b'{"a":1}', headers=signed(b'{"a":1}', key=OLD_KEY)).status_code == 200


def test_a_bad_signature_and_an_unknown_form_get_the_same_answer(rig):
    body = b'{"a":1}'
    forged = signed(body, key=b"another key of 24 bytes!")

    known = rig.post("/forms/crm", content=body, headers=forged)
    unknown = rig.post("/forms/nowhere", content=body, headers=forged)
    unknown_but_signed = rig.post("/forms/nowhere", content=body, headers=signed(body))

    assert known.status_code == unknown.status_code == unknown_but_signed.status_code == 401
    assert known.content == unknown.content == unknown_but_signed.content
    assert known.headers == unknown.headers == unknown_but_signed.headers


def test_a_delivery_replayed_after_the_window_is_refused(rig):
    body = b'{"a":1}'
    sent = signed(body, at=NOW.timestamp() - 301)

    assert rig.post("/forms/crm", content=body, headers=sent).status_code == 401


def test_a_delivery_replayed_inside_the_window_is_answered_well_and_changes_nothing(rig):
    body = b'{"a":1}'
    answers = [rig.post("/forms/crm", content=body, headers=signed(body)) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [answer.json()["status"] for answer in answers] == ["stored", "stored before", "stored before"]
    assert len(rig.inbox.payloads) == 1


def test_a_signed_delivery_is_not_accepted_by_another_form(rig):
    body = b'{"a":1}'

    assert rig.post("/forms/forms", content=body, headers=signed(body)).status_code == 401


def test_a_plain_hmac_delivery_is_known_by_the_id_in_its_body(rig):
    body = json.dumps({"data": {"event_id": 4711}, "given_name": "Ana"}).encode()

    answers = [rig.post("/forms/forms", content=body, headers=hmac_headers(body)) for _ in range(2)]

    assert [answer.json()["delivery_id"] for answer in answers] == ["4711", "4711"]
    assert len(rig.inbox.payloads) == 1


@pytest.mark.parametrize(
    "data", [{}, {"event_id": ""}, {"event_id": True}, {"event_id": "x" * 257}, {"event_id": "a\nb"}]
)
def test_a_plain_hmac_delivery_without_a_usable_id_is_refused(rig, data):
    body = json.dumps({"data": data, "given_name": "Ana"}).encode()

    answer = rig.post("/forms/forms", content=body, headers=hmac_headers(body))

    assert answer.status_code == 400
    assert "data.event_id" in answer.json()["detail"]


def test_a_signed_id_header_is_the_id_and_another_one_is_refused():
    scheme = HmacScheme(header="X-Signature", signed="{id}.{body}")
    by_header = {"hmac": scheme, "delivery_id": DeliveryId(header="X-Delivery")}
    rig = Rig({"forms": EVENT_ID.model_copy(update=by_header)})
    body = b'{"a":1}'
    digest = hmac.new(PLAIN_SECRET.encode(), b"d1." + body, hashlib.sha256).hexdigest()
    sent = {"content-type": "application/json", "x-signature": digest, "x-delivery": "d1"}

    taken = rig.post("/forms/forms", content=body, headers=sent)
    other = rig.post("/forms/forms", content=body, headers=sent | {"x-delivery": "d2"})

    assert (taken.json()["delivery_id"], other.status_code) == ("d1", 401)


def test_a_site_may_name_the_field_that_holds_its_own_id():
    rig = Rig({"website": PUBLIC.model_copy(update={"delivery_id": DeliveryId(field="token")})})

    for name in ("Zoe", "Zoe", "Zoë"):
        assert rig.post("/forms/website", data={"given_name": name, "token": "t-1"}).status_code == 200

    assert [payload["given_name"] for payload in rig.inbox.payloads] == ["Zoe", "Zoë"]


def test_a_sender_without_ids_is_known_by_what_it_signed(rig):
    for body in (b'{"a":1}', b'{"a":1}', b'{"a":2}'):
        assert rig.post("/forms/bare", content=body, headers=hmac_headers(body)).status_code == 200

    assert len(rig.inbox.payloads) == 2


def test_a_secret_that_is_no_key_stops_the_start(rig):
    with pytest.raises(ConfigError, match="crm"):
        Rig({"crm": FormSettings(secret="not a webhook secret")})


def test_a_secret_that_is_missing_stops_the_start():
    with pytest.raises(ConfigError, match="NO_SUCH_SECRET_OF_A_FORM"):
        Rig({"crm": FormSettings(secret="env:NO_SUCH_SECRET_OF_A_FORM")})


# --- durability ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "told"), [(None, "5"), (0.2, "1"), (7.5, "8")])
def test_a_busy_store_is_a_503_that_says_when_to_come_again(rig, asked, told):
    rig.inbox.error = TransientError("the store is busy", retry_after=asked)

    answer = rig.post("/forms/website", json={"a": 1})

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == told


def test_a_delivery_that_was_answered_503_is_stored_when_it_comes_again(rig):
    body = b'{"a":1}'
    rig.inbox.error = TransientError("the store is busy")
    assert rig.post("/forms/crm", content=body, headers=signed(body)).status_code == 503
    rig.inbox.error = None

    assert rig.post("/forms/crm", content=body, headers=signed(body)).json()["status"] == "stored"


def test_an_error_of_the_hub_is_a_500_that_shows_nothing_of_it(rig):
    rig.inbox.error = RuntimeError("secret detail")

    answer = rig.post("/forms/website", json={"a": 1})

    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_answer_begins_only_after_the_delivery_is_stored():
    rig = Rig({"website": PUBLIC})
    body = b'{"a": 1}'
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/forms/website",
        "raw_path": b"/forms/website",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
        "scheme": "http",
        "server": ("hub.example", 80),
        "client": ("127.0.0.1", 1),
        "root_path": "",
    }

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        rig.inbox.log.append(message["type"])

    asyncio.run(rig.app(scope, receive, send))

    assert rig.inbox.log == ["stored", "http.response.start", "http.response.body"]
