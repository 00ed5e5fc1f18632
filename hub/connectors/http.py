"""One HTTP connection to a service: retry, limits, deadlines, and errors translated once.

What goes wrong                                     what the connector sees
---------------------------------------------------------------------------------------------------
401, 403, a redirect, a certificate not trusted     AccountError
429, 5xx, 408, 425, no connection, timeouts,
  a broken or truncated body, HTML instead of JSON  TransientError, after the retries
every other 4xx                                     HttpStatusError, for the connector to translate

Reads and idempotent writes are retried here until `deadline_seconds`. Any other write is sent again only
when it surely was not carried out (no connection, 429); else `maybe_done` is set on the error.

Messages name the connection, the host, the method and the status: never a path, a query, a body or a
header, since those hold addresses of people and keys.
"""

from __future__ import annotations

import ssl
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from socket import gaierror
from typing import Any

import httpx
import orjson
import tenacity

from hub.connectors.bodies import Unpacker, load_json
from hub.connectors.contract import Context
from hub.connectors.limits import Cost, Limit, RateLimit, Ticker, retry_after
from hub.connectors.transport import DeadlineTransport
from hub.errors import AccountError, ConfigError, HubError, RecordError, TransientError

__all__ = ["Api", "HttpStatusError", "RateLimit", "Response"]

MAX_BYTES = 32 * 1024 * 1024  # of one answer, as sent and unpacked
JSON = "application/json"
TRANSIENT_STATUSES = frozenset({408, 425, 429})
_READ = httpx.ByteStream(b"")  # in place of a stream that was read


class HttpStatusError(HubError):
    """A 4xx that only the connector can read; `body` is parsed JSON, or bytes of any other type."""

    def __init__(self, message: str, status: int, headers: Mapping[str, str], body: Any) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        self.body = body


@dataclass(frozen=True, slots=True)
class Response:
    """A 2xx or 304. `body`: parsed JSON; bytes of any other accepted type; None when there is none.

    Header names are found in any case.
    """

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class _Call:
    """One request as the caller wants it, for as many attempts as it takes."""

    method: str
    path: str
    params: Mapping[str, Any] | None
    content: bytes | None
    form: Mapping[str, Any] | None
    headers: Mapping[str, str]
    idempotent: bool
    own: Collection[int]
    cost: Cost
    until: float


