"""From a configuration to an engine, and cycles that survive a store that is away for a moment."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from hub.config import load_config
from hub.dedupe.weigh import DEFAULT
from hub.errors import ConfigError, TransientError
from hub.running import NEVER, TRIES, Ids, Workshop, build_hub, open_index, open_store, open_workshop, sync_all
from hub.store.db import Store
from hub.store.inbox import StoreInbox
from hub.sync.plan import preview
from hub.sync.run import Orders
from hub.sync.versions import keep, use
from tests.cli.company import Company, person

MORE = """
  shop:
    type: sql
    url: mysql+pymysql://hub:${env:NO_SUCH_SECRET}@127.0.0.1:1/shop
    table: t
    key: id
    push: updates
    deletes: archive
    full_every: never
    limits: {creates: 5}
  old:
    type: file
    path: old.csv
    key: id
    enabled: false
golden:
  rules: {company: [crm, shop]}
matching: {enabled: false}
"""


@pytest.fixture
def company(tmp_path):
    made = Company(tmp_path, more=MORE)
    made.hire(0, 5)
    return made


@pytest.fixture
def config(company):
    return load_config(company.home / "config")


# --- ids --------------------------------------------------------------------------------------------


def test_ids_are_short_and_sort_by_time_even_when_the_clock_goes_back():
    times = iter([5.0, 5.0, 4.0, 6.0])
    new_id = Ids(lambda: next(times))

    made = [new_id("g") for _ in range(4)]

    assert made == sorted(made)
    assert {len(i) for i in made} == {17}
    assert {i[0] for i in made} == {"g"}


def test_threads_never_get_the_same_id():
    new_id = Ids(lambda: 5.0)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: new_id("g"), range(5000)))

    assert len(set(made)) == 5000


def test_two_processes_in_the_same_millisecond_differ():
    assert Ids(lambda: 5.0)("g") != Ids(lambda: 5.0)("g")


# --- building ---------------------------------------------------------------------------------------


def test_every_enabled_connection_is_a_route_even_while_its_secret_is_missing(config):
    with closing(open_store(config)) as store:
        hub = build_hub(config, store)

    assert list(hub.routes) == ["crm", "partners", "shop"]
    assert hub.routes["shop"].can.update


def test_a_route_is_what_the_configuration_says(config):
    with closing(open_store(config)) as store:
        hub = build_hub(config, store)

    shop, crm = hub.routes["shop"], hub.routes["crm"]
    assert (shop.push, shop.deletes, shop.full_every, shop.limits.creates.number) == ("updates", "archive", NEVER, 5)
    assert (crm.push, crm.deletes, crm.full_every) == ("yes", "keep", 1.0)
    assert hub.rules.of("company") == ("crm", "shop")


def test_without_matching_every_record_stays_a_contact_of_its_own(company, config):
    company.deliver(0, 5)
    with open_workshop(config) as shop:
        sync_all(shop, ["crm", "partners"], dict.fromkeys(["crm", "partners"], Orders(approve=True)))
        with shop.store.read() as tx:
            (count,) = tx.one("SELECT count(*) FROM golden") or (0,)

    assert count == 10


def test_a_connection_that_says_so_never_holds_one_contact_twice(company):
    path = company.home / "config/hub.yaml"
    told = path.read_text().replace("deletes: archive", "deletes: archive\n    deduplicated: true")
    path.write_text(told.replace("matching: {enabled: false}", ""))
    config = load_config(company.home / "config")

    with closing(open_store(config)) as store:
        assert build_hub(config, store).model.apart == {"shop"}
        number = keep(store, DEFAULT, 0.0, "learnt elsewhere", "eve")
        use(store, number, "eve")
        assert build_hub(config, store).model.apart == {"shop"}


def test_a_store_that_cannot_be_made_is_a_mistake_of_the_configuration(company):
    (company.home / "data").write_text("a file where a folder should be")

    with pytest.raises(ConfigError, match="cannot be used"):
        open_store(load_config(company.home / "config"))


# --- cycles -----------------------------------------------------------------------------------------


class Moody:
    """A boundary that refuses commits for a while."""

    def __init__(self) -> None:
        self.refusals = 0

    def __call__(self, where: str) -> None:
        if where == "before" and self.refusals:
            self.refusals -= 1
            raise TransientError("The store did not answer.", retry_after=2.0)


@pytest.fixture
def moody(config):
    open_store(config).close()
    boundary, waits = Moody(), []
    with closing(Store(f"sqlite:///{config.home}/data/hub.db", boundary=boundary)) as store:
        yield Workshop(config, build_hub(config, store), StoreInbox(store), sleep=waits.append), boundary, waits


@pytest.mark.parametrize("refusals", [1, 2, TRIES - 1])
def test_a_store_that_is_away_for_a_moment_is_asked_again(moody, refusals):
    shop, boundary, waits = moody
    boundary.refusals = refusals

    result = shop.cycle("crm", Orders(approve=True))

    assert result.status in ("done", "failed")
    assert shop.cycle("crm", Orders(approve=True)).status == "done"
    assert waits == [] or min(waits) >= 2.0


def test_a_store_that_stays_away_is_a_failed_run_and_no_crash(moody):
    shop, boundary, waits = moody
    boundary.refusals = 10_000

    result = shop.cycle("crm", Orders(approve=True))

    assert (result.status, len(waits)) == ("failed", TRIES - 1)
    boundary.refusals = 0
    assert shop.cycle("crm", Orders(approve=True)).status == "done"


def test_a_run_that_could_not_begin_is_on_record(config):
    with open_workshop(config) as shop:
        result = shop.cycle("shop", Orders(approve=True))
        with shop.store.read() as tx:
            rows = tx.all("SELECT id, status, error FROM run WHERE connection = 'shop'")

    assert rows == [(result.run_id, "failed", result.message)]
    assert "NO_SUCH_SECRET" in (result.message or "")


def test_one_process_never_runs_a_connection_twice_at_once(config):
    with open_workshop(config) as shop:
        inner = []
        orders = Orders(approve=True, progress=lambda run: inner.append(shop.cycle(run.name, Orders()).status))
        outer = shop.cycle("crm", orders)

    assert (outer.status, inner) == ("done", ["busy"])


def test_a_second_round_takes_out_what_the_others_brought(company, config):
    company.deliver(3, 8)
    with open_workshop(config) as shop:
        names = ["crm", "partners"]
        results = sync_all(shop, names, dict.fromkeys(names, Orders(approve=True)))

    assert {r.status for r in results.values()} == {"done"}
    assert company.sql("select count(distinct mail) from people") == [(8,)]


LATER = """
  shop:
    type: sql
    url: sqlite:///shop.db
    table: people
    key: id
    mapping: mappings/crm.yaml
