"""A cycle in which a hundred contacts changed, in a process that has been running for a while."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

from bench import hubs, serve
from bench.floor import Floor
from bench.measure import Spent, spend

CHANGED = 100
TIMES = 5  # cycles measured; the median counts


def of_hub(bench: hubs.Bench, url: str) -> dict[str, Any]:
    """cpu: of the whole cycle; requests_cpu: of fetching and reading the same pages and nothing else."""
    bench.cycle()
    whole, requests = [], []
    for _ in range(TIMES):
        with bench.store.read() as tx:
            row = tx.one("SELECT cursor FROM connection_state WHERE name = :n", n=hubs.NAME)
        serve.change(url, min(CHANGED, total(bench)))
        requests.append(spend(partial(_fetch, bench, row[0] if row else None))[1])
        serve.requests(url)
        result, spent = spend(bench.cycle)
        assert result.counts["updates"] == min(CHANGED, total(bench)), result.counts
        whole.append(spent)
    return {"cpu": _median(whole), "requests_cpu": _median(requests), "requests": serve.requests(url)}


def _fetch(bench: hubs.Bench, since: str | None) -> int:
    return sum(len(page.items) for page in bench.connector.pull(since))


def total(bench: hubs.Bench) -> int:
    with bench.store.read() as tx:
        row = tx.one("SELECT count(*) FROM record")
    return int(row[0]) if row else 0


def of_floor(floor: Floor, url: str, count: int) -> dict[str, Any]:
    floor.cycle()
    return {"cpu": _median([_changed(floor.cycle, url, count) for _ in range(TIMES)])}


def _changed(cycle: Callable[[], int], url: str, count: int) -> Spent:
    serve.change(url, min(CHANGED, count))
    changed, spent = spend(cycle)
    # the last contact of the time before comes again with the inclusive cursor, unchanged
    assert changed == min(CHANGED, count), changed
    return spent


def _median(spent: list[Spent]) -> float:
    return median(s.cpu for s in spent)