class Api:
    """One service account: every call of a connection goes through the same client and limit.

    base_url          https://host/prefix; paths are appended to it
    headers, auth     credentials; never repeated to another host, never in a message
    accept            content types an answer may have; one that ends in +json counts as JSON
    timeout_seconds   without a byte moving
    deadline_seconds  for a whole call with its retries, however slowly bytes drip in
    rate              one limit, or several that hold at once
    ca_file           certificate authority of a private network; verification cannot be switched off
    """

    def __init__(
        self,
        base_url: str,
        context: Context,
        *,
        headers: Mapping[str, str] | None = None,
        auth: httpx.Auth | None = None,
        accept: Iterable[str] = (JSON,),
        rate: RateLimit | Sequence[RateLimit] | None = None,
        timeout_seconds: float = 30.0,
        deadline_seconds: float = 120.0,
        max_bytes: int = MAX_BYTES,
        attempts: int = 5,
        ca_file: Path | None = None,
    ) -> None:
        self._context = context
        self._base = _base_url(base_url, context.name)
        self._accept = tuple(accept)
        self._timeout = timeout_seconds
        self._deadline = deadline_seconds
        self._max_bytes = max_bytes
        self._attempts = attempts
        self._time = Ticker(context)
        rates = () if rate is None else (rate,) if isinstance(rate, RateLimit) else rate
        self._limit = Limit(self._time, *rates)
        self._backoff = tenacity.wait_random_exponential(multiplier=0.5, max=30)
        trust = trusted(self._base, ca_file, context)
        self._client = httpx.Client(
            base_url=self._base,
            headers=_headers({"accept": ", ".join(self._accept), **(headers or {})}, context.name),
            auth=auth,
            transport=context.through(context.transport or DeadlineTransport(self._base, trust)),
            follow_redirects=False,
            trust_env=False,
        )
        context.closing.callback(self._client.close)

    def get(
        self,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        own: Collection[int] = (),
    ) -> Response:
        return self.request("GET", path, params=params, headers=headers, idempotent=True, own=own)

    def post(self, path: str, *, idempotent: bool = False, **rest: Any) -> Response:
        return self.request("POST", path, idempotent=idempotent, **rest)

    def put(self, path: str, *, idempotent: bool = True, **rest: Any) -> Response:
        return self.request("PUT", path, idempotent=idempotent, **rest)

    def patch(self, path: str, *, idempotent: bool = False, **rest: Any) -> Response:
        return self.request("PATCH", path, idempotent=idempotent, **rest)

    def delete(self, path: str, *, idempotent: bool = True, **rest: Any) -> Response:
        return self.request("DELETE", path, idempotent=idempotent, **rest)

    def request(
        self,
        method: str,
        path: str,
        *,
        idempotent: bool,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        own: Collection[int] = (),
        cost: Cost = 1,
    ) -> Response:
        """The answer to one request.

        path        appended to the base; a whole URL (a `next` link) must be of the same host
        json        sent as JSON; `data` as a form; `content` as it is. At most one of them
        idempotent  the same request twice leaves what one leaves: it may be sent again
        own         statuses that raise HttpStatusError at once although they mean another error elsewhere
        cost        how many requests it counts for, of which limits
        """
        sent = dict(headers or {})
        if json is not None:
            content = self._encode(json)
            sent.setdefault("content-type", JSON)
        until = self._time.now() + self._deadline
        path = self._same_host(path)
        call = _Call(method, path, params, content, data, sent, idempotent, frozenset(own), cost, until)
        retrying = self._retrying(until)
        try:
            return retrying(self._attempt, call)
        finally:
            retrying.iter_state.reset()  # it holds what holds it, and the collector seldom comes by

    def pause(self, seconds: float) -> None:
        """No call leaves before: the service has said that it takes none."""
        self._limit.pause(seconds)

    # --- retry and limits -------------------------------------------------------------------------

    def _retrying(self, until: float) -> tenacity.Retrying:
        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.retry_after if isinstance(error, TransientError) else None
            return asked if asked is not None else self._backoff(state)

        def stop(state: tenacity.RetryCallState) -> bool:
            too_late = self._time.now() + state.upcoming_sleep >= until
            return state.attempt_number >= self._attempts or too_late

        def may_repeat(error: BaseException) -> bool:
            return isinstance(error, TransientError) and not error.maybe_done

        return tenacity.Retrying(
            wait=wait,
            stop=stop,
            retry=tenacity.retry_if_exception(may_repeat),
            sleep=self._context.sleep,
            reraise=True,
        )

    def _attempt(self, call: _Call) -> Response:
        self._await_turn(call)
        left = max(call.until - self._time.now(), 0.001)
        try:
            with self._client.stream(
                call.method,
                call.path,
                params=call.params,
                content=call.content,
                data=call.form,
                headers={"accept-encoding": "gzip", **call.headers},
                timeout=min(self._timeout, left),
                extensions={"deadline_seconds": left},
            ) as response:
                raw = self._receive(response, call)
            response.stream = _READ  # it holds the response: 12 KiB a request would wait for the collector
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
            raise ConfigError(
                f"{self._name}: the request cannot be formed; nothing was sent. Check `url` and the secret "
                "for spaces, line breaks and other characters that do not belong there."
            ) from error
        except httpx.HTTPError as error:
            raise self._broken(error, call) from error
        return self._judge(response, raw, call)

    def _await_turn(self, call: _Call) -> None:
        wait = self._limit.take(call.until, call.cost)
        if wait is None:
            raise TransientError(
                f"{self._name}: the limit of requests is used up, or the service asked for a pause; nothing was sent.",
                retry_after=self._limit.wait_left(call.cost),
                untried=True,
            )
        if wait > 0:
            self._context.sleep(wait)

    # --- the answer -------------------------------------------------------------------------------

    def _receive(self, response: httpx.Response, call: _Call) -> bytes:
        """The body, unpacked; TransientError when it is too long, too slow or cut off."""
        parts, size, packed = [], 0, 0
        unpack = self._unpacker(response, call)
        assert isinstance(response.stream, httpx.SyncByteStream)
        for chunk in response.stream:
            packed += len(chunk)
            try:
                part = unpack.feed(chunk, self._max_bytes + 1 - size)
            except ValueError as error:
                raise self._no_answer(call, "its answer cannot be unpacked") from error
            size += len(part)
            if size > self._max_bytes or packed > self._max_bytes:
                raise self._no_answer(call, f"its answer is longer than {self._max_bytes} bytes")
            if self._time.now() > call.until:
                raise self._no_answer(call, f"its answer took longer than {self._deadline:g} seconds")
            parts.append(part)
        if not unpack.whole:
            raise self._no_answer(call, "its answer was cut off")
        return b"".join(parts)

    def _unpacker(self, response: httpx.Response, call: _Call) -> Unpacker:
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in {"identity", "", "gzip", "x-gzip", "deflate"}:
            raise self._no_answer(call, "its answer is packed in a way that was not asked for")
        return Unpacker(packed=encoding not in {"identity", ""})

    def _judge(self, response: httpx.Response, raw: bytes, call: _Call) -> Response:
        status = response.status_code
        if status >= 400:
            raise self._refusal(response, raw, call)
        if response.is_redirect and status in call.own:
            raise self._status_error(response, raw, call)
        if not (200 <= status < 300 or status == 304):
            raise AccountError(
                f"{self._name}: the service answered {status}, a redirect; it was not followed, so that the "
                "key stays here. Next: put the address it leads to into `url`."
            )
        if status in {204, 205, 304} or (not raw and call.method != "GET"):
            return Response(status, response.headers, None)
        return Response(status, response.headers, self._parse(response, raw, call))

    def _parse(self, response: httpx.Response, raw: bytes, call: _Call) -> Any:
        kind = _media_type(response)
        is_json = _is_json(kind)
        if kind not in self._accept and not (is_json and JSON in self._accept):
            raise self._no_answer(
                call,
                f"it answered {response.status_code} with {kind or 'no content type'} where "
                f"{' or '.join(self._accept)} belongs. A login or maintenance page looks like that: open the "
                "address in a browser and check `url` and the key",
            )
        if not is_json:
            return raw
        try:
            return load_json(raw, response.charset_encoding)
        except ValueError as error:
            raise self._no_answer(call, "its answer is broken or truncated JSON") from error

    def _refusal(self, response: httpx.Response, raw: bytes, call: _Call) -> HubError:
        status = response.status_code
        if status in call.own:
            return self._status_error(response, raw, call)
        if status in {401, 403, 407}:
            return AccountError(
                f"{self._name}: the service answered {status}; nothing was done. Next: check the secret and "
                "the rights of its account, then run `hub check`."
            )
        if status < 500 and status not in TRANSIENT_STATUSES:
            return self._status_error(response, raw, call)
        wait = retry_after(response.headers, self._context.clock())
        if status in {429, 503} and wait is not None:
            self._limit.pause(wait)
        return TransientError(
            f"{self._name}: {self._base.host} answered {status} to {call.method}; {_fate(call, status)}",
            retry_after=wait,
            maybe_done=not call.idempotent and status != 429,
        )

    def _status_error(self, response: httpx.Response, raw: bytes, call: _Call) -> HttpStatusError:
        body: Any = raw
        if _is_json(_media_type(response)):
            try:
                body = load_json(raw, response.charset_encoding)
            except ValueError:
                body = raw  # the status says enough
        message = f"{self._name}: {self._base.host} answered {response.status_code} to {call.method}."
        return HttpStatusError(message, response.status_code, response.headers, body)

    # --- failures ---------------------------------------------------------------------------------

    @property
    def _name(self) -> str:
        return self._context.name

    def _no_answer(self, call: _Call, what: str) -> TransientError:
        """The request was delivered, and what came back says nothing."""
        message = f"{self._name}: {self._base.host}: {what}. {_fate(call, 0)}"
        return TransientError(message, maybe_done=not call.idempotent)

    def _broken(self, error: httpx.HTTPError, call: _Call) -> HubError:
        causes = list(_causes(error))
        if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
            return AccountError(
                f"{self._name}: the certificate of {self._base.host} is not trusted; nothing was sent. Next: "
                "renew it there, or name the certificate authority of your network in `ca_file`."
            )
        if isinstance(error, httpx.ConnectError) and any(isinstance(c, ssl.SSLError) for c in causes):
            return AccountError(
                f"{self._name}: {self._base.host} does not speak TLS as expected; nothing was sent. Next: "
                "check scheme and port of `url`."
            )
        before = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
        if isinstance(error, before):
            what = _why_unreached(error, causes)
            return TransientError(
                f"{self._name}: {self._base.host} {what}; nothing was sent. Next: check its address in hub.yaml, or "
                "wait: every run tries again."
            )
        what = "took too long" if isinstance(error, httpx.TimeoutException) else "broke the connection"
        message = f"{self._name}: {self._base.host} {what}; {_fate(call, 0)}"
        return TransientError(message, maybe_done=not call.idempotent)

    def _encode(self, value: Any) -> bytes:
        try:
            return orjson.dumps(value)
        except TypeError as error:
            raise RecordError(
                f"{self._name}: a value cannot be written as JSON (invalid Unicode, or a number too large); "
                "nothing was sent."
            ) from error

    def _same_host(self, path: str) -> str:
        """`path` unless it leads elsewhere: credentials never follow a link to another host."""
        try:
            url = httpx.URL(path)
        except httpx.InvalidURL as error:
            raise ConfigError(f"{self._name}: a path is not valid; nothing was sent.") from error
        base = self._base
        if not (url.is_relative_url and not url.host) and (
            (url.scheme, url.host, url.port) != (base.scheme, base.host, base.port)
        ):
            raise AccountError(
                f"{self._name}: an answer leads to another host than {base.host}; it was not followed, so "
                "that the key stays here."
            )
        return path


