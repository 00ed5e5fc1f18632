"""Routes for providers of text messages and calls: verified, given an id, stored before they are answered.

Twilio  signs the address it calls and the sorted fields with HMAC-SHA1 (twilio.com/docs/usage/security)
Kannel  signs nothing: a secret stands in the address. So this route is for a private network, and the address for
        nobody's log
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hub.connectors.messages import RECEIVED, REPORT, MessageSettings
from hub.secrets import is_reference, resolve
from hub.web.bodies import ContentType, Rejected, read_body, read_fields
from hub.web.intake import Delivery
from hub.web.problems import problem
from hub.web.signatures import MAX_ID, Forged, match, plain_keys
from hub.web.storing import Storing

SECRET = "secret"  # noqa: S105  a field's name
TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'  # answers nothing to who wrote
_NO_ONE = b"no provider has this key, ever."


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came. query: as sent, without the question mark; path: as the provider sees it"""

    path: str
    query: str
    fields: Mapping[str, Any]
    signatures: Sequence[str]
    is_report: bool = False


class Hook(Protocol):
    """One provider's connection, ready to take deliveries."""

    @property
    def method(self) -> str: ...

    def verify(self, call: Call) -> None:
        """Raises Forged."""

    def delivery_id(self, fields: Mapping[str, Any]) -> str:
        """The same for a delivery that comes again. Raises Rejected."""

    def answer(self) -> Response: ...


@dataclass(frozen=True, slots=True, repr=False)
class Twilio:
    key: bytes
    public_url: str
    method: str = "POST"

    def verify(self, call: Call) -> None:
        address = f"{self.public_url}{call.path}" + (f"?{call.query}" if call.query else "")
        expected = b64encode(hmac.new(self.key, signed_text(address, call.fields), hashlib.sha1).digest())
        if len(call.signatures) != 1 or not hmac.compare_digest(expected, call.signatures[0].encode()):
            raise Forged

    def delivery_id(self, fields: Mapping[str, Any]) -> str:
        sid = _text(fields.get("CallSid")) or _text(fields.get("MessageSid"))
        if not 0 < len(sid) <= MAX_ID or not sid.isalnum():
            raise Rejected(400, "No id", "Nothing was stored: there is no MessageSid and no CallSid.")
        status = _text(fields.get("CallStatus")) or _text(fields.get("MessageStatus"))
        return f"{sid}:{status}"[:MAX_ID] if status else sid

    def answer(self) -> Response:
        return Response(TWIML, media_type="text/xml")


def signed_text(address: str, fields: Mapping[str, Any]) -> bytes:
    """The address, and every name with its value in the order of the names; of a repeated one, each value once."""
    parts = [address]
    for name in sorted(fields):
        value = fields[name]
        for each in sorted(set(value)) if isinstance(value, list) else [value]:
            parts += [name, str(each)]
    return "".join(parts).encode()


@dataclass(frozen=True, slots=True, repr=False)
class Kannel:
    key: bytes
    method: str = "GET"

    def verify(self, call: Call) -> None:
        given = _text(call.fields.get(SECRET))
        match([self.key], [given.encode()])

    def delivery_id(self, fields: Mapping[str, Any]) -> str:
        """By all that it says: it is tried again with the same words."""
        text = "\x00".join(f"{name}={_text(fields[name])}" for name in sorted(fields) if name != SECRET)
        return "kannel:" + hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def answer(self) -> Response:
        return Response(status_code=200, media_type="text/plain")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def open_hook(name: str, settings: MessageSettings, base: Path) -> Hook:
    """Looks up the secret; ConfigError names the connection when it is missing or too short.

    base  folder that `file:` references start from
    """
    text = settings.secret.get_secret_value()
    (key,) = plain_keys([resolve(text, base) if is_reference(text) else text], name)
    return Twilio(key, settings.public_url) if settings.public_url else Kannel(key)


def router(hooks: Mapping[str, Hook], storing: Storing, clock: Callable[[], datetime]) -> APIRouter:
    routes = APIRouter(prefix="/messages")

    @routes.api_route("/{connection}", methods=["GET", "POST"])
    async def receive(connection: str, request: Request) -> Response:
        return await _receive(hooks.get(connection), connection, request, is_report=False)

    @routes.get("/{connection}/report")
    async def report(connection: str, request: Request) -> Response:
        return await _receive(hooks.get(connection), connection, request, is_report=True)

    async def _receive(hook: Hook | None, name: str, request: Request, *, is_report: bool) -> Response:
        try:
            call = await _call(request, is_report=is_report)
            delivery = _taken(hook, request.method, call, clock())
            await storing.add(name, delivery)
        except Rejected as rejected:
            headers = {"Retry-After": str(rejected.retry_after)} if rejected.retry_after else {}
            return problem(rejected.status, rejected.title, rejected.detail, **headers)
        return (hook or Kannel(_NO_ONE)).answer()

    return routes


async def _call(request: Request, *, is_report: bool) -> Call:
    query = request.url.query
    if request.method == "POST":
        body = await read_body(request.stream(), request.headers.get("content-length"))
        fields = read_fields(ContentType(request.headers.get("content-type", "")), body)
    else:
        fields = read_fields(ContentType("application/x-www-form-urlencoded"), query.encode())
    return Call(request.url.path, query, fields, request.headers.getlist("x-twilio-signature"), is_report)


def _taken(hook: Hook | None, method: str, call: Call, now: datetime) -> Delivery:
    """An unknown connection costs the work of a wrong secret, and gets the same answer."""
    known = hook or Twilio(_NO_ONE, "https://nowhere.invalid")
    try:
        known.verify(call)
        if hook is None or method != hook.method:
            raise Forged
    except Forged as err:
        raise Rejected(401, "Not accepted", "Nothing was stored. Check the address and the secret.") from err
    payload = {name: value for name, value in call.fields.items() if name not in (SECRET, RECEIVED, REPORT)}
    payload[RECEIVED] = now.isoformat()
    if call.is_report:
        payload[REPORT] = True
    return Delivery(hook.delivery_id({**call.fields, REPORT: str(call.is_report)}), now, payload)
