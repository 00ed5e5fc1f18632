"""Accounts, sessions, tokens and sealed secrets in the store. On both databases."""

from __future__ import annotations

import pytest

from hub.access.rights import Right, Role
from hub.errors import ConfigError
from hub.store import access as db
from hub.store import sealed
from hub.store.access import Account, Invitation, Session, Token

ANN = Account("u1", "ann", Role.ADMINISTRATOR, 1000.5, "$argon2id$x", recovery=("a", "b"))
BOB = Account("u2", "bob", Role.VIEWER, 1001.0, subject="https://login.example.org s-2")
HERE = Session("h1", "u1", 1000.0, 1000.0, 5000.0, 1000.0, "a browser", "192.0.2.1")
PHONE = Token("t1", "phone", "hash-1", frozenset({Right.LOOKUP, Right.LOG}), "u1", "ann", 1000.0, 9000.0)


@pytest.fixture
def tx(store):
    with store.write() as found:
        db.add_account(found, ANN)
        db.add_account(found, BOB)
        db.add_session(found, HERE)
        db.add_token(found, PHONE)
        yield found


def test_an_account_is_found_by_id_name_and_subject(tx):
    assert db.account(tx, "u1") == db.account_named(tx, "ann") == ANN
    assert db.account_of(tx, "https://login.example.org s-2") == BOB
    assert db.account_named(tx, "eve") is None
    assert db.accounts(tx) == [ANN, BOB]


def test_what_changes_of_an_account_is_kept(tx):
    db.change_account(tx, "u1", role=Role.AGENT, recovery=["c"], totp="sealed", disabled_at=2000.0)

    found = db.account(tx, "u1")
    assert (found.role, found.recovery, found.totp, found.disabled_at) == (Role.AGENT, ("c",), "sealed", 2000.0)
    assert db.administrators(tx) == 0


def test_an_account_keeps_its_name(tx):
    with pytest.raises(AssertionError):
        db.change_account(tx, "u1", name="eve")


def test_a_session_comes_with_its_account(tx):
    assert db.session_and_account(tx, "h1") == (HERE, ANN)
    assert db.session_and_account(tx, "h2") is None


def test_sessions_end_one_by_one_all_together_or_with_time(tx):
    for n in range(2, 5):
        db.add_session(tx, Session(f"h{n}", "u1", 1000.0, 1000.0 * n, 3000.0 * n, 1000.0, "", ""))
    db.end_session(tx, "h2")
    assert db.end_sessions(tx, "u1", but="h4") == 2
    assert [s.id for s in db.sessions(tx, "u1")] == ["h4"]

    db.forget_ended(tx, now=20_000.0, seen_before=0.0)

    assert db.sessions(tx, "u1") == []


def test_when_a_session_was_seen_never_goes_back(tx):
    db.touch_session(tx, "h1", 1500.0)
    db.touch_session(tx, "h1", 1200.0)

    assert db.session_and_account(tx, "h1")[0].seen_at == 1500.0


def test_a_token_comes_with_whom_it_belongs_to(tx):
    assert db.token_and_account(tx, "hash-1") == (PHONE, ANN)
    assert db.token_and_account(tx, "hash-2") is None
    db.revoke_token(tx, "t1", 3000.0)
    db.revoke_token(tx, "t1", 4000.0)
    assert db.token_named(tx, "phone").revoked_at == 3000.0


def test_an_invitation_takes_the_place_of_the_one_before(tx):
    for n in (1, 2):
        db.invite(tx, Invitation(f"i{n}", "u1", "eve", 9000.0))
        db.invite(tx, Invitation(f"f{n}", None, "eve", 9000.0))

    assert db.invitation(tx, "i1") is None
    assert db.invitation(tx, "f1") is None
    assert db.invitation(tx, "i2") == Invitation("i2", "u1", "eve", 9000.0)
    db.withdraw(tx, None)
    assert db.invitation(tx, "f2") is None
    assert db.invitation(tx, "i2") is not None


def test_what_was_withdrawn_is_withdrawn_again(tx):
    db.revoke_token(tx, "t1", 3000.0)
    db.change_account(tx, "u2", disabled_at=3500.0)
    gone = db.withdrawn(tx)
    tx.run("UPDATE token SET revoked_at = NULL")
    tx.run("UPDATE account SET disabled_at = NULL")

    db.withdraw_again(tx, gone)

    assert (db.token_named(tx, "phone").revoked_at, db.account(tx, "u2").disabled_at) == (3000.0, 3500.0)
    assert db.sessions(tx, "u1") == []


def test_secrets_are_sealed_replaced_and_rotated(store):
    with store.write() as tx:
        for name, value in (("ONE", "first"), ("OTHER", "é" * 1000), ("ONE", "second")):
            sealed.keep(tx, name, value, "ann", 1000.0)
        before = dict(tx.all("SELECT name, value FROM sealed"))
        db.add_account(tx, ANN)
        db.change_account(tx, "u1", totp=sealed.seal_for(tx, "u1", "totp", "JBSWY3DP"))
    with store.write() as tx:
        assert sealed.rotate(tx, "ann", 2000.0) == 3

    opened = sealed.opener(store)
    assert (opened("ONE"), opened("OTHER")) == ("second", "é" * 1000)
    with store.read() as tx:
        after = dict(tx.all("SELECT name, value FROM sealed"))
        assert sealed.open_for(tx, "u1", "totp", db.account(tx, "u1").totp) == "JBSWY3DP"
    assert not set(before.values()) & set(after.values())


def test_a_secret_that_is_not_there_is_named(store):
    with pytest.raises(ConfigError, match="hub secrets set NOT_THERE"):
        sealed.opener(store)("NOT_THERE")
