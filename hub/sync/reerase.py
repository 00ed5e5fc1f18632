"""After a backup was put back: who was erased since is erased again, before anything else is done.

They are known by the hashes in the file of erasures (`hub.store.ledger`). Every record of the store is looked at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from hub.store import erasures as db
from hub.store import ledger as file
from hub.store import links
from hub.store.audit import note
from hub.store.db import Tx
from hub.store.erasures import Hit, Kind, Marker
from hub.store.ledger import Book, Entry, Ledger
from hub.sync.clusters import Clusters
from hub.sync.engine import Hub, golden_key
from hub.sync.erase import Before, carry_out, look
from hub.sync.joining import part
from hub.sync.link import Link
from hub.sync.withhold import Identity, alone_marks, identity_marks, identity_of, key_mark

PART = 2_000  # records looked at together
RESTORE = "restore"
"""Who does what follows from a backup that was put back."""
_ENOUGH = frozenset({Kind.MAIL_NAME, Kind.PHONE_NAME, Kind.TAX})


def catch_up(hub: Hub, ledger: Ledger) -> int:
    """Erase again whom the store does not know to be erased, and bring the file up to date; how many erasures.

    Who was let in again since stays so.
    """
    book = ledger.read()
    _lift_again(hub, file.lifted_since(hub.store, book))
    lost = file.missing(hub.store, book)
    if lost:
        with hub.store.write() as tx:
            file.take_over(tx, book, lost)
        _erase_again(hub, book, [entry for entry in lost if entry.id not in book.lifted])
    file.write_down(hub.store, ledger)
    return len(lost)


def _lift_again(hub: Hub, ids: Sequence[str]) -> None:
    if not ids:
        return
    with hub.store.write() as tx:
        for erasure_id in ids:
            if db.lift(tx, erasure_id, RESTORE, hub.clock()):
                note(tx, RESTORE, "erasure lifted", f"erasure {erasure_id}", at=hub.clock())


def _erase_again(hub: Hub, book: Book, lost: Sequence[Entry]) -> None:
    wanted = {entry.id for entry in lost}
    last = 0
    while True:
        with hub.store.write() as tx:
            some = links.links_after(tx, last, PART)
            for erasure_id, found in _theirs(tx, wanted, some):
                told = frozenset(mark for number, mark in book.told if number == erasure_id)
                _erase(hub, tx, found, Before(erasure_id, told))
        if len(some) < PART:
            break
        last = some[-1].id
    with hub.store.write() as tx:
        db.made_again(tx, wanted)


def _theirs(tx: Tx, wanted: Collection[str], some: Sequence[Link]) -> Iterator[tuple[str, list[Link]]]:
    """(erasure, records of it) of one golden record each. A key is enough: it was theirs when they were erased.

    What else is like them is theirs only in a golden record that was: who was somebody else then stays so.
    """
    marker = db.known_marker(tx)
    if marker is None:
        return
    marks = {link.id: set(_marks(marker, link)) for link in some}
    homes = {link.golden_id: marker(Kind.OURS, golden_key(link.golden_id)) for link in some}
    hits = db.hits(tx, {mark for each in marks.values() for mark in each} | set(homes.values()))
    groups: dict[tuple[str, str], list[Link]] = {}
    for link in some:
        who = identity_of(link.opinion().fields)
        met = [hit for mark in marks[link.id] for hit in hits.get(mark, ()) if hit.erasure_id in wanted]
        at_home = {hit.erasure_id for hit in hits.get(homes[link.golden_id], ())}
        is_of = {
            hit.erasure_id
            for hit in met
            if hit.kind is Kind.KEY or (hit.erasure_id in at_home and _is_enough(hit, who))
        }
        for erasure_id in sorted(is_of)[:1]:
            groups.setdefault((link.golden_id, erasure_id), []).append(link)
    for (_, erasure_id), found in groups.items():
        yield erasure_id, found


def _marks(marker: Marker, link: Link) -> Iterator[str]:
    who = identity_of(link.opinion().fields)
    yield key_mark(marker, link.connection, link.external_id)
    yield from identity_marks(marker, who)
    yield from alone_marks(marker, who)


def _is_enough(hit: Hit, who: Identity) -> bool:
    return hit.kind in _ENOUGH or (not who.names and hit.kind in (Kind.MAIL, Kind.PHONE))


def _erase(hub: Hub, tx: Tx, found: Sequence[Link], before: Before) -> None:
    """Records of somebody else that were one with theirs when the backup was made go their own way first."""
    [now] = {each.golden_id for each in links.links_by_id(tx, [found[0].id]).values()} or {""}
    if not now:
        return  # with another of their records already
    theirs = {link.ref for link in _all_theirs(tx, now, before.erasure_id)} | {link.ref for link in found}
    others = [m.ref for m in links.members(tx, [now])[now] if m.ref not in theirs]
    if others:
        part(Clusters(hub, tx, hub.new_id("p"), hub.clock()), now, others, RESTORE, remember=False)
    homes = {each.golden_id for each in links.links_by_id(tx, [link.id for link in found]).values()}
    for home in sorted(homes):
        carry_out(hub, tx, look(hub, tx, home), RESTORE, before=before)


def _all_theirs(tx: Tx, golden_id: str, erasure_id: str) -> list[Link]:
    members = links.members(tx, [golden_id])[golden_id]
    return [link for _, some in _theirs(tx, {erasure_id}, members) for link in some]
