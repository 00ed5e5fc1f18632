"""The guard of every route: who is let in, and what a change has to bring along."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from hub.access.rights import RIGHTS, Actor, Right, Role
from hub.errors import TransientError
from hub.web.guard import (
    COOKIE,
    LOCAL_COOKIE,
    Denied,
    Guarded,
    Needs,
    asked,
    csrf_of,
    needs,
    needs_within,
    refuse_unguarded,
    routes_of,
    safe_next,
    say_denied,
)

SESSION = "the-session-of-ann-with-enough-chance-in-it"
HERE = "https://hub.example"
CSRF = {"x-csrf-token": csrf_of(SESSION)}


def ann(role: Role = Role.OPERATOR, *, fresh: bool = False, session: str | None = "s1") -> Actor:
    return Actor("ann", RIGHTS[role], "a1", session, fresh)


def app_for(identify: Callable[[Request], Actor | None] | None) -> FastAPI:
    app = FastAPI()
    app.state.identify = identify
    app.add_exception_handler(Denied, say_denied)

    @app.get("/held")
    def held(actor: Actor = needs(Right.HEALTH)) -> str:
        return actor.name

    @app.post("/held")
    def approve(actor: Actor = needs(Right.APPROVE)) -> str:
        return actor.name

    @app.get("/called")
    async def called(guarded: Guarded = needs_within(Right.HEALTH)) -> Response:
        return await guarded(lambda: JSONResponse("ann"))

    @app.post("/called")
    async def call(guarded: Guarded = needs_within(Right.APPROVE)) -> Response:
        return await guarded(lambda: JSONResponse("ann"))

    @app.post("/accounts", dependencies=[needs(Right.ACCESS, fresh=True)])
    def account() -> str:
        return "made"

    @app.get("/accounts", dependencies=[needs(Right.ACCESS, fresh=True)])
    def accounts() -> str:
        return "shown"

    return app


def ask(identify: Any, method: str, path: str, base: str = HERE, cookie: str = COOKIE, **how: Any) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=app_for(identify))
        cookies = {cookie: SESSION}
        async with httpx.AsyncClient(transport=transport, base_url=base, cookies=cookies) as client:
            return await client.request(method, path, **how)

    return asyncio.run(send())


WHICHEVER_WAY = pytest.mark.parametrize("path", ["/held", "/called"])
"""Who asks is found out before the route is, or by the thread that does what they ask for."""


@WHICHEVER_WAY
def test_nobody_is_let_in_where_nobody_can_be_known(path):
    answer = ask(None, "GET", path)

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.headers["content-type"] == "application/problem+json"


@WHICHEVER_WAY
def test_a_stranger_is_refused(path):
    assert ask(lambda _: None, "GET", path).status_code == 401


def test_a_browser_is_sent_to_the_sign_in_and_back_again():
    answer = ask(lambda _: None, "GET", "/held?only=erp&x=1", headers={"accept": "text/html"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/held%3Fonly%3Derp%26x%3D1")


def test_a_browser_that_sent_a_change_is_sent_to_the_first_page():
    answer = ask(lambda _: None, "POST", "/held", headers={"accept": "text/html"})

    assert answer.headers["location"] == "/sign-in?next=/"


def test_a_part_of_a_page_sends_the_whole_page_to_the_sign_in():
    headers = {"hx-request": "true", "hx-current-url": f"{HERE}/held/3?a=b", "accept": "text/html"}

    answer = ask(lambda _: None, "GET", "/held", headers=headers)

    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/sign-in?next=/held/3%3Fa%3Db")


@WHICHEVER_WAY
def test_a_wrong_token_is_a_problem_even_for_a_browser(path):
    headers = {"authorization": "Bearer hub_wrong", "accept": "text/html"}

    assert ask(lambda _: None, "GET", path, headers=headers).status_code == 401


@WHICHEVER_WAY
def test_who_has_the_right_is_let_in(path):
    answer = ask(lambda _: ann(), "GET", path)

    assert (answer.status_code, answer.json()) == (200, "ann")


@WHICHEVER_WAY
def test_who_lacks_the_right_is_told_which(path):
    answer = ask(lambda _: ann(Role.VIEWER), "POST", path, headers=CSRF)

    assert answer.status_code == 403
    assert "“approve”" in answer.json()["detail"]


@WHICHEVER_WAY
def test_a_store_that_is_away_lets_nobody_in(path):
    def away(_: Request) -> Actor | None:
        raise TransientError("the store is away")

    answer = ask(away, "GET", path)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


@WHICHEVER_WAY
def test_a_fault_of_the_hub_lets_nobody_in(path):
    def broken(_: Request) -> Actor | None:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        ask(broken, "GET", path)


@WHICHEVER_WAY
def test_a_change_with_a_session_needs_its_token(path):
    assert ask(lambda _: ann(), "POST", path).status_code == 403
    assert ask(lambda _: ann(), "POST", path, headers={"x-csrf-token": csrf_of("another")}).status_code == 403
    assert ask(lambda _: ann(), "POST", path, headers=CSRF).status_code == 200


@WHICHEVER_WAY
def test_the_token_may_come_in_the_form(path):
    assert ask(lambda _: ann(), "POST", path, data={"csrf": csrf_of(SESSION)}).status_code == 200
    assert ask(lambda _: ann(), "POST", path, data={"csrf": "x"}).status_code == 403
    assert ask(lambda _: ann(), "POST", path, files={"csrf": b"x"}).status_code == 403


@WHICHEVER_WAY
def test_a_token_that_is_no_text_of_ours_is_refused_too(path):
    assert ask(lambda _: ann(), "POST", path, headers={"x-csrf-token": "é".encode()}).status_code == 403


@WHICHEVER_WAY
def test_a_change_with_an_api_token_needs_no_page(path):
    assert ask(lambda _: ann(session=None), "POST", path).status_code == 200


@WHICHEVER_WAY
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "https://hub.example.evil.example"},
        {"origin": "null"},
        {"origin": "https://hub.example:8443"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": HERE},
        {"sec-fetch-site": "same-origin", "origin": "https://evil.example"},
        {"sec-fetch-site": "cross-site", "origin": "null"},
    ],
)
def test_a_change_from_another_site_is_refused_whatever_it_brings(headers, path):
    assert ask(lambda _: ann(), "POST", path, headers=CSRF | headers).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": HERE},
        {"origin": HERE, "sec-fetch-site": "same-origin"},
        {"origin": "null", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
    ],
)
def test_a_change_from_a_page_of_ours_is_taken(headers):
    assert ask(lambda _: ann(), "POST", "/held", headers=CSRF | headers).status_code == 200


def test_a_page_is_shown_whoever_leads_to_it():
    assert ask(lambda _: ann(), "GET", "/held", headers={"sec-fetch-site": "cross-site"}).status_code == 200


def test_over_plain_http_on_this_machine_the_cookie_has_another_name():
    local = "http://127.0.0.1:8080"

    assert ask(lambda _: ann(), "POST", "/held", base=local, cookie=LOCAL_COOKIE, headers=CSRF).status_code == 200
    assert ask(lambda _: ann(), "POST", "/held", base=local, cookie=COOKIE, headers=CSRF).status_code == 403
    assert ask(lambda _: ann(), "POST", "/held", cookie=LOCAL_COOKIE, headers=CSRF).status_code == 403


def test_what_rules_over_accounts_asks_whether_it_is_still_the_same_person():
    person = ann(Role.ADMINISTRATOR)

    assert ask(lambda _: person, "POST", "/accounts", headers=CSRF).json()["title"] == "Confirm"
    page = ask(lambda _: person, "GET", "/accounts", headers={"accept": "text/html"})
    assert page.headers["location"] == "/sign-in/again?next=/accounts"
    fresh = ann(Role.ADMINISTRATOR, fresh=True)
    assert ask(lambda _: fresh, "POST", "/accounts", headers=CSRF).status_code == 200


def test_a_form_that_has_to_be_confirmed_leads_back_to_its_page():
    headers = CSRF | {"accept": "text/html", "referer": f"{HERE}/access?x=1"}

    answer = ask(lambda _: ann(Role.ADMINISTRATOR), "POST", "/accounts", headers=headers)

    assert answer.headers["location"] == "/sign-in/again?next=/access%3Fx%3D1"


def test_a_token_cannot_rule_over_accounts():
    token = ann(Role.ADMINISTRATOR, session=None, fresh=True)
    stale = ann(Role.ADMINISTRATOR, session=None)

    assert ask(lambda _: stale, "POST", "/accounts").json()["title"] == "Only for people"
    assert ask(lambda _: token, "POST", "/accounts").json()["title"] == "Only for people"


def test_the_token_of_a_page_does_not_tell_the_session():
    assert SESSION not in csrf_of(SESSION)
    assert len(csrf_of(SESSION)) == 43


@pytest.mark.parametrize("place", ["/", "/held/3?a=b&c=//d", "/contacts/ç"])
def test_after_the_sign_in_one_goes_on_to_a_page_of_ours(place):
    assert safe_next(place) == place


@pytest.mark.parametrize(
    "place",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "evil",
        "",
        "/a\r\nSet-Cookie: x",
        "/sign-in",
        "/a\\b",
    ],
)
def test_after_the_sign_in_nobody_is_led_elsewhere(place):
    assert safe_next(place) == "/"


# --- default deny -----------------------------------------------------------------------------------


def test_an_application_with_an_open_route_is_not_made():
    app = app_for(None)
    refuse_with_docs = FastAPI(openapi_url=None)

    @refuse_with_docs.get("/open")
    def opened() -> str:
        return "open"

    with pytest.raises(AssertionError, match="GET /open"):
        refuse_unguarded(refuse_with_docs)
    with pytest.raises(AssertionError, match="GET /openapi"):
        refuse_unguarded(app)


def test_another_method_on_a_public_path_is_not_public():
    app = FastAPI(openapi_url=None)

    @app.delete("/healthz")
    def opened() -> str:
        return "open"

    with pytest.raises(AssertionError, match="DELETE /healthz"):
        refuse_unguarded(app)


def test_a_right_that_is_asked_for_deeper_down_counts():
    app = FastAPI(openapi_url=None)

    def contact(actor: Actor = needs(Right.CONTACTS)) -> str:
        return actor.name

    @app.get("/contact")
    def show(name: str = needs_of(contact)) -> str:
        return name

    refuse_unguarded(app)
    assert {n for _, route in routes_of(app) for n in asked(route)} == {Needs(Right.CONTACTS)}


def needs_of(inner: Callable[..., Any]) -> Any:
    from fastapi import Depends

    return Depends(inner)
