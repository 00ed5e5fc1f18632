"""Text messages and calls that a provider tells of by webhook, read from the inbox: Twilio, and Kannel.

Source   twilio.com/docs/messaging/guides/webhook-request; a real Kannel 1.4.5
Id       of the message or call, with the status where there are several
Cursor   number of the last delivery read
Consent  a message that is nothing but one of the words ends, for its number, the purposes that are configured
Quirk    a delivery report of Kannel names no message unless its address does; WhatsApp numbers come as whatsapp:+351…
Writes   none: the hub sends no messages
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal, Self

import orjson
from pydantic import SecretStr, StringConstraints, model_validator

from hub.connectors.contract import PAGE_SIZE, Can, Connector, Context, Inbox, Report, Settings
from hub.connectors.defaults import default_mapping
from hub.connectors.opt_out import SMS, as_words, plain
from hub.errors import ConfigError, CursorExpired
from hub.mapping.phones import phone_key
from hub.mapping.text import Unmappable
from hub.model import Cursor, Interaction, Page, Statement, Unreadable

MOST_TEXT = 500  # characters of a message that are kept
REPORT = "_report"  # in a stored payload: it came to the address for delivery reports
RECEIVED = "_received_at"
OUTCOMES = {  # of a message of ours → what follows `sms.`; others are steps on the way
    "delivered": "delivered",
    "read": "read",
    "undelivered": "failed",
    "failed": "failed",
}
CALLS = {
    "completed": "answered",
    "busy": "busy",
    "no-answer": "missed",
    "canceled": "missed",
    "failed": "failed",
}
KANNEL = {"1": "delivered", "2": "failed", "16": "failed"}  # 4 and 8 are steps on the way

Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s\"'<>;,?#]+[^\s\"'<>;,?#/]$", max_length=500)]
Purpose = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.-]{1,80}$")]


class MessageSettings(Settings):
    """Messages and calls that a provider tells of.

    provider    twilio: signed by the account's auth token. kannel: the secret stands in the address
    secret      that token, or secret
    public_url  twilio: address of the hub as Twilio calls it, without the path: it is part of what is signed
    purposes    of consent that a STOP denies, as the other systems name them
    stop        words that mean it, besides those that are built in
    start       words that allow it again; none are built in
    text        keep the first words of a message as the summary
    region      country of numbers without a country code; else `default_region`
    """

    provider: Literal["twilio", "kannel"]
    secret: SecretStr
    public_url: Address | None = None
    purposes: tuple[Purpose, ...] = ("marketing",)
    stop: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    text: bool = False
    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if (self.provider == "twilio") != (self.public_url is not None):
            raise ValueError("`public_url` belongs to `provider: twilio`, and is needed there: it is signed with")
        both = as_words((*SMS, *self.stop)) & as_words(self.start)
        if both:
            raise ValueError(f"these words mean stop, and cannot mean start: {', '.join(sorted(both))}")
        return self


class MessagesConnector(Connector):
    """Reads the inbox of one provider."""

    Settings: ClassVar[type[MessageSettings]] = MessageSettings
    default_mapping = default_mapping("messages")
    example: ClassVar[str] = """\
