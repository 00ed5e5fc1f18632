"""Consents that wait to be confirmed, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hub.store import opt_in as db
from hub.store.inbox import Arrival, StoreInbox
from hub.store.opt_in import Asking

AT = 1_800_000_000.0
NOW = datetime.fromtimestamp(AT, UTC)
ASKING = Asking(
    "a" * 22,
    "news",
    "d1",
    "ann@example.org",
    "mark of ann",
    {"email|newsletter": {"status": "pending", "wording": "Große Neuigkeiten"}},
    {"language": "pl"},
    AT,
    AT + 60,
    "due",
)


def due(store):
    with store.read() as tx:
        return db.due(tx, 10)


def test_what_waits_is_stored_with_its_delivery_once(store):
    inbox = StoreInbox(store)

    news = inbox.add([Arrival("news", "d1", NOW, {"n": n}, replace(ASKING, id=f"{n}" * 22)) for n in range(2)])

    assert news == [True, False]
    assert due(store) == [replace(ASKING, id="0" * 22)]


def test_a_delivery_that_is_known_asks_nobody_again(store):
    inbox = StoreInbox(store)
    inbox.add([Arrival("news", "d1", NOW, {})])

    inbox.add([Arrival("news", "d1", NOW, {}, ASKING)])

    assert due(store) == []


def test_mails_to_one_address_are_counted_whichever_form_asked(store):
    others = [replace(ASKING, id=f"{n}" * 22, connection=f"form{n}", delivery_id=f"d{n}") for n in range(3)]
    with store.write() as tx:
        for n, asking in enumerate(others):
            db.add(tx, asking)
            db.mailed(tx, asking.id, AT + n, AT + 60)

    with store.read() as tx:
        assert db.mails_to(tx, "mark of ann", AT - 1) == (3, AT + 2)
        assert db.mails_to(tx, "mark of ann", AT) == (2, AT + 2)
        assert db.mails_to(tx, "mark of nobody", 0) == (0, None)
        assert db.due(tx, 10) == []


def test_an_asking_is_confirmed_once_and_known_to_its_form_alone(store):
    with store.write() as tx:
        db.add(tx, ASKING)
        assert [db.confirmed(tx, ASKING.id) for _ in range(2)] == [True, False]
        assert db.known(tx, "news", ASKING.id).state == "confirmed"
        assert db.known(tx, "other", ASKING.id) is None


@pytest.mark.parametrize(("state", "woken"), [("held", "due"), ("quiet", "quiet"), ("confirmed", "confirmed")])
def test_only_what_was_held_for_spam_wakes_up(store, state, woken):
    with store.write() as tx:
        db.add(tx, replace(ASKING, state=state))
        db.wake(tx, "news", "d1")
        assert db.known(tx, "news", ASKING.id).state == woken
