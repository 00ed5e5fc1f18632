"""A store filled with a million contacts quickly, for what is then measured on it. No way to load real data.

Clusters are decided for all records at once, then saved by the functions the engine saves with, a few thousand
golden records a transaction: the rows are those of a sync of the same records, but for ids, times, the plan and
records that were set aside. `tests/bench/test_latency.py` compares the two.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

import orjson

from bench.matching import rows
from hub.connectors.contract import Can, Connector, Report
from hub.dedupe.bulk import Bulk
from hub.dedupe.features import features, pack
from hub.dedupe.frequency import NameCounts
from hub.dedupe.keys import blocking_keys
from hub.dedupe.weigh import DEFAULT, Model
from hub.errors import RecordError
from hub.mapping.spec import flat_mapping
from hub.model import LinkState, Page, Record, base_field
from hub.running import Ids
from hub.store import keys as index
from hub.store import leases
from hub.store import links as db
from hub.store.db import Fence, Store, Tx
from hub.store.names import add_names
from hub.sync.clusters import Clusters
from hub.sync.engine import Hub, Route, Run
from hub.sync.intake import save_page
from hub.sync.link import Link
from hub.sync.reading import fingerprint, read_page

SYSTEMS = ("erp", "web", "mail", "carddav", "legacy")
NOT_FIELDS = ("system", "source_id", "updated_at")
GOLDENS = 2000  # golden records a transaction


class Silent(Connector):
    """A connection that is asked nothing: its records are handed in."""

    default_mapping = ""

    def __init__(self) -> None:
        """Needs no settings."""

    @property
    def can(self) -> Can:
        return Can(changes=True)

    def check(self) -> Report:
        return Report("bench")

    def pull(self, since: str | None) -> Iterator[Page]:  # noqa: ARG002  the contract names it
        return iter(())


@dataclass(frozen=True)
class Rig:
    """An engine with a connection for each system, none of which is written to."""

    store: Store
    hub: Hub

    @classmethod
    def on(cls, store: Store, model: Model = DEFAULT) -> Rig:
        mapping = flat_mapping("PT")
        routes = {name: Route(name, mapping, Can(changes=True), push="no") for name in SYSTEMS}
        return cls(store, Hub(store, routes, time.time, Ids(), model=model))

    def run(self, system: str) -> Run:
        """A run that holds the lease of its connection."""
        with self.store.write() as tx:
            token = leases.acquire(tx, system, "bench", time.time(), 3600.0)
        assert token is not None
        unlimited = dict.fromkeys(("creates", "updates", "deletes", "merges", "consents"), 10**12)
        run = Run(self.hub.new_id("r"), self.hub.routes[system], Silent(), Fence(system, token), 3600.0)
        run.allowed = unlimited
        return run

    def release(self, runs: Iterable[Run]) -> None:
        with self.store.write() as tx:
            for run in runs:
                leases.release(tx, run.name, run.fence.token)


def records(contacts: Path, first: int = 0, count: int | None = None) -> Iterator[tuple[str, Record]]:
    """(system, record) of some rows of a file of contacts."""
    for row in islice(rows(contacts), first, None if count is None else first + count):
        fields = {name: value for name, value in row.items() if name not in NOT_FIELDS}
        changed = datetime.fromisoformat(row["updated_at"])
        yield row["system"], Record(row["source_id"], fields, version=row["updated_at"], changed_at=changed)


def page_by_page(rig: Rig, contacts: Path, count: int, size: int = 1000) -> None:
    """The way of the engine."""
    runs = {system: rig.run(system) for system in SYSTEMS}
    source = records(contacts, 0, count)
    while page := list(islice(source, size)):
        for system in SYSTEMS:
            mine = [record for name, record in page if name == system]
            save_page(rig.hub, runs[system], read_page(rig.hub, runs[system], mine), [None])
    rig.release(runs.values())


def at_once(rig: Rig, contacts: Path, count: int) -> None:
    """The quick way to the same rows."""
    bulk = Bulk(rig.hub.model, cap=index.KEY_CAP)
    kept: list[bytes] = []  # bytes hold a tenth of what dicts do
    for number, (system, record) in enumerate(records(contacts, 0, count)):
        route = rig.hub.routes[system]
        try:
            mapped = route.mapping.inward(record)
        except RecordError as err:
            raise RuntimeError(f"record {number} is none a sync would take: {err}") from err
        looks = features(mapped.fields)
        odd = sorted({base_field(problem.field) for problem in mapped.problems})
        bulk.add(number, None, looks, blocking_keys(looks), (system, record.id))
        mark = fingerprint(record, route.mapping.digest).hex()
        changed = record.changed_at.timestamp() if record.changed_at else 0.0
        kept.append(orjson.dumps((system, record.id, mapped.fields, mark, changed, record.version, odd)))
    decision = bulk.decide()
    groups: dict[int, list[int]] = {}
    for number, cluster in zip(decision.numbers.tolist(), decision.clusters.tolist(), strict=True):
        groups.setdefault(cluster, []).append(number)
    hot = set(bulk.hot.tolist())
    waiting = iter(groups.values())
    while some := list(islice(waiting, GOLDENS)):
        with rig.store.write() as tx:
            save(rig, tx, [[kept[number] for number in group] for group in some], hot)
    with rig.store.write() as tx:
        index.heat(tx, hot)


def save(rig: Rig, tx: Tx, groups: list[list[bytes]], hot: set[int]) -> None:
    clusters = Clusters(rig.hub, tx, "filled", time.time())
    numbers = iter(db.next_record_ids(tx, sum(map(len, groups))))
    made: list[Link] = []
    looks: dict[int, str] = {}
    keys: list[tuple[int, int]] = []
    names = NameCounts()
    for group in groups:
        cluster = clusters.new(rig.hub.new_id("g"))
        for packed in group:
            system, external_id, fields, mark, changed, version, odd = orjson.loads(packed)
            link = Link(system, external_id, id=next(numbers), state=LinkState.LIVE)
            link.golden_id, link.fields, link.fingerprint = cluster.id, fields, bytes.fromhex(mark)
            link.changed, link.version, link.odd = changed, version, set(odd)
            record = features(fields)
            looks[link.id] = pack(record)
            names.add([record])
            keys.extend((key, link.id) for key in blocking_keys(record) if key not in hot)
            cluster.members.append(link)
            cluster.told_by.add(system)
            made.append(link)
    clusters.settle()
    db.insert_links(tx, made, "filled", looks)
    index.add_keys(tx, keys)
    add_names(tx, names)
