"""Writes whose outcome is not known: the record is read, or looked for by the hub's key, before anything is repeated.

What was read is taken in like any reading, so that only then the write is decided anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hub.connectors.contract import Promise
from hub.model import LinkState, Record
from hub.store import links as db
from hub.store import work
from hub.store.db import Tx, dumps
from hub.store.work import Intent, QueueRow
from hub.sync.engine import Hub, Run
from hub.sync.intake import save_page
from hub.sync.link import HOLDING, Link
from hub.sync.reading import read_page

ANEW = frozenset({LinkState.LEFT, LinkState.TAKEN_BACK})
"""States of a link that do not stand in the way of a new record: an update never becomes a create otherwise."""

UNSEARCHED = frozenset({Promise.KEYED, Promise.WRITE_ONLY})
"""Where a create of unknown outcome cannot be looked for."""


def resolve(hub: Hub, run: Run, rows: Sequence[QueueRow]) -> frozenset[str]:
    """Read what unacknowledged writes have done, and take it in. Returns golden ids whose create was looked for."""
    ids = [r.golden_id for r in rows]
    with hub.store.read() as tx:
        open_intents = work.intents(tx, run.name, ids)
        links = db.links_by_id(tx, [i.record_id for xs in open_intents.values() for i in xs if i.record_id])
        members = db.members(tx, open_intents)
    if not open_intents:
        return frozenset()
    everything = [i for xs in open_intents.values() for i in xs]
    if "readfirst" in hub.off:
        with hub.store.write(run.fence) as tx:
            work.close_intents(tx, [i.id for i in everything if i.record_id])
    else:
        _read_again(hub, run, [i for i in everything if i.record_id], links)
    there = {g for g, xs in members.items() if any(m.connection == run.name and m.state not in ANEW for m in xs)}
    return _look_for_creates(hub, run, [i for i in everything if not i.record_id], there)


def _read_again(hub: Hub, run: Run, intents: Sequence[Intent], links: Mapping[int, Link]) -> None:
    if not intents:
        return
    wanted = sorted({links[n].external_id for i in intents if (n := i.record_id) and n in links})
    found = run.connector.read(wanted)
    reading = read_page(hub, run, found.values())
    reading.total = 0
    reading.settles = [i.id for i in intents]
    save_page(hub, run, reading)
    lost = [link for link in links.values() if link.external_id not in found and link.state in HOLDING]
    if lost:
        with hub.store.write(run.fence) as tx:
            not_there(tx, run, lost)


def not_there(tx: Tx, run: Run, links: Sequence[Link]) -> None:
    """No such record: the queue forgets it, and the next listings tell whether it is gone."""
    proof = not run.route.can.complete
    db.set_state(tx, [x.id for x in links], LinkState.DOOMED if proof else LinkState.ABSENT)
    work.dequeue(tx, run.name, sorted({x.golden_id for x in links}))


def _look_for_creates(hub: Hub, run: Run, intents: Sequence[Intent], there: set[str]) -> frozenset[str]:
    """`there`: golden ids that have a record in the connection by now."""
    looked: set[str] = set()
    promise = run.route.can.promise
    now = hub.clock()
    keys: dict[str, list[Intent]] = {}
    for intent in intents:
        keys.setdefault(intent.key, []).append(intent)
    for key, tries in keys.items():
        golden_id = tries[-1].golden_id
        if promise is Promise.KEYED or (promise is Promise.WRITE_ONLY and golden_id in there):
            looked.add(golden_id)  # sent again with its key; not beside a record that is there: see `end_creates`
        elif promise is Promise.WRITE_ONLY:
            _ask_about(hub, run, golden_id, tries)
        elif promise is Promise.EVENTUAL and now < tries[-1].at + run.lease_seconds + run.route.can.settle_seconds:
            # the intent is older than what it announced: a call may take as long as its lease
            continue
        else:
            found = run.connector.find(key)
            looked.add(golden_id)
            if found is not None:
                _adopt(hub, run, found, tries)
            elif golden_id in there:
                with hub.store.write(run.fence) as tx:
                    work.close_intents(tx, [i.id for i in tries])
    return frozenset(looked)


def end_creates(hub: Hub, run: Run) -> None:
    """Creates of unknown outcome that cannot be looked for, of people who have another record there.

    As with absence, two complete listings after the call must have ended prove that nothing was made. Until then
    what was sent is kept: in a record that is listed late, our values are no claims of the system.
    """
    can = run.route.can
    if run.shown is None or can.promise not in UNSEARCHED:
        return
    with hub.store.glance() as tx:
        ended = work.creates_before(tx, run.name, run.shown - run.lease_seconds - can.settle_seconds, ANEW)
    if ended:
        with hub.store.write(run.fence) as tx:
            work.close_intents(tx, ended)


def _adopt(hub: Hub, run: Run, found: Record, tries: Sequence[Intent]) -> None:
    """The create whose reply was lost had been carried out."""
    reading = read_page(hub, run, [found])
    reading.total = 0
    reading.settles = [i.id for i in tries]
    save_page(hub, run, reading)


def _ask_about(hub: Hub, run: Run, golden_id: str, tries: Sequence[Intent]) -> None:
    """Never found again and never repeated: a person has to look."""
    parked = work.Parked(
        "golden:" + golden_id,
        "unknown",
        "A create was sent and its outcome is not known. It was not repeated. Look in the system: "
        "drop this if the record is there, retry if it is not",
        dumps(tries[-1].payload),
    )
    with hub.store.write(run.fence) as tx:
        # the intents stay: they keep it from being made again, and tell our values when a listing shows it
        work.park(tx, run.name, [parked], hub.clock(), run.id)
        work.dequeue(tx, run.name, [golden_id])
