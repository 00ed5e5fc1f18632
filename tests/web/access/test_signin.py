"""Signing in and out: what is let in, what is kept out, and what nobody learns by trying."""

from __future__ import annotations

import re
from statistics import median
from time import perf_counter

import pyotp
import pytest

from hub.access.passwords import secret_hash
from hub.access.rights import Role
from hub.accounts.signin import Place
from hub.errors import ConfigError
from hub.store import access as db
from tests.web.access.rig import LOCAL, OTHER_PASSWORD, PASSWORD, Rig

WRONG = "not the right password"


# --- the first account ------------------------------------------------------------------------------


def test_there_is_no_account_before_somebody_makes_one(rig: Rig):
    assert rig.browser().get("/").headers["location"] == "/sign-in?next=/"
    assert rig.browser().get("/sign-in").headers["location"] == "/sign-in/invited"
    for name in ("admin", "administrator", "root", "hub"):
        assert rig.browser().post("/sign-in", page="/sign-in/invited", name=name, password=name).status_code == 401


def test_the_first_administrator_is_made_with_the_code_that_was_printed(rig: Rig):
    browser, code = rig.browser(), rig.accounts.first_code("test")

    answer = browser.post("/sign-in/invited", code=code, name="Ann", password=PASSWORD, again=PASSWORD)

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert rig.account("ann").role is Role.ADMINISTRATOR
    assert browser.get("/").status_code == 200
    assert rig.audited() == [("ann", "first account made"), ("ann", "signed in")]


def test_the_code_works_once(rig: Rig):
    code = rig.accounts.first_code("test")
    rig.browser().post("/sign-in/invited", code=code, name="ann", password=PASSWORD, again=PASSWORD)

    again = rig.browser().post("/sign-in/invited", code=code, name="eve", password=PASSWORD, again=PASSWORD)

    assert again.status_code == 401
    assert rig.accounts.first_code("test") is None


def test_the_code_may_be_typed_carelessly(rig: Rig):
    code = rig.accounts.first_code("test")

    typed = code.upper().replace("-", " ")
    answer = rig.browser().post("/sign-in/invited", code=typed, name="ann", password=PASSWORD, again=PASSWORD)

    assert answer.status_code == 303


def test_the_code_is_over_after_an_hour(rig: Rig):
    code = rig.accounts.first_code("test")
    rig.wait(3601)

    answer = rig.browser().post("/sign-in/invited", code=code, name="ann", password=PASSWORD, again=PASSWORD)

    assert answer.status_code == 401


def test_a_later_code_takes_the_place_of_the_one_before(rig: Rig):
    old, new = rig.accounts.first_code("test"), rig.accounts.first_code("test")

    assert rig.accounts.accept(old, "ann", PASSWORD) is None
    assert rig.accounts.accept(new, "ann", PASSWORD) is not None


@pytest.mark.parametrize(
    "password", ["short", "x" * 300, "passwordpassword", "P@ssw0rd1234", "ann-ann-ann-ann", "aaaaaaaaaaaaaaaa"]
)
def test_a_password_that_is_tried_first_is_not_taken_and_the_code_still_works(rig: Rig, password):
    code = rig.accounts.first_code("test")

    answer = rig.browser().post("/sign-in/invited", code=code, name="ann", password=password, again=password)

    assert answer.status_code == 422
    assert password not in answer.text.replace("at least 12", "")
    assert rig.accounts.accept(code, "ann", PASSWORD) is not None


def test_guessing_codes_costs_waits(rig: Rig):
    rig.accounts.first_code("test")
    browser = rig.browser()

    answers = [browser.post("/sign-in/invited", code="x", name="n1", password="y", again="y") for _ in range(10)]

    assert [a.status_code for a in answers][-1] == 429


# --- password ---------------------------------------------------------------------------------------


def test_who_knows_the_password_is_let_in_and_led_on(rig: Rig):
    rig.person()

    answer = rig.browser().sign_in(next="/runs?connection=crm")

    assert (answer.status_code, answer.headers["location"]) == (303, "/runs?connection=crm")


def test_nobody_is_led_to_another_site(rig: Rig):
    rig.person()

    assert rig.browser().sign_in(next="//evil.example").headers["location"] == "/"


