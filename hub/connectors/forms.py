"""Website forms and form services: what they posted to `/forms/CONNECTION`, read from the inbox.

The web intake stores every delivery before it answers; this connector turns deliveries into records.

Id       of the delivery; each submission is a record of its own, matching joins those of one person
Changed  when the delivery arrived, by the hub's clock
Cursor   number of the last delivery read
Consent  a ticked box is an explicit consent with the time and the wording that was configured at that time;
         a box left empty says nothing, as the browser does not send it
Quirk    a delivery whose honeypot field was filled in is parked, not dropped: people use form fillers too
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
import yaml
from pydantic import Field, StringConstraints, TypeAdapter, model_validator

from hub.connectors.contract import PAGE_SIZE, Can, Connector, Inbox, Report, Settings
from hub.connectors.form_presets import Malformed, filled_in, unpack
from hub.errors import ConfigError, CursorExpired
from hub.model import Cursor, Interaction, Item, Page, Record, Unreadable

RECEIVED_AT = "_received_at"
CONSENTS = "_consents"
SPAM = "_spam"
MOST_WORDING = 500  # characters of a wording in a timeline: whole it is with the consent
RESERVED = frozenset({RECEIVED_AT, CONSENTS, SPAM})  # names in a stored payload that are the hub's own

TICKED = frozenset({"on", "yes", "true", "1", "checked", "sim", "si", "sí", "tak"})
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f|]+$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,80}$")]
PresetName = Literal[
    "typeform", "tally", "jotform", "gravity_forms", "contact_form_7", "wpforms", "elementor", "google_forms"
]
Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s\"'<>;,]+$", max_length=2000)]


class ConsentBox(Settings):
    """A checkbox that gives consent to one channel and purpose, for the address given in the same form.

    field    name of the checkbox
    channel  email, sms, phone, post …
    purpose  what the consent is for, as in the other systems: newsletter, marketing …
    wording  the sentence beside the box; kept with every consent given
    answers  texts that mean it is ticked, where the service sends that of the choice; the wording always does
    """

    field: Name
    channel: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,40}$")] = "email"
    purpose: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.-]{1,80}$")]
    wording: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    answers: tuple[str, ...] = ()

    def is_ticked(self, value: Any) -> bool:
        said = value if isinstance(value, list) else [value]
        texts = {text.strip() for text in said if isinstance(text, str)}
        return is_ticked(value) or not texts.isdisjoint({self.wording, *self.answers})

    @property
    def key(self) -> str:
        return f"{self.channel}|{self.purpose}"


_BOXES = TypeAdapter(tuple[ConsentBox, ...])


class HmacScheme(Settings):
    """How the sender signs with a plain HMAC-SHA256.

    header            that carries the signature
    encoding          of the signature: hex or base64
    prefix            before it, such as "sha256="
    timestamp_header  with epoch seconds; older or newer than five minutes is refused
    signed            the text that is signed: {body}, {timestamp}, {id} and anything literal between them;
                      default: the body, or "{timestamp}.{body}" with a timestamp header
    """

    header: HeaderName
    algorithm: Literal["sha256"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: Annotated[str, StringConstraints(max_length=40)] = ""
    timestamp_header: HeaderName | None = None
    signed: str | None = None

    @property
    def template(self) -> str:
        return self.signed or ("{timestamp}.{body}" if self.timestamp_header else "{body}")

    @model_validator(mode="after")
    def _signs_what_it_checks(self) -> HmacScheme:
        if "{body}" not in self.template:
            raise ValueError("`signed` must contain {body}: else anybody could change the body")
        if bool(self.timestamp_header) != ("{timestamp}" in self.template):
            raise ValueError("`timestamp_header` and {timestamp} in `signed` go together")
        return self


class DeliveryId(Settings):
    """Where the sender puts its id of a submission: a header, or a field of the body such as "data.id", or several."""

    header: HeaderName | None = None
    field: Name | tuple[Name, ...] | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,) if isinstance(self.field, str) else self.field or ()

    @model_validator(mode="after")
    def _one_place(self) -> DeliveryId:
        if (self.header is None) == (not self.fields):
            raise ValueError("give either `header` or `field`")
        return self


class FormField(Settings):
    """One input of the example page."""

    name: Name
    label: str
    type: Literal["text", "email", "tel", "date", "textarea"] = "text"
    required: bool = False
    autocomplete: str = "on"


DEFAULT_FIELDS = (
    FormField(name="given_name", label="First name", autocomplete="given-name"),
    FormField(name="family_name", label="Last name", autocomplete="family-name"),
    FormField(name="emails", label="Email", type="email", required=True, autocomplete="email"),
    FormField(name="phones", label="Phone", type="tel", autocomplete="tel"),
    FormField(name="company", label="Company", autocomplete="organization"),
)


class FormSettings(Settings):
    """A website form or a form service that posts to the hub.

    preset          typeform, tally, jotform, gravity_forms, contact_form_7, wpforms, elementor or google_forms: how
                    the service signs, its ids, and how its payload is read; keys given beside it count more
    signature       standard (Standard Webhooks), hmac, header (the secret itself in a header), query (the secret in
                    the address, `?key=…`: the weakest), or none (a plain website form; needs allow_unsigned)
    secret          reference to the shared secret, or several while it is being replaced
    secret_header   with `signature: header`, the header that holds it
    names           names for the service's fields, such as {"1.3": First name}
    delivery_id     where the sender's id of a submission is; see docs/connectors/form.md for the default
    consent         checkboxes that give consent, with their wording
    honeypot        name of a field that people do not see; a delivery that fills it in is parked
    allow_unsigned  anybody may post: to be said with `signature: none`
    hmac            how the sender signs, with `signature: hmac`
    per_minute      most deliveries a minute an unsigned form takes; more are told to come again
    title, intro    heading of the example page, and the text above the form
    button, thanks  its button, and what is said once the form was sent
    language        of that page
    fields          inputs of that page
    thanks_url      where a browser goes after the form; default: a page of the hub
    """

    preset: PresetName | None = None
    signature: Literal["standard", "hmac", "header", "query", "none"] = "standard"
    secret: str | tuple[str, ...] | None = Field(default=None, repr=False)
    secret_header: HeaderName = "X-Hub-Key"  # noqa: S105  a header's name
    names: dict[Name, Name] = Field(default_factory=dict)
    allow_unsigned: bool = False
    hmac: HmacScheme | None = None
    delivery_id: DeliveryId | None = None
    consent: tuple[ConsentBox, ...] = ()
    honeypot: Name | None = None
    per_minute: int = Field(default=600, ge=1, le=1_000_000)
    title: str = "Contact"
    intro: str = ""
    button: str = "Send"
    thanks: str = "Thank you. Your message has arrived."
    language: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] = "en"
    fields: tuple[FormField, ...] = DEFAULT_FIELDS
    thanks_url: Address | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """References or values of the secret, the newest first."""
        if self.secret is None:
            return ()
        return (self.secret,) if isinstance(self.secret, str) else self.secret

    @model_validator(mode="before")
    @classmethod
    def _with_the_preset(cls, given: Any) -> Any:
        return filled_in(given) if isinstance(given, Mapping) else given

    @model_validator(mode="after")
    def _signed_or_openly_not(self) -> FormSettings:
        if self.signature == "none":
            if not self.allow_unsigned:
                raise ValueError("`signature: none` lets anybody post: say so with `allow_unsigned: true`")
            if self.secret is not None or self.hmac is not None:
                raise ValueError("`signature: none` uses no secret: remove `secret` and `hmac`")
        elif not self.secrets:
            raise ValueError(f"`signature: {self.signature}` needs `secret`, such as env:FORM_SECRET")
        if self.names and self.preset is None:
            raise ValueError("`names` goes with a `preset`; elsewhere a mapping file names the fields")
        if (self.signature == "hmac") != (self.hmac is not None):
            raise ValueError("`hmac` (header, encoding …) goes with `signature: hmac`, and only with it")
        return self

    @model_validator(mode="after")
    def _ids_are_signed(self) -> FormSettings:
        by_header = self.delivery_id is not None and self.delivery_id.header is not None
        if self.signature == "standard" and self.delivery_id is not None:
            raise ValueError("Standard Webhooks brings its own id: remove `delivery_id`")
        if self.hmac is not None and by_header != ("{id}" in self.hmac.template):
            raise ValueError(
                "a `delivery_id` header must be signed, with {id} in `hmac.signed`: else a copied request "
                "with another id would be taken; leave `delivery_id` out when the sender does not sign it"
            )
        return self

    @model_validator(mode="after")
    def _names_do_not_clash(self) -> FormSettings:
        names = [field.name for field in self.fields] + [box.field for box in self.consent]
        names += [self.honeypot] if self.honeypot else []
        double = sorted({name for name in names if names.count(name) > 1} | RESERVED.intersection(names))
        if double:
            raise ValueError(f"these names are used twice or are the hub's own: {', '.join(double)}")
        if len({box.key for box in self.consent}) < len(self.consent):
            raise ValueError("two boxes give the same consent: each channel and purpose has one box")
        return self


class FormConnector(Connector):
    """Reads the inbox of one form."""

    Settings = FormSettings
    default_mapping = ""
    example = """\
