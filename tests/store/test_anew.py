"""After the master key was lost: what nothing can open is given up, all else stays, and the audit goes on."""

from __future__ import annotations

import pytest

from hub.access.rights import Role
from hub.access.sealing import new_key
from hub.errors import ConfigError
from hub.store import access, anew, audit, sealed
from hub.store.access import Account
from hub.store.audit import Head, note, verify
from hub.store.db import Store
from hub.store.keyring import Keyring

TOUCHED = {"data_key", "sealed", "account", "audit"}


@pytest.fixture
def lost(store: Store) -> Store:
    """A store with a secret, an app for codes and an audit, under a master key that nobody has."""
    gone, today = new_key(), new_key()
    store.keys = Keyring(lambda _: gone)
    with store.write() as tx:
        sealed.keep(tx, "ERP_KEY", "value", "eve", 1.0)
        access.add_account(tx, Account("u1", "ann", Role.OPERATOR, 1.0, "a hash"))
        access.add_account(tx, Account("u2", "bob", Role.VIEWER, 1.0, "another"))
        code = sealed.seal_for(tx, "u1", "totp", "SECRET")
        access.change_account(tx, "u1", totp=code, recovery=("hashed",))
        note(tx, "eve", "hold approved", "hold 7", at=2.0)
    store.keys = Keyring(lambda _: today)
    return store


def begin(store: Store) -> anew.Lost:
    with store.write() as tx:
        return anew.begin_anew(tx, "eve", 3.0)


def judged(store: Store, *heads: Head) -> audit.Verdict:
    with store.read() as tx:
        return verify(tx, heads)


def head_of(store: Store) -> Head:
    with store.read() as tx:
        found = audit.head(tx)
    assert found is not None
    return found


def test_what_is_lost_is_said_and_nothing_is_changed_by_saying_it(lost):
    with lost.read() as tx:
        found = anew.lost(tx)

    assert (found.secrets, found.accounts, found.audited) == (("ERP_KEY",), ("ann",), 2)
    assert "another master key" in found.reason
    with pytest.raises(ConfigError, match="another master key"):
        judged(lost)


def test_what_was_sealed_is_given_up_and_everything_can_be_done_again(lost):
    begin(lost)

    with lost.write() as tx:
        assert sealed.secrets(tx) == []
        sealed.keep(tx, "ERP_KEY", "new value", "eve", 4.0)
        assert access.account(tx, "u1").totp is None and access.account(tx, "u1").recovery == ()
        assert access.account(tx, "u1").password == "a hash" and access.account(tx, "u2").password == "another"


def test_rows_from_before_are_kept_and_those_since_are_judged(lost):
    kept = head_of(lost)

    begin(lost)
    with lost.write() as tx:
        note(tx, "eve", "hold approved", "hold 8", at=4.0)

    found = judged(lost, kept)
    assert (found.rows, found.unjudged, found.wrong) == (4, 2, [])


def test_a_row_that_is_changed_afterwards_is_seen(lost):
    begin(lost)
    with lost.write() as tx:
        note(tx, "eve", "hold approved", "hold 8", at=4.0)
        tx.run("UPDATE audit SET who = 'somebody' WHERE number = 4")

    assert [number for number, _ in judged(lost).wrong] == [4]


def test_a_beginning_that_is_made_up_without_the_key_excuses_no_row(store):
    with store.write() as tx:
        for n in range(3):
            note(tx, "eve", "hold approved", f"hold {n}", at=float(n))
        tx.run("UPDATE audit SET who = 'somebody' WHERE number = 1")
        tx.run("UPDATE audit SET action = :a WHERE number = 3", a=audit.BEGUN_ANEW)

    assert [number for number, _ in judged(store).wrong] == [1, 3]
    assert judged(store).unjudged == 0


def test_where_nothing_is_lost_nothing_is_given_up(store):
    with store.write() as tx:
        sealed.keep(tx, "ERP_KEY", "value", "eve", 1.0)

    with pytest.raises(ConfigError, match="nothing was given up"):
        begin(store)
    with store.read() as tx:
        assert anew.lost(tx) is None
        assert [secret.name for secret in sealed.secrets(tx)] == ["ERP_KEY"]