def test_the_cookie_is_for_this_host_only_and_out_of_reach_of_scripts(rig: Rig):
    rig.person()

    cookies = rig.browser().sign_in().headers.get_list("set-cookie")

    (made,) = [c for c in cookies if c.startswith("__Host-hub=")]
    assert {part.strip().lower() for part in made.split(";")[1:]} == {"httponly", "path=/", "samesite=lax", "secure"}


def test_on_this_machine_it_works_without_tls(rig: Rig):
    rig.person()
    browser = rig.browser(LOCAL)

    answer = browser.sign_in()

    (made,) = [c for c in answer.headers.get_list("set-cookie") if c.startswith("hub-local=")]
    assert "httponly" in made.lower()
    assert browser.get("/").status_code == 200


def test_no_password_is_taken_in_clear_over_a_network(rig: Rig):
    rig.person()
    browser = rig.browser("http://hub.example")

    answer = browser.sign_in()

    assert answer.status_code == 403
    assert "https" in answer.json()["detail"]
    assert browser.session is None


def test_a_wrong_password_and_an_unknown_name_are_answered_alike(rig: Rig):
    rig.person()

    wrong = rig.browser().sign_in("ann", WRONG)
    unknown = rig.browser().sign_in("nobody-of-that-name", WRONG)

    assert wrong.status_code == unknown.status_code == 401
    assert plain(wrong.text) == plain(unknown.text)
    assert set(wrong.headers) == set(unknown.headers)


def plain(page: str) -> str:
    return re.sub(r'name="csrf" value="[^"]*"', "", page)


def test_a_disabled_account_is_answered_as_if_it_were_not_there(rig: Rig):
    rig.person()
    rig.person("bob", Role.VIEWER)
    rig.accounts.disable("ann", "bob")

    right, unknown = rig.browser().sign_in("bob"), rig.browser().sign_in("nobody-of-that-name", WRONG)

    assert (right.status_code, plain(right.text)) == (unknown.status_code, plain(unknown.text))


def test_an_unknown_name_takes_as_long_as_a_wrong_password(rig: Rig):
    rig.person()

    def seconds(name: str, n: int) -> float:
        begin = perf_counter()
        rig.entry.signin.password(name, WRONG, Place(f"192.0.2.{n}"))
        return perf_counter() - begin

    pairs = [(seconds("ann", n), seconds(f"nobody{n}", n + 100)) for n in range(5)]

    known, unknown = median(p[0] for p in pairs), median(p[1] for p in pairs)
    assert abs(known - unknown) < 0.5 * max(known, unknown)


def test_only_the_hash_of_a_password_is_kept(rig: Rig):
    rig.person()
    rig.browser().sign_in()

    assert rig.account().password.startswith("$argon2id$")
    assert PASSWORD not in repr(rig.content())


# --- wrong tries ------------------------------------------------------------------------------------


def test_a_thousand_wrong_passwords_lock_nobody_out_for_ever(rig: Rig):
    rig.person()
    guesser, ann = rig.browser(address="198.51.100.7"), rig.browser(address="192.0.2.1")
    page = guesser.get("/sign-in")
    token = re.search(r'name="csrf" value="([^"]*)"', page.text)[1]

    answers = [guesser.post("/sign-in", csrf=token, name="ann", password=f"guess {n}") for n in range(1000)]

    statuses = [a.status_code for a in answers]
    assert statuses[:5] == [401] * 5
    assert statuses.count(429) > 900
    assert int(answers[-1].headers["retry-after"]) <= 900
    # while it waits, the right password is not even looked at: guessing goes no faster by luck
    assert guesser.post("/sign-in", csrf=token, name="ann", password=PASSWORD).status_code == 429
    # the person gets in from elsewhere, at once
    assert ann.sign_in().status_code == 303
    # and from there too, after a while
    rig.wait(901)
    assert guesser.post("/sign-in", csrf=token, name="ann", password=PASSWORD).status_code == 303


def test_names_that_are_not_there_cost_the_same_waits(rig: Rig):
    rig.person()
    known, unknown = rig.browser(address="198.51.100.7"), rig.browser(address="198.51.100.8")

    a = [known.sign_in("ann", WRONG).status_code for _ in range(9)]
    b = [unknown.sign_in("nobody-of-that-name", WRONG).status_code for _ in range(9)]

    assert a == b


