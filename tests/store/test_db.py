"""Transactions, on both databases."""

import logging

import pytest

from hub.errors import LeaseLost, TransientError
from hub.store import leases
from hub.store.db import Fence, Store, Tx
from hub.store.upgrade import ready
from tests.connectors.servers import Server
from tests.store.conftest import new_database


def words(store: Store) -> list[tuple[str, int]]:
    with store.read() as tx:
        return sorted((word, n) for word, n in tx.all("SELECT word, records FROM name_count"))


def put(tx: Tx, word: str, records: int = 1) -> None:
    tx.run("INSERT INTO name_count (word, records) VALUES (:w, :n)", w=word, n=records)


def test_a_question_is_answered_as_of_when_it_was_asked(store):
    with store.write() as tx:
        put(tx, "ana")
        before = tx.later("SELECT count(*) FROM name_count")
        put(tx, "rui")
        after = tx.later("SELECT count(*) FROM name_count")

        assert (after(), before()) == ([(2,)], [(1,)])


def test_rows_that_were_touched_are_counted_and_rows_of_others_are_not(store):
    with store.write() as tx:
        tx.many("INSERT INTO name_count (word, records) VALUES (?, ?)", [("ana", 1), ("rui", 2), ("eva", 2)])
        put(tx, "zoe")

        assert tx.touched("UPDATE name_count SET records = 5 WHERE records = 2") == 2
        assert tx.touched("DELETE FROM name_count WHERE records = 9") == 0
        assert tx.one("SELECT records FROM name_count WHERE word = :w", w="rui") == (5,)


def test_rows_with_types_are_those_without(store):
    text = (
        "INSERT INTO name_count (word, records) VALUES (?, ?)"
        " ON CONFLICT (word) DO UPDATE SET records = name_count.records + excluded.records"
    )
    with store.write() as tx:
        tx.many(text, [("ana", 1), ("rui, 'x' %s", 2)])
        tx.many(text, [("rui, 'x' %s", 2**40), ("eva", 3)], ("text", "bigint"))

    assert words(store) == [("ana", 1), ("eva", 3), ("rui, 'x' %s", 2**40 + 2)]


@pytest.mark.parametrize("asks", [True, False])
def test_a_statement_that_fails_undoes_the_transaction_and_logs_no_value_of_it(store, asks, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(store.engine.dialect.loaded_dbapi.IntegrityError), store.write() as tx:
        put(tx, "ana")
        put(tx, "ana")
        if asks:
            tx.all("SELECT 1")

    assert words(store) == []
    assert "ana" not in caplog.text
    with store.write() as tx:
        put(tx, "rui")
    assert words(store) == [("rui", 1)]


def test_an_error_of_the_caller_undoes_what_was_sent(store):
    with pytest.raises(ZeroDivisionError), store.write() as tx:
        put(tx, "ana")
        tx.count("named records", 3)
        raise ZeroDivisionError

    with store.write() as tx:
        assert tx.counter("named records") == 0
    assert words(store) == []


def test_after_a_reading_that_failed_the_store_is_read_as_before(store):
    failures = (store.engine.dialect.loaded_dbapi.Error, TransientError)
    with pytest.raises(failures), store.read() as tx:
        tx.all("SELECT no_such_column FROM name_count")

    assert words(store) == []


def test_a_counter_is_what_was_counted_before_and_in_this_transaction(store):
    for n in (5, 7):
        with store.write() as tx:
            before = tx.counter("record")
            tx.count("record", n)
            tx.count("other", -1)

            assert tx.counter("record") == before + n

    with store.read() as tx:
        assert (tx.counter("record"), tx.counter("other"), tx.counter("none")) == (12, -2, 0)


@pytest.mark.parametrize("ask", [True, False])
@pytest.mark.parametrize("few", [True, False])
def test_who_has_lost_the_lease_is_answered_nothing_and_writes_nothing(store, ask, few):
    with store.write() as tx:
        token = leases.acquire(tx, "erp", "one", 0.0, 10.0)
        assert leases.acquire(tx, "erp", "two", 5.0, 10.0) is None
        assert token is not None
        assert leases.acquire(tx, "erp", "two", 11.0, 10.0) == token + 1

    answers = []
    with pytest.raises(LeaseLost), store.write(Fence("erp", token), few=few) as tx:
        put(tx, "ana")
        if ask:
            answers += tx.all("SELECT 1")

    assert (answers, words(store)) == ([], [])
    with store.write(Fence("erp", token + 1), few=few) as tx:
        put(tx, "rui")
        assert tx.counter("record") == 0
    assert words(store) == [("rui", 1)]


def test_a_store_whose_server_was_started_anew_is_used_as_before(postgres_server: Server):
    store = Store(new_database(postgres_server))
    ready(store)
    with store.write() as tx:
        put(tx, "ana")

    postgres_server.stop()
    with pytest.raises(TransientError), store.write() as tx:
        put(tx, "eva")
    postgres_server.start()
    found = words(store)
    postgres_server.stop()
    postgres_server.start()

    assert (found, words(store)) == ([("ana", 1)], [("ana", 1)])
    store.close()


def test_a_load_of_many_pages_leaves_the_store_as_it_was(tmp_path):
    store = Store(f"sqlite:///{tmp_path}/hub.db")
    ready(store)

    def settings():
        with store.glance() as tx:
            return [tx.one(f"PRAGMA {name}") for name in ("wal_autocheckpoint", "synchronous")]

    before = settings()
    with pytest.raises(LeaseLost), store.many_pages():
        during = settings()
        raise LeaseLost("broken off")

    assert before == [(1000,), (2,)]
    assert during == [(16000,), (2,)]
    assert settings() == before
    store.close()
