from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import hub
from tests.cli.desk import Desk
from tests.web.console.rig import Look, looked_at, small_company

__all__ = ["hub"]


@pytest.fixture
def desk(hub) -> Desk:
    return Desk(hub)


@pytest.fixture
def look(desk: Desk) -> Iterator[Look]:
    small_company(desk)
    with looked_at(Path("config").absolute()) as found:
        yield found