type: form
signature: none                     # a plain form on your site
allow_unsigned: true                # anybody can post: say that you know
honeypot: homepage
consent:
  - field: newsletter
    purpose: newsletter
    wording: "Yes, send me the newsletter by email."
"""

    @classmethod
    def mapping_text(cls, settings: Mapping[str, Any]) -> str:
        return yaml.safe_dump(mapping_of(_BOXES.validate_python(settings.get("consent", ()))), sort_keys=False)

    @property
    def can(self) -> Can:
        return Can(changes=True, complete=False)

    def check(self) -> Report:
        settings: FormSettings = self.settings
        lines = [f"receives at POST /forms/{self.context.name} ({_say_signature(settings)})"]
        if self.context.inbox is not None:
            arrived = self.context.inbox.read(0, 1)
            lines.append("deliveries have arrived" if arrived else "nothing has arrived yet")
        return Report("website form", tuple(lines), _warnings(settings))

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        after, rows = _number(since), None
        while rows is None or len(rows) == PAGE_SIZE:
            rows = self._inbox.read(after, PAGE_SIZE)
            after = rows[-1][0] if rows else after
            yield Page(tuple(item for row in rows for item in _told(*row[1:], self.settings)), str(after))

    @property
    def _inbox(self) -> Inbox:
        if self.context.inbox is None:
            raise ConfigError(f"{self.context.name}: a form needs the hub's store, and none is open here")
        return self.context.inbox


def read_delivery(
    delivery_id: str, received_at: datetime, payload: Mapping[str, Any], settings: FormSettings
) -> Record | Unreadable | None:
    """A record of what the person wrote, `consents` being what the ticked boxes mean; None: not a submission."""
    if payload.get(SPAM):
        return _parked(delivery_id, "the honeypot field was filled in", payload)
    try:
        written = fields_of(payload, settings)
    except Malformed as err:
        return _parked(delivery_id, f"it is not what {settings.preset} sends: {err}", payload)
    if written is None:
        return None
    hidden = RESERVED | ({settings.honeypot} if settings.honeypot else set())
    if settings.consent or settings.signature == "none":
        hidden |= {"consents"}  # what a box means is read from our settings, never from what a browser sends
    fields = {name: value for name, value in written.items() if name not in hidden}
    if payload.get(CONSENTS):
        fields["consents"] = payload[CONSENTS]
    return Record(delivery_id, fields, changed_at=received_at)


def fields_of(payload: Mapping[str, Any], settings: FormSettings) -> Mapping[str, Any] | None:
    """What the person wrote, by name; None when it is not a submission. Raises Malformed."""
    if settings.preset is None:
        return payload
    sent = {name: value for name, value in payload.items() if name not in RESERVED}
    return unpack(settings.preset, sent, settings.names)


def _parked(delivery_id: str, reason: str, payload: Mapping[str, Any]) -> Unreadable:
    return Unreadable(f"delivery {delivery_id}", reason, orjson.dumps(dict(payload)).decode(), delivery_id)


def _told(
    delivery_id: str, received_at: datetime, payload: Mapping[str, Any], settings: FormSettings
) -> Iterator[Item]:
    """The record, and that it was sent: whose record it is, his is the interaction."""
    record = read_delivery(delivery_id, received_at, payload, settings)
    if record is not None:
        yield record
    if isinstance(record, Record):
        yield Interaction(
            id=delivery_id,
            at=received_at,
            channel="web",
            kind="form.sent",
            direction="in",
            record=delivery_id,
            summary=settings.title,
            details=_agreed(payload.get(CONSENTS)),
        )


def _agreed(consents: Any) -> dict[str, Any]:
    """What was agreed to, in the words that stood beside the boxes."""
    if not isinstance(consents, Mapping):
        return {}
    return {"agreed": {key: str(said.get("wording", ""))[:MOST_WORDING] for key, said in consents.items()}}


def read_consents(
    fields: Mapping[str, Any], boxes: tuple[ConsentBox, ...], at: str, source: str
) -> dict[str, dict[str, str]]:
    """What the ticked boxes of a submission mean, by today's wording; keyed by channel and purpose.

    at      ISO time of arrival
    source  where the box was ticked
    """
    return {
        box.key: {
            "status": "granted",
            "at": at,
            "basis": "explicit",
            "source": source,
            "wording": box.wording,
        }
        for box in boxes
        if box.is_ticked(look_up(fields, box.field))
    }


def mapping_of(boxes: tuple[ConsentBox, ...]) -> dict[str, Any]:
    """The mapping that fits a form: columns named like the canonical fields, and its consents."""
    return {
        "flat": True,
        "consents": [
            {
                "from": f"consents['{box.key}'].status",
                "values": {"granted": "granted"},
                "channel": box.channel,
                "purpose": box.purpose,
                "at": f"consents['{box.key}'].at",
                "basis": {"from": f"consents['{box.key}'].basis"},
                "source": {"from": f"consents['{box.key}'].source"},
                "wording": {"from": f"consents['{box.key}'].wording"},
                "write": "never",
            }
            for box in boxes
        ],
        "ignore": [box.field for box in boxes],
    }


def is_ticked(value: Any) -> bool:
    """Only what clearly says yes: consent is never guessed."""
    if isinstance(value, list):
        return len(value) == 1 and is_ticked(value[0])
    if isinstance(value, str):
        return value.strip().lower() in TICKED
    return value is True or (type(value) is int and value == 1)


def look_up(fields: Mapping[str, Any], path: str) -> Any:
    """The value under that very name, else along the dots through nested objects; None if there is none."""
    if path in fields:
        return fields[path]
    value: Any = fields
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value


def _number(since: Cursor | None) -> int:
    if since is None:
        return 0
    if not (since.isascii() and since.isdigit()):
        raise CursorExpired("the cursor of this form is not a number; everything is read again and compared")
    return int(since)


def _warnings(settings: FormSettings) -> tuple[str, ...]:
    if settings.signature == "none":
        return ("anybody can post to this form",)
    if settings.signature == "query":
        return ("the secret stands in the address: whoever sees the address can post, so keep it out of every log",)
    return ()


def _say_signature(settings: FormSettings) -> str:
    if settings.signature == "none":
        return "unsigned"
    keys = len(settings.secrets)
    scheme = {
        "standard": "Standard Webhooks",
        "header": f"a secret in the header {settings.secret_header}",
        "query": "a secret in the address",
    }.get(settings.signature, "HMAC-SHA256")
    return f"{scheme}, {keys} secret" + ("s" if keys > 1 else "")
