"""Forms in a browser: the example page, what it leads to, consent boxes, double clicks and robots."""

from __future__ import annotations

import pytest

from hub.connectors.form_settings import ConsentBox, FormField, FormSettings
from tests.web.intake_rig import KEY, NOW, PUBLIC, STANDARD, Rig

BROWSER = {"accept": "text/html,application/xhtml+xml"}
NEWSLETTER = ConsentBox(field="newsletter", purpose="newsletter", wording="Send me the newsletter by email.")
WITH_BOX = PUBLIC.model_copy(update={"consent": (NEWSLETTER,), "honeypot": "homepage"})


@pytest.fixture
def rig() -> Rig:
    return Rig({"website": PUBLIC, "crm": STANDARD, "news": WITH_BOX})


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
    assert answer.headers["location"] == "/forms/website/thanks?lang=en"
    assert "Your message has arrived" in rig.get("/forms/website/thanks").text


def test_a_browser_is_led_to_the_site_s_own_page_when_there_is_one():
    rig = Rig({"website": PUBLIC.model_copy(update={"thanks_url": "https://www.example.org/done"})})

    answer = rig.post("/forms/website", data={"given_name": "Zoë"}, headers=BROWSER)

    assert answer.headers["location"] == "https://www.example.org/done"
    assert "form-action 'self' https://www.example.org" in rig.get("/forms/website").headers["content-security-policy"]


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


@pytest.mark.parametrize("path", ["/forms/crm", "/forms/nowhere", "/forms/crm/thanks", "/forms/nowhere/thanks"])
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
            "source": f"form news, wording {NEWSLETTER.version_in('en')} (en)",
            "wording": NEWSLETTER.wording,
        }
    }


@pytest.mark.parametrize("value", [None, "", "no", "false", "0", "off", "maybe"])
def test_a_box_that_is_not_clearly_ticked_gives_no_consent(rig, value):
    rig.post("/forms/news", data={"emails": "zoe@example.org"} | ({} if value is None else {"newsletter": value}))

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
    assert rig.inbox.payloads[0]["_spam"] == "the honeypot field was filled in"


def test_the_key_of_the_tests_is_not_what_a_page_shows(rig):
    assert KEY.hex() not in rig.get("/forms/news").text
