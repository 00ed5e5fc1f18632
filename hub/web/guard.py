"""Who may do what on the web, decided in one place.

Every route asks for a right by `needs(RIGHT)`, or stands in `PUBLIC`; an application with another route is
not even made (`refuse_unguarded`). Who is asking is known by `app.state.identify`; without it nobody is.
A change that comes with a session also brings the token of that session, from a page of this host.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit

from fastapi import Depends, FastAPI, routing
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hub.access.rights import Actor, Right
from hub.accounts.reads import Reads
from hub.errors import HubError
from hub.web.problems import problem

Identify = Callable[[Request], Actor | None]

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf"
COOKIE = "__Host-hub"
LOCAL_COOKIE = "hub-local"  # over plain http on this machine, where a browser keeps no `__Host-` cookie
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

PUBLIC = frozenset(
    {
        "POST /forms/{connection}",  # a delivery proves itself by its signature, or the form is open to all
        "GET /forms/{connection}",
        "GET /forms/{connection}/thanks",
        "OPTIONS /forms/{connection}",  # what a browser asks before a script of another site may send
        "OPTIONS /forms/{connection}/definition",
        "GET /forms/{connection}/definition",  # what the page shows, for that script
        "GET /forms/{connection}/embed.js",
        "GET /forms/{connection}/confirm",  # each brings a link that was signed, and mailed
        "POST /forms/{connection}/confirm",
        "POST /forms/{connection}/confirm/again",
        "GET /forms/{connection}/confirmed",
        "POST /messages/{connection}",  # proves itself likewise
        "GET /messages/{connection}",
        "GET /messages/{connection}/report",
        "POST /hooks/{connection}",  # shows or signs with the secret of its connection
        "GET /hooks/{connection}",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
        "MOUNT /static",
        "GET /sign-in",  # where nobody is anybody yet: each brings what a page of ours was given
        "POST /sign-in",
        "GET /sign-in/code",
        "POST /sign-in/code",
        "GET /sign-in/invited",
        "POST /sign-in/invited",
        "POST /sign-in/oidc",
        "GET /sign-in/oidc/back",
    }
)
"""Routes that ask for no right. Each shows nothing of anybody."""


class Denied(HTTPException):
    """Nothing was done. status 303: a browser is sent on to `headers["Location"]`."""

    def __init__(self, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.title = title


@dataclass(frozen=True, slots=True)
class Needs:
    """What FastAPI calls for a route: the Actor, or Denied.

    fresh   the person must have given their password a moment ago; a token cannot
    person  no token, whatever its rights
    """

    right: Right
    fresh: bool = False
    person: bool = False

    async def __call__(self, request: Request) -> Actor:
        actor = await run_in_threadpool(identified, request)
        if actor is not None and actor.session is not None and request.method not in SAFE:
            await refuse_foreign(request)
        return self.admitted(request, actor)

    def admitted(self, request: Request, actor: Actor | None) -> Actor:
        """Who is asking, if they may. Denied otherwise."""
        if actor is None:
            raise _unknown(request)
        if not actor.may(self.right):
            raise Denied(
                403,
                "Not allowed",
                f"Nothing was done. This needs the right “{self.right}”, which an administrator can give.",
            )
        if (self.fresh or self.person) and actor.session is None:
            raise Denied(403, "Only for people", "Nothing was done. A token cannot do this: a person signs in for it.")
        if self.fresh and not actor.fresh:
            raise _stale(request)
        reads: Reads | None = getattr(request.app.state, "reads", None)
        if reads is not None:
            reads.count(actor.name, self.right)
        return actor


def needs(right: Right, *, fresh: bool = False, person: bool = False) -> Any:
    """A dependency of a route: `actor: Actor = needs(Right.EDIT)`, or in `dependencies=[…]`."""
    return Depends(Needs(right, fresh, person))


Guarded: TypeAlias = Callable[[Callable[[], Response]], Awaitable[Response]]
"""Does what it is given, if whoever asks may. Nothing is guarded that is done beside it."""


class NeedsWithin(Needs):
    """`Needs` where somebody waits on the telephone: who asks is found out by the thread that does what they ask for.

    To change threads takes about as long as to look a caller up, and longer while a run keeps the processors busy.
    """

    async def __call__(self, request: Request) -> Guarded:  # type: ignore[override]
        return partial(self._do, request)

    async def check(self, request: Request) -> None:
        """As `Needs`, where there is nothing to do."""
        await super().__call__(request)

    async def _do(self, request: Request, step: Callable[[], Response]) -> Response:
        if request.method not in SAFE and "authorization" not in request.headers:  # by a session: to be made sure of
            await self.check(request)
            return await run_in_threadpool(step)
        return await run_in_threadpool(self._do_at_once, request, step)

    def _do_at_once(self, request: Request, step: Callable[[], Response]) -> Response:
        self.admitted(request, identified(request))
        return step()


def needs_within(right: Right) -> Any:
    """A dependency of a route: `guarded: Guarded = needs_within(Right.LOOKUP)`, and all it does is `guarded(step)`."""
    return Depends(NeedsWithin(right))


def identified(request: Request) -> Actor | None:
    """Who is asking; None: nobody we know. Denied(503) when that cannot be found out."""
    identify: Identify | None = getattr(request.app.state, "identify", None)
    if identify is None:
        return None
    try:
        return identify(request)
    except HubError as err:
        raise Denied(
            503, "Busy", "Nothing was done: the store did not answer. Try again in a moment.", {"Retry-After": "5"}
        ) from err


# --- who we do not know -----------------------------------------------------------------------------


def _unknown(request: Request) -> Denied:
    if "authorization" not in request.headers:
        if request.headers.get("hx-request") == "true":
            # a part of a page: the whole page has to go to the sign-in
            place = urlsplit(request.headers.get("hx-current-url", ""))
            return Denied(401, "Not signed in", _SIGN_IN, {"HX-Redirect": sign_in_address(_local(place), "/sign-in")})
        if is_page(request):
            return Denied(303, "Not signed in", _SIGN_IN, {"Location": sign_in_address(_asked(request), "/sign-in")})
    return Denied(401, "Not signed in", _SIGN_IN, {"WWW-Authenticate": "Bearer"})


_SIGN_IN = "Nothing was done. Sign in, or send a token that is valid now as `Authorization: Bearer`."


def _stale(request: Request) -> Denied:
    detail = "Nothing was done. Confirm that it is you: sign in again, then repeat it."
    if is_page(request):
        back = _asked(request) if request.method == "GET" else _local(urlsplit(request.headers.get("referer", "")))
        return Denied(303, "Confirm", detail, {"Location": sign_in_address(back, "/sign-in/again")})
    return Denied(403, "Confirm", detail)


def is_page(request: Request) -> bool:
    """Asked by a browser that shows what it gets."""
    return "text/html" in request.headers.get("accept", "")


def _asked(request: Request) -> str:
    if request.method != "GET":
        return "/"
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _local(address: Any) -> str:
    return (address.path or "/") + (f"?{address.query}" if address.query else "")


def sign_in_address(place: str, page: str) -> str:
    return f"{page}?next={quote(place, safe='/')}"


def safe_next(place: str) -> str:
    """Where to go after signing in: a path of this hub, whatever was asked for."""
    inside = place.startswith("/") and not place.startswith(("//", "/\\", "/sign-")) and place.isprintable()
    return place if inside and "\\" not in place else "/"


# --- from our own pages -----------------------------------------------------------------------------


def session_cookie(request: Request) -> str | None:
    return request.cookies.get(cookie_name(request))


def cookie_name(request: Request, part: str = "") -> str:
    return (LOCAL_COOKIE if is_plain_loopback(request) else COOKIE) + part


def is_plain_loopback(request: Request) -> bool:
    """Plain http on this machine itself, where nothing is between the browser and the hub."""
    return request.url.scheme == "http" and (request.url.hostname or "") in LOOPBACK


def csrf_token(request: Request) -> str:
    """What a page puts into its forms as `csrf`, or sends as X-CSRF-Token; "" without a session.

    Made of the session, from which it cannot be had back.
    """
    session = session_cookie(request)
    return csrf_of(session) if session else ""


def csrf_of(session: str) -> str:
    digest = hmac.new(session.encode(), b"contact-hub csrf", hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


async def refuse_foreign(request: Request) -> None:
    """Denied(403) unless a change comes from a page of ours that knows its session's token."""
    refuse_other_sites(request)
    sent = request.headers.get(CSRF_HEADER) or await _field(request)
    wanted = csrf_token(request)
    if not wanted or not hmac.compare_digest(sent.encode(), wanted.encode()):
        await request.close()  # what was uploaded
        raise Denied(403, "Not from this page", "Nothing was done. Load the page again, then repeat it.")


