"""New stores for tests. The tables are made once in a process and copied: making them took longer than most tests."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from hub.store.db import Store


@cache
def _made() -> sqlite3.Connection:
    store, kept = Store("sqlite://"), sqlite3.connect(":memory:", check_same_thread=False)
    store.create()
    _raw(store).backup(kept)
    store.close()
    return kept


def _raw(store: Store) -> sqlite3.Connection:
    raw = store.engine.raw_connection().driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return raw


def in_memory(**options: Any) -> Store:
    store = Store("sqlite://", **options)
    _made().backup(_raw(store))
    return store


def in_file(path: Path) -> Store:
    with closing(sqlite3.connect(path)) as new:
        _made().backup(new)
    return Store(f"sqlite:///{path}")
