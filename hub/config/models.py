"""What `hub.yaml` may hold. Docstrings and descriptions become the help of `hub config schema`."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from hub.access.rights import Role
from hub.config.values import LimitSetting, Region, Schedule, ScheduleSetting, Zone
from hub.dedupe.survive import ADDRESSES, NAMED, UNION, Rule
from hub.document import did_you_mean
from hub.durations import Duration, parse_duration
from hub.model import MANY, SINGLE
from hub.secrets import ALLOWED, is_reference
from hub.sync.guard import Limits

DeletePolicy: TypeAlias = Literal["keep", "archive", "propagate"]
RULES_ALLOWED = f"{', '.join(NAMED)} or a list of connections in order ({ADDRESSES} also {UNION})"
RULE_SCHEMA = {"anyOf": [{"enum": [*NAMED, UNION]}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
DAY_SECONDS = 86_400.0
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


_LIMITS = Limits()


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LimitsConfig(_Part):
    """How much one run may do unasked; over it the run is held and waits for a person.

    Shares are of the connection's live records. Deletions are held above the smaller of share and number,
    all else above the larger. Deleting everything is always held.
    """

    creates: LimitSetting = Field(default=_LIMITS.creates, description="contacts made anew")
    updates: LimitSetting = Field(default=_LIMITS.updates, description="contacts changed")
    deletes: LimitSetting = Field(default=_LIMITS.deletes, description="contacts deleted or archived")
    merges: LimitSetting = Field(default=_LIMITS.merges, description="golden records merged")
    consents: LimitSetting = Field(default=_LIMITS.consents, description="consents changed")


def _check_full_every(value: Any) -> Any:
    return None if value == "never" else value


FullEvery = Annotated[Duration | None, BeforeValidator(_check_full_every)]


class ConnectionConfig(_Part):
    """One account on one system. Keys beside these belong to the connector type (`settings`)."""

    type: str = Field(description="connector type, such as tryton, sql, file, form, mailman")
    enabled: bool = Field(default=True, description="false: left alone by schedules and commands")
    schedule: ScheduleSetting = Field(
        default_factory=lambda: Schedule("every 15 minutes", timedelta(minutes=15)),
        description='"every 5 minutes", five cron fields, or "manual"',
    )
    zone: Zone = Field(default="UTC", description="time zone of a cron schedule")
    mapping: str | None = Field(default=None, description="mapping file, from the configuration's folder")
    deletes: DeletePolicy = Field(
        default="keep", description="a contact deleted elsewhere: keep it here, archive it, or delete it"
    )
    deduplicated: bool = Field(
        default=False, description="true: it never holds one contact twice, so two records of it are two contacts"
    )
    limits: LimitsConfig = Field(default_factory=LimitsConfig)
    erasure: Literal["erase", "delete", "empty", "by_hand"] | None = Field(
        default=None,
        description="a contact that asks to be erased: erase it here for good, delete it, empty its fields, or ask "
        "a person to; none: the first that it can, and with push: false a person",
    )
    push: Literal[True, False, "updates"] = Field(
        default=True, description="true: write back; false: read only; updates: change but never create"
    )
    full_every: FullEvery = Field(
        default_factory=lambda: parse_duration("1 day"),
        description='complete listing, to see what was deleted: a duration or "never"',
    )
    settings: Mapping[str, Any] = Field(
        default_factory=dict, description="the connector's own keys as written, secrets by reference"
    )

    @model_validator(mode="before")
    @classmethod
    def _gather_own_keys(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        own = {key: value for key, value in data.items() if key not in COMMON_KEYS}
        return {key: data[key] for key in data if key in COMMON_KEYS} | {"settings": own}

    @property
    def hold_limits(self) -> Limits:
        """The limits as the guard takes them."""
        return Limits(**{name: getattr(self.limits, name) for name in LimitsConfig.model_fields})


COMMON_KEYS = frozenset(ConnectionConfig.model_fields) - {"settings"}


def _check_rule(value: Any) -> Any:
    if isinstance(value, list):
        if value and all(isinstance(name, str) for name in value) and len(set(value)) == len(value):
            return tuple(value)
        raise ValueError(f"allowed: {RULES_ALLOWED}, each once")
    if isinstance(value, tuple) or value in (*NAMED, UNION):
        return value
    near = did_you_mean(value, (*NAMED, UNION)) if isinstance(value, str) else ""
    raise ValueError(f"allowed: {RULES_ALLOWED}.{near}")


def _check_rules(rules: Mapping[str, Rule]) -> Mapping[str, Rule]:
    for field, rule in rules.items():
        if rule == UNION and field != ADDRESSES:
            raise ValueError(f"{field}: the rule union is for {ADDRESSES} only")
    return rules


def _check_field(name: str) -> str:
    if name in SINGLE | (MANY - {"consents"}) or re.fullmatch(r"custom\.[A-Za-z0-9_]+", name):
        return name
    if name == "consents":
        raise ValueError("has no rule: of two consents the stricter always wins")
    raise ValueError(f"there is no such field.{did_you_mean(name, SINGLE | MANY)}")


FieldName = Annotated[str, AfterValidator(_check_field)]
Rules = Annotated[
    Mapping[FieldName, Annotated[Rule, BeforeValidator(_check_rule), WithJsonSchema(RULE_SCHEMA)]],
    AfterValidator(_check_rules),
]


class GoldenConfig(_Part):
    """How golden records are made."""

    rules: Rules = Field(default_factory=dict, description="survivorship by field; `latest` where nothing is said")
    empty_wins: tuple[FieldName, ...] = Field(default=(), description="fields in which an emptied value beats a value")


class MatchingConfig(_Part):
    """Which records are the same person."""

    enabled: bool = Field(default=True, description="false: every record stays a contact of its own")


def _check_web_address(text: str) -> str:
    address = urlsplit(text)
    on_this_machine = (address.hostname or "") in ("localhost", "127.0.0.1", "::1")
    is_whole = bool(address.hostname) and address.path in ("", "/") and not (address.query or address.fragment)
    if not is_whole or "@" in address.netloc or not (address.scheme == "https" or on_this_machine):
        raise ValueError("an address such as https://hub.example.org, without a path; http only on this machine")
    return f"{address.scheme}://{address.netloc}"


def _check_key(text: str) -> str:
    if not is_reference(text) or text.startswith("sealed:"):
        raise ValueError("allowed: env:NAME or file:PATH. The key itself stands in no configuration")
    return text


def _check_secret(text: str) -> str:
    if not is_reference(text):
        raise ValueError(f"allowed: {ALLOWED}. The secret itself stands in no configuration")
    return text


def _check_issuer(text: str) -> str:
    address = urlsplit(text)
    on_this_machine = (address.hostname or "") in ("localhost", "127.0.0.1", "::1")
    is_plain = not (address.query or address.fragment or "@" in address.netloc)
    if not address.hostname or not is_plain or not (address.scheme == "https" or on_this_machine):
        raise ValueError("an https address, as the party names itself")
    return text


WebIssuer = Annotated[str, AfterValidator(_check_issuer)]
WebAddress = Annotated[str, AfterValidator(_check_web_address)]
KeyReference = Annotated[str, AfterValidator(_check_key)]
SecretReference = Annotated[str, AfterValidator(_check_secret)]


class OidcConfig(_Part):
    """Another party that signs people in, by OpenID Connect (authorisation code with PKCE). Needs `web.url`.

    Register `WEB.URL/sign-in/oidc/back` there as the redirect address, exactly so.
    """

    issuer: WebIssuer = Field(description="as it names itself, such as https://login.example.org/realms/staff")
    client_id: str = Field(min_length=1, description="what it calls the hub")
    client_secret: SecretReference | None = Field(default=None, description="by reference; none for a public client")
    label: str = Field(default="Sign in with your organisation", max_length=80, description="on the button")
    scopes: tuple[str, ...] = Field(default=("openid", "profile", "email"), description="what is asked for")
    name_claim: str = Field(default="preferred_username", description="the claim that becomes the account's name")
    role_claim: str = Field(default="roles", description="the claim with roles or groups; a dot goes into an object")
    roles: Mapping[Role, tuple[str, ...]] = Field(
        default_factory=dict, description="values of that claim by role; who has none of them is not let in"
    )

    @model_validator(mode="after")
    def _check_openid(self) -> OidcConfig:
        if "openid" not in self.scopes:
            raise ValueError("scopes: openid is one of them")
        return self


class AccessConfig(_Part):
    """Who may do what, and the keys of what is sealed."""

    master_key: KeyReference | None = Field(
        default=None, description="the master key; none: a file beside the SQLite store, made when first needed"
    )
    former_master_key: KeyReference | None = Field(
        default=None, description="the master key before, until `hub secrets rotate` has run"
    )
    idle: Duration = Field(
        default_factory=lambda: parse_duration("1 hour"), description="a session ends when it was not used for so long"
    )
    longest: Duration = Field(
        default_factory=lambda: parse_duration("12 hours"), description="a session ends after so long in any case"
    )
    oidc: OidcConfig | None = Field(default=None, description="another party that signs people in")
    audit_heads: str | None = Field(
        default=None,
        min_length=1,
        description="file of another machine to which the head of the audit is added every hour, from the home folder",
    )


def _check_network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError as err:
        raise ValueError("an address or a network, such as 10.0.0.5 or 10.0.0.0/8") from err
    return text


Network = Annotated[str, AfterValidator(_check_network)]


class WebConfig(_Part):
    """Where forms, metrics and the console are served."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535, description="0: any free port")
    url: WebAddress | None = Field(
        default=None, description="where people reach it, such as https://hub.example.org; needed behind a proxy"
    )
    edit: bool = Field(
        default=True, description="false: the configuration is shown and compared in the console, and changed in files"
    )
    proxies: tuple[Network, ...] = Field(
        default=("127.0.0.1",), description="proxies in front of it: addresses or networks whose X-Forwarded-For counts"
    )


