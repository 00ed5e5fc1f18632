"""Routes of the form intake: bytes in, one durable write, an answer for a browser, a script or a program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from hub.web.bodies import ContentType, Rejected, read_body
from hub.web.form_origins import allowed_origin, preflight, refuse_foreign_page, shared_with
from hub.web.form_pages import definition, form_page, language_of, public, refusal_page, script, thanks_page
from hub.web.intake import Delivery, Form, Sender, Unfilled, refuse_unknown
from hub.web.problems import problem_with
from hub.web.signatures import Forged, Headers
from hub.web.storing import Storing

LONGEST_PAGE = 500  # characters of the address of a page that are kept


def router(
    forms: Mapping[str, Form], storing: Storing, clock: Callable[[], datetime], new_id: Callable[[], str]
) -> APIRouter:
    routes = APIRouter()

    async def receive(request: Request) -> Response:
        connection = request.path_params["connection"]
        form = forms.get(connection)
        try:
            delivery = await _take(form, request, clock)
            is_new = await storing.add(connection, delivery)
        except Rejected as rejected:
            return shared_with(form, request, _refuse(form, request, rejected, clock(), new_id))
        return shared_with(form, request, _thank(form, request, delivery, is_new))

    routes.add_route("/forms/{connection}", receive, methods=["POST"])  # as it is: what FastAPI adds costs a sixth

    @routes.options("/forms/{connection}")
    @routes.options("/forms/{connection}/definition")
    async def before(connection: str, request: Request) -> Response:
        return preflight(forms.get(connection), request)

    @routes.get("/forms/{connection}")
    async def page(connection: str, request: Request) -> Response:
        form = public(forms, connection)
        return form_page(form, language_of(form, request), clock(), new_id())

    @routes.get("/forms/{connection}/definition")
    async def described(connection: str, request: Request) -> Response:
        form = public(forms, connection)
        told = definition(form, language_of(form, request), clock(), new_id())
        return shared_with(form, request, JSONResponse(told))

    @routes.get("/forms/{connection}/embed.js")
    async def embed(connection: str) -> Response:
        return script(public(forms, connection))

    @routes.get("/forms/{connection}/thanks")
    async def thanks(connection: str, request: Request) -> Response:
        form = public(forms, connection)
        return thanks_page(form, language_of(form, request), is_mailed="mailed" in request.query_params)

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
        refuse_foreign_page(form, request)
        return form.take(_sender(form, request), content, body, clock())
    except Forged as err:
        raise Rejected(401, "Not accepted", "Nothing was stored. Check the address, the secret and the clock.") from err


def _sender(form: Form, request: Request) -> Sender:
    address = request.client.host if request.client else ""
    page = allowed_origin(form, request) or ""
    return Sender(_places(request), address, page[:LONGEST_PAGE])


def _places(request: Request) -> Headers:
    """The headers, and under `?NAME` what the address holds."""

    def values(name: str) -> Sequence[str]:
        return request.query_params.getlist(name[1:]) if name.startswith("?") else request.headers.getlist(name)

    return values


def _thank(form: Form | None, request: Request, delivery: Delivery, is_new: bool) -> Response:
    mailed = delivery.asking is not None
    if form is not None and is_browser(form, request):
        own = f"/forms/{form.name}/thanks?lang={delivery.language}" + ("&mailed" if mailed else "")
        return RedirectResponse(form.settings.thanks_url or own, 303)
    told = {"status": "stored" if is_new else "stored before", "delivery_id": delivery.id}
    return JSONResponse(told | ({"confirmation": "mailed"} if mailed else {}))


def _refuse(
    form: Form | None, request: Request, rejected: Rejected, now: datetime, new_id: Callable[[], str]
) -> Response:
    headers = {"Retry-After": str(rejected.retry_after)} if rejected.retry_after else {}
    if form is not None and is_browser(form, request):
        if isinstance(rejected, Unfilled):
            return form_page(form, rejected.language, now, new_id(), rejected)
        answer = refusal_page(form, language_of(form, request), rejected)
        answer.headers.update(headers)
        return answer
    more = {"fields": dict(rejected.faults), "reason": rejected.word} if isinstance(rejected, Unfilled) else {}
    return problem_with(more, rejected.status, rejected.title, rejected.detail, **headers)


def is_browser(form: Form, request: Request) -> bool:
    return form.verifier is None and "text/html" in request.headers.get("accept", "")