"""


def test_a_connection_that_is_added_later_is_told_what_came_in_before(tmp_path):
    company = Company(tmp_path, more=LATER)
    company.hire(0, 5)
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop, shop:
        shop.execute("create table people (id integer primary key, first text, last text, mail text)")
        shop.execute("insert into people values (1, ?, ?, ?)", person(4))
    path = tmp_path / "config" / "hub.yaml"
    path.write_text(
        path.read_text().replace(
            "type: sql\n    url: sqlite:///shop", "enabled: false\n    type: sql\n    url: sqlite:///shop"
        )
    )
    with open_workshop(load_config(tmp_path / "config")) as before:
        before.cycle("crm", Orders(approve=True))
    path.write_text(path.read_text().replace("    enabled: false\n", ""))

    with open_workshop(load_config(tmp_path / "config")) as after:
        with after.open("shop") as connector:
            counts, _, _ = preview(after.hub, connector, "shop")
        after.cycle("shop", Orders(approve=True))

    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop:
        assert shop.execute("select count(*), count(distinct mail) from people").fetchone() == (5, 5)
    assert counts["create there"] == 4


def test_the_search_index_stands_beside_the_store_or_is_gone_with_the_hub(config):
    store = open_store(config)
    beside = open_index(config, store)
    path = beside.path
    beside.close()
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.mkdir()
    elsewhere = open_index(config, store)
    elsewhere.close()
    store.close()

    assert path.name.endswith(".search.db")
    assert not elsewhere.path.parent.exists()


def test_the_engine_of_now_is_to_be_had_in_the_middle_of_a_transaction(company):
    with open_workshop(load_config(company.home / "config")) as shop, shop.store.read() as tx:
        before = shop.current()
        tx.one("SELECT count(*) FROM golden")

        assert shop.current().model is before.model
