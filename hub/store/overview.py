"""What the overview of the console counts: work lists, and what went in and out hour by hour. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hub.store.db import Tx, loads

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class WorkList:
    """count  what is open; oldest: since when, epoch seconds"""

    count: int
    oldest: float | None


@dataclass(frozen=True, slots=True)
class Hour:
    """What the runs that began in one hour did. read, written: records; failed: runs"""

    read: int = 0
    written: int = 0
    failed: int = 0
    runs: int = 0


_OPEN = {
    "holds": "SELECT count(*), min(at) FROM hold WHERE state = 'open'",
    # a merge for another reason has answered a question between two records of one golden record
    "reviews": "SELECT count(*), min(ask.at) FROM ask JOIN record a ON a.id = ask.record_a"
    " JOIN record b ON b.id = ask.record_b WHERE ask.state = 'open' AND a.golden_id <> b.golden_id",
    "conflicts": "SELECT count(*), min(at) FROM conflict WHERE state = 'open'",
    "parked": "SELECT count(*), min(at) FROM parked WHERE state IN ('open', 'retry') AND stage <> 'spam'",
}


def work_lists(tx: Tx) -> dict[str, WorkList]:
    """holds, reviews, conflicts, parked."""
    found = {}
    for name, text in _OPEN.items():
        row = tx.one(text)
        found[name] = WorkList(int(row[0]), row[1]) if row else WorkList(0, None)
    return found


def hourly(tx: Tx, names: Iterable[str], now: float, hours: int = 24) -> Mapping[str, list[Hour]]:
    """For each connection the last `hours` hours, the oldest first; the last one is under way."""
    first = (now // HOUR - hours + 1) * HOUR
    found = {name: [Hour() for _ in range(hours)] for name in names}
    rows = tx.all(
        "SELECT connection, started_at, status, counts FROM run WHERE connection IN :*names AND started_at >= :first",
        names=sorted(found),
        first=first,
    )
    for name, started, status, counts in rows:
        place = min(hours - 1, int((started - first) // HOUR))
        found[name][place] = _plus(found[name][place], status, loads(counts) if counts else {})
    return found


def _plus(hour: Hour, status: str, counts: Mapping[str, int]) -> Hour:
    return Hour(
        read=hour.read + counts.get("pulled", 0) - counts.get("unchanged", 0),
        written=hour.written + counts.get("pushed", 0),
        failed=hour.failed + (status == "failed"),
        runs=hour.runs + 1,
    )