# --- content types ---------------------------------------------------------------------------------


def _media_type(response: httpx.Response) -> str:
    kind: str = response.headers.get("content-type", "")
    return kind.split(";", 1)[0].strip().lower()


def _is_json(kind: str) -> bool:
    return kind == JSON or kind.endswith("+json")


# --- settings -------------------------------------------------------------------------------------


def _base_url(text: str, name: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise ConfigError(f"{name}: `url` is not a valid address.") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise ConfigError(f"{name}: `url` must begin with https:// or http:// and name a host.")
    if url.userinfo or url.query:
        raise ConfigError(f"{name}: `url` must hold no user, password or query; put the key into `secret`.")
    return url


def _headers(headers: Mapping[str, str], name: str) -> dict[str, str]:
    for key, value in headers.items():
        if not value.isascii() or not value.isprintable():
            raise ConfigError(
                f"{name}: the header {key} holds a character that cannot be sent (a line break?). "
                "Next: check the secret."
            )
    return dict(headers)


def trusted(base: httpx.URL, ca_file: Path | None, context: Context) -> ssl.SSLContext | None:
    """Whose certificates we believe: the public authorities, and `ca_file`."""
    if base.scheme != "https":
        return None
    if ca_file is None:
        return public_authorities()
    trust = httpx.create_ssl_context()
    try:
        trust.load_verify_locations(context.base / ca_file)
    except OSError as error:  # also ssl.SSLError: not a certificate
        raise ConfigError(f"{context.name}: `ca_file` {ca_file} cannot be read as certificates in PEM form.") from error
    return trust


@cache
def public_authorities() -> ssl.SSLContext:
    """Read once: it takes longer than many a request. Nobody adds to it."""
    return httpx.create_ssl_context()


# --- words for messages ---------------------------------------------------------------------------


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _why_unreached(error: httpx.HTTPError, causes: list[BaseException]) -> str:
    if any(isinstance(cause, gaierror) for cause in causes):
        return "is a name that cannot be resolved (DNS)"
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return "refused the connection (nothing listens there)"
    if isinstance(error, httpx.ConnectTimeout):
        return "did not answer in time"
    return "cannot be reached"


def _fate(call: _Call, status: int) -> str:
    if call.method in {"GET", "HEAD"}:
        return "nothing was read."
    if status == 429:
        return "nothing was written."
    return "it is not known whether it was carried out."
