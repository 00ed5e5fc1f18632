"""Events that a service tells of by webhook: who signs them, what they mean, which record each is about.

An event is a hint and no more: it says which record to look at. Nothing of it is kept but the record's id (or the name
that the service reads it by), and nothing is saved before the record was read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from hub.connectors.rest.calls import GapText, Part, Place, Request, ShortTest, Span, Tree
from hub.connectors.rest.moments import MOMENTS
from hub.connectors.rest.words import FORMS, Values, Where, fill, names_in, parse_tree, parse_where

LONGEST_ID = 512
MOST_HINTS = 1000  # in one delivery; services send up to a few hundred
CHANGED, DELETED, MERGED, NAMED = "changed", "deleted", "merged", "named"
SIGNED = frozenset({"body", "method", "url", "timestamp", "form"})


def _signed(value: Any) -> Any:
    """A text of what is signed, as (text, part, text, …)."""
    tree = parse_tree(value)
    names = set(getattr(tree, "names", ()))
    if not isinstance(value, str) or names - SIGNED:
        raise ValueError(f"what is signed is a text of {{{'} {'.join(sorted(SIGNED))}}}")
    return tree


def _answer(value: Any) -> Any:
    return parse_tree(value)


def _places(value: Any) -> Any:
    """One place, or several."""
    return [parse_where(each) for each in ([value] if isinstance(value, str) else value)]


def _pattern(value: Any) -> Any:
    try:
        return re.compile(value)
    except (re.error, TypeError) as error:
        raise ValueError("that is no pattern") from error


Pattern: TypeAlias = Annotated[Any, BeforeValidator(_pattern), WithJsonSchema({"type": "string"})]
Signed: TypeAlias = Annotated[Any, BeforeValidator(_signed), WithJsonSchema({"type": "string"})]
Reply: TypeAlias = Annotated[Any, BeforeValidator(_answer), WithJsonSchema({})]
Places: TypeAlias = Annotated[
    Any, BeforeValidator(_places), WithJsonSchema({"type": ["string", "array"], "items": {"type": "string"}})
]


class Hmac(Part):
    """Signed with the secret.

    header     where the signature stands
    of         what is signed: a text with {body}, {method}, {url} (as the service calls it), {timestamp}, and {form}
               (names and values of a form, in the order of the names)
    prefix     before the signature in its header
    timestamp  header of the time of sending; it may be `within` of now, in `unit`
    """

    header: str
    of: Signed = Field(default_factory=lambda: parse_tree("{body}"))
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    timestamp: str | None = None
    unit: Literal["seconds", "milliseconds"] = "seconds"
    within: Span = 300

    @model_validator(mode="after")
    def _timed(self) -> Hmac:
        if ("timestamp" in self.of.names) != (self.timestamp is not None):
            raise ValueError("{timestamp} in `of` and the header `timestamp` belong together")
        return self

    @property
    def signs_address(self) -> bool:
        return "url" in self.of.names


class Shown(Part):
    """The secret itself: in a header (after `prefix`), in the query of the address, or in a field of each event."""

    header: str | None = None
    prefix: str = ""
    query: str | None = None
    field: Place | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Shown:
        if sum(each is not None for each in (self.header, self.query, self.field)) != 1:
            raise ValueError("the secret is shown in one place: a header, the query or a field")
        return self


class Handshake(Part):
    """How the service makes sure that the address is the hub's, before it sends events there.

    challenge  name in the query of what is to be sent back
    verify     name in the query of a token that must be the text of `token`
    answer     JSON to send back, with {challenge} and {signature} (its HMAC by the secret, in hex); missing: the
               challenge as text
    """

    challenge: str
    verify: str | None = None
    token: GapText | None = None
    answer: Reply = None

    @model_validator(mode="after")
    def _both(self) -> Handshake:
        if (self.verify is None) != (self.token is None):
            raise ValueError("`verify` and `token` belong together")
        return self


class Merge(Part):
    """kinds that mean that records became one; `gone` is the place of their ids, `into` that of the one that stays."""

    kinds: tuple[str, ...]
    gone: Place
    into: Place


class Made(Request):
    """The subscriptions that are there: `items` is their list; `more` says that the answer does not hold all.

    id, address, until  places of the id, of the address that events go to, and of the end
    """

    items: Place
    optional: bool = False
    keyed: bool = False
    id: Place
    address: Place
    until: Place
    more: ShortTest | None = None


class Subscription(Part):
    """What the service has to be told again and again, so that events come: {hook} is the hub's address for them.

    list   those that are there
    make   makes one, until {until}; `renew` prolongs the one of {id}
    lasts  how long one may last; `hub run` renews it when half of that is over
    form   of times
    """

    list: Made
    make: Request
    renew: Request
    lasts: Span
    form: Literal[tuple(MOMENTS)] = "iso"  # type: ignore[valid-type]


class Webhooks(Part):
    """Events of a service.

    secret   what they are signed with or show; without it none are taken
    address  of the hub as the service calls it, where that is signed too
    body     json or form
    events   place of the list of events, one within the other where there are several; empty: the body is the
             event, or their list
    keyed    the body is an object: kind → event or events
    kind     place in an event of what happened; missing: every event tells of a change
    id       place of the record's id or ids; of several places, the first that holds something; `form` is what is made
             of it
    shape    what an id looks like, as a pattern, where a wrong one in a call for several would hide the others
    named    it is no id, but a name that `read` takes as well
    changed, deleted, merged  kinds that mean so; others are passed over. Without `changed` every other kind does
    only     place in the event → what must stand there
    scope    place in the record that was read → what must stand there (`true`: anything), where events tell of more
             records than are listed
    setup    sentences for people: how the service is told to send them
    subscription  how the hub tells it, where `public` (the hub's address) is set
    """

    secret: GapText
    address: GapText | None = None
    hmac: Hmac | None = None
    shown: Shown | None = None
    handshake: Handshake | None = None
    body: Literal["json", "form"] = "json"
    events: Places = Field(default_factory=list)
    keyed: bool = False
    kind: Place | None = None
    id: Places
    form: Literal[tuple(FORMS)] | None = None  # type: ignore[valid-type]
    shape: Pattern | None = None
    named: bool = False
    changed: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    merged: Merge | None = None
    only: dict[str, Tree] = Field(default_factory=dict)
    scope: dict[str, Tree] = Field(default_factory=dict)
    setup: tuple[str, ...] = ()
    public: GapText | None = None
    subscription: Subscription | None = None
    when: tuple[ShortTest, ...] = ()

    @model_validator(mode="after")
    def _hangs_together(self) -> Webhooks:
        if (self.hmac is None) == (self.shown is None):
            raise ValueError("events are either signed (`hmac`) or show the secret (`shown`)")
        if self.hmac is not None and self.hmac.signs_address and self.address is None:
            raise ValueError("{url} is signed, so `address` is needed")
        if self.subscription is not None and self.public is None:
            raise ValueError("a `subscription` names the hub's address, so `public` is needed")
        if self.named and (self.deleted or self.merged):
            raise ValueError("a deletion is told by the record's id, not by a name")
        return self

    def means(self, kind: str) -> bool:
        """Whether events of this kind say anything."""
        merged = self.merged.kinds if self.merged is not None else ()
        return not self.changed or kind in {*self.changed, *self.deleted, *merged}

    @property
    def names(self) -> frozenset[str]:
        """The settings that it names."""
        token = self.handshake.token if self.handshake is not None else None
        placed = [parse_tree(place) for place in (*self.only, *self.scope, *(each.source for each in self.id))]
        trees = [self.secret, self.address, token, *self.only.values(), *self.scope.values(), *placed]
        return frozenset(name for tree in trees for name in names_in(tree))

    def is_open(self, values: Values) -> bool:
        """Whether a connection with these settings takes events."""
        return fill(self.secret, values) is not None and (
            self.address is None or fill(self.address, values) is not None
        )


@dataclass(frozen=True, slots=True)
class Hint:
    """Look at this record. `into`: of a merge, the record that stays."""

    kind: str
    id: str
    into: str | None = None

    def stored(self) -> list[str]:
        return [self.kind, self.id] if self.into is None else [self.kind, self.id, self.into]


def read_hint(stored: Any) -> Hint | None:
    """None for what is no stored hint."""
    fits = isinstance(stored, list) and 2 <= len(stored) <= 3 and all(isinstance(each, str) for each in stored)
    return Hint(*stored) if fits and stored[0] in {CHANGED, DELETED, MERGED, NAMED} else None


class Unclear(Exception):
    """The body is no list of events as the service file says."""


def events_in(spec: Webhooks, body: Any) -> Iterator[tuple[str | None, Any]]:
    """(kind, event) of all events of a delivery."""
    if spec.keyed:
        if not isinstance(body, Mapping):
            raise Unclear
        for kind, held in body.items():
            known = spec.means(str(kind))
            yield from ((str(kind), each) for each in _listed(held) if known)
        return
    found = _listed(body)
    for place in spec.events:
        found = [inner for each in found for inner in _listed(place.of(each))]
    for each in found:
        kind = spec.kind.of(each) if spec.kind is not None else None
        yield (None if kind is None else str(kind)), each


def hints_in(spec: Webhooks, body: Any, values: Values) -> list[Hint]:
    """What a delivery hints at, each record once. Unclear for a body of another kind."""
    found: dict[Hint, None] = {}
    for kind, event in events_in(spec, body):
        if not isinstance(event, Mapping):
            raise Unclear
        if holds(spec.only, event, values) and all(test.holds(event) for test in spec.when):
            found.update(dict.fromkeys(_hints(spec, kind, event, values)))
        if len(found) > MOST_HINTS:
            raise Unclear
    return list(found)


def _hints(spec: Webhooks, kind: str | None, event: Mapping[str, Any], values: Values) -> Iterator[Hint]:
    if spec.merged is not None and kind in spec.merged.kinds:
        into = next(_names([spec.merged.into.of(event)], None), None)
        if into is not None:
            yield Hint(CHANGED, into)
            yield from (Hint(MERGED, gone, into) for gone in _names([spec.merged.gone.of(event)], None) if gone != into)
        return
    means = NAMED if spec.named else CHANGED
    if kind in spec.deleted:
        means = DELETED
    elif spec.changed and kind not in spec.changed:
        return
    for name in _names([_at(place, values).of(event) for place in spec.id], spec.form):
        if spec.shape is None or spec.shape.fullmatch(name):
            yield Hint(means, name)


def _names(values: Sequence[Any], form: str | None) -> Iterator[str]:
    """The ids of the first place that holds some."""
    held = next((value for value in values if value not in (None, "", [])), None)
    for value in _listed(held):
        name = str(value) if type(value) in (str, int) else ""
        name = str(FORMS[form](name)) if form is not None and name else name
        if 0 < len(name) <= LONGEST_ID and name.isprintable():
            yield name


def _at(place: Where, values: Values) -> Where:
    """The place, its gaps filled."""
    return parse_where(str(fill(parse_tree(place.source), values))) if "{" in place.source else place


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def holds(wanted: Mapping[str, Any], held: Mapping[str, Any], values: Values) -> bool:
    """Does everything stand where it must? `true` stands for anything at all."""
    for place, tree in wanted.items():
        found, must = parse_where(str(fill(parse_tree(place), values))).of(held), fill(tree, values)
        if must is True:
            if found in (None, "", [], {}):
                return False
        elif str(found) not in [str(each) for each in _listed(must)]:
            return False
    return True
