"""Deliveries: once, in order, durable; forgotten when they are old and pulled."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from time import sleep

import pytest

from hub.errors import TransientError
from hub.store.db import Store, dumps
from hub.store.inbox import KEPT_SECONDS, StoreInbox, prune, waiting

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def inbox(store):
    return StoreInbox(store)


def test_a_delivery_is_read_as_it_was_stored(inbox):
    assert inbox.add("form", "d1", NOW, {"emails": "ann@example.org", "größe": ["ü", None, 1.5]})

    ((number, delivery_id, at, payload),) = inbox.of("form").read(0, 10)

    assert number > 0
    assert (delivery_id, at, payload) == ("d1", NOW, {"emails": "ann@example.org", "größe": ["ü", None, 1.5]})


def test_a_delivery_that_comes_twice_is_stored_once(inbox):
    inbox.add("form", "d1", NOW, {"n": 1})

    assert not inbox.add("form", "d1", NOW, {"n": 2})
    assert [row[3] for row in inbox.of("form").read(0, 10)] == [{"n": 1}]


def test_who_takes_it_in_hears_of_what_is_new_once(store):
    told = []
    inbox = StoreInbox(store, told.append)
    for delivery_id in ("d1", "d1", "d2"):
        inbox.add("form", delivery_id, NOW, {})

    assert told == ["form", "form"]


def test_forms_do_not_see_one_another(inbox):
    inbox.add("one", "d1", NOW, {})
    assert inbox.add("two", "d1", NOW, {})

    assert len(inbox.of("one").read(0, 10)) == 1


def test_reading_goes_on_after_a_number(inbox):
    for n in range(5):
        inbox.add("form", f"d{n}", NOW, {"n": n})
    reader = inbox.of("form")
    first = reader.read(0, 2)

    rest = reader.read(first[-1][0], 10)

    assert [row[3]["n"] for row in [*first, *rest]] == list(range(5))


def test_whoever_read_up_to_a_number_has_missed_none_before_it(inbox):
    """Writers at once: numbers become visible in their order."""
    seen, reader = [], inbox.of("form")

    def write(worker):
        for n in range(25):
            inbox.add("form", f"{worker}-{n}", NOW, {})

    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(write, worker) for worker in range(4)]
        while not all(job.done() for job in jobs) or reader.read(seen[-1] if seen else 0, 1):
            seen.extend(row[0] for row in reader.read(seen[-1] if seen else 0, 7))
        for job in jobs:
            job.result()

    assert len(seen) == 100
    assert seen == sorted(seen)


def test_deliveries_that_come_together_are_stored_together_each_with_its_own_answer(inbox, store):
    commits: list[str] = []
    store._boundary = commits.append
    with ThreadPoolExecutor(32) as pool, inbox._turn:  # as if others were being stored
        jobs = [pool.submit(inbox.add, "form", f"d{n % 16}", NOW, {"n": n}) for n in range(32)]
        while len(inbox._waiting) < 32:
            sleep(0.001)
    news = [job.result() for job in jobs]

    assert sum(news) == 16
    assert len(inbox.of("form").read(0, 500)) == 16
    assert commits.count("after") == 1


def test_no_answer_comes_before_the_commit(store):
    inbox, seen = StoreInbox(store), []
    store._boundary = lambda moment: seen.append((moment, answered.is_set()))
    answered = threading.Event()

    inbox.add("form", "d1", NOW, {})
    answered.set()

    assert seen == [("before", False), ("after", False)]


def test_a_commit_that_breaks_tells_all_that_wait_to_come_again(store):
    inbox = StoreInbox(store)

    def broken(moment: str) -> None:
        if moment == "before":
            raise TransientError("the disk is full")

    store._boundary = broken
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(inbox.add, "form", f"d{n}", NOW, {}) for n in range(8)]
    store._boundary = None

    assert [type(job.exception()) for job in jobs] == [TransientError] * 8
    assert inbox.of("form").read(0, 10) == []


def test_an_error_of_the_hub_loses_nobody_silently(store):
    inbox = StoreInbox(store)

    def broken(_: str) -> None:
        raise KeyError("a bug")

    store._boundary = broken
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(inbox.add, "form", f"d{n}", NOW, {}) for n in range(4)]
    store._boundary = None

    assert all(isinstance(job.exception(), KeyError | TransientError) for job in jobs)
    assert inbox.add("form", "later", NOW, {})


@pytest.mark.parametrize("url", ["sqlite:////no/such/folder/hub.db", "postgresql+psycopg://hub@127.0.0.1:1/hub"])
def test_a_store_that_is_away_says_when_to_come_again(url):
    rung = []
    with closing(Store(url)) as away, pytest.raises(TransientError) as told:
        StoreInbox(away, rung.append).add("form", "d1", NOW, {})

    assert told.value.retry_after
    assert rung == []


def test_only_old_deliveries_that_were_pulled_are_forgotten(inbox, store):
    old = NOW - timedelta(seconds=KEPT_SECONDS + 1)
    for name, at in (("pulled", old), ("fresh", NOW), ("waiting", old)):
        inbox.add("form", name, at, {})
    number = inbox.of("form").read(0, 2)[-1][0]
    with store.write() as tx:
        tx.run("INSERT INTO connection_state (name, cursor) VALUES ('form', :c)", c=str(number))

    assert prune(store, NOW.timestamp()) == 1
    assert [row[1] for row in inbox.of("form").read(0, 10)] == ["fresh", "waiting"]


def test_hints_are_forgotten_as_soon_as_they_were_followed(inbox, store):
    for name in ("followed", "waiting"):
        inbox.add("crm", name, NOW - timedelta(seconds=1), {"hints": [["changed", "1"]]})
    heard = inbox.of("crm").read(0, 1)[0][0]
    with store.write() as tx:
        cursor = dumps({"kind": "done", "heard": heard})
        tx.run("INSERT INTO connection_state (name, cursor) VALUES ('crm', :c)", c=cursor)

    with store.read() as tx:
        assert waiting(tx, ["crm"]) == {"crm"}
    assert prune(store, NOW.timestamp(), hints=["crm"]) == 1
    assert [row[1] for row in inbox.of("crm").read(0, 10)] == ["waiting"]


@pytest.mark.parametrize("cursor", ["{}", '{"heard":null}', '{"heard":"9"}', "[1]", "x", ""])
def test_a_cursor_that_tells_no_number_forgets_nothing(inbox, store, cursor):
    inbox.add("crm", "d1", NOW - timedelta(days=40), {})
    with store.write() as tx:
        tx.run("INSERT INTO connection_state (name, cursor) VALUES ('crm', :c)", c=cursor)

    assert prune(store, NOW.timestamp(), hints=["crm"]) == 0
    with store.read() as tx:
        assert waiting(tx, ["crm"]) == {"crm"}


def test_numbers_are_not_used_again_after_a_forgetting(inbox, store):
    inbox.add("form", "d1", NOW - timedelta(days=40), {})
    last = inbox.of("form").read(0, 1)[0][0]
    with store.write() as tx:
        tx.run("INSERT INTO connection_state (name, cursor) VALUES ('form', :c)", c=str(last))
    prune(store, NOW.timestamp())
    inbox.add("form", "d2", NOW, {})

    assert [row[1] for row in inbox.of("form").read(last, 10)] == ["d2"]


def test_a_form_waits_until_its_last_delivery_was_pulled(inbox, store):
    inbox.add("form", "d1", NOW, {})
    with store.read() as tx:
        before = waiting(tx, ["form", "other"])
    number = inbox.of("form").read(0, 1)[0][0]
    with store.write() as tx:
        tx.run("INSERT INTO connection_state (name, cursor) VALUES ('form', :c)", c=str(number))
    with store.read() as tx:
        after = waiting(tx, ["form", "other"])

    assert (before, after) == ({"form"}, set())


def under_way_after_a_kill(store: Store) -> None:
    with store.write() as tx:
        for number, status in enumerate(("interrupted", "running")):
            text = "INSERT INTO run (id, connection, started_at, status) VALUES (:i, 'form', :n, :s)"
            tx.run(text, i=f"r{number}", n=float(number), s=status)


def test_after_a_kill_deliveries_come_one_by_one_and_none_is_set_aside_that_was_survived(inbox, store):
    for n in range(3):
        inbox.add("form", f"d{n}", NOW, {"n": n})
    under_way_after_a_kill(store)

    for _ in range(5):
        reader, seen = inbox.of("form"), [0]
        while rows := reader.read(seen[-1], 10):
            assert [type(row[3]) for row in rows] == [dict]
            seen.append(rows[0][0])
        assert len(seen) == 4


def test_a_delivery_that_is_being_deleted_in_a_trial_is_not_waited_for(inbox, store):
    inbox.add("form", "d0", NOW, {})
    under_way_after_a_kill(store)
    reader = inbox.of("form")
    ((number, *_),) = reader.read(0, 10)

    with store.scratch() as trial:
        try:
            with trial.write() as tx:
                tx.run("DELETE FROM inbox")
            assert reader.read(number, 10) == []
        finally:
            if trial.dialect != "sqlite":
                trial.close()
