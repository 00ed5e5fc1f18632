"""Keys of a store: the master key, which is never in it, and data keys, which are in it sealed under that.

audit     what the audit's chain is made with; stays the same when the master key changes
SCOPE     what secrets of one place are sealed under, such as one connection's
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from hub.access.sealing import Unsealable, key_from_text, key_name, key_text, new_key, seal, unseal
from hub.errors import ConfigError
from hub.secrets import resolve
from hub.store.tx import Tx

AUDIT = "audit"
READABLE_BY_OTHERS = stat.S_IRWXO | stat.S_IWGRP


class Keyring:
    """Master key and data keys of one store.

    master  the key's bytes; given False it must be there already, given True it may be made
    former  the master key before: data keys still under it are understood, until `rewrap`
    """

    def __init__(self, master: Callable[[bool], bytes], former: Callable[[], bytes] | None = None) -> None:
        self._load, self._former = master, former
        self._master: bytes | None = None

    def master(self, tx: Tx) -> bytes:
        """ConfigError when it is missing while the store has secrets under it."""
        if self._master is None:
            is_new = tx.one("SELECT 1 FROM data_key") is None
            self._master = self._load(is_new)
        return self._master

    def key(self, tx: Tx, scope: str) -> bytes:
        """The data key of a scope; made, in this transaction, when there is none."""
        return self.known(tx, scope) or self.renew(tx, scope)

    def known(self, tx: Tx, scope: str) -> bytes | None:
        """None: nothing was ever sealed for this scope. ConfigError when it cannot be opened."""
        row = tx.one("SELECT sealed, master FROM data_key WHERE scope = :s", s=scope)
        if row is None:
            return None
        try:
            return unseal(self._under(tx, row[1]), row[0], _bound(scope))
        except Unsealable as err:
            raise ConfigError(
                f"The data key “{scope}” in the store was changed or exchanged. Nothing was done. "
                "Restore the store from a backup."
            ) from err

    def sealed(self, tx: Tx, scope: str) -> tuple[str, str] | None:
        """A data key as it is in the store, and the name of the master key it is sealed under."""
        row = tx.one("SELECT sealed, master FROM data_key WHERE scope = :s", s=scope)
        return (row[0], row[1]) if row else None

    def opened(self, tx: Tx, scope: str, sealed: str, master: str) -> bytes:
        """A data key that was kept elsewhere as `sealed` gave it. ConfigError when it cannot be opened."""
        try:
            return unseal(self._under(tx, master), sealed, _bound(scope))
        except Unsealable as err:
            raise ConfigError(
                f"The key “{scope}” that was kept outside of the store was changed or exchanged. Nothing was done. "
                "Put back the file that it was in."
            ) from err

    def keep(self, tx: Tx, scope: str, key: bytes) -> None:
        """A data key that was made before, in the place of none."""
        self._put(tx, scope, key)

    def renew(self, tx: Tx, scope: str) -> bytes:
        """Another data key for this scope; what was sealed under the one before is the caller's to seal again."""
        key = new_key()
        self._put(tx, scope, key)
        return key

    def rewrap(self, tx: Tx) -> int:
        """Seal all data keys under the master key of today; how many."""
        scopes = [row[0] for row in tx.all("SELECT scope FROM data_key ORDER BY scope")]
        for scope in scopes:
            self._put(tx, scope, self.key(tx, scope))
        return len(scopes)

    def _put(self, tx: Tx, scope: str, key: bytes) -> None:
        master = self.master(tx)
        tx.run(
            "INSERT INTO data_key (scope, sealed, master) VALUES (:s, :k, :m)"
            " ON CONFLICT (scope) DO UPDATE SET sealed = excluded.sealed, master = excluded.master",
            s=scope,
            k=seal(master, key, _bound(scope)),
            m=key_name(master),
        )

    def _under(self, tx: Tx, name: str) -> bytes:
        master = self.master(tx)
        if key_name(master) == name:
            return master
        former = self._former() if self._former else None
        if former is not None and key_name(former) == name:
            return former
        raise ConfigError(
            f"The store's keys are sealed under another master key ({name}). Nothing was done. "
            "Give it under `access.master_key`; or under `access.former_master_key`, then run `hub secrets rotate`."
        )


def _bound(scope: str) -> str:
    return f"data_key/{scope}/sealed"


# --- where the master key comes from ----------------------------------------------------------------


def kept_in(path: Path) -> Callable[[bool], bytes]:
    """A file that is made when it is first needed, for this user only."""

    def load(may_make: bool) -> bytes:
        if may_make and not path.exists():
            return _make(path)
        return from_file(path)

    return load


def from_reference(reference: str, base: Path) -> Callable[[], bytes]:
    """`env:NAME`, or `file:PATH` from `base`. Never made: whoever names a place puts the key there."""

    def load() -> bytes:
        scheme, _, name = reference.partition(":")
        if scheme == "file":
            return from_file(base / name)
        return _key(resolve(reference, base), reference)

    return load


def passing() -> Callable[[bool], bytes]:
    """A key for a store that is thrown away."""
    key = new_key()
    return lambda _: key


def from_file(path: Path) -> bytes:
    """ConfigError when it is missing, no key, or open to other users of the machine."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii", errors="replace") if path.is_file() else ""
    except OSError as err:
        raise ConfigError(
            f"The key file {path} cannot be read ({err.strerror or type(err).__name__}). Nothing was done. "
            "Put the key back: what is sealed in the store can be opened with nothing else."
        ) from err
    if mode & READABLE_BY_OTHERS:
        raise ConfigError(f"Other users of this machine can get at {path}. Nothing was done. Run: chmod 600 {path}")
    return _key(text, str(path))


def _key(text: str, place: str) -> bytes:
    try:
        return key_from_text(text)
    except ValueError as err:
        raise ConfigError(
            f"There is no key in {place} ({err}). Nothing was done. A key is 32 bytes in base64, such as "
            "`openssl rand -base64 32` prints."
        ) from None


def _make(path: Path) -> bytes:
    key = new_key()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return from_file(path)  # another process was quicker
    except OSError as err:
        raise ConfigError(
            f"The key file {path} cannot be made ({err.strerror or type(err).__name__}). Nothing was done. "
            "Name a place for it under `access.master_key` in hub.yaml."
        ) from err
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(key_text(key) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return key
