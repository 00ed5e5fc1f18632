"""One link between the hub and a system: what both sides last agreed on, per field. Pure.

`fields` is the shadow: the record in canonical fields as the system holds it. Beside it stand, where they
differ from it:

    told    shadow key → [golden key, golden value]: what we sent, and they keep in a form of their own
            ("Maximili" for "Maximilian"). A key "~k" stands for a value they dropped, an empty golden key
            for a removal they ignored. A key "?k" has the values that writes without an answer had sent, and that
            could not be looked for, since the mapping says nothing of them at present.
    own     key → [value, since]: the system's own opinion that our write has displaced. It stays a claim,
            so that a split gives it back.
    since   key → epoch seconds since when the system says so; keys not in it: `changed`
    echo    keys that are there because we wrote them: no opinion of the system
    odd     fields whose value there nobody understood: kept, reported, and never overwritten
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from hub.model import MANY, Fields, LinkState, Source, base_field

Stored = Callable[[Fields], Mapping[str, Any]]
"""What a system makes of canonical fields: `ContactMapping.stored`."""

TICK = 0.001  # seconds by which a later edit is later, whatever the clocks say
HOLDING = frozenset({LinkState.LIVE, LinkState.ARCHIVED, LinkState.ABSENT, LinkState.DOOMED})
"""States in which the system holds the record, as far as we know."""


@dataclass(slots=True, eq=False)
class Link:
    """A row of `record`, unpacked."""

    connection: str
    external_id: str
    golden_id: str = ""
    id: int = 0
    state: LinkState = LinkState.LIVE
    fingerprint: bytes | None = None
    version: str | None = None
    changed: float = 0.0
    fields: dict[str, Any] = field(default_factory=dict)
    told: dict[str, list[Any]] = field(default_factory=dict)
    own: dict[str, list[Any]] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)
    echo: set[str] = field(default_factory=set)
    odd: set[str] = field(default_factory=set)

    @property
    def ref(self) -> tuple[str, str]:
        return (self.connection, self.external_id)

    def agreed(self) -> dict[str, Any]:
        """What the system holds, in golden's terms."""
        if not self.told:
            return self.fields
        view = dict(self.fields)
        for key in self.told:
            view.pop(key, None)
        for golden_key, value in self.told.values():
            if golden_key:
                view[golden_key] = value
        return view

    def opinion(self) -> Source:
        """The system's own claims: what it holds without our echo, and what our writes displaced."""
        live = self.state in HOLDING
        if not self.echo and not self.own:
            return Source(self.ref, self.fields, self.changed, self.since, live=live)
        fields = {k: v for k, v in self.fields.items() if k not in self.echo}
        since = {k: t for k, t in self.since.items() if k in fields}
        for key, (value, at) in self.own.items():
            fields[key], since[key] = value, at
        return Source(self.ref, fields, self.changed, since, live=live)

    def statements(self, *keys: str) -> list[tuple[Any, float]]:
        """(value, since) of what the system itself says under these keys."""
        found = []
        for key in dict.fromkeys(keys):
            if key in self.own:
                found.append((self.own[key][0], float(self.own[key][1])))
            elif self.claims(key):
                found.append((self.fields[key], self.said_since(key)))
        return found

    def claims(self, key: str) -> bool:
        return key in self.own or (key in self.fields and key not in self.echo)

    def claimed_since(self, key: str) -> float:
        return float(self.own[key][1]) if key in self.own else self.said_since(key)

    def said_since(self, key: str) -> float:
        return self.since.get(key, self.changed)


def differs(key: str, a: Any, b: Any) -> bool:
    """Whether two values of a key are different things to hold; labels and spelling of an element are not."""
    base = base_field(key)
    if base == "consents":
        return (a or {}).get("status") != (b or {}).get("status")
    if base in MANY:
        return (a is None) != (b is None)
    return (a or None) != (b or None)


@dataclass(frozen=True, slots=True)
class Edit:
    """A field that changed in the system since the last agreement: base → theirs."""

    key: str
    base: Any
    theirs: Any


