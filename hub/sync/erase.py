"""Somebody asks to be erased: the hub forgets them at once, and every system that holds them is told.

The hub's own part is one transaction: all of it or nothing. In it goes who is kept out from now on, and what each
system is to be told; that is done in the runs of the connections (`hub.sync.recipients`), for as long as it takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import md5

from hub.dedupe.features import features, unpack, words
from hub.dedupe.keys import blocking_keys
from hub.errors import ConfigError, NotThere, Overtaken
from hub.mapping.elements import email_spellings
from hub.model import Fields, LinkState, base_field, element
from hub.store import changes, holdings, links
from hub.store import erasures as db
from hub.store import keys as index
from hub.store.audit import note
from hub.store.contacts import former_ids
from hub.store.db import Tx
from hub.store.erasures import Erasure, Kind, Marker, Step
from hub.store.holdings import Who
from hub.store.interactions import points_of
from hub.store.ledger import Ledger, write_down
from hub.sync.engine import Hub, golden_key
from hub.sync.history import holders
from hub.sync.link import HOLDING, Link
from hub.sync.unknown import UNSEARCHED
from hub.sync.withhold import NOBODY, Identity, alone_marks, identity_marks, identity_of, key_mark

TRIES = 3  # looked at again when somebody changed it in between
ASKED_OF = HOLDING | {LinkState.LEFT, LinkState.MERGED}
"""States of a link in which the system may still have something of them."""
WAITS_FOR_A_PERSON = frozenset({"by hand", "refused"})
LEAST_DIGITS = 7  # of a number that is looked for in texts
ERASED = "erased"
"""Kind of the last line in the history of who was erased."""
BEFORE = "told before"
"""Outcome of a step that had come to its end before a backup was put back."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A record that a system is to let go of. how: erase | delete | empty | by hand

    external_id  None: it may have been made there, and is looked for by the hub's key
    """

    connection: str
    how: str
    external_id: str | None
    hub_key: str | None = None


@dataclass(frozen=True, slots=True)
class Before:
    """An erasure that a restored backup knows nothing of. told: hashes of keys that systems had let go of"""

    erasure_id: str
    told: frozenset[str]


@dataclass(frozen=True, slots=True)
class Held:
    """What the hub holds of one person, and whom it will tell. version: of the golden record that was looked at"""

    home: str
    version: int
    members: Sequence[Link]
    who: Who
    identity: Identity
    alone: Identity
    recipients: tuple[Recipient, ...]


def look(hub: Hub, tx: Tx, golden_id: str) -> Held:
    """By any id that they ever had. NotThere: there is nobody of this id."""
    home = links.resolve_golden(tx, golden_id)
    if home is None:
        raise NotThere(f"There is no golden record {golden_id}. Nothing was changed. See `hub contacts find`.")
    golden = links.goldens(tx, [home])[home]
    ids = [home, *former_ids(tx, home)]
    members = links.members(tx, [home])[home]
    pins = links.pins(tx, [home]).get(home, {})
    said: list[Fields] = [golden.fields, {k: v for k, v in pins.items() if v is not None}]
    said += [fields for m in members for fields in (m.fields, m.opinion().fields)]
    identity = NOBODY
    for fields in said:
        identity |= identity_of(fields)
    points = points_of(members, pins) | {k for k in golden.fields if base_field(k) in ("emails", "phones")}
    alone = _alone(tx, ids, points, identity)
    who = _who(tx, ids, members, alone, said)
    return Held(home, golden.version, members, who, identity, alone, tuple(_recipients(hub, tx, ids, members)))


def erase(hub: Hub, golden_id: str, person: str, reference: str | None = None) -> Erasure:
    """Forget them here, now, and begin to tell the systems. NotThere; Overtaken when others keep changing it."""
    for _ in range(TRIES):
        with hub.store.read() as tx:
            held = look(hub, tx, golden_id)
        with hub.store.write() as tx:
            if _is_as_seen(tx, held):
                return carry_out(hub, tx, held, person, reference)
    raise Overtaken(f"Golden record {golden_id} is being changed. Nothing was erased. Try again in a moment.")


def _is_as_seen(tx: Tx, held: Held) -> bool:
    now = links.goldens(tx, [held.home]).get(held.home)
    there = links.members(tx, [held.home])[held.home]
    return (
        now is not None
        and (now.version, now.state != "merged") == (held.version, True)
        and [(m.id, m.fields) for m in there] == [(m.id, m.fields) for m in held.members]
    )


def carry_out(
    hub: Hub, tx: Tx, held: Held, person: str, reference: str | None = None, before: Before | None = None
) -> Erasure:
    """In one transaction. before: what an erasure had come to that is done again after a restore"""
    now, marker = hub.clock(), db.marker(tx)
    recipients = tuple(_recipients(hub, tx, held.who.ids, held.members))  # a create may have been sent since
    number = before.erasure_id if before else hub.new_id("e")
    db.suppress(tx, number, marks_of(marker, held))
    holdings.empty(tx, held.who)
    changes.log(tx, [changes.Change(held.home, now, ERASED, None, None)], None)
    [(change,)] = tx.all("SELECT max(id) FROM change WHERE golden_id = :g", g=held.home)
    made = Erasure(number, held.home, now, person, reference, int(change), None, "open", None, None)
    if before:
        db.renew(tx, made)
    else:
        db.add(tx, made)
    db.add_steps(tx, [_step(marker, made, each, now, before) for each in recipients])
    said = {"contact": held.home, "systems": sorted({each.connection for each in recipients})}
    note(tx, person, "erasure asked", f"erasure {number}", said, at=now)
    return made


def marks_of(marker: Marker, held: Held) -> dict[str, Kind]:
    found = identity_marks(marker, held.identity) | alone_marks(marker, held.alone)
    found |= {key_mark(marker, m.connection, m.external_id): Kind.KEY for m in held.members}
    return found | {marker(Kind.OURS, golden_key(each)): Kind.OURS for each in held.who.ids}


def _step(marker: Marker, made: Erasure, each: Recipient, now: float, before: Before | None) -> Step:
    mark = key_mark(marker, each.connection, each.external_id or each.hub_key or "")
    if before is not None and mark in before.told:
        return Step(0, made.id, each.connection, each.how, None, None, mark, "done", BEFORE, now, 0.0, 0, 0, None)
    state = "by hand" if each.how == "by hand" else "pending"
    return Step(
        *(0, made.id, each.connection, each.how, each.external_id, each.hub_key, mark, state),
        outcome=None,
        at=now,
        next_at=0.0,
        attempts=0,
        shown=0,
        person=None,
    )


# --- whom to look for -------------------------------------------------------------------------------


def _alone(tx: Tx, ids: Sequence[str], points: Iterable[str], identity: Identity) -> Identity:
    """Mails, numbers and tax ids that nobody else has."""
    own = {point for point, there in holders(tx, sorted(points)).items() if not there - set(ids)}
    return Identity(
        mails=frozenset(element(p) for p in own if base_field(p) == "emails"),
        phones=frozenset(element(p) for p in own if base_field(p) == "phones"),
        taxes=frozenset(tax for tax in identity.taxes if _is_theirs(tx, ids, tax)),
    )


def _is_theirs(tx: Tx, ids: Sequence[str], tax: str) -> bool:
    """Not what a company's people share. As far as the index of matching tells; what is not in it is shared."""
    keys = blocking_keys(features({"tax_id": tax}))
    found, hot = index.candidates(tx, set(keys))
    if not keys or hot:
        return False
    there = links.looks(tx, sorted({number for some in found.values() for number in some}))
    return all(
        each.golden_id in ids or tax not in seen.tax
        for each in there
        if each.features and (seen := unpack(each.features)) is not None
    )


