from __future__ import annotations

import pytest

from tests.fakes.stores import in_file
from tests.mail.server import running
from tests.optin.world import World


@pytest.fixture
def server():
    with running() as found:
        yield found


@pytest.fixture
def world(tmp_path, server):
    store = in_file(tmp_path / "hub.db")
    yield World(store, server.port)
    store.close()