def take(
    link: Link, pulled: Fields, pending: Iterable[Fields], stored: Stored, silent: Collection[str] = ()
) -> list[Edit]:
    """Bring a link up to what was just read; return the fields in which that is news.

    pulled   the record as it is now, canonical
    pending  payloads sent with no acknowledged outcome, in golden's terms: a value equal to one of them, in
             the form the system keeps, is our own and no edit
    silent   fields, or keys, of which the record says nothing: a lost column is not an emptied one
    """
    payloads = [*pending, *_unseen(link)]
    sent = _expected(payloads, stored)
    base = link.agreed() if link.told else dict(link.fields)
    edits = []
    for key in sorted(link.fields.keys() | pulled.keys()):
        if key not in pulled and (key in silent or base_field(key) in silent or base_field(key) not in MANY):
            continue
        before, now = link.fields.get(key), pulled.get(key)
        if not differs(key, before, now):
            if key in pulled:
                link.fields[key] = now
            continue
        if mine := _sent_as(sent.get(key, ()), key, now):
            _echo(link, key, now, mine)
            continue
        if _removed_by_us(sent, key, now):
            _displace(link, key)
            _forget(link, key)
            continue
        edits.append(Edit(key, base.get(key), now))
        _forget(link, key)
        link.own.pop(key, None)
        if key in pulled:
            link.fields[key] = now
    _keep_unseen(link, payloads, stored)
    return edits


def _unseen(link: Link) -> list[Fields]:
    """What is kept under "?k", as payloads."""
    return [{key[1:]: value} for key, (_, kept) in link.told.items() if key.startswith("?") for value in kept]


def _keep_unseen(link: Link, payloads: Iterable[Fields], stored: Stored) -> None:
    """What was sent of fields that the mapping does not speak of now is looked for once it does again."""
    for key in [key for key in link.told if key.startswith("?")]:
        del link.told[key]
    for payload in payloads:
        for key, value in payload.items():
            if value is None or stored({key: value}):
                continue
            kept = link.told.setdefault("?" + key, ["", []])[1]
            if value not in kept:
                kept.append(value)


def holds_all(link: Link, sent: Fields, stored: Stored) -> bool:
    """Whether a record holds all that a write had sent, in the form the system keeps: then it may be taken for it."""
    return all(
        form is None or (key in link.fields and not differs(key, form, link.fields[key]))
        for key, pairs in _expected([sent], stored).items()
        for _, _, form in pairs
    )


def iso(at: float) -> str:
    return _iso(int(at))


