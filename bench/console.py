"""Pages of the console over a large store: server time of each, in this process, one request after the other.

    python -m bench.console STORE.db --rounds 40 [--conflicts 20000]

STORE.db is a store as `bench.dedupe.latency --keep` or a sync leaves it; it is copied, and the copy upgraded and
filled with open conflicts, questions and records set aside, so that the work lists are long.
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
from hub.store import holds, interactions, parked, runs
from hub.store.db import Store, dumps, loads
from hub.store.inbox import StoreInbox
from hub.store.search import SearchIndex
from hub.store.upgrade import opened, upgrade
from hub.sync.follow import step
from hub.web.api.world import World
from hub.web.app import Deps, create_app
from hub.web.console.glance import Glance
from hub.web.console.shell import Console
from hub.web.monitoring import Health

TOGETHER = 2_000  # interactions a transaction
RUN = "filled"  # of the lines of history in the store
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
    f"/runs/{RUN}",
    f"/runs/{RUN}?what=created",
    f"/runs/{RUN}?what=changed",
    f"/runs/{RUN}?text=silva",
    "/holds/1",
    "/holds/1?op=create&field=emails",
    "/parked?because=emails:+not+an+email+address",
    "/parked/1",
)
REASONS = ("emails: not an email address", "birth_date: not a date", "phones: not a phone number")
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


def add_work(store: Store, put_aside: int) -> None:
    """A run of all the history there is, a hold of 1,000 writes, and records set aside."""
    now = time()
    row = {"connection": "crm", "op": "create", "subject": "new record", "golden_id": None, "mark": "1"}
    detail = dumps({"name": "Ana Silva", "fields": {"given_name": [None, "Ana"], "emails/ana@example.org": [None, {}]}})
    aside = [
        parked.Parked(f"p{n}", "value", REASONS[n % len(REASONS)], dumps({"emails": f"nonsense {n}"}))
        for n in range(put_aside)
    ]
    with store.write() as tx:
        runs.start(tx, RUN, "crm", now)
        runs.end(tx, RUN, now, "done", {"pulled": 1}, None)
        tx.run("UPDATE run SET first_change = 0 WHERE id = :r", r=RUN)
        number = holds.open_hold(tx, "crm", RUN, "push creates", {"creates": 1000}, "much", now)
        holds.add_plan_rows(tx, number, [{**row, "detail": detail}] * 1_000)
        parked.park(tx, "crm", aside, now, RUN)


def add_calls(store: Store, contacts: int) -> int:
    """A call with each number of so many golden records, so that switchboards have many; one in ten is followed up."""
    now, count = time(), 0
    with store.read() as tx:
        rows = tx.all("SELECT fields FROM golden LIMIT :n", n=contacts)
    points = [key for (fields,) in rows for key in loads(fields) if key.startswith("phones/")]
    for start in range(0, len(points), TOGETHER):
        some = [_call(number, point, now) for number, point in enumerate(points[start : start + TOGETHER], start)]
        with store.write() as tx:
            count += interactions.save(tx, some, RUN)
    with store.write() as tx:
        tx.run(
            "INSERT INTO follow_up (interaction_id, due, made_by, made_at) SELECT id, '2026-12-01', 'bench', at"
            " FROM interaction WHERE id % 10 = 0"
        )
    return count


def _call(number: int, point: str, now: float) -> interactions.InteractionRow:
    return interactions.InteractionRow(
        number=0,
        connection="hub",
        id=f"call-{number}",
        at=now - 60.0 * number,
        channel="call",
        kind="call.answered",
        direction="in",
        record=None,
        points=(point,),
        summary="asked for the invoice",
        details={"text": "wants it by mail"},
        reference=None,
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
        add_work(store, args.conflicts)
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
