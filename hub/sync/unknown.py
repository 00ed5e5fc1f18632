"""Writes whose outcome is not known: the record is read, or looked for by the hub's key, before anything is repeated.

What was read is taken in like any reading, so that only then the write is decided anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hub.connectors.contract import Promise
from hub.model import LinkState, Op, Record
from hub.store import changes, intents, parked, queue
from hub.store import links as db
from hub.store.db import Tx, dumps
from hub.store.intents import Intent
from hub.store.queue import QueueRow
from hub.sync.engine import Hub, Run, chunks
from hub.sync.gave_way import as_items
from hub.sync.intake import save_page
from hub.sync.link import HOLDING, Link
from hub.sync.reading import read_page

ANEW = frozenset({LinkState.LEFT, LinkState.TAKEN_BACK})
"""States of a link that do not stand in the way of a new record: an update never becomes a create otherwise."""

UNSEARCHED = frozenset({Promise.KEYED, Promise.WRITE_ONLY})
"""Where a create of unknown outcome cannot be looked for."""


BATCH = 500  # records in one transaction


def resolve(hub: Hub, run: Run, rows: Sequence[QueueRow]) -> frozenset[str]:
    """Read what unacknowledged writes have done, and take it in. Returns golden ids whose create was looked for."""
    ids = [r.golden_id for r in rows]
    with hub.store.read() as tx:
        open_intents = intents.unresolved(tx, run.name, ids)
        links = db.links_by_id(tx, [i.record_id for xs in open_intents.values() for i in xs if i.record_id])
        members = db.members(tx, open_intents)
    if not open_intents:
        return frozenset()
    everything = [i for xs in open_intents.values() for i in xs]
    if "readfirst" in hub.off:
        with hub.store.write(run.fence) as tx:
            intents.close(tx, [i.id for i in everything if i.record_id])
    else:
        _read_again(hub, run, [i for i in everything if i.record_id], links)
    there = {g for g, xs in members.items() if any(m.connection == run.name and m.state not in ANEW for m in xs)}
    return _look_for_creates(hub, run, [i for i in everything if not i.record_id], there)


def _read_again(hub: Hub, run: Run, sent: Sequence[Intent], links: Mapping[int, Link]) -> None:
    """What was found and what was not is one finding: the intents are closed with both, or stay."""
    if not sent:
        return
    wanted = sorted({links[n].external_id for i in sent if (n := i.record_id) and n in links})
    over = hub.clock() - run.route.can.late_seconds
    found = run.connector.read(wanted)
    reading = read_page(hub, run, as_items(found))
    reading.total = 0
    # what is younger may still be carried out: until then a value that it had sent is known as ours
    reading.settles = [i.id for i in sent if i.at <= over]
    lost = [link for link in links.values() if link.external_id not in found and link.state in HOLDING]
    ours = {i.record_id for i in sent if i.op == Op.DELETE}

    def mark(tx: Tx) -> None:
        carried_out(hub, tx, run, [x.id for x in lost if x.id in ours])
        not_there(tx, run, [x for x in lost if x.id not in ours])

    save_page(hub, run, reading, also=mark if lost else None)


def end_writes(hub: Hub, run: Run) -> None:
    """Writes to records that cannot be carried out any more: what has come of them is read, and they are closed."""
    over = hub.clock() - run.route.can.late_seconds
    with hub.store.glance() as tx:
        ended = intents.writes_before(tx, run.name, over)
        links = db.links_by_id(tx, [i.record_id for i in ended if i.record_id])
    if "readfirst" in hub.off:
        return
    for part in chunks(ended, BATCH):
        _read_again(hub, run, part, {i.record_id: links[i.record_id] for i in part if i.record_id in links})


def hear_of_deletions(hub: Hub, run: Run) -> None:
    """Records proven gone of which the hub's own deletion has no known outcome: nobody else has deleted them."""
    with hub.store.glance() as tx:
        found = intents.unheard_deletions(tx, run.name, LinkState.DOOMED)
    for part in chunks(found, BATCH):
        with hub.store.write(run.fence) as tx:
            carried_out(hub, tx, run, part)


