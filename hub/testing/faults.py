"""Faults between a connector and its system: an httpx transport around the real network or a fake.

    faults = Faults(httpx.HTTPTransport(), clock)
    faults.inject(too_many(7), times=2)                    the next two requests
    faults.inject(lost_reply, when=system.is_write)        the first that changes something, after its effect
    faults.inject(answered(401), after=3, times=None)      from the fourth on

A fault is a function of the request and of `forward`, which sends it on. One that calls `forward` lets the
request take effect.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
import orjson

from hub.testing.clock import Clock

Forward = Callable[[], httpx.Response]
Fault = Callable[[httpx.Request, Forward], httpx.Response]
When = Callable[[httpx.Request], bool]
ELSEWHERE = "elsewhere.example"
_END_OF_TEXT = re.compile(r'(?<=[A-Za-z])(?="\s*[],}]|<)')  # of a value in JSON or of a text in XML
LOGIN_PAGE = b"<!doctype html><html><title>Sign in</title><form><input name=user></form></html>"


@dataclass(slots=True)
class Rule:
    """One fault that waits for its requests."""

    fault: Fault
    when: When
    after: int
    times: int | None
    hits: int = 0
    met: int = 0

    def strikes(self, request: httpx.Request) -> bool:
        if not self.when(request):
            return False
        self.met += 1
        if self.met <= self.after or (self.times is not None and self.hits >= self.times):
            return False
        self.hits += 1
        return True


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that the connector made, and when by the clock."""

    request: httpx.Request
    at: datetime

    @property
    def host(self) -> str:
        return str(self.request.url.host)

    @property
    def raw(self) -> bytes:
        """Path, query and body."""
        return self.request.url.raw_path + b" " + self.request.content


@dataclass
class Faults(httpx.BaseTransport):
    """The network with faults in it. Closing it leaves the inner transport open: others use it too.

    sent    every request, in order, also those that met a fault
    closed  the connector has closed its client
    """

    inner: httpx.BaseTransport
    clock: Clock = field(default_factory=Clock)
    sent: list[Sent] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    closed: bool = False
    _lock: Any = field(default_factory=threading.RLock)

    def inject(self, fault: Fault, *, when: When | None = None, after: int = 0, times: int | None = 1) -> Rule:
        """The fault strikes `times` requests (None: all) that `when` is true of, the first `after` excepted."""
        rule = Rule(fault, when or (lambda request: True), after, times)
        self.rules.append(rule)
        return rule

    def heal(self) -> None:
        """No faults any more."""
        self.rules.clear()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            request.read()
            self.sent.append(Sent(request, self.clock()))
            rule = next((each for each in self.rules if each.strikes(request)), None)

        def forward() -> httpx.Response:
            return self.inner.handle_request(request)

        return rule.fault(request, forward) if rule else forward()

    def close(self) -> None:
        self.closed = True


# --- before the request takes effect ----------------------------------------------------------------


def refused_connection(request: httpx.Request, forward: Forward) -> httpx.Response:
    raise httpx.ConnectError("connection refused", request=request)


def timeout_before(request: httpx.Request, forward: Forward) -> httpx.Response:
    raise httpx.ReadTimeout("nothing came", request=request)


def reset_before(request: httpx.Request, forward: Forward) -> httpx.Response:
    raise httpx.ReadError("connection reset by peer", request=request)


def answered(status: int, body: Any = None, **headers: str) -> Fault:
    """This answer, and nothing is done. Names of headers with `_` for `-`."""

    def fault(request: httpx.Request, forward: Forward) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        if content and "content-type" not in named:
            named["content-type"] = "application/json"
        return httpx.Response(status, headers=named, content=content, request=request)

    return fault


def too_many(retry_after: float | str | None) -> Fault:
    """429, with Retry-After or without."""
    asked = {} if retry_after is None else {"retry_after": str(retry_after)}
    return answered(429, {"error": "too many requests"}, **asked)


forbidden = answered(403, {"error": "this key may not do that"})
unauthorised = answered(401, {"error": "token revoked"})


def redirected(host: str | None) -> Fault:
    """To another path of the same host (None), or to another host."""

    def fault(request: httpx.Request, forward: Forward) -> httpx.Response:
        to = request.url.copy_with(host=host or request.url.host, path="/moved", query=None)
        return httpx.Response(302, headers={"location": str(to)}, request=request)

    return fault


# --- after it took effect ---------------------------------------------------------------------------


def lost_reply(request: httpx.Request, forward: Forward) -> httpx.Response:
    forward().read()
    raise httpx.ReadTimeout("the reply never came", request=request)


def reset_after(request: httpx.Request, forward: Forward) -> httpx.Response:
    forward().read()
    raise httpx.RemoteProtocolError("the server closed the connection without an answer", request=request)


def failed_after(status: int) -> Fault:
    """The request is carried out and the answer is an error: a gateway gave up waiting."""

    def fault(request: httpx.Request, forward: Forward) -> httpx.Response:
        forward().read()
        return httpx.Response(status, content=b"", request=request)

    return fault


