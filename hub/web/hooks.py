"""Routes for events of described services: verified, read down to hints, stored before they are answered.

What is stored of a delivery is which records to look at. Everything else of it is forgotten.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import orjson
from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from hub.connectors.rest.hooks import Handshake, Hmac, Shown, Unclear, Webhooks, events_in, hints_in
from hub.connectors.rest.words import Values, fill
from hub.web.bodies import ContentType, Rejected, read_body
from hub.web.intake import Delivery
from hub.web.problems import problem
from hub.web.rates import RateCap
from hub.web.signatures import Forged, Headers, match, plain_keys
from hub.web.storing import Storing

HINTS = "hints"  # in a stored payload: what `Hint.stored` gave
MOST_FIELDS = 5000  # of a form: services send custom fields along
MOST_A_MINUTE = 6000  # deliveries of one connection; who holds the secret could fill the disk with copies of one
LONGEST_CHALLENGE = 2048
_DIGITS = frozenset("0123456789")


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came. path: as the service sees it; query: as sent, without the question mark"""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes = b""

    def asked(self, name: str) -> list[str]:
        return parse_qs(self.query, keep_blank_values=True).get(name, [])


@dataclass(frozen=True, slots=True, repr=False)
class Hook:
    """The events of one connection, ready to be taken.

    values  what fills the gaps that name settings
    new_id  makes an id for a delivery that brings no time with its signature
    """

    spec: Webhooks
    key: bytes
    values: Values
    new_id: Callable[[], str]
    cap: RateCap

    def take(self, call: Call, now: datetime) -> Delivery | None:
        """None where there is nothing to look at. Raises Forged before anything is made of it, else Rejected."""
        spec = self.spec
        if spec.hmac is not None:
            self._verify(spec.hmac, call, now)
        elif spec.shown is not None and spec.shown.field is None:
            self._shown(spec.shown, call)
        body = self._read(call)
        try:
            if spec.shown is not None and spec.shown.field is not None:
                self._shown_in_each(spec.shown.field, body)
            hints = hints_in(spec, body, self.values)
        except Unclear as error:
            raise _unreadable() from error
        if wait := self.cap.wait_seconds(now):
            detail = "Nothing was stored. Too many came at once; send it again in a moment."
            raise Rejected(429, "Too many", detail, retry_after=wait)
        if not hints:
            return None
        return Delivery(self._id(call), now, {HINTS: [hint.stored() for hint in hints]})

    def greet(self, call: Call) -> Response:
        """The answer to a handshake. Raises Forged."""
        shake = self.spec.handshake
        if shake is None:
            if call.method != "GET" or self.spec.shown is None or self.spec.shown.field is not None:
                raise Forged
            self._shown(self.spec.shown, call)
            return Response(status_code=200, media_type="text/plain")
        return self._challenged(shake, call)

    def is_greeting(self, call: Call) -> bool:
        shake = self.spec.handshake
        return call.method == "GET" or (
            shake is not None and shake.verify is None and bool(call.asked(shake.challenge))
        )

    def _challenged(self, shake: Handshake, call: Call) -> Response:
        if shake.verify is not None:
            token = fill(shake.token, self.values)
            match([] if token is None else [str(token).encode()], [each.encode() for each in call.asked(shake.verify)])
        given = call.asked(shake.challenge)
        if len(given) != 1 or not 0 < len(given[0]) <= LONGEST_CHALLENGE or not given[0].isprintable():
            raise Forged
        if shake.answer is None:
            return Response(given[0], media_type="text/plain")
        signature = hmac.new(self.key, given[0].encode(), hashlib.sha256).hexdigest()
        return JSONResponse(fill(shake.answer, {"challenge": given[0], "signature": signature}))

    # --- who sent it ------------------------------------------------------------------------------

    def _verify(self, scheme: Hmac, call: Call, now: datetime) -> None:
        signed = b"".join(
            part.encode() if isinstance(part, str) else self._part(part[0], scheme, call, now)
            for part in scheme.of.parts
        )
        digest = hmac.new(self.key, signed, getattr(hashlib, scheme.algorithm)).digest()
        written = digest.hex() if scheme.encoding == "hex" else b64encode(digest).decode()
        given = call.headers(scheme.header)
        if len(given) != 1:
            raise Forged
        shown = given[0].removeprefix(scheme.prefix) if given[0].startswith(scheme.prefix) else ""
        match([written.encode()], [(shown.lower() if scheme.encoding == "hex" else shown).encode()])

    def _part(self, name: str, scheme: Hmac, call: Call, now: datetime) -> bytes:
        if name == "body":
            return call.body
        if name == "method":
            return call.method.encode()
        if name == "form":
            try:
                return signed_form(_pairs(call.body))
            except ValueError as error:
                raise Forged from error
        if name == "timestamp":
            return _fresh(scheme, call, now).encode()
        address = str(fill(self.spec.address, self.values) or "").rstrip("/")
        return f"{address}{call.path}{'?' if call.query else ''}{call.query}".encode()

    def _shown(self, scheme: Shown, call: Call) -> None:
        if scheme.query is not None:
            given: Sequence[str] = call.asked(scheme.query)
        else:
            given = [each for each in call.headers(str(scheme.header)) if each.startswith(scheme.prefix)]
        match([self.key], [each.removeprefix(scheme.prefix).encode() for each in given])

    def _shown_in_each(self, field: Any, body: Any) -> None:
        events = [event for _, event in events_in(self.spec, body)] or [None]
        for event in events:
            given = field.of(event) if isinstance(event, Mapping) else None
            match([self.key], [given.encode() if isinstance(given, str) else b""])

    # --- what it says -----------------------------------------------------------------------------

    def _read(self, call: Call) -> Any:
        kind = ContentType(next(iter(call.headers("content-type")), "")).kind
        if (kind == "json") != (self.spec.body == "json") or kind == "multipart":
            raise Rejected(415, "Content type not taken", f"Nothing was stored. Send {self.spec.body}.")
        try:
            return orjson.loads(call.body) if kind == "json" else dict(reversed(_pairs(call.body)))
        except ValueError as error:
            raise _unreadable() from error

    def _id(self, call: Call) -> str:
        """The same for one that comes again, where its signature has a time; else it is another event."""
        if self.spec.hmac is None or self.spec.hmac.timestamp is None:
            return self.new_id()
        told = "".join(call.headers(self.spec.hmac.timestamp)).encode()
        return "event:" + hashlib.blake2b(told + b"\x00" + call.body, digest_size=16).hexdigest()


