"""Who was erased does not come in again, by whatever way.

A record is kept out when it comes under the key of one that was erased, or is plainly of the same person: mail and
name, phone and name, or tax id; by mail or phone alone only where it names nobody, and nobody else had that. So a
family that shares an address is not swallowed. Under a known key whose system has let go of it, somebody with nothing
in common is somebody else: systems give keys out anew.

What is kept out is stored nowhere. It is counted.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

from hub.dedupe.features import features
from hub.mapping.elements import email_key
from hub.mapping.text import Unmappable
from hub.model import UNREAD, Fields, Interaction, base_field, element
from hub.store import erasures as db
from hub.store import holdings, inbox, opt_in
from hub.store.db import Tx
from hub.store.erasures import Hit, Kind, Marker

if TYPE_CHECKING:
    from hub.sync.reading import Reading

_MAIL = re.compile(r"[^\s\"'<>(),;:\\]{1,64}@[^\s\"'<>(),;:\\@]{3,190}")
_ALONE = frozenset({Kind.MAIL, Kind.PHONE})
_PLAIN = frozenset({Kind.MAIL_NAME, Kind.PHONE_NAME, Kind.TAX, Kind.OURS})
_COMMON = _ALONE | _PLAIN | {Kind.NAME, Kind.ADDRESS, Kind.NUMBER}


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells who a record is of. names: words in order, also first and last alone; an organisation's where none"""

    names: frozenset[str] = frozenset()
    mails: frozenset[str] = frozenset()
    phones: frozenset[str] = frozenset()
    taxes: frozenset[str] = frozenset()

    def __or__(self, other: Identity) -> Identity:
        return Identity(
            self.names | other.names,
            self.mails | other.mails,
            self.phones | other.phones,
            self.taxes | other.taxes,
        )

    def reachable(self) -> Identity:
        """Without what could not be read as a mail or a number: very many have "none" there."""
        mails = frozenset(mail for mail in self.mails if not mail.startswith(UNREAD))
        return replace(self, mails=mails, phones=frozenset(n for n in self.phones if not n.startswith(UNREAD)))

    @property
    def says_nothing(self) -> bool:
        return not (self.names or self.mails or self.phones or self.taxes)


NOBODY = Identity()


def identity_of(fields: Fields) -> Identity:
    seen = features(fields)
    names = {" ".join(sorted(set(seen.name)))} if seen.name else set()
    if len(seen.name) > 2:
        names.add(" ".join(sorted({seen.name[0], seen.name[-1]})))
    if not names and seen.company:
        names.add(" ".join(seen.company))
    there = {key for key, value in fields.items() if value is not None}
    return Identity(
        frozenset(names),
        frozenset(element(key) for key in there if base_field(key) == "emails" and "/" in key),
        frozenset(element(key) for key in there if base_field(key) == "phones" and "/" in key),
        seen.tax,
    )


def identity_marks(marker: Marker, who: Identity) -> dict[str, Kind]:
    """Hash → kind, of all that tells who somebody is, but for what others may have too."""
    kinds = (
        (Kind.MAIL_NAME, product(sorted(who.mails), sorted(who.names))),
        (Kind.PHONE_NAME, product(sorted(who.phones), sorted(who.names))),
        (Kind.NAME, product(sorted(who.names))),
        (Kind.ADDRESS, product(sorted(who.mails))),
        (Kind.NUMBER, product(sorted(who.phones))),
    )
    return {marker(kind, *parts): kind for kind, all_parts in kinds for parts in all_parts}


def alone_marks(marker: Marker, who: Identity) -> dict[str, Kind]:
    """Of what only one had."""
    kinds = ((Kind.MAIL, who.mails), (Kind.PHONE, who.phones), (Kind.TAX, who.taxes))
    return {marker(kind, value): kind for kind, values in kinds for value in sorted(values)}


def key_mark(marker: Marker, connection: str, external_id: str) -> str:
    return marker(Kind.KEY, connection, external_id)


# --- deciding (pure) --------------------------------------------------------------------------------


