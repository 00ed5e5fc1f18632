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

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import orjson

from hub.accounts.tries import network
from hub.connectors.form_presets import Malformed
from hub.connectors.form_settings import (
    CONSENTS,
    HIDDEN,
    LANGUAGE,
    RECEIVED_AT,
    RESERVED,
    SHOWN,
    SPAM,
    STAMP,
    SUBMISSION_ID,
    WORDING,
    ConsentBox,
    FormSettings,
)
from hub.connectors.forms import fields_of, look_up, read_consents, to_confirm
from hub.errors import RecordError
from hub.mail.outbox import mailbox
from hub.optin.links import Stamp, make_stamp, mark, read_stamp
from hub.secrets import is_reference, resolve
from hub.store.opt_in import Asking
from hub.web.bodies import ContentType, Rejected, read_fields
from hub.web.rates import RateByPlace, RateCap
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
from hub.web.spam import Manner, suspicion

SHOWN_SECRET = frozenset({"header", "query"})  # signatures that are the secret itself
OLDEST_STAMP = 86_400  # seconds: a page that was open for longer is shown anew before it is taken
MAIL_FIELDS = ("emails", "email")  # where an address is that maps by itself


@dataclass(frozen=True, slots=True)
class Delivery:
    id: str
    received_at: datetime
    payload: Mapping[str, Any]
    asking: Asking | None = None
    language: str = ""  # that its page was in


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a delivery comes from. address: of the other side, "" unknown; page: where the form was shown"""

    headers: Headers
    address: str = ""
    page: str = ""


class Unfilled(Rejected):
    """The page is shown again with what was written: nothing is lost by it.

    faults  names of fields → a word of the hub's, such as "empty"
    """

    def __init__(self, word: str, language: str, values: Mapping[str, Any], faults: Mapping[str, str]) -> None:
        super().__init__(422, "Not filled in", "Nothing was stored. Look at the fields, then send it again.")
        self.word, self.language, self.values, self.faults = word, language, values, faults


@dataclass(frozen=True, slots=True)
class Form:
    """One connection's form, ready to take deliveries.

    new_id     makes an id for a post that brings none
    key        what stamps are signed with, and addresses marked
    cap        for a form that anybody may post to: of all
    by_place   and from one address
    """

    name: str
    settings: FormSettings
    verifier: Verifier | None
    new_id: Callable[[], str]
    key: bytes
    cap: RateCap | None = None
    by_place: RateByPlace | None = None

    def take(self, sender: Sender, content: ContentType, body: bytes, now: datetime) -> Delivery:
        """Raises Forged before anything of the body is read, Rejected when it cannot be read or taken now.

        now  aware UTC
        """
        signed_id = self.verifier.verify(sender.headers, body, now.timestamp()) if self.verifier else None
        self._within_rates(sender, now)
        fields = read_fields(content, body)
        hidden = {name: fields.pop(name) for name in HIDDEN - {SUBMISSION_ID} if name in fields}
        delivery_id = signed_id or self._delivery_id(sender.headers, body, fields, now)
        coming = self._read(hidden, fields, now)
        payload, asking = self._stored(delivery_id, coming, sender, now)
        return Delivery(delivery_id, now, payload, asking, coming.language)

    def stamp(self, language: str, now: datetime) -> str:
        """For a page of this form that is made now."""
        made = Stamp(int(now.timestamp()), language, self.settings.wording_in(language))
        return make_stamp(self.key, self.name, made)

    def _within_rates(self, sender: Sender, now: datetime) -> None:
        wait = self.by_place.wait_seconds(network(sender.address), now) if self.by_place and sender.address else 0
        wait = wait or (self.cap.wait_seconds(now) if self.cap else 0)
        if wait:
            detail = "Nothing was stored. Too many came at once; send it again in a moment."
            raise Rejected(429, "Too many", detail, retry_after=wait)

    # --- its id ---------------------------------------------------------------------------------------

    def _delivery_id(self, headers: Headers, body: bytes, fields: dict[str, Any], now: datetime) -> str:
        named = self._named_id(headers, fields)
        if self.settings.signature in SHOWN_SECRET:
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
            if self.settings.signature in SHOWN_SECRET:
                return None
            where = f"field {' or '.join(place.fields)}" if place.fields else f"header {place.header}"
            raise Rejected(400, "No delivery id", f"Nothing was stored: the {where} holds no id.")
        return text

    def _timestamp(self, headers: Headers) -> bytes:
        name = self.settings.hmac.timestamp_header if self.settings.hmac else None
        return "".join(headers(name)).encode() if name else b""

    # --- what it says ---------------------------------------------------------------------------------

    def _read(self, hidden: Mapping[str, Any], fields: Mapping[str, Any], now: datetime) -> _Coming:
        """What was written, and how the page was seen. Raises Unfilled where a page of ours has to be shown again."""
        payload = {name: value for name, value in fields.items() if name not in RESERVED}
        given = hidden.get(STAMP)
        stamp = read_stamp(self.key, self.name, given) if isinstance(given, str) else None
        if stamp is not None:
            self._look_at_page(stamp, payload, now)
        seconds = now.timestamp() - stamp.at if stamp else None
        language = stamp.language if stamp else self._said_language(hidden.get(LANGUAGE))
        wording = hidden.get(WORDING)
        is_current = stamp is not None or wording is None or wording == self.settings.wording_in(language)
        return _Coming(
            payload,
            self._written(payload),
            language,
            self.settings.consent if is_current else (),
            Manner(False, None if given is None else stamp is not None, seconds),
        )

    def _said_language(self, given: Any) -> str:
        return given if given in self.settings.languages else self.settings.language

    def _look_at_page(self, stamp: Stamp, payload: Mapping[str, Any], now: datetime) -> None:
        language = self._said_language(stamp.language)
        faults = dict(_faults(self.settings, payload))
        if faults:
            raise Unfilled("check", language, payload, faults)
        is_old = now.timestamp() - stamp.at > OLDEST_STAMP
        if is_old or stamp.language != language or stamp.wording != self.settings.wording_in(language):
            raise Unfilled("reworded", language, payload, {})

    def _written(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the person wrote; of a payload that cannot be read nothing: it is stored, and parked when it is read."""
        try:
            return fields_of(payload, self.settings) or {}
        except Malformed:
            return {}

    def _stored(
        self, delivery_id: str, coming: _Coming, sender: Sender, now: datetime
    ) -> tuple[dict[str, Any], Asking | None]:
        at, settings, payload = now.isoformat(), self.settings, dict(coming.payload)
        trap = bool(settings.honeypot and look_up(coming.written, settings.honeypot))
        spam = suspicion(coming.written, replace(coming.manner, trap=trap), settings.spam_rules)
        consents = read_consents(coming.written, coming.boxes, at, f"form {self.name}", coming.language)
        address = self._address(coming.written) if settings.double_opt_in else None
        if settings.double_opt_in is not None:
            consents = to_confirm(consents)
            if address is None:  # nobody could confirm them
                consents = {key: said for key, said in consents.items() if said["status"] == "granted"}
        payload[RECEIVED_AT] = at
        payload[CONSENTS] = consents
        shown = {"language": coming.language, **({"page": sender.page} if sender.page else {})}
        if consents:
            payload[SHOWN] = shown
        if spam is not None:
            payload[SPAM] = spam
        asked = {key: said for key, said in consents.items() if said["status"] == "pending"}
        if not asked or address is None:
            return payload, None
        return payload, self._asking(delivery_id, address, asked, shown, now, sender, held=spam is not None)

    def _asking(
        self,
        delivery_id: str,
        address: str,
        asked: Mapping[str, Any],
        shown: Mapping[str, Any],
        now: datetime,
        sender: Sender,
        *,
        held: bool,
    ) -> Asking:
        assert self.settings.double_opt_in is not None
        by = {"asked_from": mark(self.key, "place", sender.address)} if sender.address else {}
        return Asking(
            token_urlsafe(16),
            self.name,
            delivery_id,
            address,
            mark(self.key, "mail", address.casefold()),
            asked,
            {**shown, "form": self.name, **by},
            now.timestamp(),
            now.timestamp() + self.settings.double_opt_in.valid.total_seconds(),
            "held" if held else "due",
        )

    def _address(self, written: Mapping[str, Any]) -> str | None:
        """The one mail address that can be asked; None where there is none, or it is none."""
        name = self.settings.double_opt_in.address if self.settings.double_opt_in else None
        for place in (name,) if name else MAIL_FIELDS:
            value = look_up(written, place)
            if isinstance(value, str) and value.strip():
                try:
                    return mailbox(value.strip())
                except RecordError:
                    return None
        return None


