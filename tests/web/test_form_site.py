"""The form's page in several languages, honest about what is missing; and the form on another site."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.form_settings import ConsentBox, FormSettings
from hub.connectors.form_texts import LANGUAGES, WORDS, preferred
from hub.optin.links import Stamp, make_link, make_stamp, read_link, read_stamp
from hub.web.rates import RateByPlace
from tests.web.intake_rig import FORM_KEY, NOW, PUBLIC, STANDARD, Rig

BROWSER = {"accept": "text/html"}
SITE = "https://www.example.org"
WORDING = {"en": "Send me news.", "pt": "Enviem-me notícias.", "es": "Envíenme noticias.", "pl": "Proszę o nowości."}
BOX = ConsentBox(field="newsletter", purpose="newsletter", wording=WORDING, version="2026-11")
NEWS = PUBLIC.model_copy(update={"consent": (BOX,), "honeypot": "homepage", "origins": (SITE,)})
FILLED = {"given_name": "Zoë", "emails": "zoe@example.org"}


def stamped(rig: Rig, form: str, fields: dict[str, str], lang: str = "en") -> dict[str, str]:
    """What a browser would send of the page of a form."""
    page = rig.get(f"/forms/{form}?lang={lang}").text
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page)
    return {name: unescape(value) for name, value in hidden} | fields


@pytest.fixture
def rig() -> Rig:
    return Rig({"website": PUBLIC, "news": NEWS, "crm": STANDARD})


# --- the page ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_is_in_the_language_that_is_asked_for(rig, language):
    for answer in (
        rig.get(f"/forms/news?lang={language}"),
        rig.get("/forms/news", headers={"accept-language": f"xx, {language}-XX;q=0.8, en;q=0.1"}),
    ):
        assert f'<html lang="{language}">' in answer.text
        assert WORDING[language] in unescape(answer.text)
        assert WORDS[language]["starred"] in unescape(answer.text)


def test_a_form_whose_wording_is_in_one_language_is_in_that_alone():
    box = ConsentBox(field="newsletter", purpose="newsletter", wording="Ja, schickt mir Post.")
    rig = Rig({"news": PUBLIC.model_copy(update={"consent": (box,), "language": "de"})})

    page = rig.get("/forms/news?lang=pt").text

    assert '<html lang="de">' in page
    assert 'class="languages"' not in page


def test_every_word_is_in_every_language():
    assert {language: set(words) for language, words in WORDS.items()} == {each: set(WORDS["en"]) for each in LANGUAGES}


@given(st.text(max_size=60))
def test_whatever_a_browser_prefers_the_page_is_in_one_of_its_languages(header):
    assert preferred(header, ("pt", "en")) in ("pt", "en")


def test_what_is_missing_is_shown_beside_its_field_and_nothing_written_is_lost(rig):
    page = stamped(rig, "news", {"given_name": "Zoë <b>", "emails": "zoe(at)example.org", "newsletter": "yes"}, "pt")

    answer = rig.post("/forms/news", data=page, headers=BROWSER)

    assert answer.status_code == 422
    text = unescape(answer.text)
    assert WORDS["pt"]["check"] in text
    assert WORDS["pt"]["no_email"] in text
    assert 'value="Zoë &lt;b&gt;"' in answer.text
    assert 'value="zoe(at)example.org"' in text
    assert 'value="yes" checked' in text
    assert rig.inbox.payloads == []


def test_a_program_that_sends_the_page_s_fields_is_told_what_is_missing(rig):
    answer = rig.post("/forms/news", data=stamped(rig, "news", {"emails": " "}))

    assert answer.status_code == 422
    assert (answer.json()["reason"], answer.json()["fields"]) == ("check", {"emails": "empty"})


def test_the_receipt_names_the_wording_that_was_shown_its_version_and_language(rig):
    page = stamped(rig, "news", FILLED | {"newsletter": "yes"}, "pt")
    rig.now += timedelta(seconds=9)

    answer = rig.post("/forms/news", data=page, headers=BROWSER | {"origin": SITE})

    assert answer.headers["location"] == "/forms/news/thanks?lang=pt"
    stored = rig.inbox.payloads[0]
    assert stored["_consents"]["email|newsletter"]["wording"] == WORDING["pt"]
    assert stored["_consents"]["email|newsletter"]["source"] == "form news, wording 2026-11 (pt)"
    assert stored["_shown"] == {"language": "pt", "page": SITE}
    assert not {name for name in stored if name.startswith("form_") or name == "submission_id"}


def test_a_page_with_a_wording_of_before_is_shown_again_with_that_of_today(rig):
    page = stamped(rig, "news", FILLED | {"newsletter": "yes"})
    other = BOX.model_copy(update={"wording": {**WORDING, "en": "Send me everything."}})
    later = Rig(
        {"news": NEWS.model_copy(update={"consent": (other,)})}, inbox=rig.inbox, now=NOW + timedelta(minutes=1)
    )

    answer = later.post("/forms/news", data=page, headers=BROWSER)

    assert answer.status_code == 422
    assert "Send me everything." in answer.text
    assert "checked" not in answer.text
    assert rig.inbox.payloads == []


def test_a_copied_form_with_a_wording_of_before_gives_no_consent_and_is_taken(rig):
    rig.post("/forms/news", data=FILLED | {"newsletter": "yes", "form_wording": "0" * 12})

    assert rig.inbox.payloads[0]["given_name"] == "Zoë"
    assert rig.inbox.payloads[0]["_consents"] == {}


def test_a_page_that_was_open_for_days_is_shown_again(rig):
    page = stamped(rig, "news", FILLED)
    rig.now += timedelta(days=2)

    answer = rig.post("/forms/news", data=page, headers=BROWSER)

    assert answer.status_code == 422
    assert 'value="zoe@example.org"' in answer.text


def test_a_page_sent_twice_is_one_delivery(rig):
    page = stamped(rig, "news", FILLED)
    rig.now += timedelta(seconds=9)
    for _ in range(2):
        rig.post("/forms/news", data=page, headers=BROWSER)

    assert len(rig.inbox.payloads) == 1


# --- stamps and links ---------------------------------------------------------------------------------


def test_a_stamp_is_read_back_by_its_form_alone():
    stamp = Stamp(1_800_000_000, "pt-BR", "0" * 12)
    text = make_stamp(FORM_KEY, "news", stamp)

    assert read_stamp(FORM_KEY, "news", text) == stamp
    assert read_stamp(FORM_KEY, "other", text) is None
    assert read_stamp(b"x" * 32, "news", text) is None
    assert read_link(FORM_KEY, "news", text) is None


@given(st.data())
def test_a_link_with_one_letter_changed_is_none_of_ours(data):
    link = make_link(FORM_KEY, "news", "abcdefghijklmnopqrstuv", 1_800_000_000)
    at = data.draw(st.integers(0, len(link) - 1))
    letter = data.draw(st.characters())

    if letter != link[at]:
        assert read_link(FORM_KEY, "news", link[:at] + letter + link[at + 1 :]) is None


# --- on another site ----------------------------------------------------------------------------------


def preflight(rig, path="/forms/news", origin=SITE, method="POST", headers="content-type"):
    asked = {"origin": origin, "access-control-request-method": method, "access-control-request-headers": headers}
    return rig.request("OPTIONS", path, headers=asked)


@pytest.mark.parametrize("path", ["/forms/news", "/forms/news/definition"])
def test_a_site_that_is_named_may_send_by_script_without_cookies(rig, path):
    answer = preflight(rig, path)

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == SITE
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "how",
    [
        {"origin": "https://www.example.org.evil.example"},
        {"origin": "http://www.example.org"},
        {"origin": "https://example.org"},
        {"origin": "https://www.example.org:8443"},
        {"origin": "null"},
        {"method": "DELETE"},
        {"headers": "authorization"},
        {"path": "/forms/website"},
        {"path": "/forms/crm"},
        {"path": "/forms/nowhere"},
    ],
)
def test_nothing_else_is_allowed(rig, how):
    answer = preflight(rig, **how)

    assert answer.status_code == 403
    assert not {name for name in answer.headers if name.startswith("access-control")}


def test_the_script_s_post_is_stored_and_its_answer_may_be_read(rig):
    answer = rig.post("/forms/news", data=FILLED, headers={"origin": SITE})

    assert answer.json()["status"] == "stored"
    assert answer.headers["access-control-allow-origin"] == SITE
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://www.example.org.evil.example"])
def test_what_a_page_of_another_site_sends_is_refused(rig, origin):
    answer = rig.post("/forms/news", data=FILLED, headers={"origin": origin})

    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    assert rig.inbox.payloads == []


def test_the_hub_s_own_page_may_send_whatever_sites_are_named(rig):
    own = {"origin": "http://hub.example"}
    silent = {"origin": "null", "sec-fetch-site": "same-origin"}

    assert [rig.post("/forms/news", data=FILLED, headers=each).status_code for each in (own, silent)] == [200, 200]


def test_refusals_may_be_read_by_the_site_too(rig):
    answer = rig.post("/forms/news", data=stamped(rig, "news", {"emails": ""}), headers={"origin": SITE})

    assert answer.status_code == 422
    assert answer.headers["access-control-allow-origin"] == SITE


def test_a_form_that_names_no_site_is_read_by_none(rig):
    answer = rig.post("/forms/website", data=FILLED, headers={"origin": "https://anything.example"})

    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_the_definition_has_what_the_page_has(rig):
    told = rig.get("/forms/news/definition?lang=es", headers={"origin": SITE}).json()

    assert told["consent"] == [{"name": "newsletter", "wording": WORDING["es"]}]
    assert [field["name"] for field in told["fields"]][:2] == ["given_name", "family_name"]
    assert set(told["hidden"]) == {"submission_id", "form_stamp", "form_language", "form_wording"}


@pytest.mark.parametrize("path", ["definition", "embed.js"])
@pytest.mark.parametrize("form", ["crm", "nowhere"])
def test_a_signed_form_is_on_no_site(rig, form, path):
    assert rig.get(f"/forms/{form}/{path}").status_code == 404


def test_the_script_may_be_loaded_by_any_site_and_holds_nothing_of_the_form(rig):
    answer = rig.get("/forms/news/embed.js")

    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "newsletter" not in answer.text
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", answer.text)


@pytest.mark.parametrize(
    "path", ["/forms/news", "/forms/news/definition", "/forms/news/embed.js", "/forms/news/thanks"]
)
def test_nothing_of_a_form_is_framed(rig, path):
    headers = rig.get(path).headers

    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize("origin", ["*", "https://*.example.org", "https://example.org/path", "example.org", "null"])
def test_an_origin_is_a_site_and_nothing_wider(origin):
    with pytest.raises(ValueError, match="origins"):
        FormSettings.model_validate({"signature": "none", "allow_unsigned": True, "origins": [origin]})


# --- rates ---------------------------------------------------------------------------------------------


def test_one_address_may_send_only_so_many_and_others_go_on():
    rates = RateByPlace(2)

    assert [rates.wait_seconds("192.0.2.1", NOW) for _ in range(3)] == [0, 0, 30]
    assert rates.wait_seconds("192.0.2.2", NOW) == 0


def test_an_address_over_its_rate_is_told_when_to_come_again():
    rig = Rig({"website": PUBLIC.model_copy(update={"per_address": 1})})
    answers = [rig.post("/forms/website", data=FILLED) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[1].headers["retry-after"] == "60"
    assert len(rig.inbox.payloads) == 1
