"""Which sites may show and send a form: CORS for those that its settings name, and for nobody else.

Without a list, pages of any site may send the form as a plain HTML form, as ever, and none may read an answer.
With one, what comes from a page of another site is refused. Who sends no `Origin` is no browser, or is the site itself.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from hub.web.bodies import Rejected
from hub.web.intake import Form
from hub.web.problems import problem

ASKED_HEADERS = frozenset({"content-type", "accept", ""})  # that a script may send; all the safe ones need no asking
METHODS = frozenset({"GET", "POST"})
REMEMBERED_SECONDS = 600


def allowed_origin(form: Form | None, request: Request) -> str | None:
    """The origin of the page that a request comes from, when it is one that the form names."""
    origin = request.headers.get("origin")
    if form is None or origin is None or form.verifier is not None:
        return None
    return origin if origin.lower() in form.settings.origins else None


def refuse_foreign_page(form: Form, request: Request) -> None:
    """Rejected(403) for what a page of a site sends that the form does not name."""
    origin = request.headers.get("origin")
    if form.verifier is not None or not form.settings.origins or origin is None:
        return
    if allowed_origin(form, request) is None and not _is_own(origin, request):
        raise Rejected(403, "From another site", "Nothing was stored. This form is not used from that site.")


def preflight(form: Form | None, request: Request) -> Response:
    """What a browser asks before a script of another site may send."""
    method = request.headers.get("access-control-request-method", "")
    headers = {each.strip().lower() for each in request.headers.get("access-control-request-headers", "").split(",")}
    if allowed_origin(form, request) is None or method not in METHODS or not headers <= ASKED_HEADERS:
        return problem(403, "Not allowed", "A script of that site may not send this form.", Vary="Origin")
    answer = Response(status_code=204)
    answer.headers["Access-Control-Allow-Methods"] = ", ".join(sorted(METHODS))
    answer.headers["Access-Control-Allow-Headers"] = "content-type"
    answer.headers["Access-Control-Max-Age"] = str(REMEMBERED_SECONDS)
    return shared_with(form, request, answer)


def shared_with(form: Form | None, request: Request, answer: Response) -> Response:
    """The answer, which a script of a site may read when the form names that site. Never with cookies."""
    if form is not None and form.verifier is None and form.settings.origins:
        answer.headers["Vary"] = "Origin"
    origin = allowed_origin(form, request)
    if origin is not None:
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Access-Control-Expose-Headers"] = "Retry-After"
        answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return answer


def _is_own(origin: str, request: Request) -> bool:
    """From a page of the hub. Its pages send no referrer, so that a browser may say `null`, and then says by whom."""
    if origin == "null":
        return request.headers.get("sec-fetch-site") == "same-origin"
    return urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()
