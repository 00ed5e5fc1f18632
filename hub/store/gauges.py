"""How every connection stands, read in one transaction: for metrics, health and `hub status`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from hub.metrics import ConnectionGauges, ListGauges
from hub.model import LinkState
from hub.store import overview, parked
from hub.store.db import Store, Tx, loads
from hub.sync.link import HOLDING


@dataclass(frozen=True, slots=True)
class Standing:
    """A connection as people see it. Times are aware UTC.

    started      its first sync was approved
    gates        what waits for a person: first, intake, absence, deletes, push creates …
    parked       records set aside
    last_status  of the newest run: running | done | held | failed | interrupted; None: never ran
    """

    name: str
    started: bool = False
    paused: str | None = None
    running: bool = False
    last_complete: datetime | None = None
    last_listing: datetime | None = None
    last_run: str | None = None
    last_status: str | None = None
    last_error: str | None = None
    counts: Mapping[str, int] | None = None
    records: int = 0
    queue_depth: int = 0
    oldest_opt_out: datetime | None = None
    gates: tuple[str, ...] = ()
    parked: int = 0

    def state(self, enabled: bool = True) -> str:
        """In one word, the first that holds: off, paused, running, first sync, failing, held, healthy."""
        holds = {
            "off": not enabled,
            "paused": self.paused is not None,
            "running": self.running,
            "first sync": not self.started,
            "failing": self.last_status == "failed",
            "held": bool(self.gates),
        }
        return next((word for word, does in holds.items() if does), "healthy")


class StoreGauges:
    """`hub.metrics.StateReader` over the store; `names` are the connections that are configured."""

    def __init__(self, store: Store, names: Iterable[str]) -> None:
        self._store, self._names = store, list(names)

    def gauges(self) -> Mapping[str, ConnectionGauges]:
        with self._store.read() as tx:
            found = _waiting(tx, self._names)
        return {
            s.name: ConnectionGauges(
                s.last_complete, s.oldest_opt_out, s.queue_depth, len(s.gates), s.parked, s.paused is not None
            )
            for s in found.values()
        }

    def work_lists(self) -> Mapping[str, ListGauges]:
        with self._store.read() as tx:
            found = overview.work_lists(tx)
        return {name: ListGauges(each.count, _time(each.oldest)) for name, each in found.items()}


def standings(store: Store, names: Iterable[str], now: float, *, count: bool = True) -> list[Standing]:
    """In the order of `names`; one that has never run is there too.

    count  False: the records are those of the last run, where counting a million takes too long
    """
    wanted = list(names)
    with store.read() as tx:
        found = _waiting(tx, wanted)
        records = _records(tx) if count else dict(tx.all("SELECT name, population FROM connection_state"))
        leases = {
            r[0]
            for r in tx.all(
                "SELECT name FROM connection_state WHERE lease_owner IS NOT NULL AND lease_until > :now",
                now=now,
            )
        }
        return [
            replace(_with_last_run(tx, found[name]), records=records.get(name, 0), running=name in leases)
            for name in wanted
        ]


def _records(tx: Tx) -> dict[str, int]:
    """Records that the systems hold, by connection: two counts that read nothing but indexes."""
    found: dict[str, int] = dict(tx.all("SELECT connection, count(*) FROM record GROUP BY connection"))
    for name, away in tx.all(
        "SELECT connection, count(*) FROM record WHERE state <> 'live' AND state IN :*left GROUP BY connection",
        left=sorted(str(state) for state in LinkState if state not in HOLDING),
    ):
        found[name] -= away
    return found


def _waiting(tx: Tx, names: Iterable[str]) -> dict[str, Standing]:
    found = {name: Standing(name) for name in names}
    rows = tx.all("SELECT name, started_at, paused, ok_at, full_at FROM connection_state")
    for name, started, paused, ok_at, full_at in rows:
        if name in found:
            found[name] = Standing(name, started is not None, paused, False, _time(ok_at), _time(full_at))
    for name, depth, opt_out in tx.all("SELECT connection, count(*), min(optout_at) FROM queue GROUP BY connection"):
        _note(found, name, queue_depth=depth, oldest_opt_out=_time(opt_out))
    gates: dict[str, list[str]] = {}
    for name, gate in tx.all("SELECT connection, gate FROM hold WHERE state = 'open' ORDER BY id"):
        gates.setdefault(name, []).append(gate)
    for name, opened in gates.items():
        _note(found, name, gates=tuple(opened))
    for name, aside in tx.all(
        "SELECT connection, count(*) FROM parked WHERE state = 'open' AND stage <> 'spam' GROUP BY connection"
    ):
        _note(found, name, parked=aside)
    for name, since in parked.refused_opt_outs(tx):
        if name in found:
            oldest = min(filter(None, (found[name].oldest_opt_out, _time(since))))
            _note(found, name, oldest_opt_out=oldest)
    return found


def _note(found: dict[str, Standing], name: str, **values: Any) -> None:
    if name in found:
        found[name] = replace(found[name], **values)


def _with_last_run(tx: Tx, standing: Standing) -> Standing:
    row = tx.one(
        "SELECT id, status, error, counts FROM run WHERE connection = :c ORDER BY started_at DESC, id DESC LIMIT 1",
        c=standing.name,
    )
    if row is None:
        return standing
    return replace(
        standing,
        last_run=row[0],
        last_status=row[1],
        last_error=row[2],
        counts=loads(row[3]) if row[3] else None,
    )


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