@lru_cache(maxsize=64)  # a page falls into few seconds
def _iso(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def date_consents(link: Link, pulled: Fields, now: str) -> Fields:
    """Give consents that come without a time the time at which they were first seen like that.

    now  ISO 8601. A denial is at the latest as old as that, so a later explicit opt-in can be told from it.
    Who had left a list and is on it again has joined by an act of their own.
    """
    dated: dict[str, Any] = {}
    for key, value in pulled.items():
        if not key.startswith("consents/") or not value or value.get("at"):
            continue
        before = link.fields.get(key)
        if before and before.get("status") == value.get("status"):
            dated[key] = before
        elif link.state is LinkState.LEFT and value.get("status") == "granted":
            dated[key] = {**value, "at": now, "basis": "explicit"}
        else:
            dated[key] = {**value, "at": now}
    return {**pulled, **dated} if dated else pulled


def date_edits(link: Link, edits: Iterable[Edit], at: float, floor: Mapping[str, float], fought: set[str]) -> None:
    """Say since when the edited values are claimed.

    at      the source's time of the change if it has one, else the time of reading
    floor   since when the value it replaces was claimed: an edit made knowing that value is later than it,
            whatever the clocks say
    fought  keys changed on both sides: there the clocks decide
    """
    for edit in edits:
        if edit.key not in link.fields:
            continue
        low = floor.get(edit.key)
        link.since[edit.key] = at if edit.key in fought or low is None else max(at, low + TICK)


def acknowledge(link: Link, sent: Fields, answer: Fields | None, stored: Stored, at: float) -> None:
    """An acknowledged write: the sent fields, and only they, become what the answer says they store.

    sent    key → value in golden's terms; None: removed
    answer  the record as stored, canonical; None: the system does not say, so its canonical form is taken
    """
    expected = _expected([sent], stored)
    if answer is None:
        answer = {k: v for k, pairs in expected.items() for _, _, v in pairs if v is not None}
    strays = _strays(link, sent, answer, expected)
    # removals first: what is kept under a removed key may be their form of another value that was sent
    for golden_key, value in sorted(sent.items(), key=lambda item: item[1] is not None):
        _settle(link, golden_key, value, answer, expected, strays, at)


def _settle(
    link: Link,
    golden_key: str,
    value: Any,
    answer: Fields,
    expected: Mapping[str, list[tuple[str, Any, Any]]],
    strays: dict[str, list[str]],
    at: float,
) -> None:
    link.told.pop("?" + golden_key, None)
    for key in [k for k, (g, _) in link.told.items() if g == golden_key]:
        _displace(link, key)
        _forget(link, key)
    if value is None:
        _displace(link, golden_key)
        _forget(link, golden_key)
        if answer.get(golden_key) is not None:
            link.fields[golden_key] = answer[golden_key]
            link.told[golden_key] = ["", None]  # they keep it all the same: not asked for again
            link.echo.add(golden_key)
        return
    place = _place(golden_key, answer, expected, strays)
    if place is None:
        _displace(link, golden_key)
        _forget(link, golden_key)
        link.told["~" + golden_key] = [golden_key, value]
        return
    _displace(link, place)
    _echo(link, place, answer[place], (golden_key, value))
    link.since[place] = at


def _place(
    golden_key: str,
    answer: Fields,
    expected: Mapping[str, list[tuple[str, Any, Any]]],
    strays: dict[str, list[str]],
) -> str | None:
    """The key under which the answer holds what we sent as `golden_key`."""
    if answer.get(golden_key) is not None:
        return golden_key
    for key, pairs in expected.items():
        if answer.get(key) is not None and any(g == golden_key for g, _, _ in pairs):
            return key
    found = strays.get(base_field(golden_key), [])
    return found.pop() if len(found) == 1 else None


def _strays(link: Link, sent: Fields, answer: Fields, expected: Mapping[str, Any]) -> dict[str, list[str]]:
    """Elements of the answer that nobody accounts for, where exactly one sent element is missing from it."""
    lost: dict[str, list[str]] = {}
    for key, value in sent.items():
        if value is not None and "/" in key and answer.get(key) is None:
            lost.setdefault(base_field(key), []).append(key)
    found: dict[str, list[str]] = {}
    for key in answer:
        if key not in link.fields and key not in sent and key not in expected and "/" in key:
            found.setdefault(base_field(key), []).append(key)
    return {f: keys for f, keys in found.items() if len(keys) == 1 and len(lost.get(f, ())) == 1}


def _expected(payloads: Iterable[Fields], stored: Stored) -> dict[str, list[tuple[str, Any, Any]]]:
    """Shadow key → [(golden key, golden value, value as they would store it)] of what was sent."""
    expected: dict[str, list[tuple[str, Any, Any]]] = {}
    for payload in payloads:
        for golden_key, value in payload.items():
            if value is None:
                expected.setdefault(golden_key, []).append((golden_key, None, None))
                continue
            kept = dict(stored({golden_key: value})) or {golden_key: value}
            for key, form in kept.items():
                if base_field(key) == base_field(golden_key):
                    expected.setdefault(key, []).append((golden_key, value, form))
    return expected


def _sent_as(pairs: Iterable[tuple[str, Any, Any]], key: str, now: Any) -> tuple[str, Any] | None:
    for golden_key, value, form in pairs:
        if value is not None and now is not None and not differs(key, form, now):
            return golden_key, value
    return None


def _removed_by_us(sent: Mapping[str, list[tuple[str, Any, Any]]], key: str, now: Any) -> bool:
    return now is None and any(value is None for _, value, _ in sent.get(key, ()))


def _echo(link: Link, key: str, now: Any, mine: tuple[str, Any]) -> None:
    _displace(link, key)
    golden_key, value = mine
    link.told.pop("~" + golden_key, None)
    link.fields[key] = now
    link.echo.add(key)
    if golden_key != key or differs(key, value, now):
        link.told[key] = [golden_key, value]
    else:
        link.told.pop(key, None)


def _displace(link: Link, key: str) -> None:
    """Keep the system's own opinion that a write of ours overwrites."""
    if key in link.fields and key not in link.echo and key not in link.own:
        link.own[key] = [link.fields[key], link.said_since(key)]


def _forget(link: Link, key: str) -> None:
    link.fields.pop(key, None)
    link.told.pop(key, None)
    link.told.pop("~" + key, None)
    link.since.pop(key, None)
    link.echo.discard(key)
