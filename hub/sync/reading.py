"""A page of source records sorted out before its transaction: unchanged, changed, gone, or not to be taken.

Compared by fingerprint first, so that an unchanged record costs one look-up. What changed is mapped. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import orjson

from hub.errors import RecordError
from hub.model import Interaction, Item, LinkState, Mapped, Record, Tombstone, Unreadable, base_field
from hub.store import links as db
from hub.store import parked, rulings
from hub.store.amended import Served
from hub.store.db import dumps
from hub.sync import history
from hub.sync.amending import amend
from hub.sync.corrections import STAGES, Correction, corrected, read_correction
from hub.sync.engine import Hub, Run, golden_of
from hub.sync.lines import raw_text
from hub.sync.link import Link
from hub.sync.place import Newcomer
from hub.sync.somebody_else import is_somebody_else
from hub.sync.withhold import sift

NOTHING_ODD: Final[frozenset[str]] = frozenset()
FEW = 10  # records of a page that is read by plans made once


class Fresh(NamedTuple):
    """A record that is new or changed, mapped."""

    record: Record
    fingerprint: bytes
    fields: dict[str, Any]
    odd: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    correction: Correction | None = None  # that a person made, without which it would have been set aside
    refused: bool = False  # a person has: what of it is known stays as it was
    kept_out: frozenset[str] | None = None  # of what was refused: see `hub.sync.kept_out`


@dataclass(slots=True)
class Reading:
    """A page sorted out before its transaction.

    seen     record ids of all that are there, for the proof of absence
    touched  unchanged records that were in another state: (record id, state now)
    newcomers  of `fresh`, in a page of few: those that the hub does not know yet and whose key is not ours
    settles  intents whose outcome this reading tells
    happened interactions that are new or have changed
    nameless items that could not be read, key included
    agreed   of `fresh`, those that a person has decided one by one, as they are
    waits    of `fresh`, those that wait beside what was decided, or have changed since they were approved
    settled  external ids whose rulings are of no more use
    made_by_us  of `fresh`, new ones that the hub has made, or may have: found when they are taken in
    withheld external id → erasures that keep it out; unheard: interactions that they keep out
    erasures  how many there ever were when this was looked up; others: hashes of theirs that somebody else has too
    known     ids of records that the hub has already; of those withheld, blank: say nothing of anybody; ours: our keys
    served    corrections by people of pieces that could not be read, of this page
    brought   of such, numbers of those whose record the source brings by itself
    doubtful of those withheld, who may be somebody else of the same address; they come in once that is known
    """

    total: int = 0
    nameless: int = 0
    unchanged: int = 0
    seen: list[int] = field(default_factory=list)
    touched: list[tuple[int, LinkState]] = field(default_factory=list)
    fresh: dict[str, Fresh] = field(default_factory=dict)
    newcomers: dict[str, Newcomer] = field(default_factory=dict)
    gone: dict[str, Tombstone] = field(default_factory=dict)
    parked: list[parked.Parked] = field(default_factory=list)
    settles: list[int] = field(default_factory=list)
    happened: list[Interaction] = field(default_factory=list)
    agreed: set[str] = field(default_factory=set)
    waits: set[str] = field(default_factory=set)
    settled: list[str] = field(default_factory=list)
    made_by_us: set[str] = field(default_factory=set)
    withheld: dict[str, frozenset[str]] = field(default_factory=dict)
    unheard: int = 0
    erasures: int = 0
    others: set[str] = field(default_factory=set)
    known: frozenset[str] = frozenset()
    blank: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    ours: dict[str, str] = field(default_factory=dict)
    served: list[Served] = field(default_factory=list)
    brought: list[int] = field(default_factory=list)

    def is_quiet(self) -> bool:
        news = self.fresh or self.gone or self.parked or self.touched or self.settles or self.happened
        return not (news or self.settled or self.withheld or self.others or self.served or self.brought)


def fingerprint(record: Record, digest: bytes) -> bytes:
    """16 bytes that change when the record's content or the mapping does."""
    state = (record.fields, record.archived, record.key)
    return blake2b(orjson.dumps(state, option=orjson.OPT_SORT_KEYS), digest_size=16, key=digest).digest()