def _check_mailbox(text: str) -> str:
    try:
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError as err:
        raise ValueError("a mail address such as hub@example.org") from err


Mailbox = Annotated[str, AfterValidator(_check_mailbox)]
MAIL_PORTS = {"starttls": 587, "tls": 465, "none": 25}


class MailConfig(_Part):
    """The mail server that takes what the hub sends: links to confirm, notifications."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    host: str = Field(min_length=1, max_length=253, pattern=r"^[^\s/@]+$", description="such as smtp.example.org")
    port: int | None = Field(default=None, ge=1, le=65535, description="587 for starttls, 465 for tls, 25 for none")
    tls: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="starttls, tls from the first byte, or none: only for a server without a user"
    )
    user: str | None = Field(default=None, description="who signs in there; none: nobody does")
    secret: SecretReference | None = Field(default=None, description="the password, by reference")
    sender: Mailbox = Field(alias="from", description="the address that mails come from")
    name: str = Field(default="", max_length=100, pattern=r"^[^\x00-\x1f]*$", description="shown beside that address")
    reply_to: Mailbox | None = Field(default=None, description="where answers go, if not to `from`")
    ca: str | None = Field(default=None, description="file with the authority of its certificate, from this folder")

    @property
    def where(self) -> int:
        return self.port or MAIL_PORTS[self.tls]

    @model_validator(mode="after")
    def _check_login(self) -> MailConfig:
        if (self.user is None) != (self.secret is None):
            raise ValueError("user and secret go together")
        if self.tls == "none" and self.user is not None and self.host not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError("tls: none would send the password in the clear; use starttls or tls")
        return self


class KeepConfig(_Part):
    """How long the hub remembers what is past. The history of contacts is kept for ever."""

    runs: Duration = Field(
        default_factory=lambda: parse_duration("90 days"),
        description="runs, plans that were decided, and what was set aside and came through since",
    )

    erasures: str | None = Field(
        default=None,
        min_length=1,
        description="file, from the home folder, of who was erased (hashes only), for when a backup is put back; "
        "none: beside a SQLite store, else data/hub.erasures",
    )

    @field_validator("runs")
    @classmethod
    def _check_runs(cls, value: Any) -> Any:
        if value.total_seconds() < DAY_SECONDS:
            raise ValueError("at least 1 day: what a run did is looked at the day after")
        return value


EventKind = Literal[
    "contact.created",
    "contact.changed",
    "contact.merged",
    "contact.split",
    "contact.consent_changed",
    "contact.erased",
]


def _check_target(text: str) -> str:
    address = urlsplit(text)
    if address.scheme != "https" or not address.hostname or "@" in address.netloc or address.fragment:
        raise ValueError("an https address without a user or password; a private one is refused when it is called")
    return text


class SubscriptionConfig(_Part):
    """Where events of contacts are sent, signed as Standard Webhooks say."""

    url: Annotated[str, AfterValidator(_check_target)]
    secrets: tuple[SecretReference, ...] = Field(
        min_length=1, max_length=2, description="`whsec_…` by reference; two while one takes the place of the other"
    )
    kinds: tuple[EventKind, ...] = Field(default=(), description="only these; none named: all")
    values: bool = Field(default=False, description="send the new values too: personal data")


NoticeKind = Literal["failing", "paused", "held", "conflicts", "work_lists", "opt_outs"]


class NotificationConfig(_Part):
    """Who is told when something needs a person: by mail, by webhook, or both. No message holds personal data."""

    mail: tuple[Mailbox, ...] = Field(default=(), max_length=20, description="addresses; needs `mail:` of the hub")
    url: Annotated[str, AfterValidator(_check_target)] | None = Field(
        default=None, description="a webhook, signed as Standard Webhooks say"
    )
    secrets: tuple[SecretReference, ...] = Field(
        default=(), max_length=2, description="`whsec_…` by reference; two while one takes the place of the other"
    )
    what: tuple[NoticeKind, ...] = Field(default=(), description="only these; none named: all")
    every: Duration = Field(
        default_factory=lambda: parse_duration("15 minutes"), description="at most one message in so long"
    )
    after: Duration = Field(
        default_factory=lambda: parse_duration("10 minutes"), description="what passes sooner by itself is not told"
    )
    conflicts: int = Field(default=20, ge=1, description="in an hour, and five times as many as usual: a spike")
    waiting: Duration = Field(
        default_factory=lambda: parse_duration("3 days"), description="the oldest of a work list has waited so long"
    )
    opt_outs: Duration = Field(
        default_factory=lambda: parse_duration("1 day"), description="a system has not acknowledged an opt-out so long"
    )

    @model_validator(mode="after")
    def _check_ways(self) -> NotificationConfig:
        if not self.mail and self.url is None:
            raise ValueError("mail or url: somebody has to be told")
        if (self.url is None) != (not self.secrets):
            raise ValueError("url and secrets go together")
        return self


def _check_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError("a connection's name is small letters, digits and _, begins with a letter, at most 40")
    return name


class HubConfig(_Part):
    """The whole configuration. Secrets are in it by reference only, so it may be shown."""

    store: str = Field(default="sqlite:///data/hub.db", description="sqlite:///PATH or postgresql+psycopg://…")
    default_region: Region | None = Field(default=None, description="country of phones and addresses that name none")
    connections: Mapping[Annotated[str, AfterValidator(_check_name)], ConnectionConfig] = Field(default_factory=dict)
    golden: GoldenConfig = Field(default_factory=GoldenConfig)
    matching: MatchingConfig = Field(default_factory=MatchingConfig)
    web: WebConfig = Field(default_factory=WebConfig)
    access: AccessConfig = Field(default_factory=AccessConfig)
    keep: KeepConfig = Field(default_factory=KeepConfig)
    mail: MailConfig | None = Field(default=None, description="the server that takes mails; none: no mail is sent")
    events: Mapping[Annotated[str, AfterValidator(_check_name)], SubscriptionConfig] = Field(
        default_factory=dict, description="who is told when contacts change, by name"
    )
    notifications: Mapping[Annotated[str, AfterValidator(_check_name)], NotificationConfig] = Field(
        default_factory=dict, description="who is told when something needs a person, by name"
    )

    @model_validator(mode="after")
    def _check_mail(self) -> HubConfig:
        if self.mail is None and any(each.mail for each in self.notifications.values()):
            raise ValueError("notifications by mail need the server that takes them: `mail:`")
        return self

    @model_validator(mode="after")
    def _check_back(self) -> HubConfig:
        if self.access.oidc is not None and self.web.url is None:
            raise ValueError("access.oidc needs web.url: the address that people are sent back to")
        return self

    _folder: Path = PrivateAttr(default_factory=lambda: Path("config"))
    _texts: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where hub.yaml is: mapping and secret files are named from here."""
        return self._folder

    @property
    def home(self) -> Path:
        """The folder around it: data, inboxes and the SQLite file are named from here."""
        return self._folder.parent

    @property
    def texts(self) -> Mapping[str, str]:
        """Files as they are meant to be, by name; empty where all are read from the folder."""
        return self._texts

    def placed(self, folder: Path, texts: Mapping[str, str] | None = None) -> HubConfig:
        """The same configuration, read from that folder, with these files as they are meant to be."""
        copy = self.model_copy()
        copy._folder = folder
        copy._texts = dict(texts or {})
        return copy
