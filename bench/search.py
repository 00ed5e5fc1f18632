"""What it costs to search as one types and to know a caller: `python -m bench.search FILE`.

FILE is a store that `python -m bench.filled` has made (or the address of a PostgreSQL one). Names, addresses and
numbers are drawn from the store itself and typed letter by letter; a call is one of its numbers, as it would be
signalled. The index is made first where it is not there, which is measured too. One line of JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any

import httpx
from prometheus_client import CollectorRegistry

from bench.filled import store_at
from bench.measure import peak_mib, spend
from hub.access.rights import Actor, Right
from hub.config import HubConfig
from hub.model import element
from hub.running import Ids
from hub.store import contacts as db
from hub.store.db import Store
from hub.store.inbox import StoreInbox
from hub.store.search import SearchIndex
from hub.sync import lookup
from hub.sync.engine import Hub
from hub.sync.follow import step
from hub.sync.search import search
from hub.web.api.world import World
from hub.web.app import Deps, create_app
from hub.web.monitoring import Health
from hub.web.server import serve

SHOWN = 20  # golden records of one answer, as a page shows them
SEED = 20_261_122
DRAWN = 400  # golden records that the searches are drawn from


def drawn(store: Store, count: int) -> list[dict[str, Any]]:
    """Fields of golden records from all over the store."""
    draw = Random(SEED)  # no secrets
    with store.read() as tx:
        total = int(tx.all("SELECT count(*) FROM golden")[0][0])
        places = [draw.randrange(total) for _ in range(count)]
        found = [tx.all("SELECT id FROM golden ORDER BY id LIMIT 1 OFFSET :n", n=place)[0][0] for place in places]
        return [each.fields for each in db.found(tx, found)]


def typed(fields: dict[str, Any], draw: Random) -> Iterator[str]:
    """What somebody types, after each letter."""
    mail = next((element(key) for key in fields if key.startswith("emails/")), "")
    phone = next((element(key) for key in fields if key.startswith("phones/")), "")
    name = f"{fields.get('given_name', '')} {fields.get('family_name', '')}".strip()
    wanted = draw.choice([name, name, name.split()[-1] if name else "", mail, phone, phone.removeprefix("+351")])
    yield from accumulate(wanted)


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds, sorted: on the clock, and of the processor in the thread that asked."""

    wall: list[float]
    cpu: list[float]


def timed(steps: Iterable[Callable[[], object]]) -> Times:
    wall, cpu = [], []
    for each in steps:
        began, used = time.perf_counter(), time.thread_time()
        each()
        cpu.append((time.thread_time() - used) * 1000)
        wall.append((time.perf_counter() - began) * 1000)
    return Times(sorted(wall), sorted(cpu))


def share(sorted_values: list[float], part: float) -> float:
    return round(sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * part))], 2)


def figures(times: Times) -> dict[str, float]:
    return {
        "asked": len(times.wall),
        "median_ms": share(times.wall, 0.5),
        "p95_ms": share(times.wall, 0.95),
        "p99_ms": share(times.wall, 0.99),
        "worst_ms": share(times.wall, 1.0),
        "cpu_median_ms": share(times.cpu, 0.5),
        "cpu_p99_ms": share(times.cpu, 0.99),
    }


def made(store: Store, index: SearchIndex) -> dict[str, Any]:
    """The index brought up to date."""

    def follow() -> int:
        count = 0
        while done := step(store, index):
            count += done
        return count

    count, spent = spend(follow)
    return {"taken_in": count, "cpu_seconds": round(spent.cpu, 1), "peak_mib": round(peak_mib(), 1)}


def searches(store: Store, index: SearchIndex, people: list[dict[str, Any]], count: int) -> Times:
    draw = Random(SEED)  # no secrets
    texts = [text for fields in people for text in typed(fields, draw)]
    draw.shuffle(texts)
    return timed((lambda text=text: search(store, index, text, SHOWN)) for text in texts[:count])


def numbers_of(people: list[dict[str, Any]], count: int) -> list[str]:
    numbers = [element(key) for fields in people for key in fields if key.startswith("phones/+")]
    return [numbers[n % len(numbers)] for n in range(count)]


def calls(store: Store, index: SearchIndex, numbers: list[str]) -> Times:
    return timed((lambda number=number: lookup.by_phone(store, index, number, "PT")) for number in numbers)


def calls_by_http(store: Store, index: SearchIndex, numbers: list[str]) -> Times:
    """The same over HTTP, one after the other on one connection, from another thread of this process."""
    config = HubConfig(default_region="PT")
    world = World(config, store, lambda: Hub(store, {}, time.time, Ids()), index, _no_run, lambda _: None, time.time)
    deps = Deps({}, StoreInbox(store), lambda: Health(True, {}), CollectorRegistry(), api=world)
    app = create_app(replace(deps, identify=lambda _: Actor("bench", frozenset(Right), "b", None, fresh=False)))
    serving = serve(app, port=0)
    try:
        with httpx.Client(base_url=serving.url) as client:

            def ask(number: str) -> None:
                client.get("/api/v1/lookup", params={"phone": number}).raise_for_status()

            return timed((lambda number=number: ask(number)) for number in numbers)
    finally:
        serving.stop()


def _no_run(_name: str, _full: bool, _person: str) -> bool:
    return False


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("place")
    parser.add_argument("--index", type=Path, default=None, help="file of the index; default: beside the store")
    parser.add_argument("--typed", type=int, default=3000)
    parser.add_argument("--calls", type=int, default=3000)
    args = parser.parse_args()
    store = store_at(args.place)
    path = args.index or Path(args.place).with_suffix(".search.db")
    index = SearchIndex(path)
    filled = made(store, index)
    people = drawn(store, DRAWN)
    said = {
        "golden": index.size(),
        "index": filled | {"mib": round(path.stat().st_size / 2**20)},
        "search": figures(searches(store, index, people, args.typed)),
        "lookup": figures(calls(store, index, numbers_of(people, args.calls))),
        "lookup_by_http": figures(calls_by_http(store, index, numbers_of(people, args.calls))),
    }
    store.close()
    index.close()
    print(json.dumps(said))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