def keepers(hits: Iterable[Hit], who: Identity, unanswered: Collection[str] = ()) -> frozenset[str]:
    """Ids of the erasures that keep a record out.

    unanswered  erasures for which this system may still have made a record: a mail or number is enough until that is
                known, since systems keep names in forms of their own
    """
    found: dict[Kind, set[str]] = {}
    shut: set[str] = set()
    for hit in hits:
        found.setdefault(hit.kind, set()).add(hit.erasure_id)
        if hit.kind is Kind.KEY and not hit.closed:
            shut.add(hit.erasure_id)
    out = {each for kind in _PLAIN for each in found.get(kind, ())}
    if not who.names:
        out |= {each for kind in _ALONE for each in found.get(kind, ())}
    near = {each for kind in (Kind.ADDRESS, Kind.NUMBER) for each in found.get(kind, ())}
    out |= near & set(unanswered)
    common = {each for kind in _COMMON for each in found.get(kind, ())}
    for each in found.get(Kind.KEY, ()):
        if each in shut or who.says_nothing or each in common:
            out.add(each)
    return frozenset(out)


# --- looking up -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Coming:
    """A record on its way in. key: the hub's own, where the record carries it"""

    external_id: str
    who: Identity = NOBODY
    key: str | None = None


def withheld(
    tx: Tx, connection: str, coming: Sequence[Coming], others: set[str] | None = None, *, sure: bool = False
) -> dict[str, frozenset[str]]:
    """External id → ids of the erasures that keep it out; the others are not named. See `each_withheld`."""
    out = each_withheld(tx, connection, coming, others, sure=sure)
    return {each.external_id: by for each, by in zip(coming, out, strict=True) if by}


def each_withheld(
    tx: Tx, connection: str, coming: Sequence[Coming], others: set[str] | None = None, *, sure: bool = False
) -> list[frozenset[str]]:
    """Ids of the erasures that keep each of these out, in order; one question for all.

    sure    only those that would be kept out in any case
    others  takes the hashes that somebody else turns out to have too
    """
    marker = db.known_marker(tx)
    if marker is None or not coming:
        return [frozenset()] * len(coming)
    marks = [list(_marks_of(marker, connection, each)) for each in coming]
    hits = db.hits(tx, {mark for some in marks for mark in some})
    unanswered = db.unanswered(tx, connection) if hits and not sure else set()
    found = []
    for each, some in zip(coming, marks, strict=True):
        met = {mark: hits[mark] for mark in some if mark in hits}
        found.append(keepers((hit for found_there in met.values() for hit in found_there), each.who, unanswered))
        if not found[-1] and others is not None:
            others.update(mark for mark, there in met.items() if any(hit.kind in _ALONE for hit in there))
    return found


def is_in_common(tx: Tx, erasure_id: str, there: Coming) -> bool:
    """Whether a record has anything but its key in common with whoever was erased."""
    marker = db.known_marker(tx)
    if marker is None:
        return False
    hits = db.hits(tx, set(_marks_of_who(marker, replace(there, who=there.who.reachable()))))
    return any(hit.erasure_id == erasure_id for found in hits.values() for hit in found)


def _marks_of(marker: Marker, connection: str, each: Coming) -> Iterator[str]:
    yield key_mark(marker, connection, each.external_id)
    yield from _marks_of_who(marker, each)


def _marks_of_who(marker: Marker, each: Coming) -> Iterator[str]:
    yield from identity_marks(marker, each.who)
    yield from alone_marks(marker, each.who)
    if each.key is not None:
        yield marker(Kind.OURS, each.key)


# --- a page -----------------------------------------------------------------------------------------


def sift(tx: Tx, connection: str, reading: Reading) -> None:
    """Take out of a page who was erased. Writes nothing.

    A record that the hub knows is somebody else's, or it would not be there: an edit of it is never lost.
    """
    reading.erasures = tx.counter(db.COUNTED)
    if not reading.erasures:
        return
    coming = [
        Coming(external_id, identity_of(fresh.fields), fresh.record.key) for external_id, fresh in reading.fresh.items()
    ]
    coming += [
        Coming(parked.external_id, _written(parked.original))
        for parked in reading.parked
        if parked.external_id not in reading.fresh and parked.external_id not in reading.known
    ]
    reading.withheld.update(withheld(tx, connection, coming, reading.others))
    reading.doubtful = _doubtful(tx, connection, coming, reading.withheld)
    reading.blank = {each.external_id for each in coming if each.who.says_nothing}
    out = reading.withheld.keys()
    reading.ours |= {i: key for i in out & reading.fresh.keys() if (key := reading.fresh[i].record.key) is not None}
    reading.newcomers = {i: each for i, each in reading.newcomers.items() if i not in out}
    reading.fresh = {i: each for i, each in reading.fresh.items() if i not in out}
    reading.parked = [parked for parked in reading.parked if parked.external_id not in out]
    reading.agreed -= out
    reading.waits -= out
    if reading.happened:
        reading.happened = _events(tx, connection, reading.happened, out, reading)


