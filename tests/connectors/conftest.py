"""Real database servers, started once a test session and only when a test asks for them."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from tests.connectors.servers import Server, ServerMissing, dovecot, mariadb, postgres


def started(make: AbstractContextManager[Server]) -> Iterator[Server]:
    try:
        server = make.__enter__()
    except ServerMissing as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{missing}: .ci/install installs it")
        pytest.skip(f"{missing}: .ci/install installs it")
    try:
        yield server
    finally:
        make.__exit__(None, None, None)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    yield from started(postgres())


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[Server]:
    yield from started(mariadb())


@pytest.fixture(scope="session")
def dovecot_server() -> Iterator[Server]:
    yield from started(dovecot())