def test_one_address_cannot_try_one_password_on_many_names(rig: Rig):
    rig.person()
    browser = rig.browser()
    token = re.search(r'name="csrf" value="([^"]*)"', browser.get("/sign-in").text)[1]

    statuses = [
        browser.post("/sign-in", csrf=token, name=f"user{n}", password="spring 2026!").status_code for n in range(34)
    ]

    assert statuses[0] == 401
    assert statuses[-1] == 429


def test_many_addresses_slow_down_new_ones_but_not_where_the_person_was_before(rig: Rig):
    rig.person()
    home = rig.browser(address="192.0.2.1")
    home.sign_in()
    for n in range(105):
        rig.entry.signin.tries.failed("ann", f"203.0.113.{n}", rig.clock())

    assert rig.browser(address="198.51.100.9").sign_in().status_code == 429
    assert rig.browser(address="192.0.2.1").sign_in().status_code == 303
    rig.wait(60)
    assert rig.browser(address="198.51.100.9").sign_in().status_code == 303


def test_tries_are_told_to_who_signs_in_and_written_down(rig: Rig):
    rig.person()
    rig.browser().sign_in("ann", WRONG)
    assert rig.account().failed == 1

    rig.browser().sign_in()

    assert rig.account().failed == 0
    assert ("(nobody)", "sign-in refused") in rig.audited()


def test_neither_addresses_nor_unknown_names_are_in_the_audit_in_clear(rig: Rig):
    rig.person()
    rig.browser(address="198.51.100.77").sign_in("canary-name", WRONG)
    rig.browser(address="198.51.100.77").sign_in()

    rows = repr(rig.content()["audit"])
    assert "canary-name" not in rows
    assert "198.51.100.77" not in rows


# --- sessions ---------------------------------------------------------------------------------------


def test_every_sign_in_begins_a_session_of_its_own(rig: Rig):
    rig.person()
    browser = rig.browser()
    browser.sign_in()
    first = browser.session
    browser.sign_in()

    assert browser.session != first
    assert len(browser.session) >= 22  # 128 bits, six a letter


def test_a_session_that_somebody_else_chose_is_not_taken_over(rig: Rig):
    rig.person()
    browser = rig.browser()
    browser.jar.set("__Host-hub", "chosen-by-somebody-else", domain="hub.example", path="/")
    browser.sign_in()

    assert browser.session != "chosen-by-somebody-else"
    thief = rig.browser()
    thief.jar.set("__Host-hub", "chosen-by-somebody-else", domain="hub.example", path="/")
    assert thief.get("/").status_code == 303


def test_a_session_is_kept_as_a_hash_only(rig: Rig):
    rig.person()
    browser = rig.browser()
    browser.sign_in()

    assert browser.session not in repr(rig.content())
    assert secret_hash(browser.session) in repr(rig.content()["session"])


def test_a_session_ends_when_it_is_not_used(rig: Rig):
    rig.person()
    browser = rig.browser()
    browser.sign_in()
    rig.wait(3500)
    assert browser.get("/").status_code == 200
    rig.wait(3500)
    assert browser.get("/").status_code == 200

    rig.wait(3601)

    assert browser.get("/").status_code == 303


def test_a_session_ends_however_much_it_is_used(rig: Rig):
    rig.person()
    browser = rig.browser()
    browser.sign_in()
    for _ in range(23):
        rig.wait(1800)
        assert browser.get("/").status_code == 200

    rig.wait(1801)

    assert browser.get("/").status_code == 303


def test_signing_out_ends_the_session_on_the_server(rig: Rig):
    rig.person()
    browser = rig.browser()
    browser.sign_in()
    kept = browser.session

    answer = browser.post("/sign-out", page="/")

    assert answer.headers["location"] == "/sign-in"
    assert browser.session is None
    thief = rig.browser()
    thief.jar.set("__Host-hub", kept, domain="hub.example", path="/")
    assert thief.get("/").status_code == 303


def test_signing_out_everywhere_else_leaves_this_session(rig: Rig):
    rig.person()
    here, there = rig.browser(), rig.browser()
    here.sign_in()
    there.sign_in()

    here.post("/me/sessions/end", page="/me")

    assert here.get("/").status_code == 200
    assert there.get("/").status_code == 303


