"""The calls of a service file: what is sent, how pages follow, and how a record looks."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, WithJsonSchema, model_validator

from hub.connectors.rest.moments import MOMENTS
from hub.connectors.rest.words import Text, Values, fill, names_in, parse_text, parse_tree, parse_where
from hub.connectors.settings import known_zone, seconds

KNOWN = frozenset(
    """id ids key fields version items since until token last page offset range cursor size job access_token
    client_id client_secret refresh_token assertion record names wanted other hook call row
    there owner""".split()
)
"""Names that the engine fills, beside the settings of the service."""
HOLDERS = frozenset({"fields", "record", "call", "row", "there", "owner"})  # of names, after a dot

_CALL = re.compile(r"(GET|POST|PUT|PATCH|DELETE) (\S.*)")


def _known(tree: Any, info: ValidationInfo) -> None:
    settings: frozenset[str] = (info.context or {}).get("settings", frozenset())
    for name in names_in(tree):
        within = name.partition(".")[0]
        if name not in settings and (within if within in HOLDERS else name) not in KNOWN:
            allowed = ", ".join(sorted(KNOWN | settings))
            raise ValueError(f"{{{name}}} is neither a setting of this service nor known here; allowed: {allowed}")


def _text(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, Text):
        return value
    if not isinstance(value, str):
        raise ValueError("a text is needed here")
    text = parse_text(value)
    _known(text, info)
    return text


def _tree(value: Any, info: ValidationInfo) -> Any:
    tree = parse_tree(value)
    _known(tree, info)
    return tree


def _where(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("a place in the answer is needed here, such as paging.next")
    return parse_where(value)


def _flag(value: Any, info: ValidationInfo) -> Any:
    """True or false, or a gap that names a setting with yes or no."""
    return value if isinstance(value, bool) else _text(value, info)


def _zone(value: Any, info: ValidationInfo) -> Any:
    """A time zone, or a gap that names a setting with one."""
    text = _text(value, info)
    if not list(text.names):
        known_zone(text.source)
    return text


GapText: TypeAlias = Annotated[Any, BeforeValidator(_text), WithJsonSchema({"type": "string"})]
Tree: TypeAlias = Annotated[Any, BeforeValidator(_tree), WithJsonSchema({})]
Place: TypeAlias = Annotated[Any, BeforeValidator(_where), WithJsonSchema({"type": "string"})]
Span: TypeAlias = Annotated[float, BeforeValidator(seconds), Field(ge=0)]
Flag: TypeAlias = Annotated[Any, BeforeValidator(_flag), WithJsonSchema({"type": ["boolean", "string"]})]
Zone: TypeAlias = Annotated[Any, BeforeValidator(_zone), WithJsonSchema({"type": "string"})]
Scalar: TypeAlias = bool | int | float | str | None


def _count(value: Any, info: ValidationInfo) -> Any:
    """A number, or a gap that names a setting with one."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return parse_text(str(value))
    if not isinstance(value, str):
        raise ValueError("a number from 1 on is needed here, or a setting such as {requests}")
    return _text(value, info)


Count: TypeAlias = Annotated[
    Any, BeforeValidator(_count), WithJsonSchema({"type": ["integer", "string"], "minimum": 1})
]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Test(Part):
    """Does an answer say so? `at` alone: there, and neither empty nor false."""

    __test__ = False

    at: Place
    is_: Scalar | list[Scalar] | None = Field(default=None, alias="is")
    is_not: Scalar | None = None
    has: str | None = None
    exists: bool | None = None

    def holds(self, body: Any) -> bool:
        value = self.at.of(body)
        if self.exists is not None:
            return bool(self.at.has(body)) is self.exists
        if self.has is not None:
            return self.has.lower() in str(value).lower()
        if "is_not" in self.model_fields_set:
            return bool(value != self.is_not)
        if "is_" in self.model_fields_set:
            return value in self.is_ if isinstance(self.is_, list) else value == self.is_
        return bool(value)


def _short_test(value: Any) -> Any:
    return {"at": value} if isinstance(value, str) else value


ShortTest: TypeAlias = Annotated[Test, BeforeValidator(_short_test)]


class Poll(Part):
    """Work that the service does later: asked for until it is over.

    job      place of the job's name in the first answer; it fills {job}
    done     says that it ended well; `failed` that it did not
    stop     the call that ends it, where it takes longer than `at_most`: it changes nothing behind our back
    """

    call: GapText
    job: Place
    done: ShortTest
    failed: ShortTest | None = None
    stop: Request | None = None
    every: Span = 2
    at_most: Span = 300


