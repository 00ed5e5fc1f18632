"""What happened with somebody: interactions taken in, the consents they state, and the timeline of a golden record.

An interaction belongs to the record that its source names; else to everybody who holds one of its contact points,
now or when the point was given up. Where several golden records hold a point it is in the timeline of each, marked
as shared: a call from the number of a family may be anybody's. Nobody has to hold a point yet: the interaction waits.

What an interaction states of a contact point holds for the point, so for every golden record that has it, also for one
that takes it up later; it is told to the systems like any other consent.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from hashlib import blake2b
from typing import Any

import orjson

from hub.dedupe import consent
from hub.dedupe.features import features
from hub.dedupe.keys import blocking_keys
from hub.mapping.consent import ADDRESS_FIELD
from hub.mapping.elements import email_key
from hub.mapping.text import Unmappable
from hub.model import CHANNELS, DIRECTIONS, ROOTS, Interaction, Source, Statement, element
from hub.store import callers, links
from hub.store import interactions as db
from hub.store import keys as index
from hub.store.callers import Holder
from hub.store.db import Tx
from hub.store.interactions import InteractionRow, StatementRow, points_of, sources_of
from hub.store.links import resolve_golden
from hub.store.lists import FIRST, Listed, Part, like
from hub.sync.clusters import Clusters
from hub.sync.engine import Hub, Run
from hub.sync.link import Link

MOST_SUMMARY = 2_000  # characters
MOST_DETAILS = 16_384  # bytes of JSON
AT_THE_HUB = "hub"  # in place of a connection: noted by a person
SCANNED = 50  # points that are looked for in one reading of all golden records
_E164 = re.compile(r"\+[1-9][0-9]{4,14}")
_KIND = re.compile(r"[a-z]+(\.[a-z0-9_-]{1,40}){0,3}")
STATUSES = frozenset({consent.GRANTED, consent.PENDING, consent.DENIED})


# --- before the transaction --------------------------------------------------------------------------


def fault(item: Interaction) -> str | None:
    """Why an interaction cannot be taken; None: it can."""
    if not item.id or len(item.id) > 512:
        return "its id is empty or has more than 512 characters"
    if item.at.tzinfo is None:
        return "its time has no time zone"
    if item.channel not in CHANNELS or item.direction not in DIRECTIONS:
        return "its channel or direction is none that the hub knows"
    if not _KIND.fullmatch(item.kind) or item.kind.split(".")[0] not in ROOTS:
        return f"its kind does not begin with one that the hub knows, such as {', '.join(sorted(ROOTS))}"
    if len(item.summary) > MOST_SUMMARY:
        return f"its summary has more than {MOST_SUMMARY} characters"
    if any(said.status not in STATUSES or said.channel not in ADDRESS_FIELD for said in item.says):
        return "it states a consent of a channel or status that the hub does not know"
    try:
        written = orjson.dumps([dict(item.details), item.summary, item.reference, item.record, item.id])
        keys_of(item)
    except (TypeError, ValueError, Unmappable):  # the texts of these errors may name an address
        return "its details are not JSON, or an address or number of it is none"
    if len(written) > MOST_DETAILS:
        return f"its details have more than {MOST_DETAILS} bytes"
    return "it holds a NUL byte" if b"\\u0000" in written else None


def keys_of(item: Interaction) -> tuple[str, ...]:
    """Its contact points as canonical keys. Unmappable when one is none."""
    if any(not _E164.fullmatch(number) for number in item.phones):
        raise Unmappable("a phone number that is not in E.164")
    phones = [f"phones/{number}" for number in item.phones]
    return tuple(dict.fromkeys([*phones, *(f"emails/{email_key(address)}" for address in item.emails)]))


def mark(item: Interaction) -> bytes:
    """16 bytes that change with the content."""
    content = (
        (item.at.timestamp(), item.channel, item.kind, item.direction, item.phones, item.emails, item.record),
        (item.summary, dict(item.details), item.reference, [_plain(said) for said in item.says]),
    )
    return blake2b(orjson.dumps(content, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


def _plain(said: Statement) -> tuple[str, str, str, str, str]:
    return said.channel, said.purpose, said.status, said.basis, said.wording


def unknown(tx: Tx, connection: str, items: Mapping[str, Interaction]) -> list[Interaction]:
    """Those of a page that are new or have changed."""
    known = db.marks(tx, connection, list(items))
    return [item for item in items.values() if known.get(item.id) != mark(item)]


def as_text(item: Interaction) -> str:
    """An interaction as JSON text, to be parked."""
    state = {
        "id": item.id,
        "at": item.at,
        "channel": item.channel,
        "kind": item.kind,
        "direction": item.direction,
        "phones": item.phones,
        "emails": item.emails,
        "record": item.record,
        "summary": item.summary,
        "details": dict(item.details),
        "reference": item.reference,
    }
    return orjson.dumps(state, default=str).decode("utf-8", "backslashreplace")


# --- the transaction ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Noted:
    """new: interactions that were not known; consents: golden records whose consent they have changed"""

    new: int
    consents: int


def note(hub: Hub, tx: Tx, run: Run, items: Sequence[Interaction]) -> Noted:
    """Take interactions in, each id once, and pass on what they state."""
    rows = [row_of(run.name, item) for item in items]
    new = db.save(tx, rows, run.id)
    said = [row for item in items if item.says for row in _statements(run.name, item)]
    return Noted(new, state(hub, tx, run.id, run.name, said) if said else 0)


def row_of(connection: str, item: Interaction) -> InteractionRow:
    return InteractionRow(
        number=0,
        connection=connection,
        id=item.id,
        at=item.at.timestamp(),
        channel=item.channel,
        kind=item.kind,
        direction=item.direction,
        record=item.record,
        points=keys_of(item),
        summary=item.summary,
        details=dict(item.details),
        reference=item.reference,
        mark=mark(item),
    )


def _statements(connection: str, item: Interaction) -> Iterable[StatementRow]:
    at = item.at.astimezone(UTC).isoformat(timespec="seconds")
    for said in item.says:
        value = {"status": said.status, "at": at, "basis": said.basis, "source": f"{connection} {item.kind}"}
        if said.wording:
            value["wording"] = said.wording
        for point in keys_of(item):
            if point.startswith(f"{ADDRESS_FIELD[said.channel]}/"):
                yield StatementRow(point, said.channel, said.purpose, connection, value)


def state(hub: Hub, tx: Tx, run_id: str, name: str, said: Sequence[StatementRow]) -> int:
    """Save what was said of contact points and compute anew who holds them; golden records whose consent changed.

    name  of the connection that tells it
    """
    points = {row.point for row in said}
    before = {row[:4]: row.value for rows in db.read_statements(tx, points).values() for row in rows}
    after = dict(before)
    for row in said:
        after[row[:4]] = consent.newest(after.get(row[:4]), row.value)
    changed = [StatementRow(*key, value) for key, value in after.items() if before.get(key) != value]
    if not changed:
        return 0
    db.save_statements(tx, changed, sum(row[:4] not in before for row in changed))
    clusters = Clusters(hub, tx, run_id, hub.clock())
    clusters.load({g for found in holders(tx, {row.point for row in changed}).values() for g in found})
    for cluster in clusters:
        cluster.touched = True  # nobody is known to hold it: the record of the one who told us says nothing of it
        cluster.kind = f"consent stated in {name}"
    return clusters.settle().consents


def give_up(tx: Tx, lost: Sequence[tuple[int, str]]) -> None:
    """(record id, point) of points that records held until now, saved without them.

    Who gave it up keeps its past; where nobody else holds the point, its next holder begins without it.
    """
    if not lost or not db.there_are(tx):
        return
    used = set(db.with_any(tx, {point for _, point in lost}))
    if not used:
        return
    db.keep(tx, [pair for pair in lost if pair[1] in used])
    still = holders(tx, used)
    db.let_go(tx, sorted(point for point in used if not still[point]))


# --- who holds a point -------------------------------------------------------------------------------


def holders(tx: Tx, points: Collection[str]) -> dict[str, set[str]]:
    """Point → ids of the golden records that hold it.

    By the index of matching. Addresses of an office and points that very many share are not in it: for those of a
    call all golden records are read, once.
    """
    found: dict[str, set[str]] = {point: set() for point in points}
    keys = {point: blocking_keys(features({point: {}})) for point in sorted(points)}
    with_key, hot = index.candidates(tx, {key for some in keys.values() for key in some})
    for link in links.links_by_id(tx, sorted({i for ids in with_key.values() for i in ids})).values():
        for point in found.keys() & points_of([link]):
            found[point].add(link.golden_id)
    for golden_id, field in tx.all(
        "SELECT golden_id, field FROM pin WHERE field IN :*points AND value <> 'null'", points=sorted(points)
    ):
        found[field].add(golden_id)
    unsure = [point for point, some in keys.items() if not some or hot.intersection(some)]
    for start in range(0, len(unsure), SCANNED):
        _read_all(tx, unsure[start : start + SCANNED], found)
    return found


def _read_all(tx: Tx, points: Sequence[str], found: dict[str, set[str]]) -> None:
    where = " OR ".join(rf"fields LIKE :p{n} ESCAPE '\'" for n in range(len(points)))
    params = {f"p{n}": f'%"{like(point)}"%' for n, point in enumerate(points)}
    rows = tx.all(f"SELECT id, fields FROM golden WHERE state <> 'merged' AND ({where})", **params)  # noqa: S608  own names
    for golden_id, text in rows:
        for point in found.keys() & orjson.loads(text).keys():
            found[point].add(golden_id)


# --- the timeline ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Event:
    """A line of a timeline. points: addresses and numbers; shared: somebody else holds one of them too"""

    at: float
    connection: str
    id: str
    channel: str
    kind: str
    direction: str
    summary: str
    points: tuple[str, ...]
    shared: bool
    reference: str | None
    details: Mapping[str, Any]


def timeline(tx: Tx, golden_id: str, part: Part = FIRST, root: str | None = None) -> Listed[Event] | None:
    """What happened with a golden record, by any id it ever had, the latest first; None if there never was one.

    root  only calls, only mails, …: one of `ROOTS`
    """
    home = resolve_golden(tx, golden_id)
    if home is None:
        return None
    members = links.members(tx, [home])[home]
    return of_members(tx, home, members, links.pins(tx, [home]).get(home, {}), part, root)


def of_members(
    tx: Tx,
    golden_id: str,
    members: Sequence[Link],
    pins: Mapping[str, Any],
    part: Part = FIRST,
    root: str | None = None,
) -> Listed[Event]:
    points = points_of(members, pins)
    listed = db.of_golden(tx, golden_id, points, part, root)
    shared = _shared(tx, {golden_id: _met(points, listed.rows)})[golden_id]
    return Listed(tuple(_event(row, shared) for row in listed.rows), listed.more)


def last_of(tx: Tx, holders: Sequence[Holder], n: int) -> dict[str, tuple[Event, ...]]:
    """Golden id → the last n of its timeline, in queries for all of them together."""
    found = callers.last(tx, holders, n)
    shared = _shared(tx, {holder.golden_id: _met(holder.points, found[holder.golden_id]) for holder in holders})
    return {golden_id: tuple(_event(row, shared[golden_id]) for row in rows) for golden_id, rows in found.items()}


def _met(points: Collection[str], rows: Iterable[InteractionRow]) -> set[str]:
    """Those of these points by which interactions were found."""
    return {point for row in rows if not row.record for point in row.points if point in points}


def _event(row: InteractionRow, shared: Collection[str]) -> Event:
    return Event(
        at=row.at,
        connection=row.connection,
        id=row.id,
        channel=row.channel,
        kind=row.kind,
        direction=row.direction,
        summary=row.summary,
        points=tuple(element(point) for point in row.points),
        shared=row.record is None and any(point in shared for point in row.points),
        reference=row.reference,
        details=row.details,
    )


def _shared(tx: Tx, wanted: Mapping[str, Collection[str]]) -> dict[str, set[str]]:
    """Golden id → those of its points that another one holds too, as far as the index of matching tells."""
    shared: dict[str, set[str]] = {golden_id: set() for golden_id in wanted}
    keys = {point: blocking_keys(features({point: {}})) for point in sorted(set().union(*wanted.values()))}
    if not keys:
        return shared
    with_key, hot = index.candidates(tx, {key for some in keys.values() for key in some})
    crowded = {point for point, some in keys.items() if hot.intersection(some)}
    for golden_id, points in wanted.items():
        shared[golden_id] |= crowded.intersection(points)
    for link in links.links_by_id(tx, sorted({i for ids in with_key.values() for i in ids})).values():
        held = keys.keys() & points_of([link])
        for golden_id, points in wanted.items():
            if link.golden_id != golden_id:
                shared[golden_id] |= held.intersection(points)
    return shared


def homes(tx: Tx, rows: Sequence[InteractionRow], memo: dict[str, set[str]]) -> dict[int, list[str]]:
    """Number of an interaction → ids of the golden records it belongs to today; none: nobody holds its points yet.

    memo  point → golden ids, of points that were looked for already
    """
    found: dict[int, set[str]] = {row.number: set() for row in rows}
    at = db.by_point(tx, rows)
    memo.update(holders(tx, {point for _, point in at} - memo.keys()))
    for number, point in at:
        found[number].update(memo[point])
    for number, golden_id in db.by_record(tx, list(found)):
        found[number].add(golden_id)
    return {number: sorted(ids) for number, ids in found.items()}


def statement_sources(tx: Tx, members: Sequence[Link], pins: Mapping[str, Any]) -> list[Source]:
    """What interactions said of the contact points of a golden record, in a transaction that only reads."""
    points = points_of(members, pins)
    return sources_of(db.read_statements(tx, points), points) if points else []
