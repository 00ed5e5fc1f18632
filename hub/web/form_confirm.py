"""Where the link of a mail leads: a page with a button, so that a scanner that opens links confirms nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from fastapi import Form as Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hub.accounts.tries import network
from hub.connectors.form_texts import say, words
from hub.errors import HubError
from hub.optin.asking import Found, OptIns, State
from hub.optin.links import mark
from hub.web.bodies import Rejected
from hub.web.form_pages import language_of, page, public, refusal_page
from hub.web.intake import Form
from hub.web.rates import RateByPlace

MOST_A_MINUTE = 30  # of these pages, to one address
Token = Annotated[str, Field(max_length=200)]
_PAGES: Mapping[State, tuple[str, str, str]] = {  # title, text, button
    State.OPEN: ("confirm_title", "confirm_ask", "confirm"),
    State.LATE: ("late_title", "late", "late_button"),
    State.UNKNOWN: ("unknown_title", "unknown", ""),
    State.CONFIRMED: ("", "confirmed", ""),
}


def router(forms: Mapping[str, Form], asked: OptIns, clock: Callable[[], datetime]) -> APIRouter:
    routes = APIRouter(prefix="/forms")
    by_place = RateByPlace(MOST_A_MINUTE)

    def refused(form: Form, request: Request) -> Response | None:
        wait = by_place.wait_seconds(_place(request), clock())
        return _busy(form, request, 429, wait) if wait else None

    @routes.get("/{connection}/confirm")
    async def look(connection: str, request: Request) -> Response:
        form, token = public_or_signed(forms, connection), request.query_params.get("t", "")[:200]
        if (busy := refused(form, request)) is not None:
            return busy
        try:
            found = await run_in_threadpool(asked.look, connection, token)
        except HubError:
            return _busy(form, request, 503, 5)
        return _page(form, request, found, token)

    @routes.post("/{connection}/confirm")
    async def confirm(connection: str, request: Request, t: Token = "") -> Response:
        form = public_or_signed(forms, connection)
        if (busy := refused(form, request)) is not None:
            return busy
        place = request.client.host if request.client else ""
        evidence = {"from": mark(form.key, "place", place)} if place else {}
        try:
            found = await run_in_threadpool(asked.confirm, connection, t, evidence)
        except HubError:
            return _busy(form, request, 503, 5)
        if found.state is State.CONFIRMED:
            return RedirectResponse(f"/forms/{connection}/confirmed?lang={_language(form, request, found)}", 303)
        return _page(form, request, found, t)

    @routes.post("/{connection}/confirm/again")
    async def again(connection: str, request: Request, t: Token = "") -> Response:
        form = public_or_signed(forms, connection)
        if (busy := refused(form, request)) is not None:
            return busy
        try:
            await run_in_threadpool(asked.again, connection, t)
        except HubError:
            return _busy(form, request, 503, 5)
        language = language_of(form, request)
        return page("confirm.html", form.settings, language, _texts(language, "late_title", "late_sent"))

    @routes.get("/{connection}/confirmed")
    async def confirmed(connection: str, request: Request) -> Response:
        form = public_or_signed(forms, connection)
        return _page(form, request, Found(State.CONFIRMED), "")

    return routes


def public_or_signed(forms: Mapping[str, Form], connection: str) -> Form:
    """A form whose consents are confirmed by mail, whoever sends it. HTTPException(404)"""
    form = forms.get(connection)
    return form if form is not None and form.settings.double_opt_in is not None else public(forms, connection)


def _page(form: Form, request: Request, found: Found, token: str) -> Response:
    language = _language(form, request, found)
    title, detail, button = _PAGES[found.state]
    known = words(language)
    texts = _texts(language, title, detail)
    if found.state is State.CONFIRMED:
        texts |= {"title": say(form.settings.title, language), "state": "confirmed"}
    if button:
        place = "confirm" if found.state is State.OPEN else "confirm/again"
        texts |= {"button": known[button], "token": token, "action": f"/forms/{form.name}/{place}?lang={language}"}
    if found.state is State.OPEN and found.asking is not None:
        texts["wordings"] = [str(said.get("wording", "")) for said in found.asking.consents.values()]
    status = 200 if found.state in (State.OPEN, State.CONFIRMED) else 410 if found.state is State.LATE else 404
    return page("confirm.html", form.settings, language, texts, status)


def _texts(language: str, title: str, detail: str) -> dict[str, object]:
    known = words(language)
    return {
        "title": known[title] if title else "",
        "detail": known[detail],
        "state": "",
        "wordings": [],
        "button": "",
        "token": "",
        "action": "",
    }


def _language(form: Form, request: Request, found: Found) -> str:
    said = found.asking.shown.get("language") if found.asking is not None else None
    return said if said in form.settings.languages else language_of(form, request)


def _busy(form: Form, request: Request, status: int, seconds: int) -> Response:
    answer = refusal_page(form, language_of(form, request), Rejected(status, "Busy", "Nothing was done."))
    answer.headers["Retry-After"] = str(seconds)
    return answer


def _place(request: Request) -> str:
    return network(request.client.host) if request.client else "?"
