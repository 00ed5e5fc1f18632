"""Keys of a store: where the master key is, who may read it, and what lies under it."""

from __future__ import annotations

import os
import stat

import pytest

from hub.access.sealing import key_text, new_key
from hub.errors import ConfigError
from hub.store.db import Store
from hub.store.keyring import Keyring, from_file, from_reference, kept_in


@pytest.fixture
def plain():
    store = Store("sqlite://")
    store.create()
    yield store
    store.close()


def ring(key: bytes, former: bytes | None = None) -> Keyring:
    return Keyring(lambda _: key, (lambda: former) if former else None)


def test_the_key_file_is_made_when_it_is_first_needed_and_for_its_user_only(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'hub.db'}")
    store.create()
    file = tmp_path / "hub.db.key"
    assert not file.exists()

    with store.write() as tx:
        key = tx.keys.key(tx, "audit")

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(key) == 32
    store.close()


def test_a_key_is_the_same_for_every_process(tmp_path):
    found = []
    for _ in range(2):
        store = Store(f"sqlite:///{tmp_path / 'hub.db'}")
        store.create()
        with store.write() as tx:
            found.append(tx.keys.key(tx, "audit"))
        store.close()

    assert found[0] == found[1]


def test_scopes_have_keys_of_their_own(plain):
    with plain.write() as tx:
        assert tx.keys.key(tx, "erp") != tx.keys.key(tx, "crm")
        assert tx.keys.known(tx, "shop") is None


def test_no_key_is_in_the_store_in_clear(plain):
    with plain.write() as tx:
        key = tx.keys.key(tx, "erp")
        ((sealed,),) = tx.all("SELECT sealed FROM data_key")

    assert key_text(key)[:20] not in sealed
    assert key.hex() not in sealed


def test_keys_exchanged_between_scopes_are_refused(plain):
    with plain.write() as tx:
        tx.keys.key(tx, "erp")
        tx.keys.key(tx, "crm")
        tx.run("UPDATE data_key SET sealed = (SELECT sealed FROM data_key WHERE scope = 'crm') WHERE scope = 'erp'")

        with pytest.raises(ConfigError, match="exchanged"):
            tx.keys.key(tx, "erp")


def test_another_master_key_is_refused_and_the_one_before_is_understood(plain):
    old, new = new_key(), new_key()
    with plain.write() as tx:
        key = ring(old).key(tx, "erp")

        with pytest.raises(ConfigError, match="another master key"):
            ring(new).key(tx, "erp")
        assert ring(new, former=old).key(tx, "erp") == key


def test_after_a_rotation_the_old_master_key_opens_nothing(plain):
    old, new = new_key(), new_key()
    with plain.write() as tx:
        keys = [ring(old).key(tx, scope) for scope in ("audit", "erp")]

        assert ring(new, former=old).rewrap(tx) == 2
        assert [ring(new).key(tx, scope) for scope in ("audit", "erp")] == keys
        with pytest.raises(ConfigError):
            ring(old).key(tx, "erp")


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o601, 0o620])
def test_a_key_file_that_others_can_get_at_is_refused(tmp_path, mode):
    file = tmp_path / "master.key"
    file.write_text(key_text(new_key()))
    file.chmod(mode)

    with pytest.raises(ConfigError, match="chmod 600"):
        from_file(file)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o440])
def test_a_key_file_of_its_user_is_taken(tmp_path, mode):
    key = new_key()
    file = tmp_path / "master.key"
    file.write_text(key_text(key) + "\n")
    file.chmod(mode)

    assert from_file(file) == key


@pytest.mark.parametrize("text", ["", "secret", "YWJj", "é" * 40, "A" * 44])
def test_what_is_no_key_is_refused_without_being_shown(tmp_path, text):
    file = tmp_path / "master.key"
    file.write_text(text)
    file.chmod(0o600)

    with pytest.raises(ConfigError, match="32 bytes in base64") as refused:
        from_file(file)
    assert not text or text not in str(refused.value)


def test_a_key_that_is_named_is_never_made(tmp_path):
    with pytest.raises(ConfigError, match="Put the key back"):
        from_reference("file:no.key", tmp_path)()
    assert list(tmp_path.iterdir()) == []


def test_a_key_may_come_from_the_environment(tmp_path):
    key = new_key()
    os.environ["HUB_TEST_MASTER"] = key_text(key)
    try:
        assert from_reference("env:HUB_TEST_MASTER", tmp_path)() == key
    finally:
        del os.environ["HUB_TEST_MASTER"]
    with pytest.raises(ConfigError, match="HUB_TEST_MASTER"):
        from_reference("env:HUB_TEST_MASTER", tmp_path)()


def test_a_lost_key_file_is_not_made_anew_while_the_store_has_keys_under_it(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'hub.db'}")
    store.create()
    with store.write() as tx:
        tx.keys.key(tx, "audit")
    (tmp_path / "hub.db.key").unlink()

    with pytest.raises(ConfigError, match="Put the key back"), store.read() as tx:
        Keyring(kept_in(tmp_path / "hub.db.key")).key(tx, "audit")
    assert not (tmp_path / "hub.db.key").exists()
    store.close()


def test_two_processes_that_begin_at_once_have_one_key(tmp_path):
    file = tmp_path / "data" / "hub.key"

    first, second = kept_in(file)(True), kept_in(file)(True)

    assert first == second
