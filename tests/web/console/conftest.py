from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import hub
from tests.cli.desk import Desk
from tests.web.console.rig import Look, looked_at, small_company

__all__ = ["hub"]

OF_THE_BROWSER = r"^(Error|TargetClosedError): "  # not TimeoutError: what was waited for in vain


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where the browser itself fails (a picture it cannot take, a tab it loses) the test is begun again, and the
    summary says so; what a page does wrong fails at once.
    """
    for item in items:
        if item.path.name.startswith("test_browser"):
            item.add_marker(pytest.mark.flaky(reruns=2, only_rerun=[OF_THE_BROWSER]))


@pytest.fixture
def desk(hub) -> Desk:
    return Desk(hub)


@pytest.fixture
def look(desk: Desk) -> Iterator[Look]:
    small_company(desk)
    with looked_at(Path("config").absolute()) as found:
        yield found