def carried_out(hub: Hub, tx: Tx, run: Run, record_ids: Sequence[int]) -> None:
    """The hub's own deletions, as answered. Where the contact is wanted again by now, it is made anew."""
    links = [x for x in db.links_by_id(tx, record_ids).values() if x.state in HOLDING]
    if not links:
        return
    now = hub.clock()
    stands = queue.to_be_deleted(tx, run.name, [x.golden_id for x in links])
    back = [x for x in links if x.golden_id not in stands]
    db.set_state(tx, [x.id for x in links if x.golden_id in stands], LinkState.REMOVED)
    db.set_state(tx, [x.id for x in back], LinkState.TAKEN_BACK)
    intents.close_of_records(tx, [x.id for x in links])
    queue.enqueue(tx, sorted({(run.name, x.golden_id) for x in back}), now, run.id)
    said = [changes.Change(x.golden_id, now, "told: delete", run.name, "{}") for x in links]
    changes.log(tx, said, run.id)
    run.count("pushed", len(links))


def not_there(tx: Tx, run: Run, links: Sequence[Link]) -> None:
    """No such record: the queue forgets it, and the next listings tell whether it is gone.

    Where its person has another record there, that one may be lacking something still.
    """
    if not links:
        return
    proof = not run.route.can.complete
    numbers = {link.id for link in links}
    members = db.members(tx, {link.golden_id for link in links})
    others = {
        golden_id
        for golden_id, some in members.items()
        if any(m.connection == run.name and m.state in HOLDING and m.id not in numbers for m in some)
    }
    db.set_state(tx, [x.id for x in links], LinkState.DOOMED if proof else LinkState.ABSENT)
    queue.dequeue(tx, run.name, sorted(members.keys() - others))


def _look_for_creates(hub: Hub, run: Run, sent: Sequence[Intent], there: set[str]) -> frozenset[str]:
    """`there`: golden ids that have a record in the connection by now."""
    looked: set[str] = set()
    can, promise = run.route.can, run.route.can.promise
    now = hub.clock()
    keys: dict[str, list[Intent]] = {}
    for intent in sent:
        keys.setdefault(intent.key, []).append(intent)
    for key, tries in keys.items():
        golden_id = tries[-1].golden_id
        may_come = now < tries[-1].at + can.late_seconds + can.settle_seconds
        if promise is Promise.KEYED or (promise is Promise.WRITE_ONLY and golden_id in there):
            looked.add(golden_id)  # sent again with its key; not beside a record that is there: see `end_creates`
        elif may_come and promise is not Promise.READBACK:
            continue
        elif promise is Promise.WRITE_ONLY:
            _ask_about(hub, run, golden_id, tries)
        elif (found := run.connector.find(key)) is not None:
            if _adopt(hub, run, found, tries):
                looked.add(golden_id)
        elif not may_come:
            looked.add(golden_id)
            if golden_id in there:
                with hub.store.write(run.fence) as tx:
                    intents.close(tx, [i.id for i in tries])
    return frozenset(looked)


def end_creates(hub: Hub, run: Run) -> None:
    """Creates of unknown outcome that cannot be looked for, of people who have another record there.

    As with absence, two complete listings after it can be carried out no more prove that nothing was made. Until then
    what was sent is kept: in a record that is listed late, our values are no claims of the system.
    """
    can = run.route.can
    if run.shown is None or can.promise not in UNSEARCHED:
        return
    with hub.store.glance() as tx:
        ended = intents.creates_before(tx, run.name, run.shown - can.late_seconds - can.settle_seconds, ANEW)
    if ended:
        with hub.store.write(run.fence) as tx:
            intents.close(tx, ended)


def _adopt(hub: Hub, run: Run, found: Record, tries: Sequence[Intent]) -> bool:
    """The create whose reply was lost had been carried out.

    False: what is there cannot be read and is set aside. It is looked for again, since another would be made otherwise.
    """
    reading = read_page(hub, run, [found])
    reading.total = 0
    is_unread = any(p.external_id == found.id for p in reading.parked)
    is_adopted = found.id in reading.fresh or found.id in reading.known or not is_unread
    if is_adopted:
        reading.settles = [i.id for i in tries]
    save_page(hub, run, reading)
    return is_adopted


def _ask_about(hub: Hub, run: Run, golden_id: str, tries: Sequence[Intent]) -> None:
    """Never found again and never repeated: a person has to look."""
    row = parked.Parked(
        "golden:" + golden_id,
        "unknown",
        "A create was sent and its outcome is not known. It was not repeated. Look in the system: "
        "drop this if the record is there, retry if it is not",
        dumps(tries[-1].payload),
    )
    with hub.store.write(run.fence) as tx:
        if db.resolve_golden(tx, golden_id) is None:
            return  # erased meanwhile: the erasure asks a person
        # the intents stay: they keep it from being made again, and tell our values when a listing shows it
        parked.park(tx, run.name, [row], hub.clock(), run.id)
        queue.dequeue(tx, run.name, [golden_id])