@dataclass(frozen=True, slots=True)
class _Coming:
    """A delivery as it was understood. boxes: whose wording is known to be what was shown"""

    payload: Mapping[str, Any]
    written: Mapping[str, Any]
    language: str
    boxes: tuple[ConsentBox, ...]
    manner: Manner


def _faults(settings: FormSettings, payload: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Fields of the page that are not filled in as it asks for."""
    for field in settings.fields:
        value = payload.get(field.name)
        text = value.strip() if isinstance(value, str) else ""
        if field.required and not text:
            yield field.name, "empty"
        elif text and field.type == "email":
            try:
                mailbox(text)
            except RecordError:
                yield field.name, "no_email"


def open_form(name: str, settings: FormSettings, base: Path, new_id: Callable[[], str], key: bytes) -> Form:
    """Looks up the secrets; ConfigError names the connection when one is missing or cannot be a key.

    base  folder that `file:` references start from
    key   what its pages are signed with
    """
    is_open = settings.signature == "none"
    cap = RateCap(settings.per_minute) if is_open else None
    by_place = RateByPlace(settings.per_address) if is_open else None
    return Form(name, settings, make_verifier(name, settings, base), new_id, key, cap, by_place)


def make_verifier(name: str, settings: FormSettings, base: Path) -> Verifier | None:
    secrets = [resolve(text, base) if is_reference(text) else text for text in settings.secrets]
    if settings.signature == "standard":
        return Standard(standard_keys(secrets, name))
    if settings.signature in SHOWN_SECRET:
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
