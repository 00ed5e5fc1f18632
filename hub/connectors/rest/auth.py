"""Who the hub says it is: keys, tokens for a while, and the token that writes bring back (CSRF)."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from hub.connectors.contract import Context
from hub.connectors.http import Api, HttpStatusError
from hub.connectors.rest.spec import Auth, Csrf, OAuth
from hub.connectors.rest.words import Values, fill
from hub.errors import AccountError, ConfigError, TransientError

EARLY = timedelta(seconds=60)  # a token is renewed before it ends
STATEMENT = timedelta(minutes=5)  # how long a signed statement is good


def headers_of(auth: Auth, values: Values) -> dict[str, str]:
    if auth.header is not None:
        return {name: str(fill(text, values)) for name, text in auth.header.items()}
    if auth.bearer is not None:
        return {"authorization": f"Bearer {fill(auth.bearer, values)}"}
    return {}


def auth_of(auth: Auth, values: Values, context: Context, base: str, token_file: Path | None) -> httpx.Auth | None:
    """base: address of the service, which the call for a token to bring back is appended to."""
    inner: httpx.Auth | None = None
    if auth.basic is not None:
        inner = httpx.BasicAuth(str(fill(auth.basic.user, values)), str(fill(auth.basic.password, values)))
    elif auth.query is not None:
        inner = QueryKey({name: str(fill(text, values)) for name, text in auth.query.items()})
    elif auth.oauth is not None:
        inner = Token(auth.oauth, values, context, token_file)
    return inner if auth.csrf is None else BroughtBack(auth.csrf, base, inner)


class QueryKey(httpx.Auth):
    def __init__(self, params: Mapping[str, str]) -> None:
        self._params = params

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.url = request.url.copy_merge_params(dict(self._params))
        yield request


class Token(httpx.Auth):
    """A token for a while, had when first needed, and anew when it ends or is refused once."""

    def __init__(self, spec: OAuth, values: Values, context: Context, token_file: Path | None) -> None:
        self._spec, self._values, self._context = spec, values, context
        address = urlsplit(str(fill(spec.token_url, values)))
        self._path = address.path or "/"
        basic = None
        if spec.in_header:
            basic = httpx.BasicAuth(str(fill(spec.client_id, values)), str(fill(spec.client_secret, values)))
        self._api = Api(f"{address.scheme}://{address.netloc}", context, auth=basic)
        self._kept = KeptToken(context.base / token_file) if token_file else None
        self._token: str | None = None
        self._until = context.clock()
        self._lock = threading.Lock()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = self._current(None)
        request.headers["authorization"] = f"{self._spec.prefix} {token}"
        response = yield request
        if response.status_code == 401:
            request.headers["authorization"] = f"{self._spec.prefix} {self._current(token)}"
            yield request

    def _current(self, refused: str | None) -> str:
        """The token; another one than `refused`."""
        with self._lock:
            if self._token is None or self._token == refused or self._context.clock() >= self._until:
                self._token = self._fetch()
            return self._token

    def _fetch(self) -> str:
        if self._spec.grant != "refresh_token":
            return self._take(self._asked({}))
        configured = str(fill(self._spec.refresh_token, self._values))
        if self._kept is None:
            return self._take(self._asked({"refresh_token": configured}))
        with self._kept.locked():
            answer = self._asked({"refresh_token": self._kept.read(configured)})
            if answer.get("refresh_token"):
                self._kept.write(configured, str(answer["refresh_token"]))
        return self._take(answer)

    def _take(self, answer: Mapping[str, Any]) -> str:
        token = answer.get("access_token")
        if not isinstance(token, str) or not token:
            raise AccountError(
                f"{self._context.name}: the token service answered without a token; nothing was done. Next: check "
                "the client, its secret and its rights there."
            )
        self._until = self._context.clock() + timedelta(seconds=_life(answer)) - EARLY
        return token

    def _asked(self, more: Mapping[str, str]) -> Mapping[str, Any]:
        spec = self._spec
        form = {**_grant(spec), **more, **(fill(spec.more, self._values) or {})}
        if not spec.in_header:
            form |= {
                "client_id": fill(spec.client_id, self._values),
                "client_secret": fill(spec.client_secret, self._values),
            }
        form["scope"] = fill(spec.scope, self._values)
        if spec.grant == "jwt":
            form["assertion"] = self._statement()
        sent = {name: value for name, value in form.items() if value is not None}
        try:
            body = self._api.post(self._path, data=sent, idempotent=spec.grant != "refresh_token").body
        except HttpStatusError as error:
            raise AccountError(
                f"{self._context.name}: the token service answered {error.status}; nothing was done. Next: check the "
                "client, its secret and whether its access was withdrawn, then run `hub check`."
            ) from error
        except TransientError as error:  # the call that needs the token was not made
            raise TransientError(str(error), retry_after=error.retry_after) from error
        return body if isinstance(body, dict) else {}

    def _statement(self) -> str:
        try:
            import jwt
        except ImportError as error:
            raise ConfigError(
                f"{self._context.name}: signing needs the extra `oauth`; nothing was done. "
                "Next: pip install 'contact-hub[oauth]'."
            ) from error
        now = self._context.clock()
        claims = {**(fill(self._spec.claims, self._values) or {}), "iat": int(now.timestamp())}
        claims["exp"] = int((now + STATEMENT).timestamp())
        try:
            return str(jwt.encode(claims, str(fill(self._spec.key, self._values)), algorithm=self._spec.algorithm))
        except (ValueError, TypeError, jwt.PyJWTError) as error:
            raise ConfigError(
                f"{self._context.name}: the key cannot sign ({self._spec.algorithm}); nothing was sent. "
                "Next: check that it is a private key in PEM form."
            ) from error


def _grant(spec: OAuth) -> dict[str, Any]:
    kind = "urn:ietf:params:oauth:grant-type:jwt-bearer" if spec.grant == "jwt" else spec.grant
    return {"grant_type": kind}


def _life(answer: Mapping[str, Any]) -> float:
    try:
        return max(float(answer.get("expires_in", 3600)), EARLY.total_seconds() + 1)
    except (TypeError, ValueError):
        return 3600.0


class KeptToken:
    """A refresh token that its service replaces at each use: kept before it is used, one process at a time.

    The file says which configured token it came from; another one in the configuration begins anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        lock = self._path.with_name(self._path.name + ".lock")
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("a") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield

    def read(self, configured: str) -> str:
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return configured
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"The token file {self._path} cannot be read; nothing was asked. Next: authorise the hub anew, "
                "put the new refresh token into the configuration, and remove this file."
            ) from error
        return str(kept["token"]) if kept.get("from") == _mark(configured) else configured

    def write(self, configured: str, token: str) -> None:
        fresh = self._path.with_name(self._path.name + ".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"from": _mark(configured), "token": token}, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)


def _mark(configured: str) -> str:
    return hashlib.sha256(configured.encode()).hexdigest()[:16]


class BroughtBack(httpx.Auth):
    """Writes bring back a token that a read was given, with its cookies; refused ones fetch another."""

    def __init__(self, spec: Csrf, base: str, inner: httpx.Auth | None) -> None:
        self._header, self._inner = spec.header, inner or httpx.Auth()
        self._address = base.rstrip("/") + str(spec.call.source).partition(" ")[2]
        self._token, self._cookies = "", ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if request.method in {"GET", "HEAD"}:
            yield from self._inner.auth_flow(request)
            return
        if not self._token:
            yield from self._fetch()
        response = yield from self._sent(request)
        if response is not None and response.status_code == 403 and _wants_token(response, self._header):
            yield from self._fetch()
            yield from self._sent(request)

    def _sent(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, httpx.Response | None]:
        request.headers[self._header] = self._token
        if self._cookies:
            request.headers["cookie"] = self._cookies
        return (yield from _last(self._inner.auth_flow(request)))

    def _fetch(self) -> Generator[httpx.Request, httpx.Response, None]:
        asked = httpx.Request("GET", self._address, headers={self._header: "Fetch", "accept": "application/json"})
        response = yield from _last(self._inner.auth_flow(asked))
        if response is not None:
            self._token = response.headers.get(self._header, "")
            self._cookies = "; ".join(f"{name}={value}" for name, value in response.cookies.items())


def _last(
    flow: Generator[httpx.Request, httpx.Response, None],
) -> Generator[httpx.Request, httpx.Response, httpx.Response | None]:
    """The flow as it is, and the last answer it was given."""
    response: httpx.Response | None = None
    try:
        request = next(flow)
        while True:
            response = yield request
            request = flow.send(response)
    except StopIteration:
        return response


def _wants_token(response: httpx.Response, header: str) -> bool:
    return bool(response.headers.get(header, "").lower() == "required")