def _doubtful(tx: Tx, connection: str, coming: Sequence[Coming], out: Collection[str]) -> set[str]:
    """Of those kept out, who may be of the same family: their keys are not remembered."""
    if not out or not db.unanswered(tx, connection):
        return set()
    sure = withheld(tx, connection, [each for each in coming if each.external_id in out], sure=True)
    return set(out) - sure.keys()


def _written(original: str) -> Identity:
    """Addresses in a text that could not be understood."""
    mails = set()
    for text in _MAIL.findall(original)[:20]:
        try:
            mails.add(email_key(text))
        except Unmappable:
            continue
    return Identity(mails=frozenset(mails))


def _events(
    tx: Tx, connection: str, happened: Sequence[Interaction], out: Collection[str], reading: Reading
) -> list[Interaction]:
    """Interactions without those of erased people: by their record, else by all of their points."""
    marker = db.known_marker(tx)
    if marker is None:
        return list(happened)
    marks = {key_mark(marker, connection, item.record) for item in happened if item.record is not None}
    marks |= {marker(kind, value) for item in happened for kind, value in _points(item)}
    hits = db.hits(tx, marks)
    kept = []
    for item in happened:
        by_record = item.record is not None and (
            item.record in out or key_mark(marker, connection, item.record) in hits
        )
        left = [(k, v) for k, v in _points(item) if marker(k, v) not in hits]
        if by_record or (not left and (item.phones or item.emails) and item.record is None):
            reading.unheard += 1
            continue
        kept.append(_without(item, left) if len(left) < len(item.phones) + len(item.emails) else item)
    return kept


def keeps_out(tx: Tx, item: Interaction) -> bool:
    """Whether all numbers and addresses of something that happened are of people who were erased."""
    marker = db.known_marker(tx)
    marks = {marker(kind, value) for kind, value in _points(item)} if marker is not None else set()
    return bool(marks) and marks <= db.hits(tx, marks).keys()


def _points(item: Interaction) -> Iterator[tuple[Kind, str]]:
    for number in item.phones:
        yield Kind.PHONE, number
    for address in item.emails:
        yield Kind.MAIL, email_key(address)


def _without(item: Interaction, left: Sequence[tuple[Kind, str]]) -> Interaction:
    """With the points of other people only."""
    return replace(
        item,
        phones=tuple(v for k, v in left if k is Kind.PHONE),
        emails=tuple(v for k, v in left if k is Kind.MAIL),
    )


# --- in the transaction of the page -----------------------------------------------------------------


def note_withheld(tx: Tx, connection: str, reading: Reading, now: float) -> None:
    """A system that shows a record again after it had let go of it is told once more."""
    if reading.others:
        db.not_alone(tx, reading.others)
    out = reading.withheld
    marker = db.known_marker(tx) if out else None
    if marker is None:
        return
    marks = {key_mark(marker, connection, external_id): external_id for external_id in out}
    # one that was emptied is still there, and says nothing of anybody
    db.shown_again(tx, connection, {m: i for m, i in marks.items() if i not in reading.blank}, now)
    _note_found(tx, connection, marker, reading)
    for mark, external_id in sorted(marks.items()):
        if external_id in reading.doubtful:
            continue
        for erasure_id in sorted(out[external_id]):
            db.suppress(tx, erasure_id, {mark: Kind.KEY})
    # told of a record before the record itself was shown
    holdings.forget_events(tx, connection, sorted(out.keys() - reading.doubtful))
    _settle_deliveries(tx, connection, out, now)


def _note_found(tx: Tx, connection: str, marker: Marker, reading: Reading) -> None:
    """What an unanswered create of ours had made shows itself by our key."""
    for external_id, key in sorted(reading.ours.items()):
        step = db.step_of_create(tx, connection, key) if external_id in reading.withheld else None
        if step is not None:
            db.found_there(tx, step.id, external_id, key_mark(marker, connection, external_id))


def _settle_deliveries(tx: Tx, connection: str, out: Mapping[str, frozenset[str]], now: float) -> None:
    """Of forms: they go, but for those that somebody may still confirm."""
    asked = opt_in.withhold(tx, connection, out)
    inbox.forget(tx, connection, sorted(out.keys() - asked))
    for delivery_id in sorted(each for each, is_confirmed in asked.items() if is_confirmed):
        db.come_back(tx, connection, delivery_id, out[delivery_id], now)
