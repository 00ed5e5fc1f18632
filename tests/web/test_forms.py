"""The intake of forms: what is answered, what is stored, and in which order."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.connectors.forms import ConsentBox, DeliveryId, FormField, FormSettings, HmacScheme
from hub.errors import ConfigError, TransientError
from hub.web.bodies import DEEPEST, LARGEST_BODY, MOST_FIELDS
from tests.web.intake_rig import KEY, NOW, OLD_KEY, PLAIN_SECRET, PUBLIC, STANDARD, Rig, reading, signed

BROWSER = {"accept": "text/html,application/xhtml+xml"}
NEWSLETTER = ConsentBox(field="newsletter", purpose="newsletter", wording="Send me the newsletter by email.")
WITH_BOX = PUBLIC.model_copy(update={"consent": (NEWSLETTER,), "honeypot": "homepage"})
EVENT_ID = FormSettings(
    signature="hmac",
    secret=PLAIN_SECRET,
    hmac=HmacScheme(header="X-Signature", prefix="sha256="),
    delivery_id=DeliveryId(field="data.event_id"),
)
NO_ID = EVENT_ID.model_copy(update={"delivery_id": None})


@pytest.fixture
def rig() -> Rig:
    return Rig({"website": PUBLIC, "crm": STANDARD, "news": WITH_BOX, "forms": EVENT_ID, "bare": NO_ID})


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

    answer = rig.post(
        "/forms/website", content=body, headers={"content-type": "multipart/form-data; boundary=b"}
    )

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
        answer = rig.post(
            "/forms/website", content=ten_megabytes, headers={"content-type": "application/json"}
        )

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


def test_a_body_at_the_cap_is_taken(rig):
    body = b'{"note":"' + b"x" * (LARGEST_BODY - 11) + b'"}'

    assert len(body) == LARGEST_BODY
    assert (
        rig.post("/forms/website", content=body, headers={"content-type": "application/json"}).status_code
        == 200
    )


name = st.text(max_size=12)
header_text = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60)


@settings(max_examples=150, deadline=None)
@given(
    content_type=st.one_of(header_text, st.sampled_from([kind for kind, _ in BAD_BODIES.values()])),
    webhook_id=header_text,
    timestamp=st.one_of(header_text, st.just(str(int(NOW.timestamp())))),
    signature=header_text,
    body=st.one_of(st.binary(max_size=300), st.sampled_from([body for _, body in BAD_BODIES.values()])),
    form=st.sampled_from(["crm", "forms", "bare", "unknown", "%00", "a%20b"]),
)
def test_a_forged_delivery_gets_a_4xx_whatever_it_holds(
    content_type, webhook_id, timestamp, signature, body, form
):
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


@settings(max_examples=150, deadline=None)
@given(
    body=st.binary(max_size=300),
    kind=st.sampled_from(
        ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"]
    ),
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
    assert (
        rig.post("/forms/crm", content=b'{"a":1}', headers=signed(b'{"a":1}', key=OLD_KEY)).status_code == 200
    )


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


# --- browsers: page, thanks, double clicks ------------------------------------------------------------


def test_the_page_carries_the_fields_the_consent_wording_and_a_fresh_submission_id(rig):
    first, second = rig.get("/forms/news"), rig.get("/forms/news")

    assert first.status_code == 200
    assert 'name="given_name"' in first.text
    assert NEWSLETTER.wording in first.text
    assert 'name="submission_id"' in first.text
    assert first.text != second.text


def test_a_browser_is_led_to_the_page_that_says_thanks(rig):
    answer = rig.post("/forms/website", data={"given_name": "Zoë"}, headers=BROWSER)

    assert answer.status_code == 303
    assert answer.headers["location"] == "/forms/website/thanks"
    assert PUBLIC.thanks in rig.get("/forms/website/thanks").text


def test_a_browser_is_led_to_the_site_s_own_page_when_there_is_one():
    rig = Rig({"website": PUBLIC.model_copy(update={"thanks_url": "https://www.example.org/done"})})

    answer = rig.post("/forms/website", data={"given_name": "Zoë"}, headers=BROWSER)

    assert answer.headers["location"] == "https://www.example.org/done"
    assert (
        "form-action 'self' https://www.example.org"
        in rig.get("/forms/website").headers["content-security-policy"]
    )


def test_a_browser_that_is_refused_reads_a_page(rig):
    answer = rig.post("/forms/website", data={"given_name": ""}, headers=BROWSER)

    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/html")
    assert "Nothing was stored" in answer.text


def test_a_form_sent_twice_from_one_page_is_one_delivery(rig):
    page = {"given_name": "Zoë", "submission_id": "a" * 32}

    for _ in range(2):
        rig.post("/forms/website", data=page)

    assert len(rig.inbox.payloads) == 1
    assert "submission_id" not in rig.inbox.payloads[0]


def test_a_form_corrected_after_back_is_a_delivery_of_its_own(rig):
    rig.post("/forms/website", data={"given_name": "Zoe", "submission_id": "a" * 32})
    rig.post("/forms/website", data={"given_name": "Zoë", "submission_id": "a" * 32})

    assert [payload["given_name"] for payload in rig.inbox.payloads] == ["Zoe", "Zoë"]


def test_posts_without_an_id_are_deliveries_of_their_own(rig):
    for _ in range(2):
        rig.post("/forms/website", data={"given_name": "Zoë"})

    assert len(rig.inbox.payloads) == 2


@pytest.mark.parametrize(
    "path", ["/forms/crm", "/forms/nowhere", "/forms/crm/thanks", "/forms/nowhere/thanks"]
)
def test_a_form_with_a_signature_has_no_page(rig, path):
    assert rig.get(path).status_code == 404


XSS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onfocus=alert(1) autofocus='",
    "{{ 7*7 }}",
    "</title><svg onload=alert(1)>",
]


@pytest.mark.parametrize("text", XSS)
def test_markup_in_the_settings_is_shown_as_text(text):
    rig = Rig(
        {
            "website": FormSettings(
                signature="none",
                allow_unsigned=True,
                title=text,
                intro=text,
                button=text,
                thanks=text,
                fields=(FormField(name=text, label=text, autocomplete=text),),
                consent=(ConsentBox(field="box", purpose="news", wording=text),),
            )
        }
    )

    for page in (rig.get("/forms/website").text, rig.get("/forms/website/thanks").text):
        for mark in ("<script", "<img", "<svg", '" onfocus', "' onfocus=alert(1) autofocus='"):
            assert mark not in page
        assert "49" not in page or "{{ 7*7 }}" not in text


@pytest.mark.parametrize("text", XSS)
def test_markup_in_what_is_sent_is_stored_as_it_is_and_never_shown(rig, text):
    answer = rig.post("/forms/website", data={"given_name": text, text: ""}, headers=BROWSER)

    assert rig.inbox.payloads[0]["given_name"] == text
    assert text not in answer.text


@pytest.mark.parametrize(
    "path", ["/forms/website", "/forms/website/thanks", "/forms/crm", "/healthz", "/metrics", "/nowhere"]
)
def test_every_answer_is_closed_to_scripts_frames_sniffing_and_caches(rig, path):
    headers = rig.get(path).headers

    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


def test_the_style_of_the_page_is_served_by_the_hub_itself(rig):
    page = rig.get("/forms/website")

    assert "style-src 'self'" in page.headers["content-security-policy"]
    assert '<link rel="stylesheet" href="/static/forms.css">' in page.text
    assert rig.get("/static/forms.css").headers["content-type"].startswith("text/css")


# --- consent and honeypot -----------------------------------------------------------------------------


def test_a_ticked_box_becomes_a_consent_with_its_time_and_wording(rig):
    rig.post("/forms/news", data={"emails": "zoe@example.org", "newsletter": "yes"})

    assert rig.inbox.payloads[0]["_consents"] == {
        "email|newsletter": {
            "status": "granted",
            "at": NOW.isoformat(),
            "basis": "explicit",
            "source": "form news",
            "wording": NEWSLETTER.wording,
        }
    }


@pytest.mark.parametrize("value", [None, "", "no", "false", "0", "off", "maybe"])
def test_a_box_that_is_not_clearly_ticked_gives_no_consent(rig, value):
    rig.post(
        "/forms/news", data={"emails": "zoe@example.org"} | ({} if value is None else {"newsletter": value})
    )

    assert rig.inbox.payloads[0]["_consents"] == {}


def test_a_sender_cannot_write_the_hub_s_own_fields(rig):
    forged = {
        "given_name": "Zoë",
        "_consents": [{"channel": "email"}],
        "_received_at": "1970-01-01",
        "_spam": True,
    }

    rig.post("/forms/news", json=forged)

    stored = rig.inbox.payloads[0]
    assert stored["_consents"] == {}
    assert stored["_received_at"] == NOW.isoformat()
    assert "_spam" not in stored


def test_a_filled_honeypot_is_answered_like_any_other_and_marked(rig):
    answer = rig.post("/forms/news", data={"given_name": "Bot", "homepage": "http://spam.example"})

    assert answer.status_code == 200
    assert rig.inbox.payloads[0]["_spam"] is True


def test_the_key_of_the_tests_is_not_what_a_page_shows(rig):
    assert KEY.hex() not in rig.get("/forms/news").text