class Request(Part):
    """One call: `call: "GET /contacts"`, and what goes with it.

    query    values that are lists or objects are sent as JSON; lists of one key several times by `repeat`
    body     JSON; `form` the same as a form
    cost     how many requests it counts for; NAME: NUMBER for limits that have a name
    """

    call: GapText
    query: Tree = None
    headers: dict[str, GapText] = {}
    body: Tree = None
    form: Tree = None
    repeat: tuple[str, ...] = ()
    cost: Annotated[int, Field(ge=1)] | dict[str, Annotated[int, Field(ge=0)]] = 1
    poll: Poll | None = None

    @model_validator(mode="after")
    def _is_a_call(self) -> Request:
        if _CALL.fullmatch(self.call.source) is None:
            raise ValueError('call is a method and a path, such as "GET /contacts"')
        if self.body is not None and self.form is not None:
            raise ValueError("a call has either a body or a form")
        return self

    @property
    def method(self) -> str:
        return str(self.call.source).partition(" ")[0]

    @property
    def names(self) -> frozenset[str]:
        """What its gaps name, without what follows a dot."""
        trees = (self.call, self.query, self.body, self.form, *self.headers.values())
        return frozenset(name.partition(".")[0] for tree in trees for name in names_in(tree))

    @property
    def path(self) -> Text:
        first, *rest = self.call.parts
        return Text(self.call.source, (first.partition(" ")[2], *rest))


Poll.model_rebuild()


class Paging(Part):
    """How the next page is asked for; exactly one of the kinds. Without any there is one page.

    page      {page} counts up from this number
    offset    {offset} counts records from this number
    cursor    place in the answer of what fills {cursor}; `cursor_header` the same in a header
    next      place in the answer of the address of the next page
    link      the address is in the Link header with rel="next"
    last      {last} is the id of the last record, beginning with this
    range     {range} names the records of a page for a header, in this unit: items=0-99. The answer's Content-Range
              says how many there are
    total     place of the number of records (`total_header`: header); what was read must agree with it. Beside
              `last`: how many there are from here on
    pages     place of the number of pages
    more      says whether there is another page
    """

    page: int | None = None
    offset: int | None = None
    cursor: Place | None = None
    cursor_header: str | None = None
    next: Place | None = None
    link: Literal[True] | None = None
    last: str | None = None
    range: str | None = None
    total: Place | None = None
    total_header: str | None = None
    pages: Place | None = None
    more: ShortTest | None = None

    @property
    def kinds(self) -> list[str]:
        names = ("page", "offset", "cursor", "cursor_header", "next", "link", "last", "range")
        return [name for name in names if getattr(self, name) is not None]

    @model_validator(mode="after")
    def _one_kind(self) -> Paging:
        if len(self.kinds) > 1:
            raise ValueError(f"one kind of paging at a time; found {' and '.join(self.kinds)}")
        return self


class Listing(Request):
    """Records a page at a time.

    items      place of the list in the answer; empty: the answer is the list
    optional   the service leaves the list out when there is nothing in it; else that is an answer of another kind
    keyed      that place is an object, record id → record
    size       records a page, the most the service allows; fills {size}
    detail     the listing shows a part of a record only: each of them is read by `read`
    mark       fields that every record of this listing has, such as the status that was asked for
    token      place, on the last page, of the token or address that the next `changes` begin with
    """

    items: Place = Field(default_factory=lambda: parse_where(""))
    optional: bool = False
    keyed: bool = False
    size: int = Field(default=100, ge=1, le=2000)
    paging: Paging = Paging()
    detail: bool = False
    mark: dict[str, Scalar] = {}
    token: Place | None = None

    @model_validator(mode="after")
    def _names_what_it_pages_by(self) -> Listing:
        if self.paging.range is not None and "range" not in self.names:
            raise ValueError('paging by range needs a header such as Range: "{range}"')
        return self


class FileForm(Part):
    """How a file of records is written.

    kind       csv with names in the first row (`Account.Name` is the name within the account), or a JSON object a line
    booleans   columns with true and false
    """

    kind: Literal["csv", "lines"]
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    booleans: tuple[str, ...] = ()