def read_page(hub: Hub, run: Run, items: Collection[Item]) -> Reading:
    """Sort a page into unchanged, changed, gone and not to be taken. Writes nothing."""
    reading = Reading()
    if (amends := amend(hub, run, items)) is not None:
        items, reading.served, reading.brought = amends.items, amends.served, amends.brought
    happened = {i.id: i for i in items if isinstance(i, Interaction)}
    if happened:
        reading.happened = _happened(hub, run, happened, reading)
        items = [i for i in items if not isinstance(i, Interaction)]
    records = _collect(items, reading)
    unread = [i.id for i in items if isinstance(i, Unreadable) and i.id]
    known: dict[str, tuple[int, bytes | None, str]] = {}
    if records or unread:
        with hub.store.glance() as tx:
            known = db.known(tx, run.name, [*records, *unread])
        reading.known = frozenset(known)
    reading.seen.extend(known[i][0] for i in unread if i in known and i not in records)
    digest = run.route.mapping.digest
    for record in records.values():
        try:
            mark = fingerprint(record, digest)
        except (TypeError, ValueError) as err:
            reason = f"The record is not JSON: {err}"
            reading.parked.append(parked.Parked(record.id, "read", reason, repr(record.fields)))
            continue
        if (was := known.get(record.id)) is not None:
            reading.seen.append(was[0])
            if was[1] == mark:
                reading.unchanged += 1
                if was[2] != (state := state_of(record)):
                    reading.touched.append((was[0], state))
                continue
        _map(run, record, mark, reading)
    if reading.parked:
        _correct(hub, run, records, reading)
    if rulings.INTAKE in run.judged and reading.fresh:
        _judge(hub, run, known, reading)
    if len(records) <= FEW:
        for record_id, fresh in reading.fresh.items():
            if record_id not in known and golden_of(fresh.record.key) is None:
                reading.newcomers[record_id] = newcomer_of(run, fresh)
    if reading.fresh or reading.parked or reading.happened:
        with hub.store.glance() as tx:
            sift(tx, run.name, reading)
            if reading.fresh:  # names are counted here, where nobody waits: it takes half a second of a million
                hub.matching(tx)
    return reading


def _correct(hub: Hub, run: Run, records: Mapping[str, Record], reading: Reading) -> None:
    """What a person corrected in records that would be set aside: they are taken as they are meant.

    The fingerprint stays that of the original, so that the same one again is unchanged.
    """
    wrong = {p.external_id for p in reading.parked if p.stage in STAGES and p.external_id in records}
    if not wrong:
        return
    with hub.store.glance() as tx:
        found = parked.corrections(tx, run.name, wrong, STAGES)
        links = db.links_of(tx, run.name, [each[0] for each in found]) if found else {}
    for record_id, stage, text in found:
        if _is_of_another(links.get(record_id), reading.fresh.get(record_id)):
            continue  # it was meant for who had this id before
        record, correction = records[record_id], read_correction(text)
        meant = corrected(run.route.mapping, record, stage, correction) if correction else None
        if meant is None:
            continue
        again = Reading()
        _map(run, meant, fingerprint(record, run.route.mapping.digest), again)
        if record_id not in again.fresh:
            continue
        reading.parked = [p for p in reading.parked if p.external_id != record_id or p.stage not in STAGES]
        reading.parked += again.parked
        reading.fresh[record_id] = again.fresh[record_id]._replace(correction=correction)


def _is_of_another(link: Link | None, fresh: Fresh | None) -> bool:
    if link is None or fresh is None:
        return False
    return is_somebody_else((link.fields, link.opinion().fields), fresh.fields)


