"""Routes of the form intake: bytes in, one durable write, an answer for a browser or a program."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import Any
from urllib.parse import urlsplit

import jinja2
from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from hub.connectors.forms import FormSettings
from hub.errors import HubError, TransientError
from hub.web.bodies import ContentType, Rejected, read_body
from hub.web.headers import page_policy
from hub.web.intake import SUBMISSION_ID, Delivery, Form, InboxWriter, refuse_unknown
from hub.web.problems import problem
from hub.web.signatures import Forged, Headers

log = logging.getLogger(__name__)

BUSY_RETRY_SECONDS = 5

_pages = jinja2.Environment(
    loader=jinja2.PackageLoader("hub.web"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
)


def router(
    forms: Mapping[str, Form], inbox: InboxWriter, clock: Callable[[], datetime], new_id: Callable[[], str]
) -> APIRouter:
    routes = APIRouter(prefix="/forms")

    @routes.post("/{connection}")
    async def receive(connection: str, request: Request) -> Response:
        form = forms.get(connection)
        try:
            delivery = await _take(form, request, clock)
            is_new = await run_in_threadpool(store_delivery, inbox, connection, delivery)
        except Rejected as rejected:
            return _refuse(form, request, rejected)
        return _thank(form, request, delivery, is_new)

    @routes.get("/{connection}")
    async def page(connection: str) -> Response:
        form = _public(forms, connection)
        texts = {"form": form.settings, "action": f"/forms/{connection}", "submission_id": new_id()}
        return _page("form.html", form.settings, texts, 200)

    @routes.get("/{connection}/thanks")
    async def thanks(connection: str) -> Response:
        form = _public(forms, connection)
        return _page("thanks.html", form.settings, {"form": form.settings}, 200)

    return routes


async def _take(form: Form | None, request: Request, clock: Callable[[], datetime]) -> Delivery:
    content = ContentType(request.headers.get("content-type", ""))
    try:
        body = await read_body(request.stream(), request.headers.get("content-length"))
    except ClientDisconnect as err:
        raise Rejected(400, "Broken off", "Nothing was stored. The body broke off; send it again.") from err
    try:
        if form is None:
            refuse_unknown(request.headers.getlist, body, clock())
            raise AssertionError("an unknown form was let in")
        return form.take(_places(request), content, body, clock())
    except Forged as err:
        raise Rejected(401, "Not accepted", "Nothing was stored. Check the address, the secret and the clock.") from err


def _places(request: Request) -> Headers:
    """The headers, and under `?NAME` what the address holds."""

    def values(name: str) -> Sequence[str]:
        return request.query_params.getlist(name[1:]) if name.startswith("?") else request.headers.getlist(name)

    return values


def store_delivery(inbox: InboxWriter, connection: str, delivery: Delivery) -> bool:
    """True: new, False: known by its id. Rejected(503) when the store is busy or away."""
    try:
        return inbox.add(connection, delivery.id, delivery.received_at, delivery.payload)
    except HubError as err:
        asked = err.retry_after if isinstance(err, TransientError) else None
        log.warning("a delivery to %s was not stored: %s", connection, err)
        raise Rejected(
            503,
            "Busy",
            "Nothing was stored. Send the same delivery again in a moment.",
            retry_after=max(1, ceil(asked)) if asked else BUSY_RETRY_SECONDS,
        ) from err


def _thank(form: Form | None, request: Request, delivery: Delivery, is_new: bool) -> Response:
    if form is not None and _is_browser(form, request):
        return RedirectResponse(form.settings.thanks_url or f"/forms/{form.name}/thanks", 303)
    return JSONResponse({"status": "stored" if is_new else "stored before", "delivery_id": delivery.id})


def _refuse(form: Form | None, request: Request, rejected: Rejected) -> Response:
    headers = {"Retry-After": str(rejected.retry_after)} if rejected.retry_after else {}
    if form is not None and _is_browser(form, request):
        texts = {"form": form.settings, "title": rejected.title, "detail": rejected.detail}
        answer = _page("refused.html", form.settings, texts, rejected.status)
        answer.headers.update(headers)
        return answer
    return problem(rejected.status, rejected.title, rejected.detail, **headers)


def _is_browser(form: Form, request: Request) -> bool:
    return form.verifier is None and "text/html" in request.headers.get("accept", "")


def _public(forms: Mapping[str, Form], connection: str) -> Form:
    """Only a form without a signature has a page: a browser cannot sign."""
    form = forms.get(connection)
    if form is None or form.verifier is not None:
        raise HTTPException(404, "Not found")
    return form


def _page(template: str, settings: FormSettings, texts: Mapping[str, Any], status: int) -> HTMLResponse:
    html = _pages.get_template(template).render(texts, token_name=SUBMISSION_ID)
    targets = ["'self'"]
    if settings.thanks_url:
        address = urlsplit(settings.thanks_url)
        targets.append(f"{address.scheme}://{address.netloc}")
    return HTMLResponse(html, status, {"Content-Security-Policy": page_policy(*targets)})