def _who(tx: Tx, ids: Sequence[str], members: Sequence[Link], alone: Identity, said: Sequence[Fields]) -> Who:
    points = [*(f"emails/{mail}" for mail in alone.mails), *(f"phones/{number}" for number in alone.phones)]
    raws = {
        value["raw"]
        for f in said
        for key, value in f.items()
        if key in points and isinstance(value, dict) and "raw" in value
    }
    numbers = {text for text in (*alone.phones, *raws) if sum(map(str.isdigit, text)) >= LEAST_DIGITS}
    packed = {each.id: each.features for each in links.looks(tx, [m.id for m in members])}
    seen = [features(m.opinion().fields) for m in members]
    seen += [old for text in packed.values() if text and (old := unpack(text)) is not None]
    counted = Counter(word for record in seen[: len(members)] for word in set(record.name))
    for text in holdings.names_in_history(tx, ids):
        counted.update(word for word in words(text) if word not in counted)
    who = Who(
        ids=ids,
        records=[m.id for m in members],
        keys=sorted({key for record in seen for key in blocking_keys(record)}),
        words=dict(counted),
        points=sorted(points),
        texts=sorted({text.lower() for text in (*_spelled(alone.mails), *map(_hash_of, alone.mails), *numbers, *ids)}),
    )
    events, shared = holdings.events_of(tx, who)
    others, since, until = changes.parted_from(tx, ids)
    return replace(who, events=events, shared=shared, others=others, since=since, until=until)


