"""The engine with systems in memory."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.fakes.rig import Rig


@pytest.fixture
def rig() -> Iterator[Rig]:
    with closing(Rig()) as made:
        yield made