def changed(change: Callable[[bytes], bytes], content_type: str | None = None) -> Fault:
    """The answer with another body; a status 204 has none, so it becomes 200."""

    def fault(request: httpx.Request, forward: Forward) -> httpx.Response:
        answer = forward()
        body = change(answer.read())
        headers = {name: value for name, value in answer.headers.items() if name not in _OF_THE_BODY}
        if content_type is not None:
            headers["content-type"] = content_type
        status = 200 if answer.status_code in {204, 205} else answer.status_code
        return httpx.Response(status, headers=headers, content=body, request=request)

    return fault


_OF_THE_BODY = {"content-length", "content-encoding", "transfer-encoding"}
html = changed(lambda body: LOGIN_PAGE, "text/html; charset=utf-8")
wrong_type = changed(lambda body: body, "application/octet-stream")
truncated = changed(lambda body: body[: max(len(body) // 2, 1)] if body else b"{")
broken_body = changed(lambda body: b"\x00{[<" + body)
empty_body = changed(lambda body: b"")
other_shape = changed(lambda body: b'{"error": "something went wrong"}')


def cut_off(request: httpx.Request, forward: Forward) -> httpx.Response:
    """The connection breaks in the middle of the body."""
    body = forward().read()

    def parts() -> Iterator[bytes]:
        yield body[: len(body) // 2]
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")

    return _streamed(parts(), request)


def endless(request: httpx.Request, forward: Forward) -> httpx.Response:
    """A body that does not end; a reader that takes more than 1 GiB of it is stopped."""

    piece = b"x" * 2**20

    def parts() -> Iterator[bytes]:
        yield b'{"items": ["'
        for _ in range(1024):
            yield piece
        raise AssertionError("an endless answer was read for 1 GiB")

    return _streamed(parts(), request)


def slow_drip(clock: Clock) -> Fault:
    """One byte a second, by the clock; a reader that waits for a day is stopped."""

    def fault(request: httpx.Request, forward: Forward) -> httpx.Response:
        def parts() -> Iterator[bytes]:
            for _ in range(86_400):
                clock.pass_by(1)
                yield b" "
            raise AssertionError("an answer that drips in was waited for a whole day")

        return _streamed(parts(), request)

    return fault


def leading_elsewhere(request: httpx.Request, forward: Forward) -> httpx.Response:
    """Links in the answer lead to another host."""
    host = str(request.url.host).encode()
    return changed(lambda body: body.replace(host, ELSEWHERE.encode()))(request, forward)


class Repeated:
    """A page comes again in the place of the next one, as from a cache: `when` tells requests for pages."""

    def __init__(self) -> None:
        self._last: httpx.Response | None = None

    def __call__(self, request: httpx.Request, forward: Forward) -> httpx.Response:
        if self._last is None:
            answer = forward()
            body = answer.read()
            headers = {name: value for name, value in answer.headers.items() if name not in _OF_THE_BODY}
            self._last = httpx.Response(answer.status_code, headers=headers, content=body, request=request)
        last = self._last
        return httpx.Response(last.status_code, headers=last.headers, content=last.content, request=request)


def calling(act: Callable[[], object]) -> Fault:
    """Something happens in the system just before the request."""

    def fault(request: httpx.Request, forward: Forward) -> httpx.Response:
        act()
        return forward()

    return fault


# --- a service that changed its mind ----------------------------------------------------------------


def other_encoding(request: httpx.Request, forward: Forward) -> httpx.Response:
    """The answer in Latin-1 or Latin-2, where UTF-8 is declared: an old database behind a new service."""
    return changed(_in_one_byte_a_letter)(request, forward)


def _in_one_byte_a_letter(body: bytes) -> bytes:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return body
    if text.isascii():  # nothing would be changed: it gets what would be
        text = _END_OF_TEXT.sub("é", text)
    try:
        return text.encode("iso-8859-2")
    except UnicodeEncodeError:
        return text.encode("latin-1", "replace")


def kept_without(key: str) -> Fault:
    """Answers in JSON without this key, wherever it stands."""
    return _rewritten(lambda found: {name: value for name, value in found.items() if name != key})


def with_value(key: str, value: Any) -> Fault:
    """Answers in JSON where this key has another value, wherever it stands and is neither empty nor an object."""

    def fits(name: str, found: Any) -> bool:
        return name == key and found not in (None, "") and not isinstance(found, dict)

    return _rewritten(lambda found: {name: value if fits(name, each) else each for name, each in found.items()})


def _rewritten(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Fault:
    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: walk(each) for name, each in change(value).items()}
        return [walk(each) for each in value] if isinstance(value, list) else value

    def rewrite(body: bytes) -> bytes:
        try:
            return orjson.dumps(walk(orjson.loads(body)))
        except orjson.JSONDecodeError:
            return body  # no JSON: this answer says nothing of the key

    return changed(rewrite)


def _streamed(parts: Iterable[bytes], request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "application/json"}, stream=_Stream(parts), request=request)


class _Stream(httpx.SyncByteStream):
    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[bytes]:
        yield from self._parts