def signed_form(pairs: Sequence[tuple[str, str]]) -> bytes:
    """Names and values in the order of the names; of a repeated name, each value once."""
    return "".join(name + value for name, value in sorted(set(pairs))).encode()


def _pairs(body: bytes) -> list[tuple[str, str]]:
    """ValueError when it is no form."""
    return parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)


def _fresh(scheme: Hmac, call: Call, now: datetime) -> str:
    given = call.headers(str(scheme.timestamp))
    if len(given) != 1 or not 0 < len(given[0]) <= 15 or not set(given[0]) <= _DIGITS:
        raise Forged
    seconds = int(given[0]) / (1000 if scheme.unit == "milliseconds" else 1)
    if abs(now.timestamp() - seconds) > scheme.within:
        raise Forged
    return given[0]


def _unreadable() -> Rejected:
    return Rejected(400, "Not readable", "Nothing was stored: the body is not what this service sends.")


def open_hook(name: str, spec: Webhooks, values: Values, new_id: Callable[[], str]) -> Hook | None:
    """None where the connection has no secret for events. ConfigError when it is too short to be one."""
    if not spec.is_open(values):
        return None
    (key,) = plain_keys([str(fill(spec.secret, values))], name)
    return Hook(spec, key, values, new_id, RateCap(MOST_A_MINUTE))


def router(
    hooks: Mapping[str, Hook], storing: Storing, clock: Callable[[], datetime], new_id: Callable[[], str]
) -> APIRouter:
    routes = APIRouter(prefix="/hooks")
    nobody = Hook(_NOBODY, b"no service has this key, ever.", {}, new_id, RateCap(MOST_A_MINUTE))

    @routes.api_route("/{connection}", methods=["GET", "POST"])
    async def receive(connection: str, request: Request) -> Response:
        hook = hooks.get(connection)
        try:
            call = await _call(request)
            known = hook or nobody  # an unknown connection costs the work of a wrong secret, and gets the same answer
            if known.is_greeting(call):
                return known.greet(call)
            delivery = known.take(call, clock())
            if delivery is not None:
                await storing.add(connection, delivery)
        except Forged:
            return problem(401, "Not accepted", "Nothing was stored. Check the address, the secret and the clock.")
        except Rejected as rejected:
            headers = {"Retry-After": str(rejected.retry_after)} if rejected.retry_after else {}
            return problem(rejected.status, rejected.title, rejected.detail, **headers)
        return Response(status_code=200, media_type="text/plain")

    return routes


_NOBODY = Webhooks.model_validate({"secret": "", "hmac": {"header": "x-nobody"}, "id": "id"})


async def _call(request: Request) -> Call:
    try:
        body = await read_body(request.stream(), request.headers.get("content-length"))
    except ClientDisconnect as err:
        raise Rejected(400, "Broken off", "Nothing was stored. The body broke off; send it again.") from err
    return Call(request.method, request.url.path, request.url.query, request.headers.getlist, body)
