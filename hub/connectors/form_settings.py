"""Settings of a form: who may send, what its page shows, what a ticked box means, what is taken for spam."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from hashlib import blake2b
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, TypeAdapter, model_validator

from hub.connectors.contract import Settings
from hub.connectors.form_presets import filled_in
from hub.connectors.form_texts import BUTTON, LABELS, THANKS, TITLE, Language, Text, known_in, say
from hub.durations import Duration, parse_duration

RECEIVED_AT = "_received_at"
CONSENTS = "_consents"
SPAM = "_spam"
CONFIRMED = "_confirmed"
SHOWN = "_shown"  # what the person saw: language, wording, page
RESERVED = frozenset({RECEIVED_AT, CONSENTS, SPAM, CONFIRMED, SHOWN})
"""Names in a stored payload that are the hub's own."""

STAMP = "form_stamp"
LANGUAGE = "form_language"
WORDING = "form_wording"
SUBMISSION_ID = "submission_id"
HIDDEN = frozenset({STAMP, LANGUAGE, WORDING, SUBMISSION_ID})
"""Names of hidden fields of a form's page: none is stored."""

TICKED = frozenset({"on", "yes", "true", "1", "checked", "sim", "si", "sí", "tak"})
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f|]+$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,80}$")]
PresetName = Literal[
    "typeform", "tally", "jotform", "gravity_forms", "contact_form_7", "wpforms", "elementor", "google_forms"
]
Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s\"'<>;,]+$", max_length=2000)]
Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Origin = Annotated[str, StringConstraints(to_lower=True, pattern=r"^https?://[^\s\"'<>;,/?#@*]+$", max_length=300)]
LONGEST_VALID = timedelta(days=30)


class ConsentBox(Settings):
    """A checkbox that gives consent to one channel and purpose, for the address given in the same form.

    field    name of the checkbox
    channel  email, sms, phone, post …
    purpose  what the consent is for, as in the other systems: newsletter, marketing …
    wording  the sentence beside the box, or one for each language; kept with every consent given
    version  name of the wording, such as 2026-01, for the receipt; default: a digest of it
    answers  texts that mean it is ticked, where the service sends that of the choice; the wording always does
    """

    field: Name
    channel: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,40}$")] = "email"
    purpose: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.-]{1,80}$")]
    wording: Sentence | dict[Language, Sentence]
    version: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,40}$")] | None = None
    answers: tuple[str, ...] = ()

    def is_ticked(self, value: Any) -> bool:
        said = value if isinstance(value, list) else [value]
        texts = {text.strip() for text in said if isinstance(text, str)}
        wordings = {self.wording} if isinstance(self.wording, str) else set(self.wording.values())
        return is_ticked(value) or not texts.isdisjoint({*wordings, *self.answers})

    def version_in(self, language: str) -> str:
        return self.version or _digest(say(self.wording, language))

    @property
    def key(self) -> str:
        return f"{self.channel}|{self.purpose}"


BOXES = TypeAdapter(tuple[ConsentBox, ...])


class SpamRules(Settings):
    """What is taken for spam: it is answered like anything else and set aside, from where people can take it in.

    min_seconds  a page of the hub, or its script, filled in faster than this was not filled in by a person
    most_links   addresses of the web in what was written
    words        texts that make it spam, in any letter case
    domains      domains of mail addresses that are not taken
    disposable   domains of addresses that are thrown away
    stamped      only what the hub's page or its script sends: others are spam
    keep         how long it is kept for people to look at
    """

    min_seconds: float = Field(default=2.0, ge=0, le=60)
    most_links: int = Field(default=5, ge=0, le=100)
    words: tuple[Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=100)], ...] = ()
    domains: tuple[Annotated[str, StringConstraints(to_lower=True, pattern=r"^[^\s@/]{3,253}$")], ...] = ()
    disposable: bool = False
    stamped: bool = False
    keep: Duration = Field(default_factory=lambda: parse_duration("30 days"))


class OptIn(Settings):
    """A mail with a link asks whoever has the address: only who confirms there has consented.

    valid    how long the link works, at most 30 days
    address  the field with the mail address; default: the one that maps by itself
    """

    valid: Duration = Field(default_factory=lambda: parse_duration("7 days"))
    address: Name | None = None

    @model_validator(mode="after")
    def _not_for_ever(self) -> OptIn:
        if self.valid > LONGEST_VALID:
            raise ValueError("a link works for at most 30 days: deliveries are forgotten after that")
        return self


