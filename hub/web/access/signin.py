"""The pages on which people sign in, choose their first password, and sign out.

Before there is a session, a form brings the token of a cookie that the page has given, and comes from a page of this
host. Whatever was wrong, the answer is one and the same.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from hub.access.rights import Actor, Right
from hub.accounts.oidc import NotSignedIn, Oidc
from hub.accounts.people import Accounts
from hub.accounts.signin import CodeWanted, SignedIn, SignIn, Wrong
from hub.errors import ConfigError
from hub.store import access as db
from hub.store.access import Account
from hub.web.access.identity import place_of
from hub.web.access.steps import STEP, VISIT, Steps, cookie, drop_cookie, put_cookie, visit
from hub.web.console.refusals import PageRoute
from hub.web.console.shell import POLICY, gettext_of, language_of, templates
from hub.web.guard import (
    Denied,
    csrf_of,
    csrf_token,
    is_plain_loopback,
    needs,
    refuse_other_sites,
    safe_next,
    session_cookie,
    sign_in_address,
)

Short = Annotated[str, Form(max_length=200)]
Long = Annotated[str, Form(max_length=1_000)]
CODE, OIDC = "code", "oidc"  # kinds of steps


@dataclass(frozen=True, slots=True)
class Entry:
    """What the sign-in uses. oidc: who else signs people in"""

    signin: SignIn
    accounts: Accounts
    steps: Steps
    oidc: Oidc | None = None


def router(entry: Entry) -> APIRouter:
    routes = APIRouter(prefix="/sign-in", route_class=PageRoute)
    _add_password(routes, entry)
    _add_code(routes, entry)
    _add_invited(routes, entry)
    _add_again(routes, entry)
    if entry.oidc is not None:
        _add_oidc(routes, entry, entry.oidc)
    outer = APIRouter(route_class=PageRoute)
    outer.include_router(routes)

    @outer.post("/sign-out")
    def sign_out(request: Request, _: Actor = needs(Right.HEALTH, person=True)) -> Response:
        entry.signin.end(session_cookie(request) or "")
        answer = RedirectResponse("/sign-in", 303)
        drop_cookie(request, answer, "")
        return answer

    return outer


# --- password ---------------------------------------------------------------------------------------


def _add_password(routes: APIRouter, entry: Entry) -> None:
    @routes.get("")
    def page(request: Request, next: str = "/") -> Response:
        with entry.signin.store.read() as tx:
            if not db.has_accounts(tx):
                return RedirectResponse("/sign-in/invited", 303)
        return _page(request, entry, "sign_in.html", next=safe_next(next))

    @routes.post("")
    def sign_in(
        request: Request, name: Short = "", password: Long = "", next: Long = "/", csrf: Short = ""
    ) -> Response:
        _refuse_foreign(request, csrf)
        result = entry.signin.password(name, password, place_of(request))
        if isinstance(result, Wrong):
            return _wrong(request, entry, "sign_in.html", result, next=safe_next(next))
        if isinstance(result, CodeWanted):
            answer: Response = RedirectResponse("/sign-in/code", 303)
            data = {"account": result.account.id, "next": safe_next(next)}
            put_cookie(request, answer, STEP, entry.steps.seal(CODE, data))
            return answer
        return _let_in(request, result, next)


def _add_code(routes: APIRouter, entry: Entry) -> None:
    @routes.get("/code")
    def page(request: Request) -> Response:
        if entry.steps.open(CODE, cookie(request, STEP)) is None:
            return RedirectResponse("/sign-in", 303)
        return _page(request, entry, "sign_in_code.html")

    @routes.post("/code")
    def check(request: Request, code: Short = "", csrf: Short = "") -> Response:
        _refuse_foreign(request, csrf)
        step = entry.steps.open(CODE, cookie(request, STEP))
        if step is None:
            return RedirectResponse("/sign-in", 303)
        result = entry.signin.code(step["account"], code, place_of(request))
        if isinstance(result, Wrong):
            return _wrong(request, entry, "sign_in_code.html", result)
        return _let_in(request, result, step["next"])


# --- a code that works once -------------------------------------------------------------------------


def _add_invited(routes: APIRouter, entry: Entry) -> None:
    def is_first() -> bool:
        with entry.signin.store.read() as tx:
            return not db.has_accounts(tx)

    @routes.get("/invited")
    def page(request: Request) -> Response:
        return _page(request, entry, "invited.html", first=is_first(), name="", code="")

    @routes.post("/invited")
    def accept(
        request: Request, code: Short = "", name: Short = "", password: Long = "", again: Long = "", csrf: Short = ""
    ) -> Response:
        _refuse_foreign(request, csrf)
        place, now, _ = place_of(request), entry.signin.clock(), gettext_of(request)
        texts: dict[str, Any] = {"first": is_first(), "name": name, "code": code}
        if wait := entry.signin.tries.wait_seconds("(code)", place.address, now):
            return _wrong(request, entry, "invited.html", Wrong(wait), **texts)
        if password != again:
            return _page(request, entry, "invited.html", 422, bad=_("The two passwords differ."), **texts)
        try:
            account = entry.accounts.accept(code, name, password)
        except ConfigError as err:
            return _page(request, entry, "invited.html", 422, bad=str(err), **texts)
        if account is None:
            entry.signin.tries.failed("(code)", place.address, now)
            said = _("This code does not work, or works no more. Ask for another one.")
            return _page(request, entry, "invited.html", 401, bad=said, **texts)
        return _let_in(request, entry.signin.start(account, place, "invitation"), "/")


# --- once more, for what rules over others ----------------------------------------------------------


def _add_again(routes: APIRouter, entry: Entry) -> None:
    @routes.get("/again")
    def page(request: Request, next: str = "/", actor: Actor = needs(Right.HEALTH, person=True)) -> Response:
        return _page(request, entry, "sign_in_again.html", next=safe_next(next), actor=actor)

    @routes.post("/again")
    def prove(
        request: Request, password: Long = "", next: Long = "/", actor: Actor = needs(Right.HEALTH, person=True)
    ) -> Response:
        assert actor.session is not None
        result = entry.signin.prove(actor.session, actor.id, password, place_of(request))
        if isinstance(result, Wrong):
            return _wrong(request, entry, "sign_in_again.html", result, next=safe_next(next), actor=actor)
        return RedirectResponse(safe_next(next), 303)


# --- by another party -------------------------------------------------------------------------------


def _add_oidc(routes: APIRouter, entry: Entry, oidc: Oidc) -> None:
    @routes.post("/oidc")
    def begin(request: Request, next: Long = "/", csrf: Short = "") -> Response:
        _refuse_foreign(request, csrf)
        return _send(entry, oidc, request, {"next": safe_next(next)})

    @routes.post("/oidc/again")
    def begin_again(request: Request, next: Long = "/", actor: Actor = needs(Right.HEALTH, person=True)) -> Response:
        return _send(entry, oidc, request, {"next": safe_next(next), "session": actor.session, "account": actor.id})

    @routes.get("/oidc/back")
    def back(request: Request) -> Response:
        step = entry.steps.open(OIDC, cookie(request, STEP))
        if step is None:
            return RedirectResponse("/sign-in", 303)
        try:
            person = oidc.finish(dict(request.query_params), step)
            account = oidc.account(entry.accounts, person)
            if "session" in step:
                return _confirmed(entry, oidc.is_anew(person), account, step)
            signed_in = entry.signin.start(account, place_of(request), "oidc")
        except NotSignedIn as err:
            answer = _page(request, entry, "sign_in.html", 401, bad=str(err), next=step["next"])
            drop_cookie(request, answer, STEP)
            return answer
        return _let_in(request, signed_in, step["next"])


def _send(entry: Entry, oidc: Oidc, request: Request, data: Mapping[str, Any]) -> Response:
    asked = oidc.begin(anew="session" in data)
    answer = RedirectResponse(asked.address, 303)
    kept = {**data, "state": asked.state, "nonce": asked.nonce, "verifier": asked.verifier}
    put_cookie(request, answer, STEP, entry.steps.seal(OIDC, kept))
    return answer


def _confirmed(entry: Entry, is_anew: bool, account: Account, step: Mapping[str, Any]) -> Response:
    """The person of the session, and nobody else, has just been asked for the password there."""
    if is_anew and account.id == step["account"]:
        entry.signin.proved(step["session"], account)
        return RedirectResponse(step["next"], 303)
    return RedirectResponse(sign_in_address(step["next"], "/sign-in/again"), 303)


# --- what they share --------------------------------------------------------------------------------


def _let_in(request: Request, signed_in: SignedIn, next: str) -> Response:
    answer = RedirectResponse(safe_next(next), 303)
    put_cookie(request, answer, "", signed_in.secret)
    for part in (VISIT, STEP):
        drop_cookie(request, answer, part)
    return answer


def _refuse_foreign(request: Request, csrf: str) -> None:
    refuse_other_sites(request)
    _refuse_in_clear(request)
    given = cookie(request, VISIT)
    if not given or not hmac.compare_digest(csrf.encode(), csrf_of(given).encode()):
        raise Denied(403, "Not from this page", "Nothing was done. Load the page again, then repeat it.")


def _refuse_in_clear(request: Request) -> None:
    if request.url.scheme != "https" and not is_plain_loopback(request):
        raise Denied(
            403,
            "Not over plain http",
            "Nothing was done: a password would cross the network for all to read. Use the https address, and give it "
            "as `web.url` in hub.yaml.",
        )


def _wrong(request: Request, entry: Entry, template: str, wrong: Wrong, **texts: Any) -> Response:
    _ = gettext_of(request)
    if wrong.wait_seconds:
        said = _("That was wrong too often. Wait %(n)s seconds, then try again.") % {"n": wrong.wait_seconds}
    else:
        said = _("This is not right. Check what you typed, then try again.")
    answer = _page(request, entry, template, 429 if wrong.wait_seconds else 401, bad=said, **texts)
    if wrong.wait_seconds:
        answer.headers["Retry-After"] = str(wrong.wait_seconds)
    return answer


def _page(
    request: Request, entry: Entry, template: str, status: int = 200, *, bad: str | None = None, **texts: Any
) -> HTMLResponse:
    language, visited = language_of(request), visit(request)
    shared = {
        "language": language,
        "csrf": csrf_token(request) if texts.get("actor") else csrf_of(visited),
        "bad": bad,
        "oidc": entry.oidc.label if entry.oidc else None,
        "clear": request.url.scheme != "https" and not is_plain_loopback(request),
    }
    html = templates(language).get_template(template).render({**shared, **texts})
    # with its referrer a form tells its origin, by which it is known for ours
    headers = {"Content-Security-Policy": _policy(entry), "Referrer-Policy": "same-origin"}
    answer = HTMLResponse(html, status, headers)
    if not texts.get("actor"):
        put_cookie(request, answer, VISIT, visited)
    return answer


def _policy(entry: Entry) -> str:
    """Browsers also check where a form is sent on to."""
    return POLICY if entry.oidc is None else POLICY.replace("form-action 'self'", f"form-action {entry.oidc.origins}")
