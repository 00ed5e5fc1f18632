"""What becomes of one delivery: verified, read, given its id and its consents. No I/O, no web framework.

Ids, by which a delivery that comes twice is stored once:

    Standard Webhooks      webhook-id
    hmac                   what `delivery_id` names; else a hash of the signed body (and its timestamp)
    header, query          what `delivery_id` names, where it is there; else a hash of the body and the day, since these
                           senders seldom try again, and who fills a form in once more on another day means it
    none                   `delivery_id`, else the page's hidden `submission_id`, each with a hash of what was
                           written, so that a form corrected after "back" is a delivery of its own; a post
                           without either is always new
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

import orjson

from hub.connectors.form_presets import Malformed
from hub.connectors.forms import (
    CONSENTS,
    RECEIVED_AT,
    RESERVED,
    SPAM,
    FormSettings,
    fields_of,
    look_up,
    read_consents,
)
from hub.secrets import is_reference, resolve
from hub.web.bodies import ContentType, Rejected, read_fields
from hub.web.rates import RateCap
from hub.web.signatures import (
    KEY_IN_ADDRESS,
    MAX_ID,
    Forged,
    Headers,
    PlainHmac,
    SharedSecret,
    Standard,
    Verifier,
    plain_keys,
    standard_keys,
)

SHOWN = frozenset({"header", "query"})  # signatures that are the secret itself
SUBMISSION_ID = "submission_id"  # hidden field of the hub's own page


class InboxWriter(Protocol):
    """The durable side of the intake."""

    def add(self, connection: str, delivery_id: str, received_at: datetime, payload: Mapping[str, Any]) -> bool:
        """Store a delivery; returns only when it would survive a crash. True: new, False: known by its id.

        TransientError when the store is busy or away: nothing was stored.
        """


@dataclass(frozen=True, slots=True)
class Delivery:
    id: str
    received_at: datetime
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Form:
    """One connection's form, ready to take deliveries.

    new_id  makes an id for a post that brings none
    cap     for a form that anybody may post to
    """

    name: str
    settings: FormSettings
    verifier: Verifier | None
    new_id: Callable[[], str]
    cap: RateCap | None = None

    def take(self, headers: Headers, content: ContentType, body: bytes, now: datetime) -> Delivery:
        """Raises Forged before anything of the body is read, Rejected when it cannot be read.

        now  aware UTC
        """
        signed_id = self.verifier.verify(headers, body, now.timestamp()) if self.verifier else None
        fields = read_fields(content, body)
        delivery_id = signed_id or self._delivery_id(headers, body, fields, now)
        wait_seconds = self.cap.wait_seconds(now) if self.cap else 0
        if wait_seconds:
            detail = "Nothing was stored. Too many came at once; send it again in a moment."
            raise Rejected(429, "Too many", detail, retry_after=wait_seconds)
        return Delivery(delivery_id, now, self._payload(fields, now))

    def _delivery_id(self, headers: Headers, body: bytes, fields: dict[str, Any], now: datetime) -> str:
        named = self._named_id(headers, fields)
        if self.settings.signature in SHOWN:
            return named or f"body:{_digest(body)}:{now:%Y-%m-%d}"
        if self.settings.signature == "hmac":
            return named or f"body:{_digest(body, self._timestamp(headers))}"
        submission = named or fields.pop(SUBMISSION_ID, None)
        if not _is_id(submission):
            return self.new_id()
        return f"{submission}:{_digest(orjson.dumps(fields, option=orjson.OPT_SORT_KEYS))}"

    def _named_id(self, headers: Headers, fields: Mapping[str, Any]) -> str | None:
        place = self.settings.delivery_id
        if place is None:
            return None
        found = [look_up(fields, name) for name in place.fields] or list(headers(place.header or ""))[:1]
        text = ":".join(str(part) if type(part) in (str, int) and part != "" else "\n" for part in found)
        if not _is_id(text):
            if self.settings.signature in SHOWN:
                return None
            where = f"field {' or '.join(place.fields)}" if place.fields else f"header {place.header}"
            raise Rejected(400, "No delivery id", f"Nothing was stored: the {where} holds no id.")
        return text

    def _timestamp(self, headers: Headers) -> bytes:
        name = self.settings.hmac.timestamp_header if self.settings.hmac else None
        return "".join(headers(name)).encode() if name else b""

    def _payload(self, fields: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        at = now.isoformat()
        payload = {name: value for name, value in fields.items() if name not in RESERVED}
        written = self._written(payload)
        payload[RECEIVED_AT] = at
        payload[CONSENTS] = read_consents(written, self.settings.consent, at, f"form {self.name}")
        if self.settings.honeypot and look_up(written, self.settings.honeypot):
            payload[SPAM] = True
        return payload

    def _written(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the person wrote; of a payload that cannot be read nothing: it is stored, and parked when it is read."""
        try:
            return fields_of(payload, self.settings) or {}
        except Malformed:
            return {}


def open_form(name: str, settings: FormSettings, base: Path, new_id: Callable[[], str]) -> Form:
    """Looks up the secrets; ConfigError names the connection when one is missing or cannot be a key.

    base  folder that `file:` references start from
    """
    cap = RateCap(settings.per_minute) if settings.signature == "none" else None
    return Form(name, settings, make_verifier(name, settings, base), new_id, cap)


def make_verifier(name: str, settings: FormSettings, base: Path) -> Verifier | None:
    secrets = [resolve(text, base) if is_reference(text) else text for text in settings.secrets]
    if settings.signature == "standard":
        return Standard(standard_keys(secrets, name))
    if settings.signature in SHOWN:
        place = KEY_IN_ADDRESS if settings.signature == "query" else settings.secret_header
        return SharedSecret(plain_keys(secrets, name), place)
    scheme = settings.hmac
    if scheme is None:
        return None
    return PlainHmac(
        plain_keys(secrets, name),
        scheme.header,
        scheme.encoding,
        scheme.prefix,
        scheme.template,
        scheme.timestamp_header,
        settings.delivery_id.header if settings.delivery_id else None,
    )


def refuse_unknown(headers: Headers, body: bytes, now: datetime) -> None:
    """Does for an unknown form the work of a wrong signature, so that time does not tell them apart."""
    Standard((b"no form has this key, ever.",)).verify(headers, body, now.timestamp())
    raise Forged


def _is_id(text: Any) -> bool:
    return isinstance(text, str) and 0 < len(text) <= MAX_ID and text.isprintable() and text.strip() == text


def _digest(*parts: bytes) -> str:
    return blake2b(b"\x00".join(parts), digest_size=16).hexdigest()
