"""Signing in by another party: only who it signed in, for this hub, in this browser, just now."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import httpx
import pytest

from hub.access.rights import Role
from hub.accounts.oidc import Oidc, Settings
from tests.web.access.party import BACK, CLIENT, ISSUER, OTHER_KEY, SECRET, Party
from tests.web.access.rig import PASSWORD, Browser, Rig, made

SETTINGS = Settings(
    issuer=ISSUER,
    client_id=CLIENT,
    client_secret=SECRET,
    back=BACK,
    label="Sign in with Example",
    scopes=("openid", "profile"),
    name_claim="preferred_username",
    role_claim="roles",
    roles={Role.VIEWER: ("staff",), Role.OPERATOR: ("ops",), Role.ADMINISTRATOR: ("admins", "owners")},
)


@dataclass
class Together:
    rig: Rig
    party: Party

    def begin(self, browser: Browser, next: str = "/") -> str:
        answer = browser.post("/sign-in/oidc", page="/sign-in", next=next)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def back(self, browser: Browser, address: str) -> httpx.Response:
        parts = urlsplit(address)
        return browser.get(f"{parts.path}?{parts.query}")

    def sign_in(self, browser: Browser | None = None, next: str = "/", **answer: str) -> httpx.Response:
        browser = browser or self.rig.browser()
        return self.back(browser, self.party.sign_in(self.begin(browser, next), **answer))


@pytest.fixture
def two(tmp_path) -> Iterator[Together]:
    parties: list[Party] = []

    def oidc(clock):
        parties.append(Party(clock))
        return Oidc(SETTINGS, time.time, parties[0].transport())

    with made(tmp_path, oidc) as rig:
        rig.wait(time.time() - rig.clock())  # the token's times are judged by the clock of the machine
        rig.accounts.add("test", "boss", Role.ADMINISTRATOR)
        yield Together(rig, parties[0])


def test_who_is_signed_in_there_is_let_in_here(two):
    browser = two.rig.browser()

    answer = two.sign_in(browser, next="/me")

    assert (answer.status_code, answer.headers["location"]) == (303, "/me")
    assert browser.get("/").status_code == 200
    assert two.rig.account("ann").role is Role.VIEWER
    assert two.rig.account("ann").password is None


def test_the_button_is_on_the_page_and_its_form_may_lead_there(two):
    page = two.rig.browser().get("/sign-in")

    assert "Sign in with Example" in page.text
    assert "form-action 'self' https://login.example.org;" in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("roles", "role"),
    [
        (["staff", "ops"], Role.OPERATOR),
        (["owners"], Role.ADMINISTRATOR),
        ("ops", Role.OPERATOR),
        (["staff"], Role.VIEWER),
    ],
)
def test_the_claim_says_the_role_and_the_highest_counts(two, roles, role):
    two.party.claims["roles"] = roles

    two.sign_in()

    assert two.rig.account("ann").role is role


def test_a_role_that_was_taken_away_there_is_taken_away_here(two):
    two.party.claims["roles"] = ["admins"]
    two.sign_in()
    two.party.claims["roles"] = ["staff"]
    two.sign_in()

    assert two.rig.account("ann").role is Role.VIEWER
    assert ("ann", "role changed") in two.rig.audited()


@pytest.mark.parametrize("roles", [[], ["visitors"], None, 7, {"admins": True}])
def test_who_has_no_role_is_not_let_in(two, roles):
    two.party.claims["roles"] = roles

    answer = two.sign_in()

    assert answer.status_code == 401
    assert "no role here" in answer.text
    with pytest.raises(AssertionError):
        two.rig.account("ann")


def test_an_account_is_never_taken_over_by_its_name(two):
    two.rig.person("ann", Role.ADMINISTRATOR)

    assert two.sign_in().status_code == 401
    assert two.rig.account("ann").subject is None


def test_the_person_is_known_by_the_subject_whatever_the_name_becomes(two):
    two.sign_in()
    two.party.claims["preferred_username"] = "ann.baker"
    two.sign_in()

    assert two.rig.account("ann").subject == f"{ISSUER} s-1"


def test_a_disabled_account_is_not_let_in_whatever_the_party_says(two):
    two.sign_in()
    two.rig.accounts.disable("boss", "ann")

    assert two.sign_in().status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://evil.example"},
        {"aud": "another-program"},
        {"aud": [CLIENT, "another"]},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"azp": "another"},
        {"nonce": "of-another-sign-in"},
        {"nonce": None},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"iat": None},
        {"iat": 4_000_000_000},
        {"nbf": 4_000_000_000},
        {"sub": None},
        {"preferred_username": None},
        {"preferred_username": "no name <script>"},
    ],
)
def test_a_token_that_is_not_for_this_sign_in_lets_nobody_in(two, change):
    browser = two.rig.browser()
    two.party.change = lambda claims: claims | change

    assert two.sign_in(browser).status_code == 401
    assert browser.session is None


def test_a_token_signed_by_somebody_else_lets_nobody_in(two):
    two.party.signing = (OTHER_KEY, "k1", "RS256")
    assert two.sign_in().status_code == 401
    two.party.signing = (OTHER_KEY, "k9", "RS256")
    assert two.sign_in().status_code == 401


def test_a_token_without_a_signature_lets_nobody_in(two):
    two.party.signing = ("", "k1", "none")

    assert two.sign_in().status_code == 401


def test_a_public_key_is_not_taken_for_a_shared_secret(two):
    two.party.signing = ("0" * 64, "k1", "HS256")

    assert two.sign_in().status_code == 401


def test_keys_may_change_there(two):
    two.sign_in()
    two.party.named = {"k2": OTHER_KEY}
    two.party.signing = (OTHER_KEY, "k2", "RS256")
    two.rig.entry.oidc._party.keys_at -= 31  # half a minute later

    assert two.sign_in().status_code == 303


def test_an_answer_for_another_browser_is_not_taken(two):
    mine, yours = two.rig.browser(), two.rig.browser()
    address = two.party.sign_in(two.begin(mine))
    two.begin(yours)

    assert two.back(yours, address).status_code == 401
    assert yours.session is None


def test_an_answer_that_nobody_asked_for_is_not_taken(two):
    browser = two.rig.browser()
    address = two.party.sign_in(two.begin(two.rig.browser()))

    assert two.back(browser, address).headers["location"] == "/sign-in"
    assert browser.session is None


def test_an_answer_works_once(two):
    browser = two.rig.browser()
    asked = two.begin(browser)
    kept = httpx.Cookies(browser.jar)
    address = two.party.sign_in(asked)
    assert two.back(browser, address).status_code == 303
    thief = two.rig.browser()
    thief.jar = kept

    assert two.back(thief, address).status_code == 401


def test_an_answer_is_over_after_ten_minutes(two):
    browser = two.rig.browser()
    address = two.party.sign_in(two.begin(browser))
    two.rig.wait(601)

    assert two.back(browser, address).headers["location"] == "/sign-in"


@pytest.mark.parametrize("answer", [{"iss": "https://evil.example"}, {"iss": ""}, {"state": "another"}, {"code": ""}])
def test_an_answer_of_another_party_is_not_taken(two, answer):
    assert two.sign_in(**answer).status_code == 401


def test_a_refusal_there_is_told_without_their_words(two):
    answer = two.sign_in(code="", error="access_denied", error_description="<script>canary</script>")

    assert answer.status_code == 401
    assert "canary" not in answer.text


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://login.example.org/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": None},
    ],
)
def test_a_party_that_is_not_what_it_says_is_not_asked(two, metadata):
    two.party.metadata = metadata
    answer = two.rig.browser().post("/sign-in/oidc", page="/sign-in")

    assert answer.status_code in (401, 503)
    assert "/token" not in two.party.asked


def test_a_party_that_is_away_is_said_so(two):
    two.party.away = True

    answer = two.rig.browser().post("/sign-in/oidc", page="/sign-in")

    assert answer.status_code == 503
    assert "not signed in" in answer.text


def test_who_signs_in_elsewhere_confirms_elsewhere(two):
    two.party.claims["roles"] = ["admins"]
    browser = two.rig.browser()
    two.sign_in(browser)
    two.rig.wait(700)
    assert browser.post("/access/accounts", page="/access", name="eve", role="viewer").status_code == 303

    asked = browser.post("/sign-in/oidc/again", page="/sign-in/again", next="/access").headers["location"]
    assert "prompt=login" in asked
    two.rig.entry.oidc._clock = two.rig.clock
    two.party.change = lambda claims: claims | {"auth_time": two.rig.clock(), "exp": 4_000_000_000, "iat": 1}
    answer = two.back(browser, two.party.sign_in(asked))

    assert answer.headers["location"] == "/access"
    assert browser.post("/access/accounts", page="/access", name="eve", role="viewer").status_code == 200


def test_nobody_confirms_for_another(two):
    two.party.claims["roles"] = ["admins"]
    two.rig.person("carl")
    browser = two.rig.browser()
    browser.sign_in("carl", PASSWORD)
    two.rig.wait(700)
    asked = browser.post("/sign-in/oidc/again", page="/sign-in/again", next="/access").headers["location"]
    two.party.change = lambda claims: claims | {"exp": 4_000_000_000, "iat": 1}

    answer = two.back(browser, two.party.sign_in(asked))

    assert answer.headers["location"].startswith("/sign-in/again")
    assert browser.post("/access/accounts", page="/access", name="eve", role="viewer").status_code == 303


def test_a_public_client_has_no_secret(two):
    two.party.secret = None
    two.rig.entry.oidc._settings = replace(SETTINGS, client_secret=None)

    assert two.sign_in().status_code == 303


def test_the_secret_of_the_client_is_on_no_page(two):
    browser = two.rig.browser()
    pages = [browser.get("/sign-in").text, two.sign_in(browser).text, browser.get("/me").text]

    assert not any(SECRET in page for page in pages)
