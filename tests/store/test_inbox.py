"""Deliveries: once, in order, durable; forgotten when they are old and pulled."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import TransientError
from hub.store.db import Store, dumps
from hub.store.inbox import KEPT_SECONDS, Arrival, StoreInbox, prune, waiting
from tests.fakes.stores import in_memory

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def inbox(store):
    return StoreInbox(store)


def came(inbox: StoreInbox, connection: str, delivery_id: str, at: datetime, payload: dict[str, Any]) -> bool:
    (is_new,) = inbox.add([Arrival(connection, delivery_id, at, payload)])
    return is_new


def test_a_delivery_is_read_as_it_was_stored(inbox):
    assert came(inbox, "form", "d1", NOW, {"emails": "ann@example.org", "größe": ["ü", None, 1.5]})

    ((number, delivery_id, at, payload),) = inbox.of("form").read(0, 10)

    assert number > 0
    assert (delivery_id, at, payload) == ("d1", NOW, {"emails": "ann@example.org", "größe": ["ü", None, 1.5]})


def test_a_delivery_that_comes_twice_is_stored_once(inbox):
    came(inbox, "form", "d1", NOW, {"n": 1})

    assert not came(inbox, "form", "d1", NOW, {"n": 2})
    assert [row[3] for row in inbox.of("form").read(0, 10)] == [{"n": 1}]


def test_who_takes_it_in_hears_of_what_is_new_once(store):
    told = []
    inbox = StoreInbox(store, told.append)
    for delivery_id in ("d1", "d1", "d2"):
        came(inbox, "form", delivery_id, NOW, {})

    assert told == ["form", "form"]


def test_forms_do_not_see_one_another(inbox):
    came(inbox, "one", "d1", NOW, {})
    assert came(inbox, "two", "d1", NOW, {})

    assert len(inbox.of("one").read(0, 10)) == 1


def test_reading_goes_on_after_a_number(inbox):
    for n in range(5):
        came(inbox, "form", f"d{n}", NOW, {"n": n})
    reader = inbox.of("form")
    first = reader.read(0, 2)

    rest = reader.read(first[-1][0], 10)

    assert [row[3]["n"] for row in [*first, *rest]] == list(range(5))


def test_whoever_read_up_to_a_number_has_missed_none_before_it(inbox):
    """Writers at once: numbers become visible in their order."""
    seen, reader = [], inbox.of("form")

    def write(worker):
        for n in range(25):
            came(inbox, "form", f"{worker}-{n}", NOW, {})

    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(write, worker) for worker in range(4)]
        while not all(job.done() for job in jobs) or reader.read(seen[-1] if seen else 0, 1):
            seen.extend(row[0] for row in reader.read(seen[-1] if seen else 0, 7))
        for job in jobs:
            job.result()

    assert len(seen) == 100
    assert seen == sorted(seen)


def test_deliveries_that_are_brought_together_are_stored_together_each_with_its_own_answer(inbox, store):
    commits: list[str] = []
    store._boundary = commits.append

    news = inbox.add([Arrival("form", f"d{n % 16}", NOW, {"n": n}) for n in range(32)])

    assert news == [True] * 16 + [False] * 16
    assert [row[1] for row in inbox.of("form").read(0, 500)] == [f"d{n}" for n in range(16)]
    assert commits == ["before", "after"]


@given(st.lists(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("1234")), max_size=6), max_size=5))
@settings(max_examples=40)
def test_whatever_comes_together_each_is_new_once(batches):
    store = in_memory()
    inbox, known = StoreInbox(store), []
    for batch in batches:
        news = inbox.add([Arrival(connection, name, NOW, {"at": len(known)}) for connection, name in batch])
        for each, is_new in zip(batch, news, strict=True):
            assert is_new == (each not in known)
            known += [each] if is_new else []
    stored = [(name, row[1]) for name in "ab" for row in inbox.of(name).read(0, 100)]
    store.close()

    assert stored == [each for name in "ab" for each in known if each[0] == name]


def test_no_answer_comes_before_the_commit(store):
    inbox, seen = StoreInbox(store), []
    store._boundary = lambda moment: seen.append((moment, answered.is_set()))
    answered = threading.Event()

    came(inbox, "form", "d1", NOW, {})
    answered.set()

    assert seen == [("before", False), ("after", False)]


def test_a_commit_that_breaks_stores_none_of_them(store):
    rung = []
    inbox = StoreInbox(store, rung.append)

    def broken(moment: str) -> None:
        if moment == "before":
            raise TransientError("the disk is full")

    store._boundary = broken
    with pytest.raises(TransientError) as told:
        inbox.add([Arrival("form", f"d{n}", NOW, {}) for n in range(8)])
    store._boundary = None

    assert told.value.retry_after
    assert rung == []
    assert inbox.of("form").read(0, 10) == []


@pytest.mark.parametrize("url", ["sqlite:////no/such/folder/hub.db", "postgresql+psycopg://hub@127.0.0.1:1/hub"])
def test_a_store_that_is_away_says_when_to_come_again(url):
    rung = []
    with closing(Store(url)) as away, pytest.raises(TransientError) as told:
        came(StoreInbox(away, rung.append), "form", "d1", NOW, {})

    assert told.value.retry_after
    assert rung == []


def test_only_old_deliveries_that_were_pulled_are_forgotten(inbox, store):
    old = NOW - timedelta(seconds=KEPT_SECONDS + 1)
    for name, at in (("pulled", old), ("fresh", NOW), ("waiting", old)):
        came(inbox, "form", name, at, {})
    number = inbox.of("form").read(0, 2)[-1][0]
    with store.write() as tx:
        tx.run("INSERT INTO connection_state (name, cursor) VALUES ('form', :c)", c=str(number))

    assert prune(store, NOW.timestamp()) == 1
    assert [row[1] for row in inbox.of("form").read(0, 10)] == ["fresh", "waiting"]


def test_hints_are_forgotten_as_soon_as_they_were_followed(inbox, store):
    for name in ("followed", "waiting"):
        came(inbox, "crm", name, NOW - timedelta(seconds=1), {"hints": [["changed", "1"]]})
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
    came(inbox, "crm", "d1", NOW - timedelta(days=40), {})
    with store.write() as tx:
        tx.run("INSERT INTO connection_state (name, cursor) VALUES ('crm', :c)", c=cursor)

    assert prune(store, NOW.timestamp(), hints=["crm"]) == 0
    with store.read() as tx:
        assert waiting(tx, ["crm"]) == {"crm"}


def test_numbers_are_not_used_again_after_a_forgetting(inbox, store):
    came(inbox, "form", "d1", NOW - timedelta(days=40), {})
    last = inbox.of("form").read(0, 1)[0][0]
    with store.write() as tx:
        tx.run("INSERT INTO connection_state (name, cursor) VALUES ('form', :c)", c=str(last))
    prune(store, NOW.timestamp())
    came(inbox, "form", "d2", NOW, {})

    assert [row[1] for row in inbox.of("form").read(last, 10)] == ["d2"]


def test_a_form_waits_until_its_last_delivery_was_pulled(inbox, store):
    came(inbox, "form", "d1", NOW, {})
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
        came(inbox, "form", f"d{n}", NOW, {"n": n})
    under_way_after_a_kill(store)

    for _ in range(5):
        reader, seen = inbox.of("form"), [0]
        while rows := reader.read(seen[-1], 10):
            assert [type(row[3]) for row in rows] == [dict]
            seen.append(rows[0][0])
        assert len(seen) == 4


def test_a_delivery_that_is_being_deleted_in_a_trial_is_not_waited_for(inbox, store):
    came(inbox, "form", "d0", NOW, {})
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