def test_a_new_password_ends_every_other_session(rig: Rig):
    rig.person()
    here, there = rig.browser(), rig.browser()
    here.sign_in()
    there.sign_in()

    here.post("/me/password", page="/me", old=PASSWORD, password=OTHER_PASSWORD, again=OTHER_PASSWORD)

    assert here.get("/").status_code == 200
    assert there.get("/").status_code == 303
    assert rig.browser().sign_in().status_code == 401
    assert rig.browser().sign_in(password=OTHER_PASSWORD).status_code == 303


def test_a_password_is_changed_only_with_the_old_one(rig: Rig):
    rig.person()
    browser = rig.browser()
    browser.sign_in()

    answer = browser.post("/me/password", page="/me", old=WRONG, password=OTHER_PASSWORD, again=OTHER_PASSWORD)

    assert answer.status_code == 422
    assert rig.browser().sign_in().status_code == 303


def test_a_role_counts_from_the_next_request_on(rig: Rig):
    rig.person()
    rig.person("bob", Role.ADMINISTRATOR)
    browser = rig.browser()
    browser.sign_in("bob")
    assert browser.get("/access").status_code == 200

    rig.accounts.change_role("ann", "bob", Role.VIEWER)

    assert browser.get("/access").status_code == 403


def test_a_disabled_account_is_out_at_once(rig: Rig):
    rig.person()
    rig.person("bob", Role.OPERATOR)
    browser = rig.browser()
    browser.sign_in("bob")

    rig.accounts.disable("ann", "bob")

    assert browser.get("/").status_code == 303


def test_pages_change_nothing_by_being_looked_at(rig: Rig):
    rig.person()
    browser = rig.browser()
    browser.sign_in()
    before = rig.content()

    for path in ("/", "/me", "/access", "/audit", "/sign-in", "/sign-in/invited", "/sign-in/code", "/sign-in/again"):
        assert browser.get(path).status_code in (200, 303), path

    assert rig.content() == before


# --- where a form comes from ------------------------------------------------------------------------


def test_a_sign_in_from_another_site_is_refused(rig: Rig):
    rig.person()
    browser = rig.browser()
    token = re.search(r'name="csrf" value="([^"]*)"', browser.get("/sign-in").text)[1]

    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        data = {"csrf": token, "name": "ann", "password": PASSWORD}
        assert browser.send("POST", "/sign-in", data=data, headers=headers).status_code == 403
    assert browser.session is None


def test_a_sign_in_without_the_token_of_its_page_is_refused(rig: Rig):
    rig.person()

    assert rig.browser().post("/sign-in", csrf="x", name="ann", password=PASSWORD).status_code == 403
    browser = rig.browser()
    browser.get("/sign-in")
    assert browser.post("/sign-in", csrf="", name="ann", password=PASSWORD).status_code == 403


# --- the app for codes ------------------------------------------------------------------------------


def with_app(rig: Rig, name: str = "ann") -> tuple[str, list[str]]:
    """(secret of the app, recovery codes)"""
    browser = rig.browser()
    browser.sign_in(name)
    page = browser.post("/me/app", page="/me").text
    secret = re.search(r'class="mono">([A-Z2-7 ]+)<', page)[1].replace(" ", "")
    token = re.search(r'name="csrf" value="([^"]*)"', page)[1]
    done = browser.post("/me/app/confirm", csrf=token, code=code_of(secret, rig))
    assert done.status_code == 200
    codes = re.findall(r"<li>([0-9a-z-]{17})</li>", done.text)
    rig.wait(60)
    return secret, codes


def code_of(secret: str, rig: Rig, later: float = 0) -> str:
    return pyotp.TOTP(secret).at(int(rig.clock() + later))


def half(rig: Rig, address: str = "192.0.2.1"):
    browser = rig.browser(address=address)
    answer = browser.sign_in()
    assert answer.headers["location"] == "/sign-in/code"
    return browser


def test_with_an_app_the_password_alone_lets_nobody_in(rig: Rig):
    rig.person()
    with_app(rig)

    browser = half(rig)

    assert browser.session is None
    assert browser.get("/").status_code == 303


def test_the_code_of_the_app_lets_in_once(rig: Rig):
    rig.person()
    secret, _ = with_app(rig)
    code = code_of(secret, rig)

    assert half(rig).post("/sign-in/code", code=code).status_code == 303
    assert half(rig).post("/sign-in/code", code=code).status_code == 401


