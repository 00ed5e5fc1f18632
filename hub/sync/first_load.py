"""The first load of an empty hub: everything is read, matched at once, then saved a page of golden records at a time.

A page of records that is matched as it comes looks its candidates up one key after the other. Where nothing is known
yet it is quicker to have read all and to sort the keys once. What is read waits in a temporary file, so a kill loses
the reading but no contact: every page that was saved is whole, the cursor comes last, and the next sync goes on from
what it finds.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hub.connectors.contract import Connector
from hub.dedupe.bulk import Asked, Bulk, Decision
from hub.dedupe.cluster import explain
from hub.dedupe.compare import LEVELS
from hub.dedupe.features import Features, features, unpack
from hub.dedupe.frequency import NameCounts
from hub.dedupe.keys import blocking_keys
from hub.errors import ConfigError, LeaseLost
from hub.store import connections, erasures, leases, parked
from hub.store import keys as index
from hub.store import links as db
from hub.store.db import Fence, Tx, dumps, loads
from hub.store.names import add_names
from hub.store.questions import add_asks
from hub.store.stage import Row, Stage
from hub.sync import rematch
from hub.sync.engine import Held, Hub, Run
from hub.sync.first_save import Group, Newcomer, save_groups
from hub.sync.intake import save_page
from hub.sync.memory import give_back, keep_large_apart
from hub.sync.reading import read_page
from hub.sync.run import Orders, Result, begin, end, lease, outcome
from hub.sync.staged import stage, unstage
from hub.sync.withhold import Coming, identity_of, withheld

PAGE = 5_000  # records saved in one transaction, or one golden record with more: each writes to most of the indexes
RECENT = 500_000  # blocking keys that gather before they are put in order: more at a time than where pages trickle in
ASIDE = ("read", "map")  # where a record is set aside before it is taken
STEADY = 20.0  # seconds between two renewals of the leases while only reading

Ints: TypeAlias = NDArray[np.int64]


@dataclass(slots=True)
class _Load:
    """A first load under way. cursors: where each connection goes on, of those that were read to their end

    last   the highest number of a record so far; raced: some of the numbers were given to other connections
    erasures  how many there ever were when all was read
    aside     connections of which records were set aside that may have come through now
    """

    hub: Hub
    runs: dict[str, Run]
    stage: Stage
    bulk: Bulk
    orders: Mapping[str, Orders]
    page: int
    cursors: dict[str, str | None] = field(default_factory=dict)
    last: int = 0
    raced: bool = False
    erasures: int = 0
    aside: frozenset[str] = frozenset()
    renewed: float = 0.0

    @property
    def lead(self) -> Run:
        return next(iter(self.runs.values()))

    def stops(self) -> bool:
        return any(orders.stop() for orders in self.orders.values())


def first_load(
    hub: Hub, connectors: Mapping[str, Connector], orders: Mapping[str, Orders], page: int = PAGE
) -> dict[str, Result]:
    """Read these connections, match all their records at once, and save them. Nothing is written to any system.

    page  records saved in one transaction
    ConfigError before anything is read: where the hub holds contacts already, or a connection is being run.
    """
    with hub.store.read() as tx:
        _only_when_empty(tx)
    keep_large_apart()
    with ExitStack() as closing:
        runs = {n: _started(closing, hub, n, c, orders[n]) for n, c in connectors.items()}
        stage = closing.enter_context(Stage())
        load = _Load(hub, runs, stage, Bulk(hub.model, cap=index.KEY_CAP, relieve=give_back), orders, page)
        said = {name: _outcome(load, run, partial(_read, load, run)) for name, run in runs.items()}
        if not load.stops():
            with hub.store.many_pages():
                saved = _outcome(load, load.lead, partial(_save, load))
            said = {name: saved if saved[0] != "done" else told for name, told in said.items()}
        return {name: _ended(load, run, *said[name]) for name, run in runs.items()}


def _outcome(load: _Load, run: Run, steps: Callable[[], list[Held]]) -> tuple[str, str | None]:
    try:
        return outcome(load.hub, run, load.orders[run.name], steps)
    except LeaseLost as err:
        return "failed", str(err)


def _only_when_empty(tx: Tx) -> None:
    if tx.one("SELECT 1 FROM record LIMIT 1"):
        raise ConfigError(
            "The hub holds contacts already, so there is no first load to be made. Nothing was loaded. "
            "Leave --first-load away: `hub sync` takes in what is new."
        )


def _started(closing: ExitStack, hub: Hub, name: str, connector: Connector, orders: Orders) -> Run:
    token = closing.enter_context(lease(hub, name, orders.lease_seconds))
    if token is None:
        raise ConfigError(f"The connection {name} is being run by another process. Nothing was read. Try again later.")
    run = Run(
        hub.new_id("r"),
        hub.routes[name],
        connector,
        Fence(name, token),
        orders.lease_seconds,
        progress=orders.progress,
    )
    state = begin(hub, run, orders)
    if isinstance(state, Result):
        raise ConfigError(f"The connection {name} cannot be read now: {state.message} Nothing was read.")
    return run


def _ended(load: _Load, run: Run, status: str, message: str | None) -> Result:
    hub = load.hub
    if status == "done":
        with hub.store.write(run.fence) as tx:
            connections.save_cursor(tx, run.name, load.cursors[run.name])
            if run.route.can.complete:
                connections.mark(tx, run.name, full_at=hub.clock())
    try:
        end(hub, run, status, message)
    except LeaseLost as err:
        status, message = "failed", str(err)
    for name, n in run.counts.items():
        hub.meter.count(run.name, name, n)
    return Result(run.name, run.id, status, run.counts, message)


# --- reading ----------------------------------------------------------------------------------------


def _read(load: _Load, run: Run) -> list[Held]:
    """What could not be taken is parked at once; the records wait on the stage."""
    hub, cursor = load.hub, None
    for page in run.connector.pull(None):
        reading = read_page(hub, run, page.items)
        fresh, gone = reading.fresh, list(reading.gone)
        reading.fresh, reading.gone, reading.newcomers = {}, {}, {}  # placed when all is read
        save_page(hub, run, reading)
        seen = {x: features(f.fields) for x, f in fresh.items()}
        keys = {x: blocking_keys(record) for x, record in seen.items()}
        bodies = [(x, stage(f, seen[x], keys[x])) for x, f in fresh.items()]
        numbers = load.stage.add(run.name, [*bodies, *((x, None) for x in gone)])
        for number, external_id in zip(numbers, fresh, strict=False):
            load.bulk.add(number, None, seen[external_id], keys[external_id], (run.name, external_id))
        cursor = page.cursor
        _renew(load)
        run.tell(run.counts.get("pulled", 0))
        if load.stops():
            return []
    load.cursors[run.name] = cursor
    return []


def _renew(load: _Load) -> None:
    now = load.hub.clock()
    if now - load.renewed >= STEADY:
        load.renewed = now
        with load.hub.store.write() as tx:
            _hold_on(load, tx)


def _hold_on(load: _Load, tx: Tx) -> None:
    """Every commit is made under all leases."""
    until = load.hub.clock()
    for run in load.runs.values():
        if not leases.hold_on(tx, run.name, run.fence.token, until + run.lease_seconds):
            raise LeaseLost(
                f"Another process has taken over {run.name!r}. This one stopped without writing; the other goes on."
            )


# --- matching and saving ----------------------------------------------------------------------------


def _save(load: _Load) -> list[Held]:
    _enter(load, "matching", None)
    if load.stage.settle():
        load.bulk = Bulk(
            load.hub.model, cap=index.KEY_CAP, relieve=give_back
        )  # what was gathered is let go before it is gathered again
        _gather(load)
    decision = load.bulk.decide()
    give_back()
    questions = _Questions(load.hub, decision.asks)
    hot = load.bulk.hot
    with load.hub.store.write() as tx:
        _hold_on(load, tx)
        _only_when_empty(tx)  # still: another connection may have brought some while these were read
        index.heat(tx, hot.tolist())
        load.last = tx.counter(db.RECORD)
        load.erasures = tx.counter(erasures.COUNTED)
        load.aside = frozenset(name for name in load.runs if parked.waits(tx, name, ASIDE))
    _enter(load, "saving", len(decision.numbers))
    saved = 0
    for groups in _pages(decision, load.page):
        rows = load.stage.some([number for group in groups for number in group])
        with load.hub.store.write() as tx:
            _hold_on(load, tx)
            _save_page(load, tx, [[rows[number] for number in group] for group in groups], hot, questions)
        load.renewed = load.hub.clock()
        saved += len(rows)
        for run in load.runs.values():
            run.tell(saved)
        if load.stops():
            break
    return []


def _enter(load: _Load, phase: str, total: int | None) -> None:
    for run in load.runs.values():
        run.enter(phase, total)


def _match_others(load: _Load, tx: Tx, keys: Iterable[int]) -> None:
    """What other connections brought while these are saved meets each page in the transaction that saves it."""
    found, _ = index.candidates(tx, set(keys))
    rows = tx.all(
        "SELECT DISTINCT golden_id FROM record WHERE id IN :*ids AND NOT connection IN :*names ORDER BY golden_id",
        ids=sorted({number for group in found.values() for number in group}),
        names=list(load.runs),
    )
    rematch.decide(load.hub, tx, [row[0] for row in rows], rematch.Rematched())


def _gather(load: _Load) -> None:
    """For matching: what is left after a record came twice, or went again."""
    for number, connection, external_id, body in load.stage.all():
        staged = unstage(body)
        keys = array("q", staged.keys)
        load.bulk.add(number, None, _seen(staged.features), keys, (connection, external_id))


def _seen(packed: str) -> Features:
    found = unpack(packed)
    if found is None:
        raise AssertionError("packed by this very process")
    return found


def _pages(decision: Decision, most: int) -> Iterator[list[list[int]]]:
    """Records of some golden records at a time, as they came: a list of numbers for each."""
    order = np.lexsort((decision.numbers, decision.clusters))
    numbers, clusters = decision.numbers[order], decision.clusters[order]
    bounds = [0, *(np.flatnonzero(np.diff(clusters)) + 1).tolist(), len(numbers)]
    page: list[list[int]] = []
    size = 0
    for start, stop in pairwise(bounds):
        if start == stop:
            continue
        if page and size + stop - start > most:
            yield page
            page, size = [], 0
        page.append(numbers[start:stop].tolist())
        size += stop - start
    if page:
        yield page


class _Questions:
    """Possible duplicates, each asked when the second of its records is saved."""

    def __init__(self, hub: Hub, asks: Sequence[Asked]) -> None:
        self._hub = hub
        self._asks: dict[int, list[Asked]] = {}
        for ask in asks:
            for number in ask[:2]:
                self._asks.setdefault(number, []).append(ask)
        self._saved: dict[int, tuple[int, Features]] = {}

    def __contains__(self, number: int) -> bool:
        return number in self._asks

    def saved(self, number: int, record_id: int, record: str, run_id: str) -> Iterator[dict[str, Any]]:
        self._saved[number] = record_id, _seen(record)
        for ask in self._asks[number]:
            if ask.first in self._saved and ask.second in self._saved:
                yield self._row(ask, run_id)

    def _row(self, ask: Asked, run_id: str) -> dict[str, Any]:
        (a, one), (b, other) = self._saved[ask.first], self._saved[ask.second]
        evidence = [line for line in explain(one, other, self._hub.model) if line.field in LEVELS]
        first, second = sorted((a, b))
        return {
            "record_a": first,
            "record_b": second,
            "weight": ask.weight_bits,
            "evidence": dumps(evidence),
            "at": self._hub.clock(),
            "state": "open",
            "run_id": run_id,
        }


def _save_page(load: _Load, tx: Tx, groups: list[list[Row]], hot: Ints, questions: _Questions) -> None:
    if tx.counter(erasures.COUNTED) != load.erasures:
        groups = _without_erased(tx, groups)
    fresh = db.next_record_ids(tx, sum(map(len, groups)))
    load.raced, load.last = load.raced or fresh.start != load.last + 1, fresh.stop - 1
    numbers = iter(fresh)
    numbered = [
        [Newcomer(next(numbers), connection, external_id, unstage(body)) for _, connection, external_id, body in group]
        for group in groups
    ]
    save_groups(load.hub, tx, load.lead.id, numbered, load.hub.clock())
    _count(load, tx, numbered)
    _know_again(load, tx, [newcomer for group in numbered for newcomer in group], hot)
    load.lead.count("asked", _ask(load, tx, groups, numbered, questions))


def _ask(load: _Load, tx: Tx, groups: list[list[Row]], numbered: Sequence[Group], questions: _Questions) -> int:
    """How many questions are asked now."""
    asks: list[dict[str, Any]] = []
    for rows, newcomers in zip(groups, numbered, strict=True):
        for row, newcomer in zip(rows, newcomers, strict=True):
            if row[0] in questions:
                asks += questions.saved(row[0], newcomer.number, newcomer.staged.features, load.lead.id)
    add_asks(tx, asks)
    return len(asks)


def _count(load: _Load, tx: Tx, groups: Sequence[Group]) -> None:
    """What became of the records, by connection; those that were set aside before came through now."""
    taken: dict[str, list[str]] = {}
    for group in groups:
        load.runs[group[0].connection].count("created")
        for newcomer in group:
            taken.setdefault(newcomer.connection, []).append(newcomer.external_id)
    for connection, external_ids in taken.items():
        if connection in load.aside:
            parked.unpark(tx, connection, external_ids, ASIDE)
        for name in ("creates", "mapped"):
            load.runs[connection].count(name, len(external_ids))
    load.lead.count("linked", sum(map(len, taken.values())) - len(groups))


def _know_again(load: _Load, tx: Tx, newcomers: Sequence[Newcomer], hot: Ints) -> None:
    """What a record that arrives later is matched by: blocking keys, and how common names are."""
    keys, owners = _in_order(newcomers, hot)
    index.add_keys(tx, list(zip(keys, owners, strict=True)), RECENT)
    if load.raced:
        _match_others(load, tx, keys)
    words = chain.from_iterable(n.staged.words for n in newcomers)
    add_names(tx, NameCounts(len(newcomers), Counter(words)))


def _in_order(newcomers: Sequence[Newcomer], hot: Ints) -> tuple[list[int], list[int]]:
    """Their keys but for those that tell nobody apart, as the index has them, and the number of the record of each."""
    of_each = [newcomer.staged.keys for newcomer in newcomers]
    keys = np.frombuffer(b"".join(of_each), np.int64)
    numbers = np.array([newcomer.number for newcomer in newcomers], np.int64)
    owners = np.repeat(numbers, np.array(list(map(len, of_each)), np.int64) // keys.itemsize)
    if len(hot):
        telling = ~np.isin(keys, hot)
        keys, owners = keys[telling], owners[telling]
    order = np.lexsort((owners, keys))
    return keys[order].tolist(), owners[order].tolist()


def _without_erased(tx: Tx, groups: list[list[Row]]) -> list[list[Row]]:
    """Without who was erased since all was read."""
    out: set[tuple[str, str]] = set()
    for name in {row[1] for group in groups for row in group}:
        rows = [row for group in groups for row in group if row[1] == name]
        coming = [Coming(row[2], identity_of(loads(unstage(row[3]).fields))) for row in rows]
        out |= {(name, external_id) for external_id in withheld(tx, name, coming)}
    left = ([row for row in group if (row[1], row[2]) not in out] for group in groups)
    return [group for group in left if group]
