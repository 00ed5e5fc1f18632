"""What is known of one golden record, for people: every value with its source, every claim, who was told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.dedupe.survive import Rules, losers, survive
from hub.dedupe.trial import rule_text
from hub.model import Golden, Source, base_field
from hub.store import contacts as db
from hub.store import follow_ups, lists
from hub.store.contacts import ChangeRow, GoldenHead, PinRow, WaitingRow
from hub.store.db import Tx
from hub.store.follow_ups import FollowUp
from hub.store.interactions import points_of
from hub.store.links import members, resolve_golden
from hub.store.lists import FIRST, ConflictRow, Listed, Part
from hub.sync import history
from hub.sync.history import Event
from hub.sync.link import HOLDING, Link

MOST_CONFLICTS = Part(limit=20)
MOST_CHANGES = 200  # of one field, the newest
LAST = Part(limit=5)  # interactions that a story ends with


@dataclass(frozen=True, slots=True)
class Lost:
    """What another source record says instead."""

    connection: str
    external_id: str
    value: Any
    since: float


@dataclass(frozen=True, slots=True)
class Value:
    """One value of the golden record: of which source record, or by whose pin. lost: the latest of them first"""

    key: str
    value: Any
    connection: str | None
    external_id: str | None
    pinned_by: str | None = None
    lost: tuple[Lost, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordLine:
    """A source record of the golden record. displaced: keys whose own value our writes cover."""

    connection: str
    external_id: str
    state: str
    changed: float
    displaced: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Telling:
    """What a system was told, and acknowledged. fields: key → value; a value of None removed it there."""

    at: float
    connection: str
    op: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Story:
    """One golden record and all around it.

    asked       the id that was asked for; another one than `head.id` after a merge
    former      ids it answers for
    unanswered  (connection, op, sent at) of writes with no outcome yet
    """

    asked: str
    head: GoldenHead
    former: tuple[str, ...]
    values: tuple[Value, ...]
    records: tuple[RecordLine, ...]
    pins: tuple[PinRow, ...]
    tellings: tuple[Telling, ...]
    waiting: tuple[WaitingRow, ...]
    unanswered: tuple[tuple[str, str, float], ...]
    history: Listed[ChangeRow]
    timeline: Listed[Event]
    follow_ups: tuple[FollowUp, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """What one source record says of a key.

    kind       "own": its own word; "displaced": its own word, covered there by our write; "echo": it holds
               what the hub told it, which is no opinion
    wins       the golden record took this claim
    held       the system holds the record still
    """

    connection: str
    external_id: str
    value: Any
    since: float
    kind: str
    wins: bool
    held: bool


@dataclass(frozen=True, slots=True)
class Step:
    """A change of one key of the golden record. connection: that brought it, if one has"""

    at: float
    before: Any
    after: Any
    kind: str
    connection: str | None
    run_id: str | None


@dataclass(frozen=True, slots=True)
class KeyStory:
    """Why one key of the golden record is what it is. history: what it was before, the newest first"""

    key: str
    value: Any
    rule: str
    pin: PinRow | None
    claims: tuple[Claim, ...]
    told: tuple[Telling, ...]
    conflicts: tuple[ConflictRow, ...]
    history: tuple[Step, ...] = ()


def tell(tx: Tx, golden_id: str, rules: Rules, part: Part = FIRST) -> Story | None:
    """The story of a golden record, by any id it ever had; None if there never was one."""
    home = resolve_golden(tx, golden_id)
    head = db.golden_head(tx, home) if home else None
    if head is None:
        return None
    links = members(tx, [head.id])[head.id]
    pins = db.pin_rows(tx, head.id)
    fixed = {p.field: p.value for p in pins}
    said = history.statement_sources(tx, links, fixed)
    former = db.former_ids(tx, head.id)
    sources = [*(link.opinion() for link in links), *said]
    return Story(
        asked=golden_id,
        head=head,
        former=tuple(former),
        values=tuple(_values(head, sources, survive(sources, rules, fixed), pins)),
        records=tuple(map(_record, links)),
        pins=tuple(pins),
        tellings=tuple(_tellings(db.tellings(tx, [head.id, *former]))),
        waiting=tuple(db.waiting(tx, head.id)),
        unanswered=tuple(db.unanswered(tx, head.id)),
        history=db.history(tx, [head.id, *former], part),
        timeline=history.of_members(tx, head.id, links, fixed, LAST),
        follow_ups=tuple(follow_ups.open_of(tx, head.id, points_of(links, fixed))),
    )


def explain_field(tx: Tx, golden_id: str, field: str, rules: Rules) -> list[KeyStory]:
    """Every key of a field (`emails`), or one key (`emails/ann@example.org`), of one golden record."""
    home = resolve_golden(tx, golden_id)
    head = db.golden_head(tx, home) if home else None
    if head is None:
        return []
    links = members(tx, [head.id])[head.id]
    pins = db.pin_rows(tx, head.id)
    ids = [head.id, *db.former_ids(tx, head.id)]
    told = _tellings(db.tellings(tx, ids))
    changes = db.changes_of(tx, ids, field, MOST_CHANGES)
    said = history.statement_sources(tx, links, {p.field: p.value for p in pins})
    golden = _golden(links, rules, pins, said)
    return [
        KeyStory(
            key=key,
            value=head.fields.get(key),
            rule="the stricter" if base_field(key) == "consents" else rule_text(rules.of(key)),
            pin=next((p for p in pins if p.field == key), None),
            claims=tuple(_claims(links, said, key, golden)),
            told=tuple(t for t in told if key in t.fields),
            conflicts=lists.conflicts(tx, MOST_CONFLICTS, state=None, field=key, golden_id=head.id).rows,
            history=tuple(_steps(changes, key)),
        )
        for key in _keys(field, [head.fields, *_said_by(links, said)], pins)
    ]


def _golden(links: Sequence[Link], rules: Rules, pins: Iterable[PinRow], said: Sequence[Source]) -> Golden:
    return survive([*(x.opinion() for x in links), *said], rules, {p.field: p.value for p in pins})


def _said_by(links: Iterable[Link], said: Iterable[Source]) -> Iterable[Mapping[str, Any]]:
    for link in links:
        yield link.fields
        yield link.own
    for source in said:
        yield source.fields


def _keys(field: str, held: Iterable[Mapping[str, Any]], pins: Iterable[PinRow]) -> list[str]:
    everything = {key for fields in held for key in fields} | {p.field for p in pins}
    return sorted(key for key in everything if field in (key, base_field(key)))


def _steps(changes: Iterable[ChangeRow], key: str) -> Iterable[Step]:
    for change in changes:
        pair = (change.detail or {}).get(key)
        if isinstance(pair, list) and len(pair) == 2:
            yield Step(change.at, pair[0], pair[1], change.kind, change.connection, change.run_id)


def _values(head: GoldenHead, sources: Sequence[Source], golden: Golden, pins: Iterable[PinRow]) -> Iterable[Value]:
    by = {p.field: p.person for p in pins}
    for key, value in sorted(head.fields.items()):
        lost = tuple(Lost(*ref, other, since) for ref, other, since in losers(sources, golden, key))
        connection, external_id = golden.origin.get(key, (None, None)) if key not in by else (None, None)
        yield Value(key, value, connection, external_id, by.get(key), lost)


def _record(link: Link) -> RecordLine:
    return RecordLine(link.connection, link.external_id, str(link.state), link.changed, tuple(sorted(link.own)))


def _tellings(rows: Iterable[ChangeRow]) -> list[Telling]:
    return [Telling(r.at, r.connection or "", r.kind.removeprefix("told: "), r.detail or {}) for r in rows]


def _claims(links: Iterable[Link], said: Iterable[Source], key: str, golden: Golden) -> Iterable[Claim]:
    """The winner first, then the latest."""
    found = [claim for link in links for claim in _claims_of(link, key, golden.origin.get(key))]
    for one in said:
        if key in one.fields:
            value = one.fields[key]
            since = datetime.fromisoformat(value["at"]).timestamp()
            found.append(Claim(*one.ref, value, since, "own", golden.origin.get(key) == one.ref, held=True))
    return sorted(found, key=lambda c: (not c.wins, c.kind == "echo", -c.since, c.connection, c.external_id))


def _claims_of(link: Link, key: str, origin: tuple[str, str] | None) -> Iterable[Claim]:
    held = link.state in HOLDING
    if key in link.own:
        value, since = link.own[key]
        yield Claim(*link.ref, value, float(since), "displaced", origin == link.ref, held)
    if key in link.fields:
        kind = "echo" if key in link.echo else "own"
        wins = kind == "own" and origin == link.ref and key not in link.own
        yield Claim(*link.ref, link.fields[key], link.said_since(key), kind, wins, held)
