"""Who is asking: by the token that a program sends, or by the session of a browser. Never by both."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from hub.access.rights import Actor
from hub.accounts.signin import Place, SignIn
from hub.accounts.tokens import PREFIX
from hub.web.guard import Identify, session_cookie

LONGEST = 200  # characters of a token or a session: no longer text is even looked up


def identify(signin: SignIn) -> Identify:
    def known(request: Request) -> Actor | None:
        header = request.headers.get("authorization")
        if header is not None:
            scheme, _, secret = header.partition(" ")
            is_ours = scheme.lower() == "bearer" and secret.startswith(PREFIX) and len(secret) <= LONGEST
            return signin.actor_of_token(secret) if is_ours else None
        secret = session_cookie(request) or ""
        return signin.actor_of_session(secret) if 0 < len(secret) <= LONGEST else None

    return known


def place_of(request: Request) -> Place:
    return Place(request.client.host if request.client else "?", request.headers.get("user-agent", "")[:LONGEST])


class PublicAddress:
    """Behind a proxy that ends TLS: what comes for the public address came over its scheme."""

    def __init__(self, app: ASGIApp, url: str) -> None:
        self._app = app
        address = urlsplit(url)
        self._host, self._scheme = address.netloc.lower(), address.scheme

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and Headers(scope=scope).get("host", "").lower() == self._host:
            scope = {**scope, "scheme": self._scheme}
        await self._app(scope, receive, send)
