"""What a service file may say: one REST service, read and written.

Everything is declared; nothing is evaluated. Unknown keys are errors. docs/connectors/service-files.md explains
each key with an example.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from hub.connectors.rest.calls import (
    Changes,
    Count,
    Deletions,
    Export,
    Find,
    GapText,
    Listing,
    Part,
    Place,
    Read,
    RecordSpec,
    Request,
    Scalar,
    ShortTest,
    Span,
    Tree,
)
from hub.connectors.rest.child_calls import Children
from hub.connectors.rest.events import Events
from hub.connectors.rest.hooks import Webhooks
from hub.connectors.rest.linked import Linked
from hub.connectors.rest.reserve import QuotaSpec
from hub.connectors.rest.write_calls import Bundle, Deferred, Writing, Written


class Setting(Part):
    """A setting of a connection to this service, beside those that all have.

    example  a value for the documentation
    secret   given by reference only, never shown
    pattern  what a text must look like
    many     several texts
    """

    help: str
    default: Scalar | list[str] = None
    example: Scalar = None
    required: bool = False
    secret: bool = False
    many: bool = False
    number: bool = False
    choices: tuple[str, ...] = ()
    pattern: str | None = None


class Consent(Part):
    """A consent that the service changes by a call of its own.

    field   of the write; it is taken out of what else is sent. A gap in its name stands for a setting
    calls   value of the field → the call; null where there is nothing to do
    size    how many records a call takes, in {ids}
    """

    field: GapText
    calls: dict[str, Request | None]
    size: int = Field(default=1, ge=1, le=2000)

    @model_validator(mode="after")
    def _names_them_all(self) -> Consent:
        if self.size > 1 and any(call is not None and "ids" not in call.names for call in self.calls.values()):
            raise ValueError("a consent with `size` is told of several records at once: each call names {ids}")
        return self


Meaning: TypeAlias = Literal["refused", "missing", "stale", "exists", "wait", "account", "expired", "empty", "ignore"]


def _one_or_several(value: Any) -> Any:
    return [value] if isinstance(value, int) else value


OneOrMoreStatuses: TypeAlias = int | tuple[int, ...]
Statuses: TypeAlias = Annotated[
    tuple[int, ...], BeforeValidator(_one_or_several, json_schema_input_type=OneOrMoreStatuses)
]


class ErrorRule(Part):
    """What an answer means that HTTP does not say. The first that fits counts.

    status  one or several; 200 for errors inside a good answer
    test    what the body says
    means   refused   this write is not taken, and would not be next time
            missing   there is no such record      stale    it moved on since it was read
            exists    a create found it there      wait     later, nothing was done
            account   only the owner of the account can help
            expired   the token of `changes` is no longer known: everything is listed again
            empty     nothing is there             ignore   as good as done
    say     words for people, instead of the service's own
    reason  place of the service's own words
    """

    status: Statuses = ()
    test: ShortTest | None = None
    means: Meaning
    say: str | None = None
    reason: Place | None = None
    id: Place | None = None


class OAuth(Part):
    """A token for a while: by client credentials, by a refresh token, or by a signed statement (JWT).

    token_url      where it is had; may be another host
    grant          client_credentials, refresh_token or jwt
    prefix         before the token in the Authorization header
    in_header      client id and secret go by basic authentication, not in the body
    more           further fields of the body
    claims         of the statement; `iat` and `exp` are added. The key signs it by `algorithm`
    """

    token_url: GapText
    grant: Literal["client_credentials", "refresh_token", "jwt"] = "client_credentials"
    client_id: GapText | None = None
    client_secret: GapText | None = None
    refresh_token: GapText | None = None
    scope: GapText | None = None
    prefix: str = "Bearer"
    in_header: bool = False
    more: Tree = None
    claims: Tree = None
    key: GapText | None = None
    algorithm: Literal["RS256", "ES256", "HS256"] = "RS256"


class Basic(Part):
    user: GapText
    password: GapText


class Csrf(Part):
    """A token that writes have to bring back: fetched by `call`, kept with its cookies."""

    call: GapText
    header: str = "x-csrf-token"


class Auth(Part):
    """How the hub says who it is; exactly one of header, bearer, basic, query and oauth."""

    header: dict[str, GapText] | None = None
    bearer: GapText | None = None
    basic: Basic | None = None
    query: dict[str, GapText] | None = None
    oauth: OAuth | None = None
    csrf: Csrf | None = None

    @model_validator(mode="after")
    def _one(self) -> Auth:
        names = [name for name in ("header", "bearer", "basic", "query", "oauth") if getattr(self, name) is not None]
        if len(names) != 1:
            raise ValueError(f"one way of authentication is needed; found {' and '.join(names) or 'none'}")
        return self


class Rate(Part):
    """How often the service may be asked: `requests` (a number, or a setting) in `per`, of which the hub takes a share.

    name  only calls whose `cost` names it count
    remaining, reset  headers that tell how many are left and when there are more (seconds, or epoch)
    """

    requests: Count
    per: Span
    remaining: str | None = None
    reset: str | None = None
    reset_form: Literal["seconds", "epoch", "milliseconds"] = "seconds"
    name: str | None = None


def _several(value: Any) -> Any:
    return [value] if isinstance(value, Mapping) else value


OneOrMore: TypeAlias = Rate | tuple[Rate, ...]
Rates: TypeAlias = Annotated[tuple[Rate, ...], BeforeValidator(_several, json_schema_input_type=OneOrMore)]


class Related(Part):
    """Records of another kind that records name by id, read in batches: the company of a contact.

    ids    place in a record of the id, or of a list of ids
    into   field of the record under which the mapping finds it (of several, the first)
    """

    ids: Place
    item: Place | None = None
    read: Read
    id: Place
    into: str


class Check(Request):
    """The call of `hub check`: proves key and rights.

    holds           place that must be in the answer
    count, account  places to show
    """

    holds: Place | None = None
    count: Place | None = None
    account: Place | None = None


class ServiceSpec(Part):
    """One service."""

    service: str
    about: str
    docs: str | None = None
    url: GapText
    settings: dict[str, Setting] = Field(default_factory=dict)
    auth: Auth
    headers: dict[str, GapText] = Field(default_factory=dict)
    accept: tuple[str, ...] = ("application/json",)
    rate: Rates = ()
    quota: QuotaSpec | None = None
    timeout: Span = 30
    check: Check
    record: RecordSpec
    interaction: Events | None = None
    list: Listing
    export: Export | None = None
    also: tuple[Listing, ...] = ()
    changes: Changes | None = None
    also_changes: tuple[Changes, ...] = ()
    deletions: Deletions | None = None
    read: Read | None = None
    find: Find | None = None
    create: Writing | None = None
    update: Writing | None = None
    archive: Writing | None = None
    delete: Writing | None = None
    erase: Writing | None = None
    bundle: Bundle | None = None
    deferred: Deferred | None = None
    files_at: Tree = None
    sample: int = Field(default=20, ge=1)
    at_once: int | None = Field(default=None, ge=1, le=2000)
    read_back: Literal["read", "changes"] = "read"
    written: Written | None = None
    webhooks: Webhooks | None = None
    consents: tuple[Consent, ...] = ()
    related: tuple[Related, ...] = ()
    links: tuple[Linked, ...] = ()
    children: Children | None = None
    empty: Scalar = None
    read_only: tuple[str, ...] = ()
    writable: Tree = None
    promise: Literal["K", "R", "E", "W"] = "W"
    settle: Span = 0
    stale: bool = False
    opt_out_leaves: bool = False
    complete: bool = True
    errors: tuple[ErrorRule, ...] = ()
    gaps: tuple[str, ...] = ()
    unconfirmed: tuple[str, ...] = ()
    mapping: dict[str, Any]

    @model_validator(mode="after")
    def _hangs_together(self) -> ServiceSpec:
        if self.promise in "RE" and self.create and not self.find:
            raise ValueError("promise R and E look for a record by the hub's key: `find` is missing")
        if self.promise == "E" and not self.settle:
            raise ValueError("promise E needs `settle`: how long until a new record can be found")
        writes = [w for w in (self.create, self.update, self.archive, self.delete, self.erase) if w]
        if any(write.restorable for write in writes if write is not self.delete):
            raise ValueError("`restorable` says of `delete` that it is no erasure, and of nothing else")
        if any(write.binned for write in writes if write is not self.erase or self.delete is None):
            raise ValueError("`binned` says of `erase` that it takes out of the bin what `delete` has put there")
        if any(write.whole for write in writes) and not self.read:
            raise ValueError("a write with `whole` reads the record first: `read` is missing")
        if self.export is not None and self.export.start.poll is None:
            raise ValueError("`export.start` needs `poll`: how its end is waited for")
        bundled = any(write.bundled for write in writes) or (self.read is not None and self.read.bundled)
        if self.bundle is None and bundled:
            raise ValueError("a call that is `bundled` needs `bundle`: the request that holds several")
        if self.deferred is None and any(write.deferred for write in writes):
            raise ValueError("a call that is `deferred` needs `deferred`: the call that takes many of them")
        if self.read_back == "changes" and (self.changes is None or self.changes.since is None):
            raise ValueError("`read_back: changes` needs `changes` by a time")
        if self.written is not None and self.read is None:
            raise ValueError("`written` needs `read`, for what it does not show as it was sent")
        if self.stale and self.record.version is None:
            raise ValueError("`stale` needs record.version")
        if writes and self.read is None and any(w.record is None for w in (self.create, self.update) if w):
            raise ValueError("a create or update whose answer is not the record needs `read`")
        if self.children is not None and (self.read is None or self.update is None or self.record.with_version is None):
            raise ValueError("`children` needs `read`, `update` and record.with_version, to compare with what is there")
        if self.webhooks is not None and (self.read is None or self.changes is None):
            raise ValueError("`webhooks` only hint at records: `read` and `changes` are needed too")
        named = {rate.name for rate in self.rate}
        unknown = {name for call in requests_in(self) if isinstance(call.cost, dict) for name in call.cost} - named
        if unknown:
            raise ValueError(f"`cost` names a limit that `rate` does not: {', '.join(sorted(unknown))}")
        return self


def requests_in(part: Any) -> Iterator[Request]:
    """Every call of a service file, wherever it stands."""
    if isinstance(part, Request):
        yield part
    if isinstance(part, BaseModel):
        part = [getattr(part, name) for name in type(part).model_fields]
    elif isinstance(part, Mapping):
        part = list(part.values())
    for each in part if isinstance(part, list | tuple) else ():
        yield from requests_in(each)
