"""What a person at the hub writes down: what happened with a contact, what was promised, what it takes back.

A note belongs to all records that the contact has at that moment. One without a contact waits at its number or
address, as any interaction does. Under one id it is taken once, however often it is sent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date

from hub.dedupe.consent import DENIED, EVERYBODY, EXPLICIT, PREFIX
from hub.errors import ConfigError, NotThere, Overtaken
from hub.mapping.consent import ADDRESS_FIELD
from hub.mapping.phones import phone_key
from hub.mapping.text import Unmappable
from hub.model import Fields, Interaction, element
from hub.store import audit, contacts, follow_ups, links
from hub.store import interactions as db
from hub.store.db import Tx
from hub.store.follow_ups import FollowUp
from hub.store.interactions import StatementRow, points_of
from hub.store.links import resolve_golden
from hub.sync import history
from hub.sync.allowed import UNDELIVERABLE
from hub.sync.engine import Hub
from hub.sync.history import AT_THE_HUB
from hub.sync.withhold import keeps_out

MOST_DUE = 50  # follow-ups of a list


@dataclass(frozen=True, slots=True)
class Note:
    """item      what happened; its points and statements are left alone
    follow_up    until when somebody comes back to it
    withdraws    channels by which the contact wants to hear nothing any more: email, sms, phone, whatsapp
    """

    item: Interaction
    follow_up: date | None = None
    withdraws: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Noted:
    """contact: the id that answers for it; None: nobody has the number yet.

    follow_up  its number
    denied     (channel, number or address) that may be used no more: the receipt names them by the note's id
    """

    contact: str | None
    id: str
    follow_up: int | None = None
    denied: tuple[tuple[str, str], ...] = ()


def log(hub: Hub, golden_id: str, note: Note, person: str) -> Noted:
    """Note what happened with a golden record.

    ConfigError when there is no such golden record, the note makes no sense, or the contact has no number or
    address of a channel that it takes back; then nothing was noted.
    """
    _check(note)
    with hub.store.write() as tx:
        home = resolve_golden(tx, golden_id)
        if home is None:
            raise NotThere(f"There is no golden record {golden_id}. Nothing was noted. See `hub contacts find`.")
        members = links.members(tx, [home])[home]
        is_new, number = _take(hub, tx, note, person)
        points = points_of(members, links.pins(tx, [home]).get(home, {}))
        head = contacts.golden_head(tx, home)
        said = list(_denials(hub, note, points, head.fields if head else {}))
        if is_new:
            db.tie(tx, AT_THE_HUB, note.item.id, [member.id for member in members])
            history.state(hub, tx, hub.new_id("p"), AT_THE_HUB, said)
            _write_down(hub, tx, note, person, f"contact {home}")
    hub.meter.interactions(AT_THE_HUB, note.item.channel, int(is_new))
    return Noted(home, note.item.id, number, _named(said))


def log_point(hub: Hub, note: Note, person: str) -> Noted:
    """Note what happened with somebody nobody knows yet, by the number or address of the item. ConfigError as `log`."""
    if not (note.item.phones or note.item.emails):
        raise ConfigError("A note without a contact needs a number or an address. Nothing was noted.")
    _check(note)
    with hub.store.write() as tx:
        if keeps_out(tx, note.item):
            raise ConfigError("Who has this number or address has asked to be erased. Nothing was noted.")
        is_new, number = _take(hub, tx, note, person)
        said = list(_denials(hub, note, history.keys_of(note.item), {}))
        if is_new:
            history.state(hub, tx, hub.new_id("p"), AT_THE_HUB, said)
            _write_down(hub, tx, note, person, f"interaction {note.item.id}")
    hub.meter.interactions(AT_THE_HUB, note.item.channel, int(is_new))
    return Noted(None, note.item.id, number, _named(said))


def phone_of(text: str, region: str | None) -> str:
    """A number as it is written or signalled, in E.164. ConfigError when it is none."""
    try:
        return phone_key(text.strip().removeprefix("tel:").strip(), region)
    except Unmappable as err:
        raise ConfigError(f"This number cannot be noted: {err.reason}. Nothing was noted.") from err


def _check(note: Note) -> None:
    reason = history.fault(note.item)
    if reason is None and note.withdraws - ADDRESS_FIELD.keys():
        reason = "it takes back a channel that the hub does not know"
    if reason is not None:
        raise ConfigError(f"This cannot be noted: {reason}. Nothing was changed.")


def _take(hub: Hub, tx: Tx, note: Note, person: str) -> tuple[bool, int | None]:
    """(whether it was not known, number of its follow-up)"""
    is_new = db.save(tx, [history.row_of(AT_THE_HUB, note.item)], hub.new_id("p")) > 0
    if note.follow_up is None:
        return is_new, None
    number = follow_ups.number_of(tx, AT_THE_HUB, note.item.id)
    assert number is not None
    follow_ups.add(tx, number, note.follow_up.isoformat(), person, hub.clock())
    return is_new, number


def _denials(hub: Hub, note: Note, points: Collection[str], fields: Fields) -> Iterable[StatementRow]:
    """For every purpose that a mapping or the contact has, and for those to come.

    ConfigError where there is nothing to deny.
    """
    at = note.item.at.astimezone(UTC).isoformat(timespec="seconds")
    value = {"status": DENIED, "at": at, "basis": EXPLICIT, "source": f"{AT_THE_HUB} {note.item.kind} {note.item.id}"}
    known = {pair for route in hub.routes.values() for pair in route.mapping.consents} | set(_purposes(fields))
    for channel in sorted(note.withdraws):
        held = sorted(point for point in points if point.startswith(f"{ADDRESS_FIELD[channel]}/"))
        if not held:
            raise ConfigError(
                f"The contact has no number or address that {channel} goes to, so its consent cannot be taken back "
                "for one. Nothing was noted. Leave the box empty, or add the number first."
            )
        purposes = sorted({EVERYBODY, *(p for of, p in known if of == channel and p != UNDELIVERABLE)})
        yield from (StatementRow(point, channel, purpose, AT_THE_HUB, value) for point in held for purpose in purposes)


def _purposes(fields: Fields) -> Iterable[tuple[str, str]]:
    """(channel, purpose) of the consents of a golden record, but what says whether mail arrives."""
    for key in fields:
        if key.startswith(PREFIX) and not key.endswith(f"|{UNDELIVERABLE}"):
            yield element(key).partition("|")[0], key.rpartition("|")[2]


def _named(said: Iterable[StatementRow]) -> tuple[tuple[str, str], ...]:
    return tuple(dict.fromkeys((row.channel, element(row.point)) for row in said))


def _write_down(hub: Hub, tx: Tx, note: Note, person: str, subject: str) -> None:
    said = {"interaction": note.item.id, "kind": note.item.kind}
    if note.follow_up is not None:
        said["follow_up"] = note.follow_up.isoformat()
    audit.note(tx, person, "interaction logged", subject, said, at=hub.clock())
    if note.withdraws:
        denied = {"interaction": note.item.id, "channels": sorted(note.withdraws)}
        audit.note(tx, person, "consent taken back", subject, denied, at=hub.clock())


# --- follow-ups --------------------------------------------------------------------------------------


def close(hub: Hub, number: int, person: str) -> None:
    """NotThere, Overtaken: there is no such follow-up, or somebody has closed it; nothing was changed."""
    with hub.store.write() as tx:
        if not follow_ups.close(tx, number, person, hub.clock()):
            if follow_ups.is_known(tx, number):
                raise Overtaken(f"Follow-up {number} is closed already, so nothing was changed.")
            raise NotThere(f"There is no follow-up {number}, so nothing was changed. Look at the list again.")
        audit.note(tx, person, "follow-up closed", f"follow-up {number}", at=hub.clock())


@dataclass(frozen=True, slots=True)
class Due:
    """contacts: ids of the golden records it is about today; none: nobody has the number yet"""

    follow_up: FollowUp
    contacts: tuple[str, ...]


def due(tx: Tx, limit: int = MOST_DUE) -> tuple[list[Due], int]:
    """The most urgent follow-ups of all contacts, and how many are open."""
    found, count = follow_ups.due(tx, limit)
    homes = history.homes(tx, follow_ups.interactions_of(tx, found), {})
    return [Due(each, tuple(homes.get(each.number, ()))) for each in found], count