type: messages
provider: twilio
secret: env:TWILIO_AUTH_TOKEN
public_url: https://hub.example.org
purposes: [marketing]
"""

    settings: MessageSettings

    def __init__(self, settings: MessageSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._reader = Reader(
            name=context.name,
            purposes=settings.purposes,
            stop=as_words((*SMS, *settings.stop)),
            start=as_words(settings.start),
            text=settings.text,
            region=settings.region or context.default_region,
        )

    @property
    def can(self) -> Can:
        return Can(changes=True, complete=False)

    def check(self) -> Report:
        way = "POST" if self.settings.provider == "twilio" else "GET"
        lines = [f"receives at {way} /messages/{self.context.name}"]
        if self.context.inbox is not None:
            arrived = self.context.inbox.read(0, 1)
            lines.append("deliveries have arrived" if arrived else "nothing has arrived yet")
        return Report(f"messages from {self.settings.provider}", tuple(lines))

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        after = _number(since)
        rows = self._inbox.read(after, PAGE_SIZE)
        while True:
            after = rows[-1][0] if rows else after
            items = [self._read(delivery, at, payload) for _, delivery, at, payload in rows]
            yield Page(tuple(item for item in items if item is not None), str(after))
            rows = self._inbox.read(after, PAGE_SIZE)
            if not rows:
                return

    def _read(
        self, delivery: str, at: datetime, payload: Mapping[str, Any] | Unreadable
    ) -> Interaction | Unreadable | None:
        if isinstance(payload, Unreadable):
            return payload
        read = self._reader.twilio if self.settings.provider == "twilio" else self._reader.kannel
        try:
            return read(delivery, at, payload)
        except Unmappable:
            original = orjson.dumps(dict(payload), default=str).decode()
            return Unreadable(f"delivery {delivery}", "its sender is no phone number", original, delivery)

    @property
    def _inbox(self) -> Inbox:
        if self.context.inbox is None:
            raise ConfigError(f"{self.context.name}: messages need the hub's store, and none is open here")
        return self.context.inbox


def _number(since: Cursor | None) -> int:
    if since is None:
        return 0
    if not (since.isascii() and since.isdigit()):
        raise CursorExpired("the cursor of these messages is not a number; everything is read again and compared")
    return int(since)


# --- one delivery ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reader:
    """From a delivery to an interaction; None for one that tells only of a step on the way."""

    name: str
    purposes: tuple[str, ...]
    stop: frozenset[str]
    start: frozenset[str]
    text: bool
    region: str | None

    def twilio(self, delivery: str, at: datetime, fields: Mapping[str, Any]) -> Interaction | None:
        if "CallSid" in fields:
            return self._call(delivery, at, fields)
        status = _text(fields, "MessageStatus").lower()
        if status and status != "received":
            error = _text(fields, "ErrorCode")
            return self._report(delivery, at, OUTCOMES.get(status), _text(fields, "To"), {"error": error})
        said = {"STOP": False, "START": True}.get(_text(fields, "OptOutType").upper())
        return self._message(delivery, at, _text(fields, "From"), _text(fields, "Body"), said)

    def kannel(self, delivery: str, at: datetime, fields: Mapping[str, Any]) -> Interaction | None:
        at = _time(_text(fields, "ts")) or at
        if fields.get(REPORT):
            kind = KANNEL.get(_text(fields, "s"))
            return self._report(delivery, at, kind, _text(fields, "to"), {}, _text(fields, "id") or None)
        return self._message(delivery, at, _text(fields, "from"), _text(fields, "text"), None)

    def _message(self, delivery: str, at: datetime, sender: str, body: str, said: bool | None) -> Interaction:
        """said: the provider's own word on it, True to begin and False to end"""
        whatsapp, number = self._number(sender)
        consent = "whatsapp" if whatsapp else "sms"
        word = plain(body)
        says: tuple[Statement, ...] = ()
        if word in self.stop or said is False:
            says = tuple(Statement(consent, purpose, "denied") for purpose in self.purposes)
        elif word in self.start or (said is True and self.start):
            says = tuple(Statement(consent, purpose, "granted") for purpose in self.purposes)
        return Interaction(
            id=delivery,
            at=at,
            channel="chat" if whatsapp else "sms",
            kind="sms.stop" if says and says[0].status == "denied" else "sms.in",
            direction="in",
            phones=(number,),
            summary=_shown(body) if self.text else "",
            says=says,
        )

    def _report(
        self, delivery: str, at: datetime, kind: str | None, to: str, details: dict[str, str], named: str | None = None
    ) -> Interaction | None:
        if kind is None:
            return None
        whatsapp, number = self._number(to)
        return Interaction(
            id=delivery,
            at=at,
            channel="chat" if whatsapp else "sms",
            kind=f"sms.{kind}",
            direction="out",
            phones=(number,),
            details={name: value for name, value in details.items() if value},
            reference=named,
        )

    def _call(self, delivery: str, at: datetime, fields: Mapping[str, Any]) -> Interaction | None:
        kind = CALLS.get(_text(fields, "CallStatus").lower())
        if kind is None:
            return None
        inward = _text(fields, "Direction").lower().startswith("in")
        seconds = _text(fields, "CallDuration")
        if kind == "missed" and not inward:
            kind = "unanswered"
        return Interaction(
            id=delivery,
            at=at,
            channel="call",
            kind=f"call.{kind}",
            direction="in" if inward else "out",
            phones=(self._number(_text(fields, "From" if inward else "To"))[1],),
            details={"seconds": int(seconds)} if seconds.isascii() and seconds.isdigit() else {},
        )

    def _number(self, text: str) -> tuple[bool, str]:
        """(whether by WhatsApp, number in E.164)"""
        name, _, number = text.rpartition(":")
        return name == "whatsapp", phone_key(number, self.region)


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value.strip() if isinstance(value, str) else ""


def _time(text: str) -> datetime | None:
    """Epoch seconds, of this century."""
    return datetime.fromtimestamp(int(text), UTC) if text.isascii() and text.isdigit() and len(text) <= 10 else None


def _shown(text: str) -> str:
    plain_text = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(plain_text.split())[:MOST_TEXT]