def _judge(hub: Hub, run: Run, known: Mapping[str, Any], reading: Reading) -> None:
    """What people have decided on these records, where they still are what was looked at.

    What has changed since it was approved waits to be asked again, unless all that is read was approved meanwhile.
    """
    is_free = run.allowed is not None and not run.allowed.keys().isdisjoint(("creates", "updates"))
    with hub.store.glance() as tx:
        found = rulings.of_records(tx, run.name, rulings.INTAKE, list(reading.fresh))
    for record_id, ruling in found.items():
        fresh = reading.fresh[record_id]
        same = ruling.mark == fresh.fingerprint.hex()
        if ruling.verdict == rulings.REFUSED:
            _refuse(record_id, ruling, same, record_id in known, reading)
        elif ruling.verdict == rulings.APPROVED and same:
            reading.agreed.add(record_id)
        elif is_free:
            reading.settled.append(record_id)
        else:
            reading.waits.add(record_id)


def _refuse(record_id: str, ruling: rulings.Ruling, same: bool, is_known: bool, reading: Reading) -> None:
    if is_known and (same or ruling.kept is not None):
        kept = None if same else ruling.kept
        reading.fresh[record_id] = reading.fresh[record_id]._replace(refused=True, kept_out=kept)
        if same:  # what of it is taken in all the same, an opt-out, is past the limits
            reading.agreed.add(record_id)
    elif same and golden_of(reading.fresh[record_id].record.key) is None:  # kept out: the hub knows nothing of it
        del reading.fresh[record_id]
        reading.parked = [p for p in reading.parked if p.external_id != record_id]
    else:
        reading.settled.append(record_id)


def newcomer_of(run: Run, fresh: Fresh) -> Newcomer:
    return Newcomer(Link(run.name, fresh.record.id, state=state_of(fresh.record)), fresh.fields)


def _happened(hub: Hub, run: Run, items: Mapping[str, Interaction], reading: Reading) -> list[Interaction]:
    """Interactions that are new or have changed; those that cannot be taken are parked."""
    sound = {}
    for item in items.values():
        reason = history.fault(item)
        if reason is None:
            sound[item.id] = item
        else:
            reading.parked.append(parked.Parked(item.id, "read", f"An interaction: {reason}", history.as_text(item)))
    with hub.store.glance() as tx:
        return history.unknown(tx, run.name, sound)


def _collect(items: Iterable[Item], reading: Reading) -> dict[str, Record]:
    records: dict[str, Record] = {}
    for item in items:
        reading.total += 1
        if isinstance(item, Record):
            if item.id in records and records[item.id].fields != item.fields:
                reading.parked.append(_came_twice(records[item.id]))
            records[item.id] = item
            reading.gone.pop(item.id, None)
        elif isinstance(item, Tombstone):
            reading.gone[item.id] = item
            records.pop(item.id, None)
        elif isinstance(item, Unreadable):
            reading.nameless += item.id is None
            raw = raw_text(item.raw)
            reading.parked.append(parked.Parked(item.id or item.where, item.stage, item.reason, item.original, raw))
    return records


def _came_twice(record: Record) -> parked.Parked:
    reason = "The same key came twice with different values; the last one was taken. Make the key unique."
    return parked.Parked(f"{record.id} (earlier)", "read", reason, original(record))


def state_of(record: Record) -> LinkState:
    return LinkState.ARCHIVED if record.archived else LinkState.LIVE


def _map(run: Run, record: Record, mark: bytes, reading: Reading) -> None:
    try:
        mapped: Mapped = run.route.mapping.inward(record)
    except RecordError as err:
        reading.parked.append(parked.Parked(record.id, "map", str(err), original(record)))
        return
    if mapped.problems:
        reason = "; ".join(f"{p.field}: {p.reason}" for p in mapped.problems)
        values = dumps({p.field: p.value for p in mapped.problems})
        reading.parked.append(parked.Parked(record.id, "value", reason, values))
    odd = frozenset([base_field(p.field) for p in mapped.problems]) if mapped.problems else NOTHING_ODD
    reading.fresh[record.id] = Fresh(record, mark, mapped.fields, odd, mapped.silent)


def original(record: Record) -> str:
    """A record as JSON text, to be parked and tried again."""
    state = {
        "id": record.id,
        "fields": record.fields,
        "version": record.version,
        "changed_at": record.changed_at,
        "archived": record.archived,
        "key": record.key,
    }
    return orjson.dumps(state, default=str).decode("utf-8", "backslashreplace")
