"""What each queued golden record needs in a system, as the write to be sent. Only reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.model import LinkState, Op, Write
from hub.store import intents, queue
from hub.store import links as db
from hub.store.intents import Intent
from hub.store.owed import Owed
from hub.store.queue import QueueRow
from hub.sync import owed
from hub.sync.engine import Hub, Run, golden_key
from hub.sync.lacks import first_fields, lacks, may_create
from hub.sync.link import HOLDING, Link
from hub.sync.unknown import ANEW, UNSEARCHED

HELD_WAIT = 3600.0  # seconds before a held create is looked at again; an approval makes it at once
SEARCH_WAIT = 30.0  # seconds before a create of unknown outcome is looked for again, at least


@dataclass(slots=True, eq=False)
class Job:
    """One write for one record of one golden record. `changed` in golden's terms."""

    golden_id: str
    version: int
    write: Write
    changed: dict[str, Any]
    link: Link | None = None
    intent_id: int = 0


@dataclass(slots=True)
class Prepared:
    """A window of the queue, decided."""

    jobs: list[Job] = field(default_factory=list)
    done: list[tuple[str, int]] = field(default_factory=list)  # nothing lacking: (golden id, version)
    drop: list[str] = field(default_factory=list)  # no longer of concern there
    later: list[tuple[str, float]] = field(default_factory=list)
    found: Mapping[int, Sequence[Owed]] = field(default_factory=dict)  # by record: links that were owed


@dataclass(frozen=True, slots=True)
class _Case:
    """A golden record that is to be as it is in a system, and what the hub knows of it there.

    tries       creates without a known outcome, oldest first
    is_looked   they were looked for just now
    may_create  no person has to approve a new record first
    """

    golden: db.GoldenRow
    links: Sequence[Link]
    tries: Sequence[Intent]
    is_looked: bool
    may_create: bool

    def there(self) -> list[Link]:
        return [x for x in self.links if x.state in (LinkState.LIVE, LinkState.ARCHIVED)]


def prepare(
    hub: Hub,
    run: Run,
    rows: Sequence[QueueRow],
    looked: frozenset[str] = frozenset(),
    *,
    creates: bool = True,
) -> Prepared:
    """What each queued golden record needs there. creates=False: new records wait for a person.

    looked  golden ids whose create of unknown outcome was looked for just now
    """
    ids = [r.golden_id for r in rows]
    with hub.store.read() as tx:
        goldens = db.goldens(tx, ids)
        members = db.members(tx, ids)
        pending = intents.unresolved(tx, run.name, ids)
        declined = queue.declined(tx, run.name, ids)
        found = owed.found(tx, run, members.values())
        queued = queue.ops(tx, run.name, ids)
    prepared = Prepared(found=found)
    for row in rows:
        golden, op = goldens.get(row.golden_id), queued.get(row.golden_id)
        if op is None:
            continue
        links = [m for m in members[row.golden_id] if m.connection == run.name]
        sent = pending.get(row.golden_id, [])
        is_declined = not links and not sent and golden is not None and declined.get(golden.id) == golden.version
        if golden is None or golden.state == "merged" or (op == "sync" and (golden.state != "live" or is_declined)):
            prepared.drop.append(row.golden_id)
        elif op == "sync":
            tries = [i for i in sent if not i.record_id]
            case = _Case(golden, links, tries, golden.id in looked, may_create=creates or row.agreed)
            _decide(hub, run, case, prepared)
        else:
            _put_away(golden, Op(op), links, prepared)
    return prepared


def _put_away(golden: db.GoldenRow, op: Op, links: Sequence[Link], prepared: Prepared) -> None:
    there = [x for x in links if x.state in HOLDING]
    for link in there:
        write = Write(op, golden_key(golden.id), link.external_id, {}, link.version)
        prepared.jobs.append(Job(golden.id, golden.version, write, {}, link))
    if not there:
        prepared.drop.append(golden.id)


def _decide(hub: Hub, run: Run, case: _Case, prepared: Prepared) -> None:
    route, there = run.route, case.there()
    unsure = case.tries and not case.is_looked and not (there and route.can.promise in UNSEARCHED)
    if unsure and "intent" not in hub.off:
        prepared.later.append((case.golden.id, hub.clock() + max(SEARCH_WAIT, route.can.settle_seconds)))
    elif there:
        _update(run, case, there, prepared)
    else:
        _create(hub, run, case, prepared)


def _create(hub: Hub, run: Run, case: _Case, prepared: Prepared) -> None:
    """Nothing of it is there: a new record, unless one is known to have gone."""
    golden = case.golden
    gone = [x for x in case.links if x.state not in ANEW and "tomb" not in hub.off]
    if gone or not may_create(run.route, golden.fields):
        prepared.drop.append(golden.id)
        return
    if not case.may_create:
        prepared.later.append((golden.id, hub.clock() + HELD_WAIT))
        return
    fields = first_fields(run.route, golden.fields)
    # the key of the first try stays the key of all: a merge must not make it another record
    key = case.tries[0].key if case.tries else golden_key(golden.id)
    write = Write(Op.CREATE, key, None, run.route.mapping.payload(fields, fields.keys()))
    prepared.jobs.append(Job(golden.id, golden.version, write, fields))


def _update(run: Run, case: _Case, there: Sequence[Link], prepared: Prepared) -> None:
    """What each of its records there lacks."""
    route, mapping, golden = run.route, run.route.mapping, case.golden
    before = len(prepared.jobs)
    for link in there:
        linked = owed.changed_by(route, golden.fields, link, prepared.found.get(link.id, ()))
        changed = {**lacks(route, golden.fields, link), **linked} if route.can.update else {}
        if changed:
            desired = {**mapping.project(golden.fields, link.agreed(), creating=False), **linked}
            payload = mapping.payload(desired, changed.keys())
            write = Write(Op.UPDATE, golden_key(golden.id), link.external_id, payload, link.version)
            prepared.jobs.append(Job(golden.id, golden.version, write, changed, link))
    if len(prepared.jobs) == before:
        prepared.done.append((golden.id, golden.version))
