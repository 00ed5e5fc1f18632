"""A base for fakes of HTTP services: stateful, strict, in this process.

    class Acorn(Service):
        base = "https://api.acorn.example/v2"
        rate = Rate(5, 1.0)

        @route("GET", "/contacts")
        def contacts(self, call: Call) -> Answer:
            call.only("limit", "after")
            …
            return Answer(200, {"items": […]})

        @route("PATCH", "/contacts/{id}", write=True)
        def change(self, call: Call, id: str) -> Answer: …

A fake keeps the vendor's published rules: it refuses what it does not know, a wrong key, a missing right, pages
and batches that are too large, and requests that come too fast. Everything a fake remembers stands in `state`,
so that a write can be accepted and ignored. Its back door is what a person does in the service: plain methods of
the subclass that change `state`.

Hand it to a connector as `Context.transport`, with its `clock` as the clock and `clock.sleep` as the sleep.
"""

from __future__ import annotations

import copy
import re
import threading
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qs, unquote

import httpx
import orjson

from hub.testing.clock import Clock

JSON = "application/json"
Handler = TypeVar("Handler", bound=Callable[..., "Answer"])


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service says. `body`: bytes as they are, None for no body, all else as JSON."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """Raised by a route: the answer is an error, and nothing was changed."""

    def __init__(self, status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.answer = Answer(status, body, headers or {})


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `requests` in any span of `per_seconds`, by the clock of the service."""

    requests: int
    per_seconds: float


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, as both went over the wire."""

    request: httpx.Request
    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """One request as a route reads it.

    path    below `base`, percent-decoded
    query   name → values, in order
    json    the parsed body; None when there is none or when it is no JSON
    form    fields of a body that is a form
    """

    service: Service
    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        if not self.content or not self._kind.endswith("json"):
            return None
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError as error:
            raise self.service.refusal(self, 400, "the body is no JSON") from error

    @property
    def form(self) -> dict[str, list[str]]:
        if self._kind != "application/x-www-form-urlencoded":
            return {}
        return parse_qs(self.content.decode(), keep_blank_values=True)

    @property
    def _kind(self) -> str:
        return self.headers.get("content-type", "").split(";")[0].strip().lower()

    def one(self, name: str, default: str | None = None) -> str | None:
        """The last value of a query parameter."""
        return self.query[name][-1] if name in self.query else default

    def number(self, name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
        """A whole number of the query; refused outside its bounds, as a page that is too large."""
        text = self.one(name)
        if text is None:
            return default
        if not text.isascii() or not text.removeprefix("-").isdigit():
            raise self.service.refusal(self, 400, f"{name} is no whole number")
        if int(text) < least or (most is not None and int(text) > most):
            raise self.service.refusal(self, 400, f"{name} must be from {least} to {most}")
        return int(text)

    def only(self, *names: str) -> None:
        """No other query parameters than these."""
        if unknown := sorted(set(self.query) - set(names)):
            raise self.service.refusal(self, 400, f"unknown parameter {unknown[0]}")

    def body(self, *, required: Sequence[str] = (), allowed: Sequence[str] = ()) -> dict[str, Any]:
        """The JSON object of the body, with no other keys than these."""
        sent = self.json
        if not isinstance(sent, dict):
            raise self.service.refusal(self, 400, "the body must be a JSON object")
        if unknown := sorted(set(sent) - set(required) - set(allowed)):
            raise self.service.refusal(self, 400, f"unknown field {unknown[0]}")
        if missing := sorted(set(required) - set(sent)):
            raise self.service.refusal(self, 400, f"missing field {missing[0]}")
        return sent

    def bearer(self) -> str | None:
        kind, _, value = self.headers.get("authorization", "").partition(" ")
        return value if kind.lower() == "bearer" else None

    def basic(self) -> tuple[str, str] | None:
        """(user, password)"""
        kind, _, value = self.headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic":
            return None
        user, _, password = b64decode(value).decode().partition(":")
        return user, password


@dataclass(frozen=True, slots=True)
class _Route:
    method: str
    pattern: re.Pattern[str]
    name: str
    write: bool
    public: bool


def route(method: str, path: str, *, write: bool | None = None, public: bool = False) -> Callable[[Handler], Handler]:
    """Marks a method of a Service as the answer to `method` on `path` (below `base`, with {names}).

    write   it changes something, so it needs the right to; by default every method but GET and HEAD
    public  it needs no key (a token endpoint)
    """
    parts = re.split(r"\{(\w+)\}", path)
    pattern = "".join(f"(?P<{part}>[^/]+)" if i % 2 else re.escape(part) for i, part in enumerate(parts))
    writes = method not in {"GET", "HEAD"} if write is None else write

    def mark(handler: Handler) -> Handler:
        routes = getattr(handler, "routes", ())
        found = _Route(method, re.compile(pattern), handler.__name__, writes, public)
        handler.routes = (*routes, found)  # type: ignore[attr-defined]
        return handler

    return mark


address = cache(httpx.URL)  # taken apart once: a fake is asked very often


class Service(httpx.BaseTransport):
    """Subclass it with routes. One account; one thread at a time.

    base          address below which the routes lie; a request to any other host fails the test
    rate          requests it takes; more are answered 429 (and counted in `too_fast`)
    keys          valid key → may it write; `key_of` says which one a request shows
    state         everything the fake remembers; deep-copied when a write is to be ignored
    ignoring      writes are answered as if carried out, and nothing is stored
    exchanges     every request with its answer, in order
    """

    base: ClassVar[str]
    rate: ClassVar[Rate | None] = None
    _routes: ClassVar[Sequence[_Route]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        found = {name: getattr(getattr(cls, name), "routes", ()) for name in dir(cls)}
        cls._routes = [each for routes in found.values() for each in routes]

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.keys: dict[str, bool] = {}
        self.state: dict[str, Any] = {}
        self.ignoring = False
        self.exchanges: list[Exchange] = []
        self.too_fast = 0
        self.closed = False
        self._times: deque[float] = deque()
        self._lock = threading.RLock()

    # --- what a vendor says in its own way: override ----------------------------------------------

    def key_of(self, call: Call) -> str | None:
        """The key that a request shows; None: none."""
        return call.bearer()

    def refusal(self, call: Call, status: int, reason: str) -> Refusal:
        """An error in the vendor's form."""
        return Refusal(status, {"error": reason})

    def rate_headers(self, left: int, resets_in: float) -> dict[str, str]:
        """Headers of every answer that tell how much of the rate is left."""
        return {}

    def too_many(self, call: Call, resets_in: float) -> Answer:
        seconds = max(1, int(resets_in + 0.999))
        refused = self.refusal(call, 429, "too many requests").answer
        return Answer(429, refused.body, {**refused.headers, "retry-after": str(seconds)})

    # --- the back door ----------------------------------------------------------------------------

    @property
    def requests(self) -> list[httpx.Request]:
        return [each.request for each in self.exchanges]

    def revoke(self) -> None:
        """No key is valid any more."""
        self.keys.clear()

    def read_only(self) -> None:
        """The keys lose the right to write."""
        self.keys = dict.fromkeys(self.keys, False)

    # --- the wire ---------------------------------------------------------------------------------

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            base = address(self.base)
            here = (request.url.scheme, request.url.host, request.url.port)
            assert here == (base.scheme, base.host, base.port), f"a request went to {request.url.host}"
            response = self._response(self._limited(self._call(request, base)), request)
            self.exchanges.append(Exchange(request, response.status_code, response.content))
            return response

    def close(self) -> None:
        self.closed = True

    def _call(self, request: httpx.Request, base: httpx.URL) -> Call:
        raw = request.url.raw_path.decode("ascii")
        path, _, query = raw.partition("?")
        below = path.removeprefix(base.raw_path.decode("ascii").rstrip("/"))
        values = parse_qs(query, keep_blank_values=True)
        return Call(self, request.method, below, values, request.headers, request.read())

    def _limited(self, call: Call) -> Answer:
        if self.rate is None:
            return self._answer(call)
        now, span = self.clock.seconds(), self.rate.per_seconds
        while self._times and self._times[0] <= now - span:
            self._times.popleft()
        resets_in = self._times[0] + span - now if self._times else span
        if len(self._times) >= self.rate.requests:
            self.too_fast += 1
            return self.too_many(call, resets_in)
        self._times.append(now)
        answer = self._answer(call)
        told = self.rate_headers(self.rate.requests - len(self._times), resets_in)
        return Answer(answer.status, answer.body, {**told, **answer.headers})

    def _answer(self, call: Call) -> Answer:
        try:
            found, names = self._route(call)
            if not found.public:
                self._authorise(call, found)
            before = copy.deepcopy(self.state) if self.ignoring and found.write else None
            answer: Answer = getattr(self, found.name)(call, **names)
        except Refusal as refusal:
            return refusal.answer
        if before is not None:
            self.state = before
        return answer

    def _route(self, call: Call) -> tuple[_Route, dict[str, str]]:
        there = [(each, match) for each in self._routes if (match := each.pattern.fullmatch(call.path))]
        if not there:
            raise self.refusal(call, 404, "no such path")
        fitting = [(each, match) for each, match in there if each.method == call.method]
        if not fitting:
            raise self.refusal(call, 405, "method not allowed")
        found, match = min(fitting, key=lambda each: len(each[1].groupdict()))  # a literal path goes first
        return found, {name: unquote(value) for name, value in match.groupdict().items()}

    def _authorise(self, call: Call, found: _Route) -> None:
        key = self.key_of(call)
        if key is None or key not in self.keys:
            raise self.refusal(call, 401, "unauthorised")
        if found.write and not self.keys[key]:
            raise self.refusal(call, 403, "this key may not write")

    @staticmethod
    def _response(answer: Answer, request: httpx.Request) -> httpx.Response:
        headers = dict(answer.headers)
        if answer.body is None:
            return httpx.Response(answer.status, headers=headers, request=request)
        if isinstance(answer.body, bytes):
            return httpx.Response(answer.status, headers=headers, content=answer.body, request=request)
        headers.setdefault("content-type", JSON)
        return httpx.Response(answer.status, headers=headers, content=orjson.dumps(answer.body), request=request)