def refuse_other_sites(request: Request) -> None:
    """Denied(403) for what a page of another site has sent."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None and site not in ("same-origin", "none"):
        raise _from_elsewhere()
    if origin == "null" and site == "same-origin":
        return  # a page that sends no referrer has no origin to tell either
    if origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower():
        raise _from_elsewhere()


def _from_elsewhere() -> Denied:
    return Denied(403, "From another site", "Nothing was done. Use the hub's own pages.")


async def _field(request: Request) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return ""
    value = (await request.form()).get(CSRF_FIELD, "")
    return "" if isinstance(value, UploadFile) else value


# --- the application --------------------------------------------------------------------------------


def routes_of(app: FastAPI) -> Iterator[tuple[str, Any]]:
    """("METHOD PATH", route) of every route, those of included routers too."""
    expand = getattr(routing, "iter_route_contexts", None)  # where routers are not laid flat when included
    for route in expand(app.routes) if expand else app.routes:
        methods = getattr(route, "methods", None) or ("MOUNT",)
        for method in sorted(methods):
            yield f"{method} {getattr(route, 'path', '?')}", route


def asked(route: Any) -> frozenset[Needs]:
    """What a route asks of who calls it, itself or by what it depends on."""
    dependant = getattr(route, "dependant", None)
    return frozenset(_needs_in(dependant)) if dependant else frozenset()


def _needs_in(dependant: Any) -> Iterator[Needs]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, Needs):
            yield inner.call
        yield from _needs_in(inner)


def refuse_unguarded(app: FastAPI) -> None:
    """An application with a route that nobody guards is never served."""
    found = sorted(name for name, route in routes_of(app) if not asked(route) and name not in PUBLIC)
    if found:
        raise AssertionError(f"routes that ask for no right and are not public: {', '.join(found)}")


async def say_denied(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Denied)
    headers = dict(error.headers or {})
    if error.status_code == 303:
        return RedirectResponse(headers["Location"], 303)
    return problem(error.status_code, error.title, str(error.detail), **headers)