def _short_form(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


FileShape: TypeAlias = Annotated[FileForm, BeforeValidator(_short_form)]


class Export(Listing):
    """In place of `list`: the service makes everything it has ready, and the call reads it.

    when    a setting; used where it is true, or yes
    start   the call that starts it; its `poll` waits for the end and gives {job}
    file    how the files are written that the call reads
    at      place, in the last answer of `poll`, of the address of the file, or of a list of them; the call then
            serves nothing
    """

    when: GapText | None = None
    start: Request
    file: FileShape
    at: Place | None = None
    call: GapText = Field(default_factory=lambda: parse_text("GET /"))

    def used(self, settings: Values) -> bool:
        return self.when is None or str(fill(self.when, settings)).lower() in {"true", "yes"}


class Changes(Listing):
    """What changed since the last time, by a time or by a token of the service.

    since    form of {since} and {until} (times): one of the forms of times
    overlap  how far back it asks again, for what the service shows late
    settle   {until} stays this long behind, where searches show changes late
    link     the token is the address to ask; `call` then serves nothing
    zone     of times that name none, or a setting with it
    """

    since: Literal[tuple(MOMENTS)] | None = None  # type: ignore[valid-type]
    zone: Zone = Field(default_factory=lambda: parse_text("UTC"))
    overlap: Span = 300
    settle: Span = 0
    link: bool = False
    call: GapText = Field(default_factory=lambda: parse_text("GET /"))

    @model_validator(mode="after")
    def _by_time_or_token(self) -> Changes:
        if (self.since is None) == (self.token is None):
            raise ValueError("changes go either by a time (since) or by a token")
        return self


class Deletions(Listing):
    """Where the service lists what was deleted since {since}.

    id, at    places of the record's id and of the time
    merged    place of the id that took its place
    """

    id: Place
    at: Place | None = None
    merged: Place | None = None
    since: Literal[tuple(MOMENTS)] = "iso"  # type: ignore[valid-type]
    zone: Zone = Field(default_factory=lambda: parse_text("UTC"))
    overlap: Span = 300


class Moment(Part):
    at: Place
    form: Literal[tuple(MOMENTS)] = "iso"  # type: ignore[valid-type]
    zone: Zone = Field(default_factory=lambda: parse_text("UTC"))


def _short_moment(value: Any) -> Any:
    return {"at": value} if isinstance(value, str) else value


Shape: TypeAlias = Literal["date_parts", "odata_date", "epoch_ms", "epoch", "csv", "digits"]


class RecordSpec(Part):
    """How a record looks.

    id        place of its id
    fields    place of what the mapping sees; empty: the whole record
    changed   place and form of the time of its last change
    version   place of what a write names to be refused if the record moved on. `with_version`: place of rows that are
              entities of their own, and whose change is one of the record; `{version:own}` is the version without
    archived  says that it is put away; `gone` that this entry is a tombstone
    key       place of the hub's key
    gone_id   place of the id in a tombstone, where that is another
    derived   fields beside the others: name → place in the whole record; a gap in it stands for a setting
    without   fields that say nothing of the contact, and that only some answers hold
    strip     keys that are left out wherever they stand within a field
    single    lists that hold one object: the mapping sees the object
    shapes    values in a form of the service: place → form
    """

    id: Place
    fields: Place = Field(default_factory=lambda: parse_where(""))
    changed: Annotated[Moment, BeforeValidator(_short_moment)] | None = None
    version: Place | None = None
    with_version: Place | None = None
    archived: ShortTest | None = None
    gone: ShortTest | None = None
    gone_id: Place | None = None
    merged: Place | None = None
    key: Place | None = None
    derived: dict[str, Place] = {}
    without: tuple[str, ...] = ()
    strip: tuple[str, ...] = ()
    single: tuple[str, ...] = ()
    shapes: dict[str, Shape] = {}


class Read(Request):
    """Records by id: {id} asks for one, {ids} for up to `size` at once.

    item     what stands for each id in {items}
    bundled  several calls in one request of the kind `bundle`, for one record each, or for up to `size`
    items    place of the records in the answer of a call for several; `optional` as in a listing
    more     says that such an answer does not hold all of them: then nothing is concluded
    record   place of the record in each of them; one without it is not there
    beside   fields that stand elsewhere in the answer than the record: name → place; a gap in it stands for a setting
    """

    items: Place = Field(default_factory=lambda: parse_where(""))
    optional: bool = False
    record: Place | None = None
    beside: dict[str, Place] = {}
    bundled: bool = False
    item: Tree = None
    size: int = Field(default=1, ge=1, le=2000)
    keyed: bool = False
    more: ShortTest | None = None


class Find(Request):
    """The record with the hub's {key}: the first of `items`, or the answer itself where that is empty.

    detail   the answer shows a part of it only: it is read by `read`
    """

    items: Place = Field(default_factory=lambda: parse_where(""))
    keyed: bool = False
    optional: bool = False
    detail: bool = False
