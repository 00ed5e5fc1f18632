"""Stores on real SQLite and real PostgreSQL, each new and empty."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count

import psycopg
import pytest

from hub.store.db import Store
from hub.store.upgrade import ready
from tests.connectors.conftest import postgres_server  # noqa: F401  a fixture
from tests.connectors.servers import PASSWORD, USER, Server

_numbers = count(1)


def new_database(server: Server) -> str:
    """Address of a new, empty database."""
    name = f"hub{next(_numbers)}"
    login = f"{USER}:{PASSWORD}@127.0.0.1:{server.port}"
    with psycopg.connect(f"postgresql://{login}/postgres", autocommit=True) as connection:
        connection.execute(f"create database {name}")
    return f"postgresql+psycopg://{login}/{name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'hub.db'}"
    return new_database(request.getfixturevalue("postgres_server"))


@pytest.fixture
def connect(url) -> Iterator[Callable[[], Store]]:
    """Opens the store once more, as another process would."""
    with ExitStack() as closing:

        def open_again() -> Store:
            store = Store(url)
            closing.callback(store.close)
            return store

        yield open_again


@pytest.fixture
def empty(connect) -> Store:
    return connect()


@pytest.fixture
def store(empty) -> Store:
    ready(empty)
    return empty
