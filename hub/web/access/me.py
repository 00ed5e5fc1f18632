"""What everybody does with their own account: password, app for codes, sessions. No token may."""

from __future__ import annotations

from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hub.access import passwords
from hub.access.rights import Actor, Right
from hub.accounts import app
from hub.accounts.signin import Wrong
from hub.errors import ConfigError
from hub.store import access as db
from hub.store.access import Account
from hub.web.access.identity import place_of
from hub.web.access.signin import Entry, Long, Short
from hub.web.access.steps import STEP, cookie, drop_cookie, put_cookie
from hub.web.console.refusals import PageRoute
from hub.web.console.shell import Console, Said, gettext_of, page
from hub.web.guard import needs

APP = "app"  # kind of step: a secret that was shown and is not confirmed yet
ISSUER = "contact hub"


def router(entry: Entry, console: Console) -> APIRouter:
    routes = APIRouter(prefix="/me", route_class=PageRoute)

    @routes.get("")
    def me(request: Request, actor: Actor = needs(Right.HEALTH, person=True)) -> Response:
        return _me(entry, console, request, actor)

    @routes.post("/password")
    def change_password(
        request: Request,
        old: Long = "",
        password: Long = "",
        again: Long = "",
        actor: Actor = needs(Right.HEALTH, person=True),
    ) -> Response:
        _ = gettext_of(request)
        if password != again:
            return _me(entry, console, request, actor, _("The two passwords differ."))
        assert actor.session is not None
        if isinstance(entry.signin.prove(actor.session, actor.id, old, place_of(request)), Wrong):
            return _me(entry, console, request, actor, _("The old password is not right. Nothing was changed."))
        try:
            entry.accounts.change_password(_account(entry, actor), password, actor.session)
        except ConfigError as err:
            return _me(entry, console, request, actor, str(err))
        return RedirectResponse("/me", 303)

    @routes.post("/sessions/end")
    def end_others(actor: Actor = needs(Right.HEALTH, person=True)) -> Response:
        entry.accounts.end_sessions(actor.name, _account(entry, actor), but=actor.session)
        return RedirectResponse("/me", 303)

    _add_app(routes, entry, console)
    return routes


def _add_app(routes: APIRouter, entry: Entry, console: Console) -> None:
    @routes.post("/app")
    def begin(request: Request, actor: Actor = needs(Right.HEALTH, fresh=True)) -> Response:
        secret = passwords.new_totp_secret()
        answer = _app(console, request, actor, secret)
        put_cookie(request, answer, STEP, entry.steps.seal(APP, {"account": actor.id, "secret": secret}))
        return answer

    @routes.post("/app/confirm")
    def confirm(request: Request, code: Short = "", actor: Actor = needs(Right.HEALTH, fresh=True)) -> Response:
        step = entry.steps.open(APP, cookie(request, STEP))
        if step is None or step["account"] != actor.id:
            return RedirectResponse("/me", 303)
        codes = app.use(entry.accounts, actor.id, step["secret"], code)
        if codes is None:
            _ = gettext_of(request)
            said = _("This code is not right. Look at the app again, and at the clock of your phone.")
            return _app(console, request, actor, step["secret"], said)
        answer = page(console, request, actor, "me_codes.html", codes=codes)
        drop_cookie(request, answer, STEP)
        return answer

    @routes.post("/app/remove")
    def remove(actor: Actor = needs(Right.HEALTH, fresh=True)) -> Response:
        app.stop(entry.accounts, actor.id)
        return RedirectResponse("/me", 303)


def _account(entry: Entry, actor: Actor) -> Account:
    with entry.signin.store.read() as tx:
        account = db.account(tx, actor.id)
    assert account is not None, "who is signed in has an account"
    return account


def _me(entry: Entry, console: Console, request: Request, actor: Actor, bad: str | None = None) -> Response:
    with entry.signin.store.read() as tx:
        account, sessions = db.account(tx, actor.id), db.sessions(tx, actor.id)
    said = Said(bad, "bad") if bad else None
    texts = {"account": account, "sessions": sessions, "said": said}
    answer = page(console, request, actor, "me.html", status=422 if bad else 200, **texts)
    answer.headers["Referrer-Policy"] = "same-origin"  # who has to confirm comes back to this page
    return answer


def _app(console: Console, request: Request, actor: Actor, secret: str, bad: str | None = None) -> Response:
    grouped = " ".join(secret[i : i + 4] for i in range(0, len(secret), 4))
    address = passwords.totp_address(secret, actor.name, ISSUER)
    picture = Markup(passwords.totp_picture(address))  # noqa: S704  a drawing: nothing of the address is text in it
    texts = {"secret": grouped, "address": address, "picture": picture, "said": Said(bad, "bad") if bad else None}
    return page(console, request, actor, "me_app.html", status=422 if bad else 200, **texts)
