"""A store with N golden records of one source record each, made quickly: `python -m bench.filled FILE --golden N`.

Rows are those of a sync, saved by the engine's own functions; that nobody is compared with anybody is what makes it
quick. FILE is a SQLite file, or the address of a PostgreSQL database.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import datetime
from itertools import islice

import orjson

from bench.dedupe.fill import Rig, save
from bench.measure import peak_mib, spend
from bench.people import PAGE, page
from hub.dedupe.features import features
from hub.dedupe.keys import blocking_keys
from hub.mapping.spec import flat_mapping
from hub.model import Record
from hub.store import keys as index
from hub.store.db import Store
from hub.store.upgrade import connected, upgrade
from hub.sync.reading import fingerprint

TOGETHER = 2000  # golden records a transaction
HOT = 100  # of the records of which a key is counted: more than so many in the first part share it
COUNTED = 50_000  # records in which hot keys are looked for
NOT_FIELDS = ("id", "source_id", "updated_at")


def store_at(place: str) -> Store:
    """Brought up to the schema of today: a store of measurements is nobody's."""
    store = connected(place if "://" in place else f"sqlite:///{place}")
    upgrade(store)
    return store


def fill(store: Store, count: int) -> None:
    rig = Rig.on(store)
    hot = _hot_keys(min(count, COUNTED))
    waiting = _packed(count)
    while some := list(islice(waiting, TOGETHER)):
        with store.write() as tx:
            save(rig, tx, [[one] for one in some], hot)
    with store.write() as tx:
        index.heat(tx, hot)


def _packed(count: int) -> Iterator[bytes]:
    mapping = flat_mapping("PT")
    for number in range(count):
        row = page(number // PAGE)[number % PAGE]
        fields = {name: value for name, value in row.items() if name not in NOT_FIELDS}
        record = Record(row["source_id"], fields, version=row["updated_at"])
        mapped = mapping.inward(record)
        mark = fingerprint(record, mapping.digest).hex()
        changed = datetime.fromisoformat(row["updated_at"]).timestamp()
        yield orjson.dumps(("erp", record.id, mapped.fields, mark, changed, record.version, []))


def _hot_keys(count: int) -> set[int]:
    """Keys that too many share to tell anybody apart, told from the first records."""
    seen: dict[int, int] = {}
    for packed in _packed(count):
        for key in blocking_keys(features(orjson.loads(packed)[2])):
            seen[key] = seen.get(key, 0) + 1
    return {key for key, times in seen.items() if times > HOT}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.filled", description=__doc__)
    parser.add_argument("place")
    parser.add_argument("--golden", type=int, default=1_000_000)
    args = parser.parse_args()
    store = store_at(args.place)
    _, spent = spend(lambda: fill(store, args.golden))
    store.close()
    print(json.dumps({"golden": args.golden, "cpu_seconds": round(spent.cpu, 1), "peak_mib": round(peak_mib(), 1)}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