@pytest.mark.parametrize(("later", "status"), [(-30, 303), (30, 303), (-90, 401), (90, 401)])
def test_clocks_may_differ_by_half_a_minute(rig: Rig, later, status):
    rig.person()
    secret, _ = with_app(rig)
    rig.wait(120)

    assert half(rig).post("/sign-in/code", code=code_of(secret, rig, later)).status_code == status


def test_a_recovery_code_lets_in_once(rig: Rig):
    rig.person()
    _, codes = with_app(rig)
    assert len(set(codes)) == 10

    assert half(rig).post("/sign-in/code", code=codes[3].upper()).status_code == 303
    assert half(rig).post("/sign-in/code", code=codes[3]).status_code == 401
    assert len(rig.account().recovery) == 9


def test_codes_cannot_be_guessed(rig: Rig):
    rig.person()
    with_app(rig)
    browser = half(rig)

    statuses = [browser.post("/sign-in/code", code=f"{n:06}").status_code for n in range(20)]

    assert statuses[-1] == 429


def test_the_second_step_is_over_after_ten_minutes(rig: Rig):
    rig.person()
    secret, _ = with_app(rig)
    browser = half(rig)
    page = browser.get("/sign-in/code").text
    rig.wait(601)

    token = re.search(r'name="csrf" value="([^"]*)"', page)[1]
    answer = browser.post("/sign-in/code", csrf=token, code=code_of(secret, rig))

    assert answer.headers["location"] == "/sign-in"
    assert browser.session is None


def test_a_step_that_was_made_up_is_none(rig: Rig):
    rig.person()
    browser = rig.browser()
    browser.jar.set("__Host-hub-step", "1.AAAA", domain="hub.example", path="/")

    assert browser.get("/sign-in/code").headers["location"] == "/sign-in"


def test_the_secret_of_an_app_is_sealed_and_bound_to_its_account(rig: Rig):
    rig.person()
    rig.person("bob")
    secret, codes = with_app(rig)

    content = repr(rig.content())
    assert secret not in content
    assert not any(code in content for code in codes)
    ann, bob = rig.account("ann"), rig.account("bob")
    with rig.store.write() as tx:
        db.change_account(tx, bob.id, totp=ann.totp)
    with pytest.raises(ConfigError, match="changed in the store"):
        rig.entry.signin.code(bob.id, code_of(secret, rig), Place("192.0.2.1"))


def test_a_wrong_code_sets_up_no_app(rig: Rig):
    rig.person()
    browser = rig.browser()
    browser.sign_in()
    page = browser.post("/me/app", page="/me").text
    token = re.search(r'name="csrf" value="([^"]*)"', page)[1]

    assert browser.post("/me/app/confirm", csrf=token, code="000000").status_code == 422
    assert rig.account().totp is None


def test_an_app_is_taken_away_by_its_person(rig: Rig):
    rig.person()
    secret, _ = with_app(rig)
    browser = half(rig)
    browser.post("/sign-in/code", code=code_of(secret, rig))

    browser.post("/me/app/remove", page="/me")

    assert rig.account().totp is None
    assert rig.browser().sign_in().headers["location"] == "/"


# --- once more --------------------------------------------------------------------------------------


def test_what_rules_over_accounts_asks_for_the_password_again_after_a_while(rig: Rig):
    rig.person()
    browser = rig.browser()
    browser.sign_in()
    assert browser.post("/access/accounts", page="/access", name="bob", role="viewer").status_code == 200
    rig.wait(601)

    answer = browser.post("/access/accounts", page="/access", name="eve", role="viewer")

    assert answer.headers["location"] == "/sign-in/again?next=/"
    with pytest.raises(AssertionError):
        rig.account("eve")
    assert browser.post("/sign-in/again", password=WRONG, next="/access").status_code == 401
    assert browser.post("/sign-in/again", password=PASSWORD, next="/access").headers["location"] == "/access"
    assert browser.post("/access/accounts", page="/access", name="eve", role="viewer").status_code == 200


def test_a_body_without_end_is_cut_off(rig: Rig):
    browser = rig.browser()

    answer = browser.send("POST", "/sign-in", data={"name": "x" * 2_000_000})

    assert answer.status_code == 413