def _opt_in(value: Any) -> Any:
    if value is False:
        return None
    return {} if value is True else value


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
    """One input of the form's page. label: one text, or one for each language"""

    name: Name
    label: Text
    type: Literal["text", "email", "tel", "date", "textarea"] = "text"
    required: bool = False
    autocomplete: str = "on"


DEFAULT_FIELDS = (
    FormField(name="given_name", label=LABELS["given_name"], autocomplete="given-name"),
    FormField(name="family_name", label=LABELS["family_name"], autocomplete="family-name"),
    FormField(name="emails", label=LABELS["emails"], type="email", required=True, autocomplete="email"),
    FormField(name="phones", label=LABELS["phones"], type="tel", autocomplete="tel"),
    FormField(name="company", label=LABELS["company"], autocomplete="organization"),
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
    per_address     most of them from one address (of IPv6: one /64 network) a minute
    origins         sites whose pages may show and send the form, such as https://www.example.org; none named: a page
                    of any site may send it, and none may show it by script
    double_opt_in   true, or {valid: 7 days, address: FIELD}: consents by email count once a link in a mail was
                    confirmed; needs `mail` and `web.url`
    spam            what is set aside as spam; for an unsigned form the defaults count where nothing is said
    title, intro    heading of the form's page, and the text above the form; each text of the page may be one, or
                    one for each language: {en: Contact, pt: Contacto}
    button, thanks  its button, and what is said once the form was sent
    language        of texts that are in one language; and of the page, for who prefers none that the form is in
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
    per_address: int = Field(default=60, ge=1, le=1_000_000)
    origins: tuple[Origin, ...] = ()
    double_opt_in: Annotated[OptIn | None, BeforeValidator(_opt_in)] = None
    spam: SpamRules | None = None
    title: Text = Field(default_factory=lambda: dict(TITLE))
    intro: Text = ""
    button: Text = Field(default_factory=lambda: dict(BUTTON))
    thanks: Text = Field(default_factory=lambda: dict(THANKS))
    language: Language = "en"
    fields: tuple[FormField, ...] = DEFAULT_FIELDS
    thanks_url: Address | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """References or values of the secret, the newest first."""
        if self.secret is None:
            return ()
        return (self.secret,) if isinstance(self.secret, str) else self.secret

    @property
    def spam_rules(self) -> SpamRules | None:
        return self.spam or (SpamRules() if self.signature == "none" else None)

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that the whole page is in, the form's own first."""
        own: list[Text] = [self.title, self.button, self.thanks, *(field.label for field in self.fields)]
        own += [box.wording for box in self.consent] + ([self.intro] if self.intro else [])
        return known_in(own, self.language)

    def wording_in(self, language: str) -> str:
        """Changes with the wording of any box in that language."""
        return _digest("\0".join(f"{box.field}\0{say(box.wording, language)}" for box in self.consent))

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
    def _wording_is_in_its_language(self) -> FormSettings:
        for box in self.consent:
            if not isinstance(box.wording, str) and self.language not in box.wording:
                raise ValueError(f"the wording of {box.field} is missing in the form's own language, {self.language}")
        if self.double_opt_in is not None and not any(box.channel == "email" for box in self.consent):
            raise ValueError("`double_opt_in` needs a `consent` box of the channel email")
        return self

    @model_validator(mode="after")
    def _names_do_not_clash(self) -> FormSettings:
        names = [field.name for field in self.fields] + [box.field for box in self.consent]
        names += [self.honeypot] if self.honeypot else []
        taken = (RESERVED | HIDDEN).intersection(names)
        double = sorted({name for name in names if names.count(name) > 1} | taken)
        if double:
            raise ValueError(f"these names are used twice or are the hub's own: {', '.join(double)}")
        if len({box.key for box in self.consent}) < len(self.consent):
            raise ValueError("two boxes give the same consent: each channel and purpose has one box")
        return self


def is_ticked(value: Any) -> bool:
    """Only what clearly says yes: consent is never guessed."""
    if isinstance(value, list):
        return len(value) == 1 and is_ticked(value[0])
    if isinstance(value, str):
        return value.strip().lower() in TICKED
    return value is True or (type(value) is int and value == 1)


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=6).hexdigest()
