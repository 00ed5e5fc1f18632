"""Secrets that were typed in: sealed, and read by the hub only when it opens a connection. Nobody is ever shown one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hub.access.sealing import Unsealable, seal, unseal
from hub.errors import ConfigError
from hub.store.audit import note
from hub.store.db import Store, Tx

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
LONGEST = 65_536  # characters


@dataclass(frozen=True, slots=True)
class Secret:
    """That there is one, and who typed it in."""

    name: str
    person: str
    at: float


def keep(tx: Tx, name: str, value: str, person: str, now: float) -> None:
    """In the place of one of this name. ConfigError, without the value, when it cannot be kept."""
    if not NAME.fullmatch(name):
        raise ConfigError("A secret's name has letters, digits and _, and begins with no digit. Nothing was kept.")
    if not value or len(value) > LONGEST or "\x00" in value:
        raise ConfigError(f"A secret is a text of 1 to {LONGEST} characters without NUL. Nothing was kept.")
    is_new = tx.one("SELECT 1 FROM sealed WHERE name = :n", n=name) is None
    tx.run(
        "INSERT INTO sealed (name, value, person, at) VALUES (:n, :v, :p, :t) ON CONFLICT (name) DO UPDATE SET"
        " value = excluded.value, person = excluded.person, at = excluded.at",
        n=name,
        v=_sealed(tx, name, value),
        p=person,
        t=now,
    )
    note(tx, person, "secret set" if is_new else "secret replaced", f"secret {name}", at=now)


def forget(tx: Tx, name: str, person: str, now: float) -> None:
    if not tx.touched("DELETE FROM sealed WHERE name = :n", n=name):
        raise ConfigError(f"There is no secret {name}. Nothing was changed. See `hub secrets list`.")
    tx.run("DELETE FROM data_key WHERE scope = :s", s=scope_of(name))
    note(tx, person, "secret removed", f"secret {name}", at=now)


def secrets(tx: Tx) -> list[Secret]:
    """By name, without their values."""
    return [Secret(*row) for row in tx.all("SELECT name, person, at FROM sealed ORDER BY name")]


def opener(store: Store) -> Callable[[str], str]:
    """What `sealed:NAME` stands for, to be handed to `hub.secrets`."""

    def value(name: str) -> str:
        with store.read() as tx:
            return _value(tx, name)

    return value


def _value(tx: Tx, name: str) -> str:
    row = tx.one("SELECT value FROM sealed WHERE name = :n", n=name)
    key = tx.keys.known(tx, scope_of(name)) if row else None
    if row is None or key is None:
        raise ConfigError(f"The secret sealed:{name} is missing: set it with `hub secrets set {name}`, then try again.")
    try:
        return unseal(key, row[0], _place(name)).decode()
    except Unsealable as err:
        raise ConfigError(
            f"The secret sealed:{name} was changed in the store, so it was not used. "
            f"Set it again: hub secrets set {name}"
        ) from err


# --- secrets of accounts ----------------------------------------------------------------------------

ACCOUNTS = "accounts"


def seal_for(tx: Tx, account_id: str, column: str, plain: str) -> str:
    return seal(tx.keys.key(tx, ACCOUNTS), plain.encode(), f"account/{account_id}/{column}")


def open_for(tx: Tx, account_id: str, column: str, sealed: str) -> str:
    """ConfigError when it was changed or moved from another account."""
    try:
        return unseal(tx.keys.key(tx, ACCOUNTS), sealed, f"account/{account_id}/{column}").decode()
    except Unsealable as err:
        raise ConfigError(
            "A secret of an account was changed in the store, so it was not used. Next: hub users reset NAME"
        ) from err


# --- rotation ---------------------------------------------------------------------------------------


def rotate(tx: Tx, person: str, now: float) -> int:
    """New data keys for all secrets, under the master key of today; how many secrets were sealed anew.

    The audit keeps its key, which is sealed under the master key of today as well.
    """
    names = [secret.name for secret in secrets(tx)]
    for name in names:
        value = _value(tx, name)
        tx.keys.renew(tx, scope_of(name))
        tx.run("UPDATE sealed SET value = :v WHERE name = :n", v=_sealed(tx, name, value), n=name)
    done = len(names) + _rotate_accounts(tx)
    tx.keys.rewrap(tx)
    note(tx, person, "keys rotated", "secrets", {"secrets": done}, at=now)
    return done


def _rotate_accounts(tx: Tx) -> int:
    rows = tx.all("SELECT id, totp FROM account WHERE totp IS NOT NULL")
    plain = {account_id: open_for(tx, account_id, "totp", sealed) for account_id, sealed in rows}
    tx.keys.renew(tx, ACCOUNTS)
    _write_totp(tx, plain.items())
    return len(rows)


def _write_totp(tx: Tx, plain: Iterable[tuple[str, str]]) -> None:
    for account_id, secret in plain:
        tx.run("UPDATE account SET totp = :v WHERE id = :i", v=seal_for(tx, account_id, "totp", secret), i=account_id)


def _sealed(tx: Tx, name: str, value: str) -> str:
    return seal(tx.keys.key(tx, scope_of(name)), value.encode(), _place(name))


def scope_of(name: str) -> str:
    """Of the data key that a secret is sealed under."""
    return f"secret {name}"


def _place(name: str) -> str:
    return f"sealed/{name}/value"