def _spelled(mails: Iterable[str]) -> Iterable[str]:
    return (text for mail in mails for text in email_spellings(mail))


def _hash_of(mail: str) -> str:
    """By which mailing services name their members: a hint of theirs may still wait in the inbox."""
    return md5(mail.lower().encode(), usedforsecurity=False).hexdigest()


# --- whom to tell -----------------------------------------------------------------------------------


def _recipients(hub: Hub, tx: Tx, ids: Sequence[str], members: Sequence[Link]) -> Iterable[Recipient]:
    for link in members:
        route = hub.routes.get(link.connection)
        if link.state in ASKED_OF and (route is None or route.can.stores):
            yield Recipient(link.connection, route.forgets if route else "by hand", link.external_id)
    seen = set()
    for connection, key in tx.all(
        "SELECT connection, key FROM intent WHERE golden_id IN :*ids AND op = 'create' AND record_id IS NULL"
        " ORDER BY id",
        ids=list(ids),
    ):
        if (connection, key) in seen:
            continue
        seen.add((connection, key))
        route = hub.routes.get(connection)
        is_found = route is not None and route.can.promise not in UNSEARCHED and route.forgets != "by hand"
        yield Recipient(connection, route.forgets if route and is_found else "by hand", None, key)


# --- what people do ---------------------------------------------------------------------------------


def ask(hub: Hub, ledger: Ledger, golden_id: str, person: str, reference: str | None = None) -> Erasure:
    """Erase, and write it down outside of the database. ConfigError says whether they were erased all the same."""
    try:
        ledger.check()
    except ConfigError as err:
        raise ConfigError(f"Nobody was erased. {err}") from err
    made = erase(hub, golden_id, person, reference)
    _written_down(hub, ledger, f"They are erased here, and the systems are told: erasure {made.id}.")
    return made


def _written_down(hub: Hub, ledger: Ledger, done: str) -> None:
    """ConfigError begins with what was done."""
    try:
        write_down(hub.store, ledger)
    except ConfigError as err:
        raise ConfigError(f"{done} It is not written down yet. {err}") from err


def confirm(hub: Hub, erasure_id: str, connection: str, person: str) -> int:
    """A person has seen to it there: how many records. NotThere when nothing of it waits for one."""
    now = hub.clock()
    with hub.store.write() as tx:
        found = [each for each in _steps(tx, erasure_id, connection) if each.state in WAITS_FOR_A_PERSON]
        if not found:
            raise NotThere(
                f"Nothing of erasure {erasure_id} waits for a person in {connection}. Nothing was changed. "
                f"See `hub erasures show {erasure_id}`."
            )
        for step in found:
            db.done(tx, step, "by hand", now, person)
        note(tx, person, "erasure confirmed", f"erasure {erasure_id}", {"connection": connection}, at=now)
    return len(found)


def retry(hub: Hub, erasure_id: str, connection: str, person: str) -> int:
    """What was refused there, or is not due yet, is told in the next run: how many records."""
    now = hub.clock()
    with hub.store.write() as tx:
        found = [each for each in _steps(tx, erasure_id, connection) if each.state in ("refused", "pending", "sent")]
        if not found:
            raise NotThere(
                f"Nothing of erasure {erasure_id} can be told again in {connection}. Nothing was changed. "
                f"See `hub erasures show {erasure_id}`."
            )
        for step in found:
            db.put_off(tx, step.id, now)
        note(tx, person, "erasure retried", f"erasure {erasure_id}", {"connection": connection}, at=now)
    return len(found)


def lift(hub: Hub, ledger: Ledger, erasure_id: str, person: str, reason: str) -> None:
    """Whoever it was may come in again; systems that were not told yet are not told any more."""
    now = hub.clock()
    with hub.store.write() as tx:
        if db.erasure(tx, erasure_id) is None:
            raise NotThere(f"There is no erasure {erasure_id}. Nothing was changed. See `hub erasures list`.")
        if not db.lift(tx, erasure_id, person, now):
            raise Overtaken(f"Erasure {erasure_id} was lifted already, so nothing was changed.")
        note(tx, person, "erasure lifted", f"erasure {erasure_id}", {"reason": reason}, at=now)
    _written_down(hub, ledger, f"Erasure {erasure_id} is lifted.")


def _steps(tx: Tx, erasure_id: str, connection: str) -> list[Step]:
    if db.erasure(tx, erasure_id) is None:
        raise NotThere(f"There is no erasure {erasure_id}. Nothing was changed. See `hub erasures list`.")
    return [each for each in db.steps(tx, [erasure_id]).get(erasure_id, ()) if each.connection == connection]
