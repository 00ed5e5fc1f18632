"""The configured store, opened with its keys; from then on `sealed:NAME` is known in this configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hub.config.load import store_url
from hub.config.models import HubConfig
from hub.secrets import provide_sealed
from hub.store import upgrade
from hub.store.db import Store
from hub.store.keyring import Keyring, from_reference, kept_in
from hub.store.ledger import Ledger
from hub.store.sealed import opener

FILE = Path("data/hub.key")  # of a store on PostgreSQL whose configuration names no key
ERASURES = Path("data/hub.erasures")  # the same


def open_configured(config: HubConfig) -> Store:
    """A new store is made. ConfigError when its schema is older, newer or foreign."""
    return _known(config, upgrade.opened(store_url(config), keyring(config)))


def open_if_ready(config: HubConfig) -> Store | None:
    """A store that is there with today's schema; None otherwise."""
    store = upgrade.opened_if_ready(store_url(config), keyring(config))
    return None if store is None else _known(config, store)


def connect_configured(config: HubConfig) -> Store:
    """The store as it is, whatever its version."""
    return _known(config, upgrade.connected(store_url(config), keyring(config)))


def keyring(config: HubConfig) -> Keyring | None:
    """None: the store's own, in a file beside it. No key is looked up before it is needed."""
    access, is_sqlite = config.access, config.store.startswith("sqlite")
    former = from_reference(access.former_master_key, config.folder) if access.former_master_key else None
    if access.master_key is not None:
        return Keyring(_always(from_reference(access.master_key, config.folder)), former)
    if not is_sqlite:
        return Keyring(kept_in(config.home / FILE), former)
    if former is None:
        return None
    database = store_url(config).partition("///")[2]
    return Keyring(kept_in(Path(f"{database}.key")), former)


def ledger_of(config: HubConfig, store: Store) -> Ledger:
    """The file of erasures, from which they are made again in a backup that was put back."""
    if config.keep.erasures is not None:
        return Ledger(config.home / config.keep.erasures)
    if store.dialect != "sqlite":
        return Ledger(config.home / ERASURES)
    return Ledger(None if store.in_memory else Path(f"{store.url.database}.erasures"))


def _always(load: Callable[[], bytes]) -> Callable[[bool], bytes]:
    return lambda _: load()


def _known(config: HubConfig, store: Store) -> Store:
    provide_sealed(config.folder, opener(store))
    return store
