"""Pages of the console over a large store: server time of each, in this process, one request after the other.

    python -m bench.console STORE.db --rounds 40 [--conflicts 20000]

STORE.db is a store as `bench.dedupe.latency --keep` or a sync leaves it; it is copied, and the copy upgraded and
filled with open conflicts, so that the work lists are long.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter, time

import httpx
from prometheus_client import CollectorRegistry

from hub.access.rights import RIGHTS, Actor, Role
from hub.config.load import load_config
from hub.running import build_hub
from hub.store.db import Store
from hub.store.inbox import StoreInbox
from hub.store.search import SearchIndex
from hub.store.upgrade import opened, upgrade
from hub.sync.follow import step
from hub.web.api.world import World
from hub.web.app import Deps, create_app
from hub.web.console.glance import Glance
from hub.web.console.shell import Console
from hub.web.monitoring import Health

PAGES = (
    "/",
    "/holds",
    "/reviews",
    "/conflicts",
    "/conflicts/rules",
    "/conflicts/rules/job_title",
    "/conflicts/rules/job_title?rule={name}",
    "/parked",
    "/contacts",
    "/connections",
    "/connections/{name}",
    "/runs",
)
TYPED = ("s", "si", "sil", "silva m", "ana", "maria silv", "91", "+35191", "joao@", "gmail")  # as one types
ADDRESS = "http://127.0.0.1"
CLAIMS = (
    '[{"base":null,"theirs":"Buyer","ours":"Owner"},{"connection":"HERE","record":"1","value":"Buyer","since":2.0},'
    '{"connection":"other","record":"2","value":"Owner","since":1.0}]'
)


@contextmanager
def copied(source: Path) -> Iterator[Store]:
    with tempfile.TemporaryDirectory(prefix="hub-console-", dir=source.parent) as folder:
        path = Path(folder) / "hub.db"
        first = Store(f"sqlite:///{source}")
        first.copy_to(path)
        first.close()
        upgrade(Store(f"sqlite:///{path}"))
        store = opened(f"sqlite:///{path}")
        try:
            yield store
        finally:
            store.close()


def add_conflicts(store: Store, n: int) -> None:
    with store.write() as tx:
        tx.run(
            "INSERT INTO conflict (connection, golden_id, field, at, rule, claims, winner, diff, told, state)"
            " SELECT connection, golden_id, 'job_title', :at, 'latest', replace(:claims, 'HERE', connection),"
            " '\"Buyer\"', '', '[]', CASE id % 3 WHEN 0 THEN 'overturned' ELSE 'open' END"
            " FROM record LIMIT :n",
            at=time(),
            n=n,
            claims=CLAIMS,
        )
        tx.run(
            "INSERT INTO ask (record_a, record_b, weight, evidence, at, state)"
            " SELECT id, id + 7919, -0.5, '[]', :at, 'open' FROM record WHERE true LIMIT :n ON CONFLICT DO NOTHING",
            at=time(),
            n=n,
        )


def configured(folder: Path, names: list[str]) -> Path:
    (folder / "data").mkdir()
    lines = [f"  {name}: {{type: file, path: data/{name}.csv, key: id}}" for name in names]
    (folder / "hub.yaml").write_text("\n".join(["connections:", *lines, ""]))
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--conflicts", type=int, default=20_000)
    args = parser.parse_args()
    with copied(args.store) as store, tempfile.TemporaryDirectory() as folder:
        add_conflicts(store, args.conflicts)
        with store.read() as tx:
            names = [row[0] for row in tx.all("SELECT DISTINCT connection FROM record ORDER BY connection")]
            golden = [row[0] for row in tx.all("SELECT id FROM golden LIMIT 100000")][:: 100_000 // args.rounds]
        asyncio.run(measure(store, configured(Path(folder), names), names, golden, args.rounds))


async def measure(store: Store, folder: Path, names: list[str], golden: list[str], rounds: int) -> None:
    config = load_config(folder)

    hub = build_hub(config, store)
    index = SearchIndex(None)
    while step(store, index):
        pass
    world = World(config, store, lambda: hub, index, lambda *_: False, lambda _: None, time)
    console = Console(world, Glance(store, config.connections, time))
    deps = Deps(
        forms={},
        inbox=StoreInbox(store),
        health=lambda: Health(True, {}),
        registry=CollectorRegistry(),
        console=console,
        identify=lambda _: Actor("bench", RIGHTS[Role.OPERATOR], "a", None, fresh=True),
    )
    transport = httpx.ASGITransport(create_app(deps))
    async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
        print(f"{'page':34} {'median':>9} {'95 %':>9} {'longest':>9}  ms")
        for page in PAGES:
            await _show(client, page, [page.format(name=names[n % len(names)]) for n in range(rounds)])
        await _show(client, "/contacts/found?q=…", [f"/contacts/found?q={q}" for q in (TYPED * rounds)[:rounds]])
        await _show(client, "/contacts/ID", [f"/contacts/{g}" for g in golden])
        await _show(client, "/contacts/ID/explain", [f"/contacts/{g}/explain?field=emails" for g in golden])


async def _show(client: httpx.AsyncClient, name: str, paths: list[str]) -> None:
    taken = []
    for path in paths:
        begin = perf_counter()
        answer = await client.get(path)
        taken.append(1000 * (perf_counter() - begin))
        assert answer.status_code == 200, (path, answer.text[:300])
    print(f"{name:34} {median(taken):9.1f} {quantiles(taken, n=20)[-1]:9.1f} {max(taken):9.1f}")


if __name__ == "__main__":
    main()
